//! What does a message cost from the bytes of a mapped file to the books of a whole exchange, and what
//! does it cost other programs?
//!
//! ```text
//! cargo bench -p benches --bench itch_books -- --messages 50000000 \
//!     --peer "itch-order-book=/path/to/it < {file}" --peer "CppTrader=/path/to/it {file}"
//! ```
//!
//! A generated NASDAQ day of 8,000 stocks lies in the page cache; one thread decodes it and applies it
//! to books by order, as a shard does: a batch of events, looked at ahead, one by one. Time is what the
//! thread spent working. Peers are programs that are given as commands; they read the same file in the
//! same rounds, and say what a message took.

#![forbid(unsafe_code)]

use benches::{Contest, Options, Rival, Session, Target, cpu_time, ns_each, tell};
use engine_book::{Books, Bounds, Change};
use engine_event::{Directory, Nanos};
use engine_pipeline::{Feed, FeedTurn};
use std::hint::black_box;

const STOCKS: usize = 8_000;
/// Events that are decoded before the books see them.
const BATCH: usize = 256;

fn main() {
    let (options, settings) = Options::with_settings(&["--messages", "--rounds", "--peer"]);
    let value = |flag| settings.iter().rev().find(|(of, _)| *of == flag).map(|(_, text)| text);
    let number =
        |flag, usual: u64| value(flag).map_or(usual, |text| text.parse().expect("a number"));
    let messages = number("--messages", options.choose(10_000_000, 50_000));
    let rounds = number("--rounds", options.choose(5, 1)) as usize;
    let rivals = settings.iter().filter(|(flag, _)| *flag == "--peer");
    let rivals: Vec<_> = rivals.map(|(_, text)| Rival::new(text)).collect();
    let session = Session::new(messages, STOCKS);

    let mut contest = Contest::new(format!("{messages} messages of {STOCKS} stocks"))
        .ours("decoding alone", || decode(&session))
        .ours("decoding and books by order", || books(&session));
    for rival in &rivals {
        contest = contest.peer(rival.name, || rival.run(session.path(), session.messages()));
    }
    let mut results = contest.play(rounds).yardstick("decoding and books by order");
    for (name, target) in [("itch-order-book", 0.8), ("CppTrader", 0.12)] {
        if rivals.iter().any(|rival| rival.name == name) {
            let of: &'static [&'static str] = Box::leak(Box::new([name]));
            results = results.target("decoding and books by order", Target::at_most(target, of));
            break;
        }
    }
    tell(options, "itch_books", "ns of CPU a message", &[results]);
}

fn decode(session: &Session) -> Vec<f64> {
    run(session, |events| {
        black_box(events);
    })
}

fn books(session: &Session) -> Vec<f64> {
    let mut books = Books::new(Bounds::default());
    run(session, |events| {
        for from in (0..events.len()).step_by(Books::AHEAD) {
            let coming = &events[from..];
            books.look_ahead(coming, from == 0);
            for event in coming.iter().take(Books::AHEAD) {
                let mut change = Change::NONE;
                books.apply_into(event, &mut change);
                black_box(&change);
            }
        }
    })
}

fn run(session: &Session, mut each: impl FnMut(&[engine_event::Event])) -> Vec<f64> {
    let (mut feed, mut names) = (session.open(), Directory::new(100_000));
    let mut batch = Vec::with_capacity(BATCH);
    let (start, mut seq) = (cpu_time(), 0);
    loop {
        batch.clear();
        let turn = feed.poll(Nanos(0), &mut names, &mut Batch(&mut batch));
        for event in &mut batch {
            seq += 1;
            event.seq = seq;
        }
        each(&batch);
        if turn.expect("a session is valid") == FeedTurn::Ended {
            return ns_each(cpu_time() - start, session.messages());
        }
    }
}

/// A batch that never grows.
struct Batch<'a>(&'a mut Vec<engine_event::Event>);

impl engine_pipeline::Sink for Batch<'_> {
    #[inline]
    fn room(&mut self) -> usize {
        BATCH - self.0.len()
    }

    #[inline]
    fn push(&mut self, event: engine_event::Event) {
        self.0.push(event);
    }
}
