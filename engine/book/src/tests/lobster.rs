//! Books against what somebody else computed: LOBSTER's ten levels after each message of a real day.
//!
//! Its files hold only the messages that touch the ten levels, so what enters them at the bottom was
//! never told. Hence by transition: the levels of one row, and on them the next message, must give the
//! next row wherever that can be known. And a book that runs freely must come to doubt itself.
//!
//! The files are not ours to pass on: `TAPEWATCH_DATA` names the folder that holds `lobster-aapl/`.

use crate::{BookView, Books, Bounds, Quote};
use engine_event::body::{Execution, Order, Print};
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

/// A side's levels, best first.
type Levels = Vec<(Price, Quantity)>;

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
            4 => Event::new(SUBJECT, at, Execution::new(self.id, None, self.size)),
            5 | 6 => Event::new(SUBJECT, at, Print::new(0, self.price, self.size)),
            _ => return None,
        };
        Some(event.with_flags(Flags::of(self.side)))
    }

    /// How much of its order the message takes for granted, if it is about a resting one. Where it takes
    /// a part away, the order may have been all of its level: what is left there is the same.
    fn rested(&self, at_level: Quantity) -> Option<Quantity> {
        match self.kind {
            2 | 4 => Some(at_level),
            3 => Some(self.size),
            _ => None,
        }
    }
}

fn read_row(line: &str) -> [Levels; 2] {
    let columns: Vec<i64> = line.split(',').map(|text| text.parse().expect("a number")).collect();
    let levels = |price: usize, quantity: usize| {
        let levels = columns.chunks(4).filter(|level| level[quantity] > 0);
        levels.map(|level| (Price(level[price]), Quantity(level[quantity] as u64))).collect()
    };
    [levels(2, 3), levels(0, 1)]
}

/// Books with the levels of a row, among them the order that the message is about.
fn books_of(row: &[Levels; 2], message: Option<&Message>) -> Books {
    let mut books = Books::new(Bounds { orders_max: 100, subjects_max: 1 });
    let mut made_up = MADE_UP;
    for (side, levels) in [Side::Buy, Side::Sell].into_iter().zip(row) {
        for (price, quantity) in levels {
            let mut add = |id, quantity: Quantity| {
                if quantity.0 > 0 {
                    let event = Event::new(SUBJECT, Nanos(0), Order::new(id, *price, quantity));
                    assert_eq!(books.apply(&event.with_flags(Flags::of(side))).fault, None);
                }
            };
            let about = message.filter(|message| (message.side, message.price) == (side, *price));
            let named = about.and_then(|message| message.rested(*quantity)).unwrap_or(Quantity(0));
            add(about.map_or(OrderId(0), |message| message.id), named);
            made_up += 1;
            add(OrderId(made_up), Quantity(quantity.0 - named.0));
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
fn data() -> Option<(Vec<Message>, Vec<[Levels; 2]>)> {
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
    let mut revealed = 0;
    for (n, pair) in rows.windows(2).enumerate() {
        let message = &messages[n + 1];
        let mut books = books_of(&pair[0], Some(message));
        if let Some(event) = message.event() {
            assert_eq!(books.apply(&event).fault, None, "message {}", n + 2);
        }
        books.assert_consistent();
        for (side, theirs) in [Side::Buy, Side::Sell].into_iter().zip(&pair[1]) {
            let ours = shown(books.book(SUBJECT).unwrap(), side);
            let known = ours.len().min(LEVELS);
            assert_eq!(ours[..known], theirs[..known], "{side:?} after message {}", n + 2);
            revealed += theirs.len() - known;
        }
    }
    eprintln!("{} transitions, {revealed} levels revealed", rows.len() - 1);
    assert!(revealed > 0);
}

#[test]
fn a_book_that_runs_freely_comes_to_doubt_itself() {
    let Some((messages, rows)) = data() else { return };
    let mut books = books_of(&rows[0], None);
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
