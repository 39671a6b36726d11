//! Any file at all: opened, told apart, decompressed and read to its end.
#![no_main]

use engine_event::{Directory, Nanos};
use engine_pipeline::{Feed, FeedTurn};
use feeds::Options;
use std::io::Write;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let options = Options { output_bytes_max: 1 << 24, ..Options::default() };
    let Ok(mut feed) = feeds::open(file.path(), &options) else { return };
    let mut names = Directory::new(50);
    let mut events = Vec::new();
    while let Ok(FeedTurn::Worked | FeedTurn::Idle) = feed.poll(Nanos(0), &mut names, &mut events) {
        events.clear();
    }
});
