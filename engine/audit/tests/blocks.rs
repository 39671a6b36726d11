//! One segment: what is read of it, and what is told of one that was changed.

mod built;

use built::{EVENTS, PAGE, Stream};
use engine_audit::{Blocks, Damage, End, Next, Span};
use expect_test::expect;
use proptest::prelude::*;
use std::fmt::Write;

/// Four blocks of 10, 100, 0 and 1,000 events, and a seal.
fn stream() -> Stream {
    let mut stream = Stream::new(EVENTS, 7);
    stream.open();
    stream.content(10, &[(5, b"begins".to_vec()), (6, b"a = 1".to_vec())]);
    stream.content(100, &[]);
    stream.content(0, &[(10, b"0 a file".to_vec())]);
    stream.content(1000, &[]);
    stream.seal();
    stream
}

/// What a reader tells: blocks as number, events and kinds of side records; damage; ends.
fn told(segment: &[u8]) -> String {
    let mut told = String::new();
    let mut blocks = match Blocks::open(segment) {
        Ok(blocks) => blocks,
        Err(damage) => return line(&damage),
    };
    loop {
        match blocks.next() {
            Next::Block(block) => {
                let kinds: Vec<_> = block.sides().map(|(kind, _)| kind).collect();
                let (number, first) = (block.header.block, block.header.first);
                let events = block.events().len() / 64;
                writeln!(told, "block {number}: {events} events from {first}, {kinds:?}").unwrap();
            }
            Next::Damage(damage) => told += &line(&damage),
            Next::End(End::File) => return told,
            Next::End(end) => writeln!(told, "{end:?}").unwrap(),
        }
    }
}

fn line(damage: &Damage) -> String {
    let name = |span: Option<Span>| span.map_or("-".to_string(), |span| span.to_string());
    let (blocks, events) = (name(damage.blocks), name(damage.events));
    format!("{:?} blocks {blocks} events {events}: {}\n", damage.bytes, damage.check)
}

/// What is told besides of a segment after this change.
#[track_caller]
fn check(change: impl FnOnce(&mut Vec<u8>, &Stream), expected: &expect_test::Expect) {
    let stream = stream();
    let mut bytes = stream.segments[0].bytes.clone();
    change(&mut bytes, &stream);
    expected.assert_eq(&told(&bytes));
}

#[test]
fn an_unchanged_segment_is_whole() {
    check(
        |_, _| {},
        &expect![[r#"
        block 1: 10 events from 1, [5, 6]
        block 2: 100 events from 11, []
        block 3: 0 events from 111, [10]
        block 4: 1000 events from 111, []
        block 5: 0 events from 1111, [32]
        Seal
    "#]],
    );
}

#[test]
fn a_segment_that_is_written_ends_in_zeros() {
    check(
        |bytes, stream| {
            bytes.truncate(stream.segments[0].blocks[1].end);
            bytes.resize(1 << 20, 0);
        },
        &expect![[r#"
            block 1: 10 events from 1, [5, 6]
            block 2: 100 events from 11, []
            Zeros
        "#]],
    );
}

#[test]
fn a_bit_in_an_event_is_found_by_the_events_checksum() {
    check(
        |bytes, stream| bytes[stream.segments[0].blocks[1].start + 128 + 64 * 7 + 20] ^= 1,
        &expect![[r#"
            block 1: 10 events from 1, [5, 6]
            8192..16384 blocks 2 events 11–110: event 18 does not have its checksum
            block 3: 0 events from 111, [10]
            block 4: 1000 events from 111, []
            block 5: 0 events from 1111, [32]
            Seal
        "#]],
    );
}

#[test]
fn a_bit_in_a_hash_is_found() {
    check(
        |bytes, stream| bytes[stream.segments[0].blocks[1].start + 100] ^= 1,
        &expect![[r#"
        block 1: 10 events from 1, [5, 6]
        8192..16384 blocks 2 events 11–110: the block does not have its hash, although its records have their checksums
        block 3: 0 events from 111, [10]
        block 4: 1000 events from 111, []
        block 5: 0 events from 1111, [32]
        Seal
    "#]],
    );
}

#[test]
fn a_block_whose_header_is_broken_is_told_by_its_neighbours() {
    check(
        |bytes, stream| bytes[stream.segments[0].blocks[1].start + 17] ^= 1,
        &expect![[r#"
        block 1: 10 events from 1, [5, 6]
        8192..16384 blocks 2 events 11–110: no block begins here: its header does not have its checksum
        block 3: 0 events from 111, [10]
        block 4: 1000 events from 111, []
        block 5: 0 events from 1111, [32]
        Seal
    "#]],
    );
}

#[test]
fn a_bit_behind_a_blocks_end_is_found() {
    check(
        |bytes, stream| bytes[stream.segments[0].blocks[3].end - 1] ^= 1,
        &expect![[r#"
        block 1: 10 events from 1, [5, 6]
        block 2: 100 events from 11, []
        block 3: 0 events from 111, [10]
        88608..90112 blocks 4 events -: not zero behind its end
        block 4: 1000 events from 111, []
        block 5: 0 events from 1111, [32]
        Seal
    "#]],
    );
}

#[test]
fn zeros_between_blocks_are_an_end_behind_which_something_is_found() {
    check(
        |bytes, stream| bytes[stream.segments[0].blocks[1].clone()].fill(0),
        &expect![[r#"
        block 1: 10 events from 1, [5, 6]
        Zeros
        8192..16384 blocks 2 events 11–110: zeros where a block should be
        block 3: 0 events from 111, [10]
        block 4: 1000 events from 111, []
        block 5: 0 events from 1111, [32]
        Seal
    "#]],
    );
}

#[test]
fn a_file_may_be_cut_anywhere() {
    check(
        |bytes, stream| bytes.truncate(stream.segments[0].blocks[3].start + 5000),
        &expect![[r#"
        block 1: 10 events from 1, [5, 6]
        block 2: 100 events from 11, []
        block 3: 0 events from 111, [10]
        20480..25480 blocks 4 and on events 111 and on: the file ends within it
    "#]],
    );
    check(
        |bytes, stream| bytes.truncate(stream.segments[0].blocks[3].start),
        &expect![[r#"
        block 1: 10 events from 1, [5, 6]
        block 2: 100 events from 11, []
        block 3: 0 events from 111, [10]
    "#]],
    );
    check(
        |bytes, _| bytes.truncate(PAGE - 1),
        &expect![[r#"
        0..4096 blocks - events -: the file ends within it
    "#]],
    );
}

#[test]
fn a_block_that_is_taken_away_is_missed() {
    check(
        |bytes, stream| drop(bytes.drain(stream.segments[0].blocks[1].clone())),
        &expect![[r#"
        block 1: 10 events from 1, [5, 6]
        8192..12288 blocks 2 events 11–110: block 3 where block 2 should be
        block 3: 0 events from 111, [10]
        block 4: 1000 events from 111, []
        block 5: 0 events from 1111, [32]
        Seal
    "#]],
    );
}

#[test]
fn a_block_that_is_there_twice_is_told_once() {
    check(
        |bytes, stream| {
            let block = stream.segments[0].blocks[1].clone();
            let copy = bytes[block.clone()].to_vec();
            bytes.splice(block.end..block.end, copy);
        },
        &expect![[r#"
            block 1: 10 events from 1, [5, 6]
            block 2: 100 events from 11, []
            16384..24576 blocks 2 events 11–110: block 2 where block 3 should be
            block 2: 100 events from 11, []
            block 3: 0 events from 111, [10]
            block 4: 1000 events from 111, []
            block 5: 0 events from 1111, [32]
            Seal
        "#]],
    );
}

#[test]
fn blocks_that_are_swapped_are_told_where_the_chain_breaks() {
    check(
        |bytes, stream| {
            let [a, b, c] = [1, 2, 3].map(|block: usize| stream.segments[0].blocks[block].clone());
            let swapped = [&bytes[c.clone()], &bytes[b], &bytes[a.clone()]].concat();
            bytes[a.start..c.end].copy_from_slice(&swapped);
        },
        &expect![[r#"
            block 1: 10 events from 1, [5, 6]
            8192..77824 blocks 2–3 events 11–110: block 4 where block 2 should be
            block 4: 1000 events from 111, []
            77824..81920 blocks 3 events -: block 3 where block 5 should be
            block 3: 0 events from 111, [10]
            81920..90112 blocks 2 events 11–110: block 2 where block 4 should be
            block 2: 100 events from 11, []
            90112..94208 blocks 3–4 events 111–1110: block 5 where block 3 should be
            block 5: 0 events from 1111, [32]
        "#]],
    );
}

#[test]
fn behind_a_seal_nothing_may_follow_but_zeros() {
    check(
        |bytes, _| bytes.resize(bytes.len() + 3 * PAGE, 0),
        &expect![[r#"
        block 1: 10 events from 1, [5, 6]
        block 2: 100 events from 11, []
        block 3: 0 events from 111, [10]
        block 4: 1000 events from 111, []
        block 5: 0 events from 1111, [32]
        Seal
    "#]],
    );
    check(
        |bytes, _| {
            bytes.resize(bytes.len() + 3 * PAGE, 0);
            let at = bytes.len() - PAGE - 9;
            bytes[at] = 1;
        },
        &expect![[r#"
            block 1: 10 events from 1, [5, 6]
            block 2: 100 events from 11, []
            block 3: 0 events from 111, [10]
            block 4: 1000 events from 111, []
            block 5: 0 events from 1111, [32]
            Seal
            94208..102400 blocks - events -: there is something behind the seal
        "#]],
    );
}

#[test]
fn a_seal_of_another_segment_or_key_is_none() {
    let mut forged = stream();
    let seal = forged.segments[0].blocks.pop().unwrap();
    forged.segments[0].bytes.truncate(seal.start);
    forged.segments[0].hash.copy_from_slice(&stream().segments[0].bytes[seal.start + 64..][..32]);
    forged.key = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
    forged.seal();
    expect![[r#"
        block 1: 10 events from 1, [5, 6]
        block 2: 100 events from 11, []
        block 3: 0 events from 111, [10]
        block 4: 1000 events from 111, []
        90112..94208 blocks 5 events -: the seal is not signed by the segment's key
    "#]]
    .assert_eq(&told(&forged.segments[0].bytes));
}

#[test]
fn a_hole_that_is_told_is_no_damage_and_one_that_is_not_told_is() {
    let hole = |first: u64, last: u64| (8, [first.to_le_bytes(), last.to_le_bytes()].concat());
    let mut stream = Stream::new(EVENTS, 7);
    stream.open();
    stream.content(10, &[]);
    stream.next = 21;
    stream.content(10, &[hole(11, 20)]);
    stream.content(10, &[hole(41, 45)]);
    stream.next = 46;
    stream.content(10, &[]);
    stream.next = 60;
    stream.content(10, &[hole(56, 58)]);
    expect![[r#"
        block 1: 10 events from 1, []
        block 2: 10 events from 21, [8]
        block 3: 10 events from 31, [8]
        block 4: 10 events from 46, []
        20480..24576 blocks 5 events 59: begins with number 60 where 59 should follow
        block 5: 10 events from 60, [8]
    "#]]
    .assert_eq(&told(&stream.segments[0].bytes));
}

#[test]
fn the_alert_logs_numbers_are_its_records() {
    let mut alerts = Stream::new(built::ALERTS, 7);
    alerts.open();
    alerts.content(0, &[(16, b"12345678{}".to_vec()), (16, b"12345678{}".to_vec())]);
    alerts.content(0, &[(17, vec![0; 16])]);
    alerts.seal();
    expect![[r#"
        block 1: 0 events from 1, [16, 16]
        block 2: 0 events from 3, [17]
        block 3: 0 events from 4, [32]
        Seal
    "#]]
    .assert_eq(&told(&alerts.segments[0].bytes));
}

proptest! {
    /// Nothing that lies on disk makes the reader panic, and it ends.
    #[test]
    fn no_bytes_are_too_strange(
        bytes in prop::collection::vec(any::<u8>(), 0..3 * PAGE),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        checksums in any::<bool>(),
    ) {
        told(&bytes);
        let stream = stream();
        let mut segment = stream.segments[0].bytes.clone();
        for (at, byte) in changes {
            // Headers are where it matters.
            let block = at.get(&stream.segments[0].blocks).start;
            segment[block + at.index(64)] = byte;
            if checksums {
                let crc = crc32c::crc32c(&segment[block..block + 60]);
                segment[block + 60..block + 64].copy_from_slice(&crc.to_le_bytes());
            }
        }
        told(&segment);
    }
}
