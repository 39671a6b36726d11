//! Events and books as short texts.
//!
//! One event a line; it gets its line number as sequence number and as time:
//!
//! ```text
//! add 1 B 100 @ 1000 [hidden|ioc|mm …] [by 7]     modify 1 50 @ 1001     reduce 1 30     delete 1
//! replace 1 2 100 @ 999     execute 1 30 [@ 1000] [unprinted]     trade 50 @ 1000     break
//! level B 100 @ 1000 [in 3]     quote 100 @ 1000 50 @ 1001
//! status auction     gap     define     clear     every status halt     every gap     every clear
//! ```
//!
//! Any of them may end with `snapshot`, with `last`, or with both.

use crate::{Books, Bounds, Change, Form};
use engine_event::body::{
    self, Attributes, Definition, End, Execution, Gap, Order, Phase, Print, Replacement, Status,
};
use engine_event::{Event, Fault, Flags, Kind, MaybePrice, Nanos, OrderId, ParticipantId};
use engine_event::{Price, Quantity, Side, SubjectId, VenueId};
use std::fmt::Write;

/// The subject that a line is about unless it says `every`.
pub(crate) const SUBJECT: SubjectId = SubjectId(0);

/// Few orders, so that tests reach the bound.
pub(crate) const BOUNDS: Bounds = Bounds { orders_max: 8, subjects_max: 4 };

/// The books after these events.
pub(crate) fn books_after(events: &str) -> Books {
    let mut books = Books::new(BOUNDS);
    run(&mut books, events, |_, _, _| ());
    books
}

/// The book after these events, and what is known of its state.
pub(crate) fn ladder(events: &str) -> String {
    print_book(&books_after(events))
}

/// What each of these events changed, a line each.
pub(crate) fn changes(events: &str) -> String {
    let mut text = String::new();
    run(&mut Books::new(BOUNDS), events, |line, change, books| {
        print_change(&mut text, line, &change, books);
    });
    text
}

fn run(books: &mut Books, events: &str, mut told: impl FnMut(&str, Change, &Books)) {
    let lines = events.lines().map(str::trim).filter(|line| !line.is_empty());
    for (seq, line) in (1..).zip(lines) {
        let mut event = parse(line);
        (event.seq, event.event_at) = (seq, Nanos(seq));
        let change = books.apply(&event);
        told(line, change, books);
        books.assert_consistent();
    }
}

/// Reads one line.
pub(crate) fn parse(line: &str) -> Event {
    let mut words = line.split_whitespace().peekable();
    let subject = match words.next_if_eq(&"every") {
        Some(_) => SubjectId::EVERY,
        None => SUBJECT,
    };
    let verb = words.next().expect("a verb");
    let mut words = Words { words: words.collect(), at: 0 };
    let mut marks = Flags::NONE;
    for (mark, flag) in [("last", Flags::LAST), ("snapshot", Flags::SNAPSHOT)] {
        if words.words.pop_if(|word| *word == mark).is_some() {
            marks = marks | flag;
        }
    }
    event(subject, verb, words).with_flags(marks)
}

fn event(subject: SubjectId, verb: &str, mut words: Words<'_>) -> Event {
    let (at, none) = (Nanos(0), Flags::NONE);
    let order = |order: Order, kind| Event::new(subject, at, order).with_kind(kind);
    match verb {
        "add" => {
            let id = words.id();
            let side = words.side();
            let mut body = Order::new(id, None, words.quantity());
            body.price = words.price();
            while let Some((_, attribute)) =
                words.peek().and_then(|word| Attributes::WORDS.iter().find(|of| of.0 == word))
            {
                words.at += 1;
                body.attributes = body.attributes.and(*attribute);
            }
            if words.take_if(|word| word == "by").is_some() {
                body = body.owned_by(ParticipantId::new(words.number() as u32));
            }
            order(body, Kind::Add).with_flags(side)
        }
        "modify" => {
            let mut body = Order::new(words.id(), None, words.quantity());
            body.price = words.price();
            order(body, Kind::Modify)
        }
        "reduce" => order(Order::new(words.id(), None, words.quantity()), Kind::Reduce),
        "delete" => order(Order::gone(words.id()), Kind::Delete),
        "replace" => {
            let (old, new, quantity) = (words.id(), words.id(), words.quantity());
            let price = words.price().get().expect("a price");
            Event::new(subject, at, Replacement { old, new, price, quantity })
        }
        "execute" => {
            let mut body = Execution::new(words.id(), None, words.quantity());
            body.price = words.price();
            let unprinted = words.take_if(|word| word == "unprinted").is_some();
            let flags = if unprinted { Flags::NON_PRINTABLE } else { none };
            Event::new(subject, at, body).with_flags(flags)
        }
        "trade" => {
            let quantity = words.quantity();
            Event::new(subject, at, Print::new(1, words.price().get(), quantity))
        }
        "break" => Event::new(subject, at, Print::new(1, None, Quantity(0))).with_kind(Kind::Break),
        "level" => {
            let side = words.side();
            let quantity = words.quantity();
            let price = words.price().get().expect("a price");
            let orders = words.take_if(|word| word == "in").map_or(0, |_| words.number() as u32);
            Event::new(subject, at, body::Level::new(price, quantity, orders)).with_flags(side)
        }
        "quote" => {
            let (bid_quantity, bid) = (words.quantity(), words.price());
            let (ask_quantity, ask) = (words.quantity(), words.price());
            Event::new(subject, at, body::Quote { bid, bid_quantity, ask, ask_quantity })
        }
        "clear" => Event::new(subject, at, End::default()).with_kind(Kind::Clear),
        "status" => {
            let word = words.take_if(|_| true);
            let (_, phase) = Phase::WORDS.iter().find(|of| Some(of.0) == word).expect("a phase");
            Event::new(subject, at, Status::new(*phase, b""))
        }
        "gap" => Event::new(subject, at, Gap::new(1, 1, Fault::Missing)),
        "define" => Event::new(subject, at, Definition::new(VenueId(0), 2, 0)),
        verb => panic!("{verb}: no such event"),
    }
}

struct Words<'a> {
    words: Vec<&'a str>,
    at: usize,
}

impl<'a> Words<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn take_if(&mut self, wanted: impl Fn(&str) -> bool) -> Option<&'a str> {
        let word = self.peek().filter(|word| wanted(word))?;
        self.at += 1;
        Some(word)
    }

    fn number(&mut self) -> i64 {
        let word = self.take_if(|_| true).expect("a number");
        word.parse().unwrap_or_else(|_| panic!("{word}: not a number"))
    }

    fn id(&mut self) -> OrderId {
        OrderId(self.number() as u64)
    }

    fn quantity(&mut self) -> Quantity {
        let most = self.take_if(|word| word == "max").map(|_| u64::MAX);
        Quantity(most.unwrap_or_else(|| self.number() as u64))
    }

    fn side(&mut self) -> Flags {
        match self.take_if(|word| word == "B" || word == "S") {
            Some("B") => Flags::of(Side::Buy),
            Some(_) => Flags::of(Side::Sell),
            None => Flags::NONE,
        }
    }

    fn price(&mut self) -> MaybePrice {
        self.take_if(|word| word == "@").map(|_| Price(self.number())).into()
    }
}

fn print_book(books: &Books) -> String {
    let Some(book) = books.book(SUBJECT) else { return "no book\n".into() };
    let mut text = String::new();
    let mut side = |side: Side, levels: Vec<crate::Quote>| {
        for level in levels {
            write!(text, "{} {} {:>4} =", side.letter(), level.price, level.quantity).unwrap();
            if book.form() == Some(Form::Levels) {
                write!(text, " {} orders", level.orders).unwrap();
            }
            for order in book.orders_at(side, level.price) {
                write!(text, " #{}:{}", order.id, order.remaining).unwrap();
            }
            text.push('\n');
        }
    };
    let mut asks: Vec<_> = book.asks().collect();
    asks.reverse();
    side(Side::Sell, asks);
    side(Side::Buy, book.bids().collect());
    for order in book.hidden() {
        let (side, price) = (order.side.letter(), order.price);
        writeln!(text, "hidden {side} {price} #{}:{}", order.id, order.remaining).unwrap();
    }
    if book.phase() != Phase::Unknown {
        writeln!(text, "{:?}", book.phase()).unwrap();
    }
    if let Some(stale) = book.stale() {
        writeln!(text, "stale since {}: {}", stale.since_seq, stale.reason).unwrap();
    }
    for (fault, count) in book.faults().iter() {
        writeln!(text, "{fault} × {count}").unwrap();
    }
    text
}

fn print_change(text: &mut String, line: &str, change: &Change, books: &Books) {
    write!(text, "{line:<26}  {:?}", change.effect).unwrap();
    if let Some(order) = change.order {
        write!(text, ", was {} @ {}", order.remaining, order.price).unwrap();
        write!(text, " since {}", order.entered_seq).unwrap();
    }
    if let Some(left) = change.left {
        write!(text, ", {left} rest").unwrap();
    }
    if let Some((side, price)) = change.level {
        let depth = books.book(SUBJECT).unwrap().depth_of(side, price);
        write!(text, ", depth {depth}").unwrap();
    }
    if let Some(traded) = change.traded {
        write!(text, ", traded {} @ {}", traded.quantity, traded.price).unwrap();
    }
    if change.touch_price_changed {
        text.push_str(", new touch");
    } else if change.touch_changed {
        text.push_str(", touch");
    }
    if let Some(fault) = change.fault {
        write!(text, ", FAULT {fault}").unwrap();
    }
    text.push('\n');
}
