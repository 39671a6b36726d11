//! Books against what somebody else computed: LOBSTER's ten levels after each message of a real day.
//!
//! Its files hold only the messages that touch the ten levels, so what enters them at the bottom was
//! never told. Hence by transition: the levels of one row, and on them the next message, must give the
//! next row wherever that can be known. And a book that runs freely must come to doubt itself.
//!
//! The files are not ours to pass on: `TAPEWATCH_DATA` names the folder that holds `lobster-aapl/`.

use crate::bands::{Bands, Depth};
use crate::flow::LevelFlow;
use crate::transition::{Levels, Row, Transition};
use crate::{BookView, Books, Bounds, Quote};
use engine_event::body::{Execution, Order, Phase, Print, Status};
use engine_event::{Event, Fault, Flags, Kind, Nanos, OrderId, Price, Quantity, Side, SubjectId};
use std::path::Path;

const SUBJECT: SubjectId = SubjectId(0);
/// Levels of a side in a row.
const LEVELS: usize = 10;
/// Orders that are made up have ids from here on.
const MADE_UP: u64 = 1 << 60;

struct Message {
    kind: u8,
    id: OrderId,
    size: Quantity,
    price: Price,
    side: Side,
}

impl Message {
    fn read(line: &str) -> Self {
        let columns: Vec<&str> = line.split(',').collect();
        let number = |column: usize| columns[column].parse::<i64>().expect("a number");
        Self {
            kind: number(1) as u8,
            id: OrderId(number(2) as u64),
            size: Quantity(number(3) as u64),
            price: Price(number(4)),
            side: if number(5) == 1 { Side::Buy } else { Side::Sell },
        }
    }

    fn event(&self) -> Option<Event> {
        let at = Nanos(0);
        let order = Order::new(self.id, self.price, self.size);
        let event = match self.kind {
            1 => Event::new(SUBJECT, at, order),
            2 => Event::new(SUBJECT, at, order).with_kind(Kind::Reduce),
            3 => Event::new(SUBJECT, at, order).with_kind(Kind::Delete),
            4 => Event::new(SUBJECT, at, Execution::new(self.id, Some(self.price), self.size)),
            5 | 6 => Event::new(SUBJECT, at, Print::new(0, self.price, self.size)),
            _ => return None,
        };
        Some(event.with_flags(Flags::of(self.side)))
    }
}

fn read_row(line: &str) -> Row {
    let columns: Vec<i64> = line.split(',').map(|text| text.parse().expect("a number")).collect();
    let levels = |price: usize, quantity: usize| {
        let levels = columns.chunks(4).filter(|level| level[quantity] > 0);
        levels.map(|level| (Price(level[price]), Quantity(level[quantity] as u64))).collect()
    };
    Row { bids: levels(2, 3), asks: levels(0, 1) }
}

/// Books with the levels of a row.
fn books_of(row: &Row) -> Books {
    let mut books = Books::new(Bounds { orders_max: 100, subjects_max: 1 });
    let mut made_up = MADE_UP;
    for side in [Side::Buy, Side::Sell] {
        for (price, quantity) in row.of(side) {
            made_up += 1;
            let order = Order::new(OrderId(made_up), *price, *quantity);
            let event = Event::new(SUBJECT, Nanos(0), order).with_flags(Flags::of(side));
            assert_eq!(books.apply(&event).fault, None);
        }
    }
    books
}

fn shown(book: BookView<'_>, side: Side) -> Levels {
    book.levels(side).map(|Quote { price, quantity, .. }| (price, quantity)).collect()
}

fn read(folder: &Path, name: &str) -> Vec<String> {
    let path = folder.join("lobster-aapl").join(name);
    let text = std::fs::read_to_string(&path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(str::to_owned).collect()
}

/// Messages and rows; none where no folder was named.
fn data() -> Option<(Vec<Message>, Vec<Row>)> {
    let Some(folder) = std::env::var_os("TAPEWATCH_DATA") else {
        eprintln!("not run: no data");
        return None;
    };
    let messages = read(Path::new(&folder), "AAPL_10_first_message.csv");
    let rows = read(Path::new(&folder), "AAPL_10_first_orderbook.csv");
    assert_eq!(messages.len(), rows.len());
    let messages = messages.iter().map(|line| Message::read(line)).collect();
    Some((messages, rows.iter().map(|line| read_row(line)).collect()))
}

#[test]
fn each_row_follows_from_the_one_before() {
    let Some((messages, rows)) = data() else { return };
    let (mut step, mut revealed) = (Transition::new(LEVELS), 0);
    for (n, pair) in rows.windows(2).enumerate() {
        let halt = || Event::new(SUBJECT, Nanos(0), Status::new(Phase::Halt, b"-1"));
        let event = messages[n + 1].event().unwrap_or_else(halt);
        let held = step.hold(&pair[0], &event, &pair[1]);
        revealed += held.unwrap_or_else(|found| panic!("message {}: {found:?}", n + 2));
        assert_eq!(step.doubt(), None, "message {}", n + 2);
    }
    eprintln!("{} transitions, {revealed} levels revealed", rows.len() - 1);
    assert!(revealed > 0);
}

#[test]
fn a_book_that_runs_freely_comes_to_doubt_itself() {
    let Some((messages, rows)) = data() else { return };
    let mut books = books_of(&rows[0]);
    for event in messages[1..].iter().filter_map(Message::event) {
        books.apply(&event);
        books.assert_consistent();
        let book = books.book(SUBJECT).unwrap();
        if shown(book, Side::Buy).len() < LEVELS || shown(book, Side::Sell).len() < LEVELS {
            break;
        }
    }
    let stale = books.book(SUBJECT).unwrap().stale();
    assert_eq!(stale.map(|stale| stale.reason), Some(Fault::UnknownOrder));
}

/// Ten levels' order-flow imbalance of the sample as somebody else computed it: Cont, Kukanov and Stoikov's
/// formula at each level, over the rows, in pandas 3.1.1 on numpy 2.4.6. The sum, the sum of the absolute
/// values, and the first forty values of the best level.
mod flow_of_the_sample {
    pub(super) const SUM: [i128; 10] =
        [-4858, -3096, -2577, -2958, -1944, -1453, -2128, -1323, -1358, -6253];
    pub(super) const ABSOLUTE: [i128; 10] =
        [23790, 50792, 64203, 71112, 62108, 61407, 87176, 162335, 230992, 182131];
    pub(super) const FIRST: [i128; 40] = [
        0, 0, -18, 0, 0, 0, 0, 0, 0, 18, 0, 18, 0, 18, 0, 20, -40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 40, 25, -1, -10, 25, 5,
    ];
}

#[test]
fn order_flow_is_what_others_computed() {
    let Some((_, rows)) = data() else { return };
    let mut flow = LevelFlow::new(LEVELS);
    let (mut sum, mut absolute, mut first) = ([0; LEVELS], [0; LEVELS], Vec::new());
    for (n, row) in rows.iter().enumerate() {
        let books = books_of(row);
        let book = books.book(SUBJECT).unwrap();
        if n == 0 {
            flow.begin(&book);
            continue;
        }
        flow.follow(&book);
        for (level, came) in flow.last().iter().enumerate() {
            sum[level] += came;
            absolute[level] += came.abs();
        }
        first.push(flow.last()[0]);
    }
    assert_eq!((sum, absolute), (flow_of_the_sample::SUM, flow_of_the_sample::ABSOLUTE));
    assert_eq!(first[..40], flow_of_the_sample::FIRST);
}

#[test]
fn bands_keep_step_with_a_real_book() {
    let Some((messages, rows)) = data() else { return };
    const WIDTHS: [u32; 4] = [0, 1, 3, 10];
    let mut books = books_of(&rows[0]);
    let mut bands = Bands::new(&WIDTHS).unwrap();
    for event in messages[1..].iter().filter_map(Message::event) {
        let change = books.apply(&event);
        let book = books.book(SUBJECT).unwrap();
        bands.follow(&change, &book);
        for (band, width) in WIDTHS.into_iter().enumerate() {
            for side in [Side::Buy, Side::Sell] {
                assert_eq!(bands.depth(side, band), Depth::of(&book, side, width), "{event:?}");
            }
        }
    }
    assert!(bands.depth(Side::Buy, 3).levels > bands.depth(Side::Buy, 1).levels);
}
