//! What does a message cost from the bytes of a mapped file to the books of a whole exchange, and what
//! does it cost other programs?
//!
//! ```text
//! cargo bench -p benches --bench itch_books -- --messages 50000000 \
//!     --peer "itch-order-book=/path/to/it < {file}" --peer "CppTrader=/path/to/it {file}"
//! ```
//!
//! A generated NASDAQ day of 8,000 stocks lies in the page cache, and with each `--flow FILE` another one,
//! in which 200 stocks have the flow that a file recorded of one: LOBSTER's messages, or DBN's orders.
//! Without one, the sample in the folder `TAPEWATCH_DATA` is taken if it is there.
//! One thread decodes it and applies it to books by order, as a shard does: a batch of events, looked at
//! ahead, one by one. Time is what the thread spent working. Peers are programs that are given as
//! commands; they read the same file in the same rounds, and say what a message took. Then each message
//! is timed by itself, with its share of decoding and looking ahead; and the memory that the books took
//! is told.

#![forbid(unsafe_code)]

use benches::{Contest, Options, Results, Rival, Session, apply, ns_each, pass, tell};
use engine_book::{Books, Bounds, Change};
use feeds::synthetic::cloned::Recording;
use hdrhistogram::Histogram;
use std::hint::black_box;
use std::path::PathBuf;

const OURS: &str = "decoding and books by order";

fn main() {
    let known = ["--messages", "--stocks", "--rounds", "--flow", "--peer"];
    let (options, settings) = Options::with_settings(&known);
    let value = |flag| settings.iter().rev().find(|(of, _)| *of == flag).map(|(_, text)| text);
    let number =
        |flag, usual: u64| value(flag).map_or(usual, |text| text.parse().expect("a number"));
    let messages = number("--messages", options.choose(10_000_000, 50_000));
    let rounds = number("--rounds", options.choose(5, 1)) as usize;
    let rivals = settings.iter().filter(|(flag, _)| *flag == "--peer");
    let rivals: Vec<_> = rivals.map(|(_, text)| Rival::new(text)).collect();
    let stocks = number("--stocks", 8_000);
    let title = format!("{messages} messages of {stocks} stocks");
    let day = Session::new(messages, stocks as usize);
    let targets = [("itch-order-book", 0.8), ("CppTrader", 0.12)];
    let mut results = Vec::from(measure(&title, &day, rounds, &rivals, &targets));
    let flows = settings.iter().filter(|(flag, _)| *flag == "--flow");
    let mut flows: Vec<_> = flows.map(|(_, file)| PathBuf::from(file)).collect();
    if flows.is_empty() {
        flows.extend(recorded());
    }
    for file in &flows {
        let recording = std::fs::read(file).and_then(|content| Recording::read(&content));
        let recording = recording.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let title = format!("{messages} messages of 200 stocks like {name}");
        let day = Session::cloned(&recording, messages, 200);
        // At most that of each, so that of the best.
        let targets: Vec<_> = rivals.iter().map(|rival| (rival.name, 0.9)).collect();
        results.extend(measure(&title, &day, rounds, &rivals, &targets));
    }
    tell(options, "itch_books", "ns of CPU a message", &results);
}

/// The recording that tests read, if there is one.
fn recorded() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("TAPEWATCH_DATA")?);
    Some(folder.join("lobster-aapl/AAPL_10_first_message.csv")).filter(|file| file.exists())
}

fn measure(
    title: &str,
    session: &Session,
    rounds: usize,
    rivals: &[Rival],
    targets: &[(&str, f64)],
) -> [Results; 3] {
    let mut contest = Contest::new(title)
        .ours("decoding alone", || decode(session))
        .ours(OURS, || books(session));
    for rival in rivals {
        contest = contest.peer(rival.name, || rival.run(session.path(), session.messages()));
    }
    let whole = contest.play(rounds).yardstick(OURS).target_by_rival(OURS, rivals, targets);
    let columns = ["p50", "p99", "p99.9", "p99.99"];
    let each = Contest::with_columns(format!("{title}, one by itself"), &columns)
        .ours(OURS, || one_by_one(session))
        .play(rounds);
    let memory = Contest::new(format!("{title}, MiB of memory at the end but for the mapped file"))
        .ours(OURS, || memory(session))
        .play(1);
    [whole, each, memory]
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

/// Percentiles of what one message takes: its own way through the books, less what a look at the clock
/// takes; its share of a look ahead, which is for 16; and what decoding takes on average, since that is
/// done for many at once, and the mapping of the file with it.
fn one_by_one(session: &Session) -> Vec<f64> {
    let (clock, mut books) = (quanta::Clock::new(), Books::new(Bounds::default()));
    let since = |start: u64| clock.delta_as_nanos(start, clock.raw());
    let mut looks: Vec<u64> = (0..1001).map(|_| since(clock.raw())).collect();
    looks.sort_unstable();
    let look = looks[500];
    let mut spent = Histogram::<u64>::new(3).expect("three digits");
    let decoding = decode(session)[0];
    pass(session, |events| {
        for from in (0..events.len()).step_by(Books::AHEAD) {
            let (coming, start) = (&events[from..], clock.raw());
            books.look_ahead(coming, from == 0);
            let coming = &coming[..coming.len().min(Books::AHEAD)];
            let shared = since(start).saturating_sub(look) / coming.len() as u64;
            for event in coming {
                let (start, mut change) = (clock.raw(), Change::NONE);
                books.apply_into(event, &mut change);
                black_box(&change);
                spent.saturating_record(shared + since(start).saturating_sub(look));
            }
        }
    });
    let quantile = |of| decoding + spent.value_at_quantile(of) as f64;
    [0.5, 0.99, 0.999, 0.9999].map(quantile).into()
}

/// What the process has of its own when the books stand, less what it had before.
fn memory(session: &Session) -> Vec<f64> {
    let before = own_kib();
    let mut books = Books::new(Bounds::default());
    pass(session, |events| apply(&mut books, events));
    vec![own_kib().saturating_sub(before) as f64 / 1024.0]
}

/// Memory of the process that no file stands behind.
fn own_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a process has a status");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).expect("a number of KiB");
    kib.parse().expect("a number")
}
