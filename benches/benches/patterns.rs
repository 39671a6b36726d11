//! What does it cost to watch for abuse?
//!
//! A tape of orders with accounts behind them goes through a panel event by event: with books alone, with
//! the desk but no pattern (ledger and market), with each pattern alone, and with all. The mean is of whole
//! batches. p50 and p99 are of single events, each timed by itself, so they hold the cost of a look at the
//! clock too: it is the same for everybody, and the differences are free of it.

#![forbid(unsafe_code)]

use benches::{Contest, Options, Target, ns_each, tell, time_batches};
use engine_book::Bounds;
use engine_event::{Directory, Event, Nanos};
use engine_observer::{Outbox, Panel, Roster, Scope};
use engine_pipeline::{Feed, FeedTurn};
use feeds::synthetic::tape::{Settings, generate};
use std::hint::black_box;
use std::io::Write;
use surveillance::{Plan, QuoteStuffing, desk_names};
use tempfile::NamedTempFile;

fn main() {
    let options = Options::from_args();
    let events = tape(options.choose(400_000, 20_000));
    let all = desk_names();
    let rounds = options.choose(9, 1);
    let mut mean = Contest::new("an event of a tape with accounts: mean")
        .ours(BOOKS, || batches(&events, &Roster::new()))
        .ours(LEDGER, || batches(&events, &desk(&[])))
        .ours(INLINE, || batches(&events, &inline()))
        .ours(ALL, || batches(&events, &desk(&all)));
    for name in &all {
        mean = mean.ours(name, || batches(&events, &desk(&[*name])));
    }
    let mut mean = mean
        .play(rounds)
        .derive("added by inline patterns", |of| of(INLINE) - of(BOOKS))
        .derive("added by all patterns", |of| of(ALL) - of(BOOKS))
        .derive("added by the ledger", |of| of(LEDGER) - of(BOOKS))
        .target(INLINE, Target::at_most(1_000.0, &[]));
    for name in &all {
        mean = mean.derive(added_by(name), |of| of(name) - of(LEDGER));
    }
    let single = |title: &str, share: f64, most: f64| {
        Contest::new(title)
            .ours(BOOKS, || vec![one_by_one(&events, &Roster::new(), share)])
            .ours(LEDGER, || vec![one_by_one(&events, &desk(&[]), share)])
            .ours(INLINE, || vec![one_by_one(&events, &inline(), share)])
            .ours(ALL, || vec![one_by_one(&events, &desk(&all), share)])
            .play(rounds)
            .derive("added by inline patterns", |of| of(INLINE) - of(BOOKS))
            .derive("added by all patterns", |of| of(ALL) - of(BOOKS))
            .target("added by inline patterns", Target::at_most(most, &[]))
    };
    let half = single("the same, one by one: p50", 0.5, 1_000.0);
    let most = single("the same, one by one: p99", 0.99, 5_000.0);
    tell(options, "patterns", "ns an event", &[mean, half, most]);
}

const BOOKS: &str = "books";
const LEDGER: &str = "books and ledger";
const INLINE: &str = "inline patterns";
const ALL: &str = "all patterns of the desk";

/// Those of the desk that decide at the event, and not later.
const AT_ONCE: [&str; 9] = ["P01", "P03", "P08", "P12", "P19", "P21", "P36", "P37", "P38"];

/// Names of derived rows live as long as the program.
fn added_by(name: &'static str) -> &'static str {
    Box::leak(format!("added by {name}").into_boxed_str())
}

fn desk(names: &[&str]) -> Roster {
    let mut plan = Plan::new();
    names.iter().for_each(|name| assert!(plan.add_usual(name), "{name}"));
    Roster::new().with(plan.desk())
}

/// The same with P06, which stands beside the desk.
fn inline() -> Roster {
    desk(&AT_ONCE).with(QuoteStuffing::default())
}

/// Twenty stocks, two hundred accounts.
fn tape(lines: u64) -> Vec<Event> {
    let mut file = NamedTempFile::new().expect("a temporary file");
    generate(Settings { lines, ..Settings::default() }, file.as_file_mut()).expect("a tape");
    file.flush().expect("a tape");
    let mut feed = feeds::open(file.path(), &feeds::Options::default()).expect("a tape");
    let (mut names, mut events) = (Directory::new(1_000), Vec::new());
    while feed.poll(Nanos(0), &mut names, &mut events).expect("a tape is valid") != FeedTurn::Ended
    {
    }
    (1..).zip(&mut events).for_each(|(seq, event)| event.seq = seq);
    events
}

/// A panel that has seen the first half of the events, and the second half.
fn warm<'a>(events: &'a [Event], roster: &Roster) -> (impl FnMut(&[Event]), &'a [Event]) {
    let mut panel = Panel::new(roster, Scope::Subject, Bounds::default());
    let mut out = Outbox::new();
    let mut show = move |batch: &[Event]| {
        for event in batch {
            panel.observe(event, &mut out);
            black_box(out.contents());
            out.clear();
        }
    };
    let (early, late) = events.split_at(events.len() / 2);
    show(early);
    (show, late)
}

fn batches(events: &[Event], roster: &Roster) -> Vec<f64> {
    let (show, late) = warm(events, roster);
    ns_each(time_batches(late, show), late.len() as u64)
}

/// What so many of the events take at most.
fn one_by_one(events: &[Event], roster: &Roster, share: f64) -> f64 {
    let (mut show, late) = warm(events, roster);
    let clock = quanta::Clock::new();
    let time = |event| {
        let before = clock.raw();
        show(std::slice::from_ref(event));
        clock.delta_as_nanos(before, clock.raw())
    };
    let mut each: Vec<u64> = late.iter().map(time).collect();
    each.sort_unstable();
    each[((each.len() - 1) as f64 * share) as usize] as f64
}
