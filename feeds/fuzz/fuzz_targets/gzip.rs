//! Any file at all: opened, told apart, decompressed and read to its end. Each gap is counted, and where
//! the file breaks off the last event is one.
#![no_main]

use engine_event::{Directory, Event, Kind, Nanos, SubjectId};
use engine_pipeline::{Feed, FeedTurn};
use feeds::Options;
use std::io::Write;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let options = Options { output_bytes_max: 1 << 24, ..Options::default() };
    let Ok(mut feed) = feeds::open(file.path(), &options) else { return };
    let mut names = Directory::new(50);
    let (mut events, mut gaps) = (Vec::<Event>::new(), 0);
    loop {
        let turn = feed.poll(Nanos(0), &mut names, &mut events);
        gaps += events.iter().filter(|event| event.kind() == Kind::Gap).count() as u64;
        match turn {
            Ok(FeedTurn::Worked | FeedTurn::Idle) => events.clear(),
            Ok(FeedTurn::Ended) => break,
            Err(_) => {
                let last = events.last().expect("the rest is missing");
                assert_eq!((last.kind(), last.subject), (Kind::Gap, SubjectId::EVERY));
                break;
            }
        }
    }
    assert_eq!(gaps, feed.tally().gaps);
});
