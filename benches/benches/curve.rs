//! How does the cost of a message grow with the number of stocks and of live orders, and which misses
//! of the caches explain it?
//!
//! ```text
//! cargo bench -p benches --bench curve
//! ```
//!
//! Generated flows keep a number of orders live; every order and every stock is as likely as any other
//! to be next, which is the worst that a book can be asked for. A session fills the books first; only
//! what comes then counts: the CPU's time from the mapped file to the books by order. Misses are those
//! of the books alone, counted by Valgrind's model of this machine's caches, in the same program over
//! the same file. It knows nothing of prefetching: a miss in it is a line that had to come from further
//! away, whether or not anybody waited for it.

#![forbid(unsafe_code)]

use benches::{
    Contest, Options, Session, Steady, apply, count, counted, has_valgrind, ns_each, pass_from,
    poll, tell,
};
use engine_book::{Books, Bounds};
use std::path::Path;

/// What is asked of the books, stocks and live orders.
const CELLS: [(usize, usize); 8] = [
    (1_000, 1_000),
    (1_000, 10_000),
    (1_000, 100_000),
    (1_000, 1_000_000),
    (1_000, 10_000_000),
    (10, 1_000_000),
    (100, 1_000_000),
    (10_000, 1_000_000),
];
/// What is told of each, of a machine with three levels of caches.
const COLUMNS: [&str; 4] = ["ns of CPU", "misses of L1", "misses of L2", "misses of L3"];
/// Messages over which misses are counted.
const COUNTED: u64 = 200_000;

fn main() {
    // What Valgrind runs: the file, and how many events come before the first that counts.
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() == Some("--counted") {
        let [file, early] = [words.next(), words.next()].map(Option::unwrap_or_default);
        return fill_and_count(Path::new(&file), early.parse().expect("a number"));
    }

    let (options, settings) = Options::with_settings(&["--rounds"]);
    let rounds = settings.last().map_or(5, |(_, text)| text.parse().expect("a number"));
    let cells = if options.quick { &CELLS[..1] } else { &CELLS };
    let caches = if options.quick { None } else { caches() };
    let sessions: Vec<_> = cells
        .iter()
        .map(|&(stocks, live)| {
            let flow = Steady { stocks, live, steps: options.choose(2_000_000, 20_000) };
            let name = format!("{} stocks, {} orders live", grouped(stocks), grouped(live));
            let session = Session::steady(flow);
            eprintln!("curve: {name}");
            let misses = caches.as_ref().map(|caches| misses(caches, &session, flow));
            (&*name.leak(), flow, session, misses.unwrap_or_default())
        })
        .collect();

    let mut contest = Contest::with_columns("a steady flow:", &COLUMNS);
    for (name, flow, session, misses) in &sessions {
        contest = contest.ours(name, || [&cost(session, *flow)[..], misses].concat());
    }
    let results = contest.play(options.choose(rounds, 1));
    if options.json || caches.is_none() {
        return tell(options, "curve", "a message", &[results]);
    }
    println!("| stocks | orders live | ns of CPU | misses of L1 | of L2 | of L3 |");
    println!("|---:|---:|---:|---:|---:|---:|");
    for (name, flow, ..) in &sessions {
        let [stocks, live] = [flow.stocks, flow.live].map(grouped);
        let medians = results.medians(name);
        let figures = medians.iter().zip([0, 2, 2, 2]);
        let figures: String =
            figures.map(|(figure, digits)| format!(" {figure:.digits$} |")).collect();
        println!("| {stocks} | {live} |{figures}");
    }
}

fn cost(session: &Session, flow: Steady) -> Vec<f64> {
    let mut books = Books::new(Bounds::default());
    let spent = pass_from(session, flow.early(), |events| apply(&mut books, events));
    ns_each(spent, flow.steps)
}

/// A cache as Valgrind is told of it: bytes, ways, bytes of a line.
type Cache = [u64; 3];

/// The caches of data, the nearest first; none where misses cannot be counted.
fn caches() -> Option<Vec<Cache>> {
    if !has_valgrind() {
        println!("misses of caches: not run: no valgrind");
        return None;
    }
    let told: Vec<_> = (0..8).filter_map(cache).collect();
    if told.len() < 2 {
        println!("misses of caches: not run: the system does not tell what caches there are");
        return None;
    }
    Some(told)
}

/// The system's account of a cache, if it is one of data; nearer ones have lower numbers.
fn cache(index: usize) -> Option<Cache> {
    let of = |what: &str| {
        let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{what}");
        Some(std::fs::read_to_string(path).ok()?.trim().to_owned())
    };
    let kib: u64 = of("size")?.strip_suffix('K')?.parse().ok()?;
    let ways = of("ways_of_associativity")?.parse().ok()?;
    let line = of("coherency_line_size")?.parse().ok()?;
    let is_data = of("type")? != "Instruction";
    is_data.then_some([1024 * kib, ways, line])
}

/// How many lines a message wants that are not in each of the caches. Valgrind knows two levels: it runs
/// once for each level but the first.
fn misses(caches: &[Cache], session: &Session, flow: Steady) -> Vec<f64> {
    let runs = caches[1..].iter().map(|further| missed(&caches[0], further, session, flow));
    let runs: Vec<_> = runs.collect();
    std::iter::once(runs[0][0]).chain(runs.iter().map(|run| run[1])).collect()
}

/// Misses of a message in the nearest cache and in a further one.
fn missed(near: &Cache, further: &Cache, session: &Session, flow: Steady) -> [f64; 2] {
    let size = |[bytes, ways, line]: &Cache| format!("{bytes},{ways},{line}");
    let model = [
        "--cache-sim=yes".to_owned(),
        format!("--D1={}", size(near)),
        format!("--LL={}", size(further)),
    ];
    let file = session.path().display().to_string();
    let counts = count(&model, &["--counted".to_owned(), file, flow.early().to_string()]);
    [["D1mr", "D1mw"], ["DLmr", "DLmw"]].map(|kinds| counts.of(&kinds) / COUNTED as f64)
}

/// What runs under Valgrind: fills the books, then has it count, then leaves.
fn fill_and_count(session: &Path, early: u64) {
    let mut books = Books::new(Bounds::default());
    poll(session, |before, events| {
        if before < early {
            apply(&mut books, events);
        } else {
            counted(&mut || apply(&mut books, events));
        }
        before < early + COUNTED
    });
}

fn grouped(number: usize) -> String {
    let text = number.to_string();
    let places = text.len();
    let comma = |at: usize| if at > 0 && (places - at).is_multiple_of(3) { "," } else { "" };
    text.char_indices().map(|(at, digit)| format!("{}{digit}", comma(at))).collect()
}
