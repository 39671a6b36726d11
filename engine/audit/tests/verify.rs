//! A journal as a whole: what is no damage although it looks so, and what is although each file is whole.

mod built;

use built::{ALERTS, EVENTS, Stream};
use ed25519_dalek::SigningKey;
use engine_audit::{Options, verify};
use expect_test::{Expect, expect};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Three segments of a hundred events each.
fn events() -> Stream {
    let mut events = Stream::new(EVENTS, 7);
    for _ in 0..3 {
        events.open();
        events.content(60, &[(5, b"begins".to_vec())]);
        events.content(40, &[]);
        events.seal();
    }
    events
}

fn alerts(durable: u64) -> Stream {
    let mut alerts = Stream::new(ALERTS, 7);
    alerts.open();
    alerts.content(0, &[(16, b"12345678{}".to_vec())]);
    alerts.content(0, &[(17, [1, durable].map(u64::to_le_bytes).concat())]);
    alerts.seal();
    alerts
}

fn told(journal: &Path, trusted: Option<[u8; 32]>) -> String {
    let mut told = String::new();
    let verified = match verify(journal, Options { trusted, threads: 2 }) {
        Ok(verified) => verified,
        Err(error) => return error.to_string().replace(&journal.display().to_string(), "JOURNAL"),
    };
    for stream in &verified.streams {
        let (name, segments, next) = (stream.stream.folder(), stream.segments.len(), stream.next());
        let (blocks, events) = (stream.sum(|of| of.blocks), stream.sum(|of| of.events));
        writeln!(told, "{name}: {segments} segments, {blocks} blocks, {events}, next {next}")
            .unwrap();
    }
    for found in &verified.damages {
        let damage = &found.damage;
        let name = |span: Option<_>| {
            span.map_or("-".to_string(), |span: engine_audit::Span| span.to_string())
        };
        let (blocks, events) = (name(damage.blocks), name(damage.events));
        let place = format!("{} {:?}", found.file, damage.bytes);
        writeln!(told, "{place} blocks {blocks} events {events}: {}", damage.check).unwrap();
    }
    verified.notes.iter().for_each(|note| writeln!(told, "note: {note}").unwrap());
    told
}

/// A journal of these events, closed or not, with something done to its folder.
#[track_caller]
fn check(events: &Stream, is_closed: bool, change: impl FnOnce(&Path), expected: &Expect) {
    let folder = TempDir::new().unwrap();
    events.write(folder.path(), is_closed);
    alerts(300).write(folder.path(), true);
    change(folder.path());
    expected.assert_eq(&told(folder.path(), None));
}

#[test]
fn a_whole_journal_has_nothing_to_tell() {
    check(
        &events(),
        true,
        |_| {},
        &expect![[r#"
        events: 3 segments, 9 blocks, 300, next 301
        alerts: 1 segments, 3 blocks, 2, next 3
    "#]],
    );
}

#[test]
fn a_journal_that_is_written_has_no_seal_at_its_end() {
    let mut events = events();
    events.open();
    events.content(5, &[]);
    check(
        &events,
        false,
        |_| {},
        &expect![[r#"
            events: 4 segments, 10 blocks, 305, next 306
            alerts: 1 segments, 3 blocks, 2, next 3
            note: events/0000000004.seg is not sealed: no signature vouches for it yet
        "#]],
    );
}

#[test]
fn what_a_crash_left_behind_is_no_damage() {
    let mut events = events();
    events.open();
    events.content(5, &[]);
    let whole = events.last().clone();
    let next = events.next;
    events.content(7, &[]);
    // A block that is broken off, and one behind it.
    events.content(7, &[]);
    let mut left = events.last().bytes.clone();
    left[whole.bytes.len() + 4000..whole.bytes.len() + 4096].fill(0);
    left.resize(left.len() + (1 << 20), 0);
    (*events.last(), events.next) = (whole, next);
    events.open();
    events.content(9, &[]);
    events.seal();
    events.segments[3].bytes = left;
    check(
        &events,
        true,
        |_| {},
        &expect![[r#"
        events: 5 segments, 12 blocks, 314, next 315
        alerts: 1 segments, 3 blocks, 2, next 3
        note: events/0000000004.seg: bytes 8192..16384 were left behind: the next segment goes on from before them
    "#]],
    );
}

#[test]
fn segments_that_are_missing_are_named() {
    let remove =
        |name: &'static str| move |journal: &Path| fs::remove_file(journal.join(name)).unwrap();
    check(
        &events(),
        true,
        remove("events/0000000001.seg"),
        &expect![[r#"
        events: 2 segments, 6 blocks, 200, next 301
        alerts: 1 segments, 3 blocks, 2, next 3
        events/0000000001.seg 0..0 blocks - events -: missing: segment 1
    "#]],
    );
    check(
        &events(),
        true,
        remove("events/0000000002.seg"),
        &expect![[r#"
        events: 2 segments, 6 blocks, 200, next 301
        alerts: 1 segments, 3 blocks, 2, next 3
        events/0000000002.seg 0..0 blocks - events 101–200: missing: segment 2
    "#]],
    );
    check(
        &events(),
        true,
        remove("events/0000000003.seg"),
        &expect![[r#"
        events: 2 segments, 6 blocks, 200, next 201
        alerts: 1 segments, 3 blocks, 2, next 3
        alerts/0000000001.seg 8192..12288 blocks 2 events 201–300: says that event 300 is durable, and it is not in the journal
        events/0000000003.seg 0..0 blocks - events 201–300: missing: segment 3
    "#]],
    );
    check(
        &events(),
        false,
        remove("events/0000000003.seg"),
        &expect![[r#"
        events: 2 segments, 6 blocks, 200, next 201
        alerts: 1 segments, 3 blocks, 2, next 3
        alerts/0000000001.seg 8192..12288 blocks 2 events 201–300: says that event 300 is durable, and it is not in the journal
        events/0000000003.seg 0..0 blocks - events 201 and on: missing: segment 3
    "#]],
    );
    check(
        &events(),
        true,
        |journal| fs::remove_dir_all(journal.join("events")).unwrap(),
        &expect![[r#"
            alerts: 1 segments, 3 blocks, 2, next 3
            alerts/0000000001.seg 8192..12288 blocks 2 events 1–300: says that event 300 is durable, and it is not in the journal
            events 0..0 blocks - events -: there is no segment
        "#]],
    );
    check(
        &events(),
        true,
        |journal| fs::remove_dir_all(journal.join("alerts")).unwrap(),
        &expect![[r#"
            events: 3 segments, 9 blocks, 300, next 301
            note: there is no alert log
        "#]],
    );
}

#[test]
fn a_segment_that_ends_too_early_is_told_by_the_next_one() {
    let mut events = events();
    let end = events.segments[1].blocks[0].end;
    events.segments[1].bytes.truncate(end);
    check(
        &events,
        true,
        |_| {},
        &expect![[r#"
        events: 3 segments, 7 blocks, 260, next 301
        alerts: 1 segments, 3 blocks, 2, next 3
        events/0000000002.seg 12288..12288 blocks 2–3 events 161–200: segment 3 goes on from block 3, which is not here or has another hash
    "#]],
    );
}

#[test]
fn a_seal_that_is_missing_at_the_end_is_told_by_the_head() {
    let mut events = events();
    let end = events.segments[2].blocks[1].end;
    events.segments[2].bytes.truncate(end);
    check(
        &events,
        true,
        |_| {},
        &expect![[r#"
            events: 3 segments, 8 blocks, 300, next 301
            alerts: 1 segments, 3 blocks, 2, next 3
            events/0000000003.seg 16384..16384 blocks 3 and on events -: does not end with the seal that the head names
            note: events/0000000003.seg is not sealed: no signature vouches for it yet
        "#]],
    );
}

#[test]
fn a_head_is_needed_and_must_be_signed() {
    check(
        &events(),
        true,
        |journal| fs::remove_file(journal.join("events/head")).unwrap(),
        &expect![[r#"
            events: 3 segments, 9 blocks, 300, next 301
            alerts: 1 segments, 3 blocks, 2, next 3
            events/head 0..0 blocks - events -: missing: without it nobody knows whether segments are missing at the end
        "#]],
    );
    let forge = |journal: &Path| {
        let mut head = fs::read(journal.join("events/head")).unwrap();
        head[40] = 2;
        fs::write(journal.join("events/head"), head).unwrap();
        fs::remove_file(journal.join("events/0000000003.seg")).unwrap();
    };
    check(
        &events(),
        true,
        forge,
        &expect![[r#"
        events: 2 segments, 6 blocks, 200, next 201
        alerts: 1 segments, 3 blocks, 2, next 3
        alerts/0000000001.seg 8192..12288 blocks 2 events 201–300: says that event 300 is durable, and it is not in the journal
        events/head 0..192 blocks - events -: the head is not signed by its key
    "#]],
    );
}

#[test]
fn a_newest_segment_may_be_ahead_of_the_head_by_one_if_there_is_nothing_in_it() {
    // The head was written before the segment was opened.
    let ahead = |blocks: bool, header: bool| {
        let mut events = events();
        let head = events.head(true, 1);
        events.open();
        if blocks {
            events.content(1, &[]);
        }
        if !header {
            events.last().bytes.fill(0);
        }
        events.last().bytes.resize(1 << 16, 0);
        (events, move |journal: &Path| fs::write(journal.join("events/head"), head).unwrap())
    };
    let (events, set_head) = ahead(false, true);
    check(
        &events,
        true,
        set_head,
        &expect![[r#"
        events: 3 segments, 9 blocks, 300, next 301
        alerts: 1 segments, 3 blocks, 2, next 3
        note: events/0000000004.seg was opened, and a crash came before its first block
    "#]],
    );
    let (events, set_head) = ahead(false, false);
    check(
        &events,
        true,
        set_head,
        &expect![[r#"
        events: 3 segments, 9 blocks, 300, next 301
        alerts: 1 segments, 3 blocks, 2, next 3
        note: events/0000000004.seg was opened, and a crash came before its first block
    "#]],
    );
    let (events, set_head) = ahead(true, true);
    check(
        &events,
        true,
        set_head,
        &expect![[r#"
            events: 4 segments, 10 blocks, 301, next 302
            alerts: 1 segments, 3 blocks, 2, next 3
            events/0000000004.seg 0..0 blocks - events -: the head says that there is no such segment
            note: events/0000000004.seg is not sealed: no signature vouches for it yet
        "#]],
    );
}

#[test]
fn a_journal_may_end_before_it_has_begun() {
    let mut events = Stream::new(EVENTS, 7);
    events.open();
    check(
        &events,
        true,
        |journal| fs::remove_file(journal.join("events/head")).unwrap(),
        &expect![[r#"
            events: 0 segments, 0 blocks, 0, next 1
            alerts: 1 segments, 3 blocks, 2, next 3
            alerts/0000000001.seg 8192..12288 blocks 2 events 1–300: says that event 300 is durable, and it is not in the journal
            note: events/0000000001.seg was opened, and a crash came before its first block
        "#]],
    );
}

#[test]
fn a_torn_end_is_no_damage_as_far_as_it_was_not_durable() {
    // Block 2 is broken; block 4 says how many blocks before it were not durable when it was written.
    let torn = |under_way: u32| {
        let mut events = Stream::new(EVENTS, 7);
        events.open();
        events.content(10, &[]);
        events.content(100, &[]);
        events.content(10, &[]);
        events.last().under_way = under_way;
        events.content(10, &[]);
        let [broken, lost] = [1, 2].map(|block: usize| events.last().blocks[block].clone());
        events.last().bytes[broken.start + 4096..broken.end].fill(0);
        events.last().bytes[lost].fill(0);
        events.last().bytes.resize(1 << 16, 0);
        events
    };
    let journal = |events: &Stream, expected: &Expect| {
        let folder = TempDir::new().unwrap();
        events.write(folder.path(), false);
        expected.assert_eq(&told(folder.path(), None));
    };
    journal(
        &torn(2),
        &expect![[r#"
            events: 1 segments, 1 blocks, 10, next 11
            note: events/0000000001.seg: bytes 8192..20480: event 11 does not have its checksum; a crash has left them behind the last block that is known to be durable
            note: events/0000000001.seg is not sealed: no signature vouches for it yet
            note: there is no alert log
        "#]],
    );
    journal(
        &torn(1),
        &expect![[r#"
            events: 1 segments, 2 blocks, 20, next 131
            events/0000000001.seg 8192..20480 blocks 2–3 events 11–120: event 11 does not have its checksum
            note: events/0000000001.seg is not sealed: no signature vouches for it yet
            note: there is no alert log
        "#]],
    );
}

#[test]
fn older_segments_may_be_deleted_if_the_head_says_so() {
    let delete = |left: bool| {
        move |journal: &Path| {
            fs::write(journal.join("events/head"), events().head(true, 2)).unwrap();
            if !left {
                fs::remove_file(journal.join("events/0000000001.seg")).unwrap();
            }
        }
    };
    check(
        &events(),
        true,
        delete(false),
        &expect![[r#"
        events: 2 segments, 6 blocks, 200, next 301
        alerts: 1 segments, 3 blocks, 2, next 3
        note: events: segments before 2 were deleted
    "#]],
    );
    check(
        &events(),
        true,
        delete(true),
        &expect![[r#"
        events: 2 segments, 6 blocks, 200, next 301
        alerts: 1 segments, 3 blocks, 2, next 3
        note: events/0000000001.seg was left over when older segments were deleted
        note: events: segments before 2 were deleted
    "#]],
    );
}

#[test]
fn a_segment_of_another_journal_does_not_fit() {
    let mut events = events();
    let mut other = Stream::new(EVENTS, 8);
    for _ in 0..3 {
        other.open();
        other.content(100, &[]);
        other.seal();
    }
    events.segments[1] = other.segments[1].clone();
    check(
        &events,
        true,
        |_| {},
        &expect![[r#"
        events: 3 segments, 8 blocks, 300, next 301
        alerts: 1 segments, 3 blocks, 2, next 3
        events/0000000001.seg 20480..20480 blocks - events -: segment 2 goes on from block 2, which is not here or has another hash
        events/0000000002.seg 0..4096 blocks - events -: belongs to another journal
        events/0000000002.seg 16384..16384 blocks 3 events -: segment 3 goes on from block 3, which is not here or has another hash
        note: events: signed by 3 keys, one after the other
    "#]],
    );
}

#[test]
fn a_journal_that_somebody_else_made_is_not_trusted() {
    let folder = TempDir::new().unwrap();
    events().write(folder.path(), true);
    alerts(300).write(folder.path(), true);
    let key = |seed: u8| Some(SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes());
    expect![[r#"
        events: 3 segments, 9 blocks, 300, next 301
        alerts: 1 segments, 3 blocks, 2, next 3
    "#]]
    .assert_eq(&told(folder.path(), key(7)));
    expect![[r#"
        events: 3 segments, 9 blocks, 300, next 301
        alerts: 1 segments, 3 blocks, 2, next 3
        alerts/0000000001.seg 0..4096 blocks - events -: signed by another key than the one that is trusted
        alerts/head 0..192 blocks - events -: signed by another key than the one that is trusted
        events/0000000001.seg 0..4096 blocks - events -: signed by another key than the one that is trusted
        events/0000000002.seg 0..4096 blocks - events -: signed by another key than the one that is trusted
        events/0000000003.seg 0..4096 blocks - events -: signed by another key than the one that is trusted
        events/head 0..192 blocks - events -: signed by another key than the one that is trusted
    "#]].assert_eq(&told(folder.path(), key(8)));
}

#[test]
fn nothing_is_final_that_is_not_there() {
    let folder = TempDir::new().unwrap();
    events().write(folder.path(), true);
    alerts(301).write(folder.path(), true);
    expect![[r#"
        events: 3 segments, 9 blocks, 300, next 301
        alerts: 1 segments, 3 blocks, 2, next 3
        alerts/0000000001.seg 8192..12288 blocks 2 events 301: says that event 301 is durable, and it is not in the journal
    "#]].assert_eq(&told(folder.path(), None));
}

#[test]
fn a_hole_may_lie_between_segments() {
    let hole = |first: u64, last: u64| (8, [first, last].map(u64::to_le_bytes).concat());
    let mut events = events();
    events.next = 311;
    events.open();
    events.content(10, &[hole(301, 310)]);
    events.seal();
    events.next = 331;
    events.open();
    events.content(10, &[]);
    events.seal();
    check(
        &events,
        true,
        |_| {},
        &expect![[r#"
        events: 5 segments, 13 blocks, 320, next 341
        alerts: 1 segments, 3 blocks, 2, next 3
        events/0000000005.seg 0..0 blocks - events 321–330: begins with number 331 where 321 should follow
    "#]],
    );
}

#[test]
fn another_folder_is_no_journal() {
    let folder = TempDir::new().unwrap();
    expect!["JOURNAL: there is no journal in it"].assert_eq(&told(folder.path(), None));
    expect!["JOURNAL: there is no journal in it"]
        .assert_eq(&told(&folder.path().join("none"), None));
    fs::create_dir(folder.path().join("events")).unwrap();
    expect!["JOURNAL: there is no journal in it"].assert_eq(&told(folder.path(), None));
}
