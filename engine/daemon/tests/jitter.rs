//! What the machine took from the threads, as a replay's summary tells it.

mod tapewatch;

use serde_json::Value;
use tapewatch::{Folder, keys};

fn threads(summary: &Value) -> Vec<(String, Option<u64>)> {
    let threads = summary["jitter"].as_array().unwrap().iter();
    threads.map(|of| (of["thread"].as_str().unwrap().to_string(), of["core"].as_u64())).collect()
}

#[test]
fn each_thread_of_a_run_has_its_jitter() {
    let folder = Folder::new();
    folder.generate("itch", "--messages 20000 --subjects 20", "day.itch");
    let fused = folder.replay("day.itch --topology fused");
    assert_eq!(threads(&fused), [("source+shard-0+collector".to_string(), None)]);
    let pinned = folder.replay("day.itch --topology pinned --shards 2 --spread --force");
    let names: Vec<_> = threads(&pinned).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["source", "shard-0", "shard-1", "collector"]);
    for of in pinned["jitter"].as_array().unwrap() {
        assert!(of["core"].is_u64(), "{of}");
        let time = |key: &str| of[key].as_u64().unwrap();
        assert!(time("watched_ns") <= time("ran_ns"), "{of}");
        assert!(time("stolen_ns") <= time("watched_ns"), "{of}");
        let counted = ["major_faults", "minor_faults", "preempted", "queued_ns", "yielded"];
        assert_eq!(keys(&of["kernel"]), counted);
        assert!(of["gaps"]["p99.9"].is_u64(), "{of}");
    }
}

#[test]
fn people_see_it_under_the_latencies() {
    let folder = Folder::new();
    folder.generate("itch", "--messages 5000", "day.itch");
    let told = folder.run("replay day.itch").succeeded().stdout;
    let (_, jitter) = told.split_once("the machine's own jitter in ns").expect("it is told");
    let rows: Vec<_> = jitter.lines().skip(1).collect();
    assert_eq!(rows.len(), 2, "{jitter}");
    assert!(rows[1].starts_with("  no core"), "{jitter}");
    assert!(rows[1].ends_with("  source, shard-0, collector"), "{jitter}");
}
