//! What does an order of DBN cost from the bytes of a mapped file to a book by order, and what does it
//! cost other programs?
//!
//! ```text
//! cargo bench -p benches --bench dbn_books -- --file es.mbo.dbn --laps 50 \
//!     --peer "hftbacktest=/path/to/it {file}"
//! ```
//!
//! A future's book is deep, and all its traffic goes through one book. A recording of orders (MBO) that
//! is given is read so many laps in a row, each after a record that clears the book; without one,
//! orders of one generated instrument are read. Otherwise everything is as in `itch_books`.

#![forbid(unsafe_code)]

use benches::{Contest, Options, Rival, Session, apply, ns_each, pass, tell};
use engine_book::{Books, Bounds};
use std::hint::black_box;

const OURS: &str = "decoding and a book by order";

fn main() {
    let known = ["--file", "--laps", "--records", "--rounds", "--peer"];
    let (options, settings) = Options::with_settings(&known);
    let value = |flag| settings.iter().rev().find(|(of, _)| *of == flag).map(|(_, text)| text);
    let number =
        |flag, usual: u64| value(flag).map_or(usual, |text| text.parse().expect("a number"));
    let rivals = settings.iter().filter(|(flag, _)| *flag == "--peer");
    let rivals: Vec<_> = rivals.map(|(_, text)| Rival::new(text)).collect();
    let (title, session) = match value("--file") {
        Some(file) => {
            let recording = std::fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
            let session = Session::laps(&recording, number("--laps", options.choose(50, 1)));
            (format!("{} recorded orders", session.messages()), session)
        }
        None => {
            let records = number("--records", options.choose(3_000_000, 20_000));
            let session = Session::orders(records, 1);
            (format!("{} generated orders of one instrument", session.messages()), session)
        }
    };

    let mut contest = Contest::new(title)
        .ours("decoding alone", || decode(&session))
        .ours(OURS, || books(&session));
    for rival in &rivals {
        contest = contest.peer(rival.name, || rival.run(session.path(), session.messages()));
    }
    let rounds = number("--rounds", options.choose(7, 1)) as usize;
    let results = contest.play(rounds).yardstick(OURS);
    let results = results.target_by_rival(OURS, &rivals, &[("hftbacktest", 0.7)]);
    tell(options, "dbn_books", "ns of CPU a record", &[results]);
}

fn decode(session: &Session) -> Vec<f64> {
    let spent = pass(session, |events| {
        black_box(events);
    });
    ns_each(spent, session.messages())
}

fn books(session: &Session) -> Vec<f64> {
    let mut books = Books::new(Bounds::default());
    let spent = pass(session, |events| apply(&mut books, events));
    ns_each(spent, session.messages())
}
