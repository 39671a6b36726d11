//! Small files that become endless are refused, and refusing them takes little memory.
//!
//! A test binary of its own, so that nothing else in the process moves the high-water mark.

use engine_event::{Directory, Nanos};
use engine_pipeline::{Feed, FeedError, FeedTurn};
use feeds::Options;
use feeds::synthetic::itch;
use flate2::Compression;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};
use std::io::Write;

/// What a bomb becomes: 1 GiB.
const OUTPUT_BYTES: usize = 1 << 30;
/// What refusing one may take.
const MEMORY_KIB_MAX: u64 = 16 * 1024;

/// Messages of a session, so that the content is taken for what it says it is. Zeros follow: for ITCH
/// these are sessions that end, for ever.
fn beginning() -> Vec<u8> {
    let mut bytes = Vec::new();
    itch::generate(200, 1, 5, &mut bytes).unwrap();
    bytes
}

fn gzip() -> Vec<u8> {
    let member = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut bomb = member(&beginning());
    bomb.extend(member(&vec![0; OUTPUT_BYTES / 1024]).repeat(1024));
    bomb
}

/// A frame with the largest window that is taken, of blocks that each stand for 128 KiB of zeros.
fn zstd() -> Vec<u8> {
    const BLOCK_BYTES: u32 = 128 << 10;
    let mut bomb = zstd::encode_all(&beginning()[..], 1).unwrap();
    bomb.extend([0x28, 0xb5, 0x2f, 0xfd, 0, 13 << 3]);
    for block in 1..=OUTPUT_BYTES as u32 / BLOCK_BYTES {
        let last = u32::from(block == OUTPUT_BYTES as u32 / BLOCK_BYTES);
        bomb.extend(&(BLOCK_BYTES << 3 | 1 << 1 | last).to_le_bytes()[..3]);
        bomb.push(0);
    }
    bomb
}

fn lz4() -> Vec<u8> {
    let sizes = FrameInfo::new().block_size(BlockSize::Max4MB);
    let mut encoder = FrameEncoder::with_frame_info(sizes, Vec::new());
    encoder.write_all(&beginning()).unwrap();
    let zeros = vec![0; 4 << 20];
    for _ in 0..OUTPUT_BYTES / zeros.len() {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap()
}

fn refusal(bomb: &[u8]) -> FeedError {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bomb).unwrap();
    let mut feed = feeds::open(file.path(), &Options::default()).unwrap();
    let (mut names, mut events) = (Directory::new(50), Vec::new());
    loop {
        match feed.poll(Nanos(0), &mut names, &mut events) {
            Ok(turn) => assert_ne!(turn, FeedTurn::Ended, "a bomb was read to its end"),
            Err(error) => return error,
        }
        events.clear();
    }
}

/// The most memory that the process has held since the mark was set back, in KiB.
fn high_water() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn a_bomb_is_refused_in_little_memory() {
    for (name, bomb) in [("gzip", gzip()), ("zstd", zstd()), ("lz4", lz4())] {
        // Where the system does not let the mark be set back, only the refusal is looked at.
        let measured = std::fs::write("/proc/self/clear_refs", "5").is_ok();
        let before = high_water();
        let told = refusal(&bomb).to_string();
        assert!(told.contains("times its size, more than 100 allowed"), "{name}: {told}");
        if let (true, Some(before), Some(after)) = (measured, before, high_water()) {
            let held = after - before;
            assert!(held <= MEMORY_KIB_MAX, "{name}: {held} KiB");
        }
    }
}
