//! `tapewatch book`: a book as it stands, or as it went; of one venue or across all.

mod across;
mod check;
mod layout;
mod one;

use crate::cli::Book;
use crate::failure::Failure;
use crate::input::{Input, Numbers};
use crate::output::Wide;
use crate::session::is_same_file;
use anyhow::{Context, anyhow};
use engine_book::{BookView, Books, Bounds, Change, Quote};
use engine_event::{Directory, Event, Kind, Nanos, Price, Quantity, Side, SubjectId};
use engine_pipeline::{Feed, FeedTurn};
use feeds::Merged;
use layout::{Layout, Lobster, Mbp};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

pub(crate) fn run(arguments: &Book) -> Result<(), Failure> {
    let of_csv = |csv: &PathBuf| arguments.files.iter().any(|file| is_same_file(file, csv));
    if let Some(csv) = arguments.csv.as_ref().filter(|csv| of_csv(csv)) {
        let what = anyhow!("{}: the rows would overwrite the input", csv.display());
        return Err(Failure::usage(what));
    }
    let mut tape = Tape::open(arguments)?;
    let Some(symbol) = &arguments.symbol else {
        return tape.run(|_, _, _| Ok(())).and(all(&tape, arguments.csv.as_deref()));
    };
    match (&arguments.check, &arguments.csv) {
        _ if arguments.consolidated => across::run(&mut tape, symbol, arguments),
        (Some(with), _) => check::run(&mut tape, symbol, with, arguments.json),
        (None, Some(csv)) => rows(&mut tape, symbol, csv, arguments),
        (None, None) => one::run(&mut tape, symbol, arguments),
    }
}

/// Files' events applied to books, without observers.
struct Tape {
    feed: Merged<Input>,
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
            // All venues of the instrument, so that each has the name that it has in a whole replay.
            let instrument =
                symbol.rsplit_once('@').map_or(&**symbol, |(instrument, _)| instrument);
            let wanted = [symbol.clone(), instrument.to_owned()];
            options.symbols.get_or_insert_default().extend(wanted);
        }
        let numbers = Numbers { from: None, to: arguments.at_seq };
        let files = arguments.files.iter();
        numbers.check(files.clone().map(PathBuf::as_path), arguments.input.format.is_journal())?;
        let open = |file: &PathBuf| Input::open(file, &options, numbers);
        let feeds = files.map(open).collect::<Result<Vec<_>, _>>()?;
        let formats: Vec<_> = feeds.iter().filter_map(Input::format).collect();
        crate::session::check_flags(&options, &formats)?;
        Ok(Self {
            books: Books::new(Bounds::default()),
            feed: Merged::new(feeds),
            names: Directory::new(Bounds::default().subjects_max),
            until: arguments.at,
            seq: 0,
            last_at: Nanos(0),
        })
    }

    /// Applies the files up to the wanted time, or to their end, and shows each event with what it
    /// changed and the books after it.
    fn run(
        &mut self,
        mut each: impl FnMut(&Event, &Change, &Self) -> io::Result<()>,
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
                // A journal's events have their numbers.
                self.seq = if event.seq > 0 { event.seq } else { self.seq + 1 };
                event.seq = self.seq;
                self.last_at = event.event_at;
                let change = self.books.apply(event);
                each(event, &change, self).context("the rows cannot be written")?;
            }
            if turn? == FeedTurn::Ended {
                return Ok(());
            }
        }
    }

    fn book(&self, subject: SubjectId) -> Option<BookView<'_>> {
        self.books.book(subject)
    }

    fn find(&self, symbol: &str) -> Result<BookView<'_>, Failure> {
        let book = self.names.find(symbol).and_then(|subject| self.book(subject));
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

/// One row for each event of the subject.
fn rows(tape: &mut Tape, symbol: &str, csv: &Path, arguments: &Book) -> Result<(), Failure> {
    let mut out = create(csv)?;
    let mut layout: Box<dyn Layout> = if arguments.mbp {
        Box::new(Mbp::new(arguments.levels))
    } else {
        Box::new(Lobster::new(arguments.levels))
    };
    layout.header(&mut out).context("the rows cannot be written")?;
    let ran = tape.run(|event, _, tape| {
        let told = !matches!(event.kind(), Kind::Define | Kind::End);
        let is_about = told && tape.names.name(event.subject) == symbol;
        match tape.book(event.subject).filter(|_| is_about) {
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
        let scale = tape.names.definition(subject).map_or(0, |of| of.quantity_scale);
        let total = |side| {
            let sum = book.levels(side).map(|level| u128::from(level.quantity.0)).sum();
            Wide::sum(sum, scale.into())
        };
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
            total(Side::Buy),
            total(Side::Sell),
        )?;
    }
    out.flush()
}

fn create(path: &Path) -> Result<BufWriter<File>, Failure> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    Ok(BufWriter::with_capacity(1 << 18, file))
}
