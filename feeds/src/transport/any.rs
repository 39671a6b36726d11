//! A file of whichever format.

use super::file::{Content, FileFeed};
use crate::codec::{
    Bitstamp, Dbn, IexPcap, Itch50, ItchPcap, ItchSoup, Lobster, Mdp3Pcap, Readings, Tape, sbe,
};
use crate::{Format, Options};
use engine_event::{Directory, Nanos};
use engine_pipeline::{Feed, FeedError, FeedTurn, Sink, Tally};
use std::path::Path;

/// A file of one of the formats, chosen when it was opened.
#[derive(Debug)]
pub enum AnyFeed {
    /// Bitstamp's orders.
    Bitstamp(FileFeed<Bitstamp>),
    /// Databento's DBN.
    Dbn(FileFeed<Dbn>),
    /// IEX' DEEP or TOPS in a capture.
    IexPcap(FileFeed<IexPcap>),
    /// NASDAQ TotalView-ITCH 5.0 in a capture.
    ItchPcap(FileFeed<ItchPcap>),
    /// NASDAQ TotalView-ITCH 5.0 in SoupBinTCP.
    ItchSoup(FileFeed<ItchSoup>),
    /// NASDAQ TotalView-ITCH 5.0.
    Itch50(FileFeed<Itch50>),
    /// LOBSTER's message CSV.
    Lobster(FileFeed<Lobster>),
    /// CME's MDP 3.0 in a capture.
    Mdp3Pcap(Box<FileFeed<Mdp3Pcap>>),
    /// Device readings.
    Readings(FileFeed<Readings>),
    /// The tape.
    Tape(FileFeed<Tape>),
}

/// Opens a file by what it contains. What its name tells (a date, a stock) is used where the options
/// are silent.
pub fn open(path: &Path, options: &Options) -> Result<AnyFeed, FeedError> {
    let options = options.with_name_of(path);
    let mut content = Content::open(path, &options)?;
    Ok(match content.format(&options)? {
        Format::Bitstamp => AnyFeed::Bitstamp(FileFeed::new(content, Bitstamp::new(&options))),
        Format::Dbn => AnyFeed::Dbn(FileFeed::new(content, Dbn::new(&options))),
        Format::IexPcap => AnyFeed::IexPcap(FileFeed::new(content, IexPcap::new(&options))),
        Format::ItchPcap => AnyFeed::ItchPcap(FileFeed::new(content, ItchPcap::new(&options))),
        Format::ItchSoup => AnyFeed::ItchSoup(FileFeed::new(content, ItchSoup::new(&options))),
        Format::Itch50 => AnyFeed::Itch50(FileFeed::new(content, Itch50::new(&options))),
        Format::Lobster => AnyFeed::Lobster(FileFeed::new(content, Lobster::new(&options))),
        Format::Mdp3Pcap => {
            let plan = sbe::load(options.schema.as_deref())?;
            let codec = Mdp3Pcap::with_plan(&options, plan);
            AnyFeed::Mdp3Pcap(Box::new(FileFeed::new(content, codec)))
        }
        Format::Readings => AnyFeed::Readings(FileFeed::new(content, Readings::new(&options))),
        Format::Tape => AnyFeed::Tape(FileFeed::new(content, Tape::new(&options))),
    })
}

impl AnyFeed {
    /// What the file's format is.
    pub fn format(&self) -> Format {
        match self {
            AnyFeed::Bitstamp(_) => Format::Bitstamp,
            AnyFeed::Dbn(_) => Format::Dbn,
            AnyFeed::IexPcap(_) => Format::IexPcap,
            AnyFeed::ItchPcap(_) => Format::ItchPcap,
            AnyFeed::ItchSoup(_) => Format::ItchSoup,
            AnyFeed::Itch50(_) => Format::Itch50,
            AnyFeed::Lobster(_) => Format::Lobster,
            AnyFeed::Mdp3Pcap(_) => Format::Mdp3Pcap,
            AnyFeed::Readings(_) => Format::Readings,
            AnyFeed::Tape(_) => Format::Tape,
        }
    }
}

impl Feed for AnyFeed {
    fn poll<S: Sink>(
        &mut self,
        now: Nanos,
        names: &mut Directory,
        sink: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        match self {
            AnyFeed::Bitstamp(feed) => feed.poll(now, names, sink),
            AnyFeed::Dbn(feed) => feed.poll(now, names, sink),
            AnyFeed::IexPcap(feed) => feed.poll(now, names, sink),
            AnyFeed::ItchPcap(feed) => feed.poll(now, names, sink),
            AnyFeed::ItchSoup(feed) => feed.poll(now, names, sink),
            AnyFeed::Itch50(feed) => feed.poll(now, names, sink),
            AnyFeed::Lobster(feed) => feed.poll(now, names, sink),
            AnyFeed::Mdp3Pcap(feed) => feed.poll(now, names, sink),
            AnyFeed::Readings(feed) => feed.poll(now, names, sink),
            AnyFeed::Tape(feed) => feed.poll(now, names, sink),
        }
    }

    fn tally(&self) -> Tally {
        match self {
            AnyFeed::Bitstamp(feed) => feed.tally(),
            AnyFeed::Dbn(feed) => feed.tally(),
            AnyFeed::IexPcap(feed) => feed.tally(),
            AnyFeed::ItchPcap(feed) => feed.tally(),
            AnyFeed::ItchSoup(feed) => feed.tally(),
            AnyFeed::Itch50(feed) => feed.tally(),
            AnyFeed::Lobster(feed) => feed.tally(),
            AnyFeed::Mdp3Pcap(feed) => feed.tally(),
            AnyFeed::Readings(feed) => feed.tally(),
            AnyFeed::Tape(feed) => feed.tally(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;
    use engine_event::Event;
    use expect_test::{Expect, expect};
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
    use std::io::Write;
    use std::path::PathBuf;

    /// A file in a folder of its own, so that messages show its name only.
    struct Temporary(tempfile::TempDir, PathBuf);

    fn file(name: &str, bytes: &[u8]) -> Temporary {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Temporary(folder, path)
    }

    struct Read {
        format: Option<Format>,
        events: Vec<Event>,
        tally: Tally,
        error: Option<FeedError>,
    }

    fn read(path: &Path, options: &Options) -> Read {
        let mut events = Vec::new();
        let mut feed = match open(path, options) {
            Ok(feed) => feed,
            Err(error) => {
                return Read { format: None, events, tally: Tally::default(), error: Some(error) };
            }
        };
        let mut names = Directory::new(1000);
        let error = loop {
            let before = events.len();
            match feed.poll(Nanos(0), &mut names, &mut events) {
                Ok(FeedTurn::Ended) => break None,
                Ok(_) => assert!(events.len() - before <= 256, "a poll is bounded"),
                Err(error) => break Some(error),
            }
        };
        Read { format: Some(feed.format()), events, tally: feed.tally(), error }
    }

    fn read_error(path: &Path, options: &Options) -> String {
        read(path, options).error.expect("it is refused").to_string()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        pack(bytes, Compression::fast())
    }

    fn pack(bytes: &[u8], level: Compression) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), level);
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 1).unwrap()
    }

    fn lz4(bytes: &[u8]) -> Vec<u8> {
        let sizes = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Linked);
        let mut encoder = FrameEncoder::with_frame_info(sizes.content_checksum(true), Vec::new());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    type Compress = fn(&[u8]) -> Vec<u8>;

    /// Each way to compress, by its word.
    const WAYS: [(&str, Compress); 3] = [("gzip", gzip), ("zstd", zstd), ("lz4", lz4)];

    fn day(messages: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        synthetic::itch::generate(messages, 5, 20, &mut bytes).unwrap();
        bytes
    }

    fn check_error(name: &str, bytes: &[u8], options: &Options, expected: &Expect) {
        let file = file(name, bytes);
        let told = read_error(&file.1, options);
        let folder = format!("{}/", file.0.path().display());
        expected.assert_eq(&told.replace(&folder, ""));
    }

    #[test]
    fn compressed_or_not_the_events_are_the_same() {
        let bytes = day(30_000);
        let raw = read(&file("day", &bytes).1, &Options::default());
        assert!(raw.error.is_none());
        assert_eq!(raw.format, Some(Format::Itch50));
        assert_eq!(raw.tally.bytes, bytes.len() as u64);
        for (word, way) in WAYS {
            let packed = way(&bytes);
            let zipped = read(&file("day", &packed).1, &Options::default());
            assert!(zipped.error.is_none(), "{word}: {:?}", zipped.error);
            assert_eq!(raw.events, zipped.events, "{word}");
            assert_eq!(zipped.tally.bytes, packed.len() as u64, "{word}");
        }
    }

    #[test]
    fn members_of_a_compressed_file_are_read_as_one() {
        let bytes = day(3000);
        for (word, way) in WAYS {
            let mut packed = way(&bytes[..50_000]);
            packed.extend(way(b""));
            packed.extend(way(&bytes[50_000..]));
            let zipped = read(&file("day", &packed).1, &Options::default());
            assert_eq!(zipped.tally.messages, 3000, "{word}: {:?}", zipped.error);
        }
    }

    #[test]
    fn what_came_before_the_damage_is_delivered() {
        let bytes = day(30_000);
        for (word, way) in WAYS {
            let mut packed = way(&bytes);
            let half = packed.len() / 2;
            let cut = read(&file("day", &packed[..half]).1, &Options::default());
            let told = cut.error.unwrap();
            assert!(told.is_data() && told.to_string().contains("compressed byte"), "{told}");
            assert!((8_000..20_000).contains(&cut.tally.messages), "{word} {}", cut.tally.messages);
            packed.iter_mut().skip(half).step_by(7).for_each(|byte| *byte ^= 0x55);
            let damaged = read(&file("day", &packed).1, &Options::default());
            assert!(damaged.error.unwrap().is_data());
            assert!(damaged.tally.messages > 8_000, "{word} {}", damaged.tally.messages);
        }
    }

    #[test]
    fn a_compressed_file_that_ends_early_is_never_taken_for_whole() {
        let bytes = day(100);
        for (word, way) in WAYS {
            let packed = way(&bytes);
            for length in (4..packed.len()).step_by(11) {
                let error = read(&file("cut", &packed[..length]).1, &Options::default()).error;
                let told = error.expect(word).to_string();
                let here = format!("compressed byte {length}: the {word} file ends within its");
                assert!(told.contains(&here), "{told}");
            }
            let mut more = packed.clone();
            more.extend(b"more");
            let error = read(&file("more", &more).1, &Options::default()).error;
            assert!(error.is_some_and(|error| error.is_data()) || word == "gzip", "{word}");
        }
    }

    #[test]
    fn what_would_need_too_much_memory_is_refused() {
        let mut window = zstd(&day(100));
        // A frame's second byte from its header on is its window: 2^(10 + 14).
        window.splice(4..6, [0, 14 << 3]);
        check_error(
            "wide.zst",
            &window,
            &Options::default(),
            &expect![
                "wide.zst: compressed byte 0: the zstd file cannot be decompressed: Frame requires too much memory for decoding"
            ],
        );
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut bytes = day(1000);
        bytes.resize(64 << 20, 0); // Frames of length zero for ever.
        let packed = pack(&bytes, Compression::best());
        let told = read_error(&file("bomb.gz", &packed).1, &Options::default());
        assert!(told.contains("times its size, more than 100 allowed"), "{told}");
        let small = Options { output_bytes_max: 100_000, ..Options::default() };
        let told = read_error(&file("big.gz", &gzip(&day(30_000))).1, &small);
        assert!(told.contains("decompresses to more than 100000 bytes"), "{told}");
    }

    #[test]
    fn a_truncated_file_is_read_to_its_last_message() {
        let bytes = day(3000);
        let read = read(&file("day", &bytes[..bytes.len() - 3]).1, &Options::default());
        assert_eq!(read.tally.messages, 2999);
        let told = read.error.unwrap().to_string();
        assert!(told.ends_with("the file ends within a message of 12 bytes (9 there)"), "{told}");
    }

    #[test]
    fn what_cannot_be_read_is_refused_in_one_line() {
        let auto = Options::default();
        let as_itch = Options { format: Some(Format::Itch50), ..Options::default() };
        let as_tape = Options { format: Some(Format::Tape), ..Options::default() };
        check_error("empty", b"", &auto, &expect!["empty: byte 0: the file is empty"]);
        check_error("empty.gz", &gzip(b""), &auto, &expect!["empty.gz: byte 0: the file is empty"]);
        check_error(
            "prose",
            b"Dear Sir or Madam,\n",
            &auto,
            &expect![[
                r#"prose: byte 0: expected one of the formats itch50, itch-pcap, itch-soup, iex-pcap, dbn, lobster, mdp3-pcap, bitstamp, readings, tape, found "Dear Sir or Madam,\n""#
            ]],
        );
        check_error(
            "a.csv",
            b"34200.5,1,1,18,5853300,1\n",
            &as_itch,
            &expect![
                "a.csv: byte 0: expected itch50: messages of ITCH 5.0, each behind its length in two bytes, found what looks like lobster"
            ],
        );
        check_error(
            "day.itch",
            &day(100),
            &as_tape,
            &expect![
                "day.itch: byte 0: expected tape: a header with event_at, subject, kind, order_id, side, price, quantity, found what looks like itch50"
            ],
        );
        check_error(
            "one",
            b"\0",
            &as_itch,
            &expect!["one: byte 0: the file ends within the length of a message"],
        );
        check_error(
            "cut.gz",
            &gzip(&day(100))[..12],
            &auto,
            &expect!["cut.gz: compressed byte 12: the gzip file ends within its compressed data"],
        );
        check_error(
            "cut.zst",
            &zstd(&day(100))[..30],
            &auto,
            &expect!["cut.zst: compressed byte 30: the zstd file ends within its compressed data"],
        );
        check_error(
            "cut.lz4",
            &lz4(&day(100))[..30],
            &auto,
            &expect!["cut.lz4: compressed byte 30: the lz4 file ends within its compressed data"],
        );
    }

    #[test]
    fn a_folder_and_nothing_at_all_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let told = read_error(folder.path(), &Options::default());
        assert!(told.ends_with("is a directory, not a file"), "{told}");
        let told = read_error(&folder.path().join("absent"), &Options::default());
        assert!(told.contains("No such file"), "{told}");
    }

    #[test]
    fn the_name_gives_the_date_and_the_stock() {
        let mut bytes = Vec::new();
        synthetic::lobster::generate(10, 1, &mut bytes).unwrap();
        let file = file("MSFT_2012-06-21_message_10.csv", &bytes);
        let mut feed = open(&file.1, &Options::default()).unwrap();
        let (mut names, mut events) = (Directory::new(9), Vec::new());
        feed.poll(Nanos(0), &mut names, &mut events).unwrap();
        assert!(names.find("MSFT").is_some());
        assert_eq!(events[0].event_at.0 / 86_400_000_000_000, 15_512);
    }
}
