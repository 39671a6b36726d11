//! How many instructions do the hot functions take? A count does not depend on who else uses the
//! machine, so a slow-down shows on a noisy one, too.
//!
//! ```text
//! cargo xtask bench --counts
//! ```
//!
//! Valgrind runs this program again for each function, which first gets ready uncounted. The counts
//! depend on the compiler and on the processor's features; both are told, and `benches/counts.json`
//! keeps what they are to be.

#![forbid(unsafe_code)]

use benches::{Options, Overwritten, Session, apply, count, counted, drain, has_valgrind};
use engine_book::{Books, Bounds};
use engine_event::{Event, Nanos};
use engine_observer::{Outbox, Panel, Roster, Scope};
use engine_pipeline::Latency;
use serde_json::{Value, json};
use std::hint::black_box;

/// Gets ready, has its work counted, and tells how much of it there was.
type Task = fn() -> u64;

/// What is counted, in its unit.
const TASKS: [(&str, Task); 11] = [
    ("decode ITCH, a message", decode_itch),
    ("decode DBN, an order", decode_dbn),
    ("look ahead, an event", look_ahead),
    ("books by order, an event", books),
    ("one DBN book by order, an event", dbn_book),
    ("spsc push and pop, a record", spsc),
    ("broadcast to one, a record", broadcast::<1>),
    ("broadcast to three, a record", broadcast::<3>),
    ("panel of the usual observers, an event", panel),
    ("panel of nobody, an event", nobody),
    ("histogram, a recording", histogram),
];

fn main() {
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() == Some("--counted") {
        let name = words.next().unwrap_or_default();
        let (_, task) = TASKS.iter().find(|(of, _)| *of == name).expect("a task");
        println!("{}", task());
        return;
    }
    let options = Options::from_args();
    if options.quick {
        TASKS.iter().for_each(|(_, task)| _ = task());
        println!("counts: not counted, but all of them run");
        return;
    }
    if !has_valgrind() {
        println!("{}", if options.json { "{}" } else { "not run: no valgrind" });
        return;
    }
    let rows: Vec<_> = TASKS.iter().map(|(name, _)| row(name)).collect();
    if options.json {
        let document = json!({
            "bench": "counts",
            "unit": "instructions",
            "features": features(),
            "rows": rows,
        });
        println!("{document}");
        return;
    }
    println!("counts, instructions\n");
    for row in rows {
        let (name, count) = (row["name"].as_str(), row["median"].as_f64());
        println!("  {:42}{:>9.2}", name.unwrap_or_default(), count.unwrap_or_default());
    }
}

/// As `cargo xtask bench` reads it.
fn row(name: &str) -> Value {
    let counts = count(&[], &["--counted".to_owned(), name.to_owned()]);
    let units: f64 = counts.printed.trim().parse().expect("how much work there was");
    json!({ "group": "", "name": name, "median": counts.of(&["Ir"]) / units })
}

/// What the processor can do that libraries choose their ways by. Valgrind passes it on.
fn features() -> Vec<&'static str> {
    let mut features = vec![std::env::consts::ARCH];
    #[cfg(target_arch = "x86_64")]
    for (name, is_there) in [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("bmi2", is_x86_feature_detected!("bmi2")),
    ] {
        features.extend(is_there.then_some(name));
    }
    features
}

const MESSAGES: u64 = 40_000;
const STOCKS: usize = 200;

fn session() -> Session {
    Session::new(MESSAGES, STOCKS)
}

fn decode_itch() -> u64 {
    decode(&session())
}

fn decode_dbn() -> u64 {
    decode(&Session::orders(MESSAGES, STOCKS))
}

fn decode(session: &Session) -> u64 {
    let (mut feed, mut sink) = (session.open(), Overwritten::default());
    counted(&mut || drain(&mut feed, &mut sink));
    session.messages()
}

fn books() -> u64 {
    second_half(&session().events(), apply)
}

fn dbn_book() -> u64 {
    second_half(&Session::orders(MESSAGES, 1).events(), apply)
}

fn look_ahead() -> u64 {
    second_half(&session().events(), |books, events| {
        let mut are_first = true;
        for events in events.chunks(Books::AHEAD) {
            books.look_ahead(events, are_first);
            are_first = false;
        }
    })
}

/// The first half fills the books.
fn second_half(events: &[Event], work: impl Fn(&mut Books, &[Event])) -> u64 {
    let mut books = Books::new(Bounds::default());
    let (early, late) = events.split_at(events.len() / 2);
    early.chunks(BATCH).for_each(|batch| apply(&mut books, batch));
    counted(&mut || late.chunks(BATCH).for_each(|batch| work(&mut books, batch)));
    late.len() as u64
}

const BATCH: usize = 256;
/// Records that are pushed and popped at once.
const AT_ONCE: usize = 16;
const RECORDS: u64 = 64_000;

fn spsc() -> u64 {
    let (mut producer, mut consumer) = engine_ring::spsc::<Event>(1024);
    let events = session().events();
    let (mut popped, mut sum) = (0, 0);
    counted(&mut || {
        for from in (0..RECORDS as usize).step_by(AT_ONCE) {
            let from = from % (events.len() - AT_ONCE);
            producer.push_slice(&events[from..from + AT_ONCE]);
            popped += consumer.drain(AT_ONCE, |event| sum ^= event.seq);
        }
    });
    assert_eq!(popped as u64, RECORDS);
    black_box(sum);
    RECORDS
}

fn broadcast<const N: usize>() -> u64 {
    let (mut producer, mut consumers) = engine_ring::broadcast::<Event>(1024, N);
    let events = session().events();
    let (mut seen, mut sum) = (0, 0);
    counted(&mut || {
        for from in (0..RECORDS as usize).step_by(AT_ONCE) {
            let from = from % (events.len() - AT_ONCE);
            producer.push_iter(AT_ONCE, events[from..from + AT_ONCE].iter().copied());
            producer.publish();
            for consumer in &mut consumers {
                seen += consumer.poll(AT_ONCE, |event| sum ^= event.seq);
            }
        }
    });
    assert_eq!(seen as u64, N as u64 * RECORDS);
    black_box(sum);
    RECORDS
}

fn panel() -> u64 {
    let usual = Roster::new()
        .with(strategies::Microprice::default())
        .with(surveillance::QuoteStuffing::default())
        .with(surveillance::MeanThreshold::default());
    observe(&usual)
}

fn nobody() -> u64 {
    observe(&Roster::new())
}

/// Observers, and the books that they look at, as a shard has them work.
fn observe(roster: &Roster) -> u64 {
    let events = session().events();
    let mut panel = Panel::new(roster, Scope::Subject, Bounds::default());
    let mut out = Outbox::new();
    let mut show = |events: &[Event]| {
        for batch in events.chunks(BATCH) {
            for from in (0..batch.len()).step_by(Panel::AHEAD) {
                panel.look_ahead(&batch[from..], from == 0, |_| true);
                for event in batch[from..].iter().take(Panel::AHEAD) {
                    panel.observe(event, &mut out);
                    black_box(out.contents());
                    out.clear();
                }
            }
        }
    };
    let (early, late) = events.split_at(events.len() / 2);
    show(early);
    counted(&mut || show(late));
    late.len() as u64
}

/// Spans as stages have them: mostly tens of nanoseconds, now and then thousands.
fn histogram() -> u64 {
    let mut latency = Latency::new();
    counted(&mut || {
        for n in 0..RECORDS {
            latency.record(black_box(Nanos(20 + n * n % 97 + (n % 64 / 63) * 5000)));
        }
    });
    assert_eq!(latency.percentiles().count, RECORDS);
    RECORDS
}
