//! `tapewatch book --consolidated`: the best bid and offer of an instrument over all its venues.

use super::{Tape, create};
use crate::cli::Book;
use crate::failure::Failure;
use crate::output::{Wide, print};
use anyhow::{Context, anyhow};
use engine_book::consolidated::{Across, Away, Best, Consolidated, Venues};
use engine_event::body::Phase;
use engine_event::{Event, Nanos, SubjectId};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write};

pub(super) fn run(tape: &mut Tape, symbol: &str, arguments: &Book) -> Result<(), Failure> {
    let mut followed = Followed::new(symbol);
    let Some(csv) = &arguments.csv else {
        tape.run(|event, _, tape| followed.take(event, tape).map(drop))?;
        let shown = followed.shown(tape)?;
        if arguments.json {
            return print(format_args!("{}\n", shown.json(followed.at, followed.seq)));
        }
        return print(shown.text(followed.at, followed.seq));
    };
    let mut out = create(csv)?;
    writeln!(out, "at,seq,bid,bid_quantity,bid_venues,ask,ask_quantity,ask_venues,standing")
        .context("the rows cannot be written")?;
    let mut last = None;
    let ran = tape.run(|event, _, tape| {
        if followed.take(event, tape)? {
            let Ok(shown) = followed.shown(tape) else { return Ok(()) };
            if last.replace(shown.best) != Some(shown.best) {
                shown.row(event, &mut out)?;
            }
        }
        Ok(())
    });
    out.flush().context(csv.display().to_string())?;
    ran?;
    followed.shown(tape).map(drop)
}

/// An instrument's venues, as they appear.
struct Followed<'a> {
    symbol: &'a str,
    across: Consolidated,
    /// The subject that the instrument goes by: its first.
    instrument: Option<SubjectId>,
    /// How many subjects of the directory were looked at.
    seen: usize,
    at: Nanos,
    seq: u64,
}

impl<'a> Followed<'a> {
    fn new(symbol: &'a str) -> Self {
        let across = Consolidated::new(1);
        Self { symbol, across, instrument: None, seen: 0, at: Nanos(0), seq: 0 }
    }

    /// Takes an event with the books after it. Whether the best may be another.
    fn take(&mut self, event: &Event, tape: &Tape) -> io::Result<bool> {
        if tape.names.subjects().len() > self.seen {
            self.join(tape)?;
        }
        (self.at, self.seq) = (event.event_at, event.seq);
        if event.subject == SubjectId::EVERY {
            let subjects = self.instrument.map(|of| self.across.venues(of).map(|of| of.0));
            let books: Vec<_> = subjects.into_iter().flatten().map(|of| tape.book(of)).collect();
            for book in books.into_iter().flatten() {
                self.across.follow(&book);
            }
            return Ok(true);
        }
        let book = tape.book(event.subject);
        Ok(book.is_some_and(|book| self.across.follow(&book)))
    }

    fn join(&mut self, tape: &Tape) -> io::Result<()> {
        for (subject, _) in tape.names.subjects().skip(self.seen) {
            self.seen += 1;
            if tape.names.instrument(subject) == self.symbol {
                let instrument = *self.instrument.get_or_insert(subject);
                let definition = tape.names.definition(subject).expect("it was defined");
                let joined = self.across.join(instrument, subject, definition);
                joined.map_err(|why| {
                    io::Error::other(format!("{}: {why}", tape.names.name(subject)))
                })?;
            }
        }
        Ok(())
    }

    fn shown<'b>(&'b self, tape: &'b Tape) -> Result<Shown<'b>, Failure> {
        let none = || anyhow!("there is no book of {} at any venue", self.symbol);
        let instrument = self.instrument.ok_or_else(none)?;
        let best = self.across.best(instrument).ok_or_else(none)?;
        let (price_scale, quantity_scale) = self.across.scales(instrument).ok_or_else(none)?;
        let scales = (price_scale.into(), quantity_scale.into());
        Ok(Shown { symbol: self.symbol, tape, across: &self.across, instrument, best, scales })
    }
}

/// An instrument's best, to be shown.
struct Shown<'a> {
    symbol: &'a str,
    tape: &'a Tape,
    across: &'a Consolidated,
    instrument: SubjectId,
    best: Best,
    scales: (u32, u32),
}

impl Shown<'_> {
    /// Price and quantity.
    fn numbers(&self, of: &Across) -> (Wide, Wide) {
        let (price_scale, quantity_scale) = self.scales;
        let price = Wide { units: of.price, scale: price_scale };
        (price, Wide::sum(of.quantity, quantity_scale))
    }

    fn venue(&self, subject: SubjectId) -> &str {
        match self.tape.names.venue(subject) {
            "" => self.tape.names.name(subject),
            venue => venue,
        }
    }

    fn names(&self, of: Venues) -> Vec<&str> {
        let venues = self.across.venues(self.instrument).enumerate();
        let there = venues.filter(|(place, _)| of.has(*place));
        there.map(|(_, (subject, _))| self.venue(subject)).collect()
    }

    fn row(&self, event: &Event, out: &mut impl Write) -> io::Result<()> {
        write!(out, "{},{}", event.event_at.0, event.seq)?;
        for side in [self.best.bid, self.best.ask] {
            match side {
                Some(of) => {
                    let (price, quantity) = self.numbers(&of);
                    write!(out, ",{price},{quantity},{}", self.names(of.venues).join("|"))?;
                }
                None => write!(out, ",,,")?,
            }
        }
        writeln!(out, ",{}", self.best.standing().word())
    }

    fn json(&self, at: Nanos, seq: u64) -> Value {
        let side = |of: Option<Across>| {
            of.map(|of| {
                let (price, quantity) = self.numbers(&of);
                let venues = self.names(of.venues);
                json!({"price": price.to_string(), "quantity": quantity.to_string(), "venues": venues})
            })
        };
        let venue = |(subject, away): (SubjectId, Option<Away>)| {
            let touch = self.tape.book(subject).map(|book| book.touch()).unwrap_or_default();
            let quote = |side: Option<engine_book::Quote>| {
                side.map(|of| {
                    [self.tape.price(subject, of.price), self.tape.quantity(subject, of.quantity)]
                })
            };
            json!({
                "subject": self.tape.names.name(subject), "venue": self.venue(subject),
                "bid": quote(touch.bid), "ask": quote(touch.ask), "away": away.map(word),
            })
        };
        let venues: Vec<_> = self.across.venues(self.instrument).map(venue).collect();
        json!({
            "instrument": self.symbol, "at": at.0, "seq": seq, "bid": side(self.best.bid),
            "ask": side(self.best.ask), "standing": self.best.standing().word(), "venues": venues,
        })
    }

    fn text(&self, at: Nanos, seq: u64) -> String {
        let standing = self.best.standing().word();
        let mut text = format!("{} at {at} (event {seq}), {standing}\n", self.symbol);
        let mut line = |name: &str, of: Option<Across>| {
            let told = of.map_or("none".to_owned(), |of| {
                let (price, quantity) = self.numbers(&of);
                format!("{quantity} at {price} ({})", self.names(of.venues).join(", "))
            });
            writeln!(text, "{name:<8} {told}")
        };
        line("bid", self.best.bid)
            .and(line("ask", self.best.ask))
            .expect("a string takes any text");
        for (subject, away) in self.across.venues(self.instrument) {
            if let Some(away) = away {
                writeln!(text, "away     {} ({})", self.venue(subject), word(away))
                    .expect("a string takes any text");
            }
        }
        text
    }
}

/// Why a venue is away.
fn word(away: Away) -> &'static str {
    match away {
        Away::Stale => "stale",
        Away::InPhase(phase) => {
            let known = Phase::WORDS.iter().find(|(_, known)| *known == phase);
            known.map_or("unknown", |(word, _)| word)
        }
    }
}
