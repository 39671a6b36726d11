//! `tapewatch book`: a book as it stands, or as it went.

mod check;
mod layout;

use crate::cli::Book;
use crate::failure::Failure;
use crate::session::is_same_file;
use anyhow::{Context, anyhow};
use engine_book::{BookView, Books, Bounds, Quote};
use engine_event::{Directory, Event, Kind, Nanos, Price, Quantity, Side, SubjectId};
use engine_pipeline::{Feed, FeedTurn};
use layout::{Layout, Lobster, Mbp};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

pub(crate) fn run(arguments: &Book) -> Result<(), Failure> {
    let overwritten = arguments.csv.as_ref().filter(|csv| is_same_file(&arguments.file, csv));
    if let Some(csv) = overwritten {
        let what = anyhow!("{}: the rows would overwrite the input", csv.display());
        return Err(Failure::usage(what));
    }
    let mut tape = Tape::open(arguments)?;
    if let Some((symbol, with)) = arguments.symbol.as_ref().zip(arguments.check.as_ref()) {
        return check::run(&mut tape, symbol, with, arguments.json);
    }
    match (&arguments.symbol, &arguments.csv) {
        (None, csv) => tape.run(|_, _| Ok(())).and(all(&tape, csv.as_deref())),
        (Some(symbol), None) => tape.run(|_, _| Ok(())).and(one(&tape, symbol, arguments)),
        (Some(symbol), Some(csv)) => rows(&mut tape, symbol, csv, arguments),
    }
}

/// A file's events applied to books, without observers.
struct Tape {
    feed: feeds::AnyFeed,
    names: Directory,
    books: Books,
    until: Option<Nanos>,
    seq: u64,
    last_at: Nanos,
}

impl Tape {
    fn open(arguments: &Book) -> Result<Self, Failure> {
        let mut options = super::replay::options(&arguments.input);
        if let Some(symbol) = &arguments.symbol {
            options.symbols.get_or_insert_default().push(symbol.clone());
        }
        let feed = feeds::open(&arguments.file, &options)?;
        crate::session::check_flags(&options, &[feed.format()])?;
        let until = arguments.at;
        let (names, books) =
            (Directory::new(Bounds::default().subjects_max), Books::new(Bounds::default()));
        Ok(Self { feed, names, books, until, seq: 0, last_at: Nanos(0) })
    }

    /// Applies the file up to the wanted time, or to its end, and shows each event with the books after
    /// it.
    fn run(
        &mut self,
        mut each: impl FnMut(&Event, &Self) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            batch.clear();
            let turn =
                self.feed.poll(Nanos(0), &mut self.names, &mut super::Batch::of(&mut batch, BATCH));
            for event in &mut batch {
                if self.until.is_some_and(|until| event.event_at > until) {
                    return Ok(());
                }
                self.seq += 1;
                event.seq = self.seq;
                self.last_at = event.event_at;
                self.books.apply(event);
                each(event, self).context("the rows cannot be written")?;
            }
            if turn? == FeedTurn::Ended {
                return Ok(());
            }
        }
    }

    fn find(&self, symbol: &str) -> Result<BookView<'_>, Failure> {
        let book = self.names.find(symbol).and_then(|subject| self.books.book(subject));
        book.ok_or_else(|| anyhow!("there is no book of {symbol}").into())
    }

    fn price(&self, subject: SubjectId, price: Price) -> String {
        self.names.price(subject, price).to_string()
    }

    fn quantity(&self, subject: SubjectId, quantity: Quantity) -> String {
        self.names.quantity(subject, quantity).to_string()
    }
}

const BATCH: usize = 512;

/// One book at the end, or at the wanted time.
fn one(tape: &Tape, symbol: &str, arguments: &Book) -> Result<(), Failure> {
    let book = tape.find(symbol)?;
    let subject = book.subject();
    let show = |quote: Quote| {
        (tape.price(subject, quote.price), tape.quantity(subject, quote.quantity), quote.orders)
    };
    let side = |side| book.levels(side).take(arguments.levels).map(show).collect::<Vec<_>>();
    let (bids, asks) = (side(Side::Buy), side(Side::Sell));
    if arguments.json {
        let stale = book.stale().map(|of| json!({"since_seq": of.since_seq, "since_at": of.since_at.0, "reason": of.reason.word()}));
        let shown: Value = json!({
            "subject": symbol, "at": tape.last_at.0, "seq": tape.seq, "stale": stale,
            "phase": format!("{:?}", book.phase()).to_lowercase(), "bids": bids, "asks": asks,
        });
        println!("{shown}");
        return Ok(());
    }
    println!("{symbol} at {} (event {}), {:?}", tape.last_at, tape.seq, book.phase());
    if let Some(stale) = book.stale() {
        println!(
            "uncertain since event {} ({}): {}",
            stale.since_seq, stale.since_at, stale.reason
        );
    }
    println!(
        "{:>8} {:>14} {:>14} | {:<14} {:<14} {:<8}",
        "orders", "quantity", "bid", "ask", "quantity", "orders"
    );
    for level in 0..bids.len().max(asks.len()) {
        let (price, quantity, orders) =
            bids.get(level).cloned().map_or_else(Default::default, text);
        print!("{orders:>8} {quantity:>14} {price:>14} | ");
        let (price, quantity, orders) =
            asks.get(level).cloned().map_or_else(Default::default, text);
        println!("{price:<14} {quantity:<14} {orders:<8}");
    }
    Ok(())
}

fn text((price, quantity, orders): (String, String, u32)) -> (String, String, String) {
    (price, quantity, orders.to_string())
}

/// One row for each event of the subject.
fn rows(tape: &mut Tape, symbol: &str, csv: &Path, arguments: &Book) -> Result<(), Failure> {
    let mut out = create(csv)?;
    let mut layout: Box<dyn Layout> = if arguments.mbp {
        Box::new(Mbp::new(arguments.levels))
    } else {
        Box::new(Lobster::new(arguments.levels))
    };
    layout.header(&mut out).context("the rows cannot be written")?;
    let ran = tape.run(|event, tape| {
        let told = !matches!(event.kind(), Kind::Define | Kind::End);
        match tape
            .books
            .book(event.subject)
            .filter(|_| told && tape.names.name(event.subject) == symbol)
        {
            Some(book) => layout.row(event, &book, &tape.names, &mut out),
            None => Ok(()),
        }
    });
    out.flush().context(csv.display().to_string())?;
    ran?;
    tape.find(symbol).map(drop)
}

/// One row for each book, at the end or at the wanted time.
fn all(tape: &Tape, csv: Option<&Path>) -> Result<(), Failure> {
    let mut out: Box<dyn Write> = match csv {
        Some(path) => Box::new(create(path)?),
        None => Box::new(BufWriter::new(io::stdout().lock())),
    };
    write_all(tape, &mut out).or_else(super::closed_pipe)
}

fn write_all(tape: &Tape, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "subject,bid_levels,ask_levels,best_bid,best_bid_quantity,best_ask,best_ask_quantity,bid_quantity,ask_quantity,orders"
    )?;
    for book in tape.books.iter() {
        let subject = book.subject();
        let touch = book.touch();
        let price =
            |of: Option<Quote>| of.map_or(String::new(), |of| tape.price(subject, of.price));
        let quantity =
            |of: Option<Quote>| of.map_or(String::new(), |of| tape.quantity(subject, of.quantity));
        let total = |side| Quantity(book.levels(side).map(|level| level.quantity.0).sum());
        let orders: u64 = [Side::Buy, Side::Sell]
            .into_iter()
            .flat_map(|side| book.levels(side))
            .map(|level| u64::from(level.orders))
            .sum();
        writeln!(
            out,
            "{},{},{},{},{},{},{},{},{},{orders}",
            tape.names.name(subject),
            book.depth(Side::Buy),
            book.depth(Side::Sell),
            price(touch.bid),
            quantity(touch.bid),
            price(touch.ask),
            quantity(touch.ask),
            tape.quantity(subject, total(Side::Buy)),
            tape.quantity(subject, total(Side::Sell)),
        )?;
    }
    out.flush()
}

fn create(path: &Path) -> Result<BufWriter<File>, Failure> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    Ok(BufWriter::with_capacity(1 << 18, file))
}
