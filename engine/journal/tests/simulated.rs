//! The journal on disks that misbehave, seed by seed: crashes at random points, torn and reordered writes,
//! failed syncs. What was told to be durable is there afterwards, and nothing else than what was put.

mod disturbed;

use disturbed::{Ending, Forgetful, Forgotten, Scene, run};
use engine_journal::simulated::{Fault, Mischief};

fn seeds(usual: u64) -> std::ops::Range<u64> {
    let wanted = std::env::var("TAPEWATCH_SEEDS").ok().and_then(|text| text.parse().ok());
    0..wanted.unwrap_or(usual)
}

#[test]
fn crashes_at_random_points_lose_nothing_that_was_durable() {
    let (mut crashes, seeds) = (0, seeds(5_000));
    for seed in seeds.clone() {
        let ended = run(&Scene::of(seed), |disk| disk);
        crashes += ended.unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
    let least = seeds.end / 4;
    assert!(crashes > least, "only {crashes} crashes: the simulation has become harmless");
}

#[test]
fn every_call_may_fail() {
    let mut failed = 0;
    for fault in [Fault::Io, Fault::Full, Fault::Short] {
        for at in 1..=200 {
            let mut scene = Scene::of(7);
            scene.mischief = Mischief { fault_at: Some((at, fault)), ..Mischief::default() };
            scene.ending = Ending::None;
            let crashes = run(&scene, |disk| disk);
            failed += crashes.unwrap_or_else(|what| panic!("call {at}, {fault:?}: {what}"));
        }
    }
    assert!(failed > 20, "only {failed} journals gave up: the calls do not fail");
}

/// A checker that cannot fail proves nothing.
#[test]
fn a_writer_that_ignores_failures_is_caught() {
    for forgotten in [Forgotten::Writes, Forgotten::Syncs] {
        let caught = (0..500).find_map(|seed| {
            let mut scene = Scene::of(seed);
            match forgotten {
                Forgotten::Writes => scene.mischief.failing_writes = 6_000,
                Forgotten::Syncs => scene.mischief.failing_syncs = 20_000,
            }
            run(&scene, |disk| Forgetful::new(disk, forgotten)).err()
        });
        assert!(caught.is_some(), "500 disks with {forgotten:?} forgotten, and nobody noticed");
    }
}
