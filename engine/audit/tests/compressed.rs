//! Compressed segments: read back as they were, by others too, and as far as they are whole.

use engine_audit::compressed::{Decompressed, FRAME_BYTES, SeekTable, compress};
use engine_audit::{Check, Damage};
use proptest::prelude::*;
use std::io::{Cursor, Read};

/// Text that compresses, of so many bytes.
fn content(bytes: usize) -> Vec<u8> {
    (0..)
        .flat_map(|line: u32| {
            format!("{} and {line}\n", line.wrapping_mul(0x9E37_79B9)).into_bytes()
        })
        .take(bytes)
        .collect()
}

fn compressed(content: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let written = compress(content, &mut file, 3).unwrap();
    assert_eq!(written, file.len() as u64);
    file
}

/// What is read of a file, and what is told.
fn read(file: &[u8]) -> (Vec<u8>, Vec<Damage>) {
    let mut file = Cursor::new(file);
    let table = SeekTable::read(&mut file).unwrap();
    let mut read = Decompressed::new(file, table).unwrap();
    let mut content = Vec::new();
    read.read_to_end(&mut content).unwrap();
    (content, read.damages())
}

#[test]
fn what_was_compressed_comes_back() {
    for bytes in [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES + 77] {
        let content = content(bytes);
        assert!(read(&compressed(&content)) == (content, Vec::new()), "{bytes} bytes");
    }
}

#[test]
fn any_tool_for_zstandard_reads_it() {
    let content = content(2 * FRAME_BYTES + 5);
    let file = compressed(&content);
    assert!(zstd::stream::decode_all(&file[..]).unwrap() == content);
    // And one for the seekable format: count of frames, flags, magic number.
    assert_eq!(file[file.len() - 9..], [3, 0, 0, 0, 0, 0xB1, 0xEA, 0x92, 0x8F]);
}

#[test]
fn a_damaged_frame_is_told_and_the_others_are_read() {
    let content = content(4 * FRAME_BYTES);
    let mut file = compressed(&content);
    let frame = file.len() / 4;
    file[2 * frame - 100] ^= 16;
    let (read, damages) = read(&file);
    assert_eq!(damages.len(), 1);
    let lost = FRAME_BYTES..2 * FRAME_BYTES;
    assert_eq!(damages[0].bytes, lost.start as u64..lost.end as u64);
    let Check::Frame(bytes) = &damages[0].check else { panic!("{:?}", damages[0]) };
    assert!(bytes.contains(&(2 * frame as u64 - 100)), "{bytes:?}");
    assert!(read[lost.clone()].iter().all(|byte| *byte == 0));
    assert!(read[..lost.start] == content[..lost.start] && read[lost.end..] == content[lost.end..]);
}

#[test]
fn a_file_without_its_seek_table_is_read_and_the_table_missed() {
    let content = content(2 * FRAME_BYTES);
    let file = compressed(&content);
    let end = file.len() - 8 - 2 * 8 - 9;
    let (read, damages) = read(&file[..end]);
    assert!(read == content);
    assert_eq!(damages[0].check, Check::SeekTable(end as u64..end as u64));
}

#[test]
fn every_byte_matters() {
    let content = content(3 * FRAME_BYTES);
    let file = compressed(&content);
    // Each byte of the table and its surroundings, and some of everything.
    let all = (0..file.len()).step_by(39_973).chain(0..20).chain(file.len() - 60..file.len());
    for (at, bit) in all.flat_map(|at| [0, 2, 4, 7].map(|bit| (at, bit))) {
        let mut file = file.clone();
        file[at] ^= 1 << bit;
        let (_, damages) = read(&file);
        let holds = |damage: &Damage| match &damage.check {
            Check::Frame(bytes) | Check::SeekTable(bytes) => bytes.contains(&(at as u64)),
            _ => false,
        };
        assert!(damages.len() == 1 && holds(&damages[0]), "byte {at}: {damages:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_are_too_strange(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        cut in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        read(&bytes);
        let mut file = compressed(&content(FRAME_BYTES + 9));
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        read(&file[..cut.index(file.len())]);
        read(&file);
    }
}
