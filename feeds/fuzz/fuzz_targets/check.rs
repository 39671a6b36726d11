//! What must hold for every codec and all bytes: no panic, progress, and the same events whether the
//! bytes come at once or in pieces, into a wide sink or a narrow one.

use engine_event::{Directory, Event};
use engine_pipeline::{Sink, Tally};
use feeds::codec::RECORD_BYTES_MAX;
use feeds::synthetic::Random;
use feeds::{Codec, CodecError, EVENTS_PER_MESSAGE_MAX, Options};

#[derive(PartialEq, Debug)]
struct Outcome {
    events: Vec<Event>,
    tally: Tally,
    error: Option<CodecError>,
    /// Where the codec stood in the end.
    place: u64,
}

/// A sink that takes so many events and no more.
struct Narrow<'a>(&'a mut Vec<Event>, usize);

impl Sink for Narrow<'_> {
    fn room(&mut self) -> usize {
        self.1
    }

    fn push(&mut self, event: Event) {
        self.1 = self.1.checked_sub(1).expect("a codec pushes only what there is room for");
        self.0.push(event);
    }
}

pub fn codec<C: Codec>(new: impl Fn(&Options) -> C, bytes: &[u8]) {
    let seed = bytes.iter().fold(bytes.len() as u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    let random = &mut Random::new(seed);
    for strict in [false, true] {
        let options = Options { strict, ..Options::default() };
        let at_once = decode(new(&options), bytes, || (bytes.len(), usize::MAX));
        let in_pieces = decode(new(&options), bytes, || {
            (random.below(100) as usize, EVENTS_PER_MESSAGE_MAX + random.below(9) as usize)
        });
        assert_eq!(at_once, in_pieces);
    }
}

/// Decodes `bytes`, of which each turn makes so many more visible, into so much room.
fn decode(
    mut codec: impl Codec,
    bytes: &[u8],
    mut turn: impl FnMut() -> (usize, usize),
) -> Outcome {
    let mut names = Directory::new(50);
    let mut outcome =
        Outcome { events: Vec::new(), tally: Tally::default(), error: None, place: 0 };
    let (mut from, mut seen) = (0, 0);
    loop {
        let (more, room) = turn();
        seen = bytes.len().min(seen + more);
        let (input, last) = (&bytes[from..seen], seen == bytes.len());
        let mut sink = Narrow(&mut outcome.events, room);
        let is_full = match codec.decode(input, last, &mut names, &mut sink, &mut outcome.tally) {
            Ok(consumed) => {
                assert!(consumed <= input.len());
                let all_there = input.len() >= RECORD_BYTES_MAX || last;
                let is_stuck = consumed == 0 && all_there && !input.is_empty();
                // A codec that is out of room is no closer to the end of its input, but told something.
                assert!(!is_stuck || sink.1 < EVENTS_PER_MESSAGE_MAX, "no progress at {from}");
                from += consumed;
                sink.1 < EVENTS_PER_MESSAGE_MAX
            }
            Err(error) => {
                outcome.error = Some(error);
                outcome.place = codec.place();
                return outcome;
            }
        };
        if from == bytes.len() && !is_full {
            outcome.place = codec.place();
            return outcome;
        }
    }
}
