//! What does an event cost the books, from one stock to as many as an exchange has?
//!
//! Events are decoded beforehand and lie in the cache when they are applied, as they do in the ring.
//! The first half of the session fills the books; the second one counts.

#![forbid(unsafe_code)]

use benches::{Contest, Options, Session, ns_each, tell, time_batches};
use engine_book::{Books, Bounds};
use engine_event::Event;
use std::hint::black_box;

fn main() {
    let options = Options::from_args();
    let messages = options.choose(1_000_000, 20_000);
    let session = |stocks| Session::new(messages, stocks).events();
    let [one, some, all] = [1, 200, 8_000].map(session);

    let results = Contest::new("an event applied to the books")
        .ours("1 stock", || apply(&one))
        .ours("200 stocks", || apply(&some))
        .ours("8,000 stocks", || apply(&all))
        .play(options.choose(15, 1));
    tell(options, "books", "ns an event", &[results]);
}

fn apply(events: &[Event]) -> Vec<f64> {
    let mut books = Books::new(Bounds::default());
    let mut apply = |batch: &[Event]| {
        for event in batch {
            black_box(books.apply(event));
        }
    };
    let (early, late) = events.split_at(events.len() / 2);
    apply(early);
    ns_each(time_batches(late, apply), late.len() as u64)
}
