//! The packets that a journal's events came in, out of the capture that they were read from.

mod tapewatch;

use expect_test::expect;
use feeds::codec::capture::{Records, Step};
use tapewatch::Folder;

/// A journal of a generated capture.
fn journal() -> Folder {
    let folder = Folder::new();
    folder.generate("mdp3", "--messages 2000 --subjects 3", "day.pcapng");
    folder.replay("day.pcapng --journal j");
    folder
}

#[test]
fn the_packets_of_a_journal_replay_alike() {
    let folder = journal();
    folder.run("journal export j --to pcapng --out out.pcapng").succeeded();
    let [whole, copied] = ["day.pcapng", "out.pcapng"].map(|file| folder.replay(file));
    for key in ["events", "books_digest", "findings_digest"] {
        assert_eq!(whole[key], copied[key], "{key}");
    }
    assert!(copied["events"].as_u64().unwrap() > 2000);
}

/// When each packet of a capture came, and its bytes.
fn packets(folder: &Folder, name: &str) -> Vec<(u64, Vec<u8>)> {
    let bytes = folder.read(name);
    let (mut records, mut rest, mut packets) = (Records::default(), &bytes[..], Vec::new());
    loop {
        let used = match records.step(rest).unwrap() {
            Step::Packet(packet, used) => {
                packets.push((packet.at.0, packet.bytes.to_vec()));
                used
            }
            Step::Other(used) => used,
            Step::Unreadable(_) => panic!("{name} was written by us"),
            Step::More => return packets,
        };
        rest = &rest[used..];
    }
}

#[test]
fn only_packets_of_the_wanted_times_are_copied() {
    let folder = journal();
    let all = packets(&folder, "day.pcapng");
    let (from, until) = (all[all.len() / 3].0, all[all.len() / 2].0);
    let times = format!("--from {from} --until {until}");
    let line = format!("journal export j --to pcapng --out some.pcapng {times}");
    folder.run(&line).succeeded();
    let wanted: Vec<_> = all.into_iter().filter(|(at, _)| (from..=until).contains(at)).collect();
    assert!(wanted.len() > 100 && packets(&folder, "some.pcapng") == wanted);
}

#[test]
fn what_is_no_capture_or_not_there_is_told() {
    let folder = journal();
    let export = "journal export j --to pcapng --out out.pcapng";
    std::fs::rename(folder.path("day.pcapng"), folder.path("moved.pcapng")).unwrap();
    folder.check(
        export,
        &expect![[r#"
            tapewatch: day.pcapng: the capture is not there any more: --capture FILE names it elsewhere
            exit 1
        "#]],
    );
    folder.run(&format!("{export} --capture moved.pcapng")).succeeded();
    folder.check(
        "journal export j --to pcapng --out moved.pcapng --capture moved.pcapng",
        &expect![[r#"
            tapewatch: moved.pcapng: the export would overwrite the capture
            exit 2
        "#]],
    );
    folder.generate("itch", "--messages 100", "day.itch");
    folder.replay("day.itch --journal k");
    folder.check(
        "journal export k --to pcapng --out out.pcapng",
        &expect![[r#"
            tapewatch: day.itch: is no capture: there are no packets to export
            exit 65
        "#]],
    );
    folder.check(
        "journal export j --to tape --out out.csv --capture moved.pcapng",
        &expect![[r#"
            tapewatch: --capture is for --to pcapng
            exit 2
        "#]],
    );
}
