//! A vendor's rows, read one by one: lines of text, or what a binary file ([`Binary`]) tells.

use super::binary::Binary;
use crate::failure::Failure;
use engine_book::transition::{Levels, Row};
use engine_event::{Decimal, Nanos, Price, Quantity};
use engine_pipeline::FeedError;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Decimal places of prices in LOBSTER's rows, and in MBP-10's.
pub(super) const LOBSTER_SCALE: u8 = 4;
pub(super) const MBP_SCALE: u8 = 9;
/// Levels of a side in MBP-10.
pub(super) const MBP_LEVELS: usize = 10;
/// The longest line that is read.
const LINE_MAX: u64 = 64 * 1024;
/// What LOBSTER writes as the price where there is no level, with either sign.
const NO_PRICE: i64 = 9_999_999_999;

/// Whose layout it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Vendor {
    /// Ask price, ask size, bid price, bid size, level by level; no header.
    Lobster,
    /// Databento's MBP-10, with a header.
    Mbp,
}

/// A row: which line (of a binary file, how many events were taken), of when (0 where it does not say), and the levels.
pub(super) struct Told {
    pub(super) line: u64,
    pub(super) at: Nanos,
    pub(super) levels: Row,
}

/// The rows of a file.
pub(super) struct Rows {
    path: PathBuf,
    input: BufReader<File>,
    vendor: Vendor,
    /// A line that was read to know the vendor.
    first: Option<String>,
    line: u64,
    levels: usize,
    columns: Columns,
    symbol: String,
    /// Where the rows come from if the file is not text.
    binary: Option<Box<Binary>>,
    /// A row that was read to know that the time before it is over.
    ahead: Option<Told>,
}

/// Where MBP-10 has what.
#[derive(Default)]
struct Columns {
    at: usize,
    symbol: Option<usize>,
    /// Price and size of each level, bids and asks.
    bids: Vec<(usize, usize)>,
    asks: Vec<(usize, usize)>,
}

impl Rows {
    /// Opens rows of this symbol. Rows that do not name theirs are about no other.
    pub(super) fn open(path: &Path, symbol: &str) -> Result<Self, Failure> {
        let binary = Binary::open(path, symbol)?.map(Box::new);
        let open = File::open(path);
        let file = open.map_err(|reason| FeedError::Io { file: path.to_owned(), reason })?;
        let mut rows = Self {
            path: path.to_owned(),
            input: BufReader::new(file),
            vendor: Vendor::Lobster,
            first: None,
            line: 0,
            levels: 0,
            columns: Columns::default(),
            symbol: symbol.to_owned(),
            binary,
            ahead: None,
        };
        if rows.binary.is_some() {
            (rows.vendor, rows.levels) = (Vendor::Mbp, MBP_LEVELS);
            return Ok(rows);
        }
        let first = rows.read_line()?.ok_or_else(|| rows.wrong("the file is empty"))?;
        let names: Vec<&str> = first.split(',').collect();
        if names.contains(&"ts_event") {
            rows.vendor = Vendor::Mbp;
            rows.columns = rows.mbp_columns(&names)?;
            rows.levels = rows.columns.bids.len();
        } else {
            rows.levels = names.len() / 4;
            rows.line = 0;
            rows.first = Some(first);
        }
        Ok(rows)
    }

    pub(super) fn vendor(&self) -> Vendor {
        self.vendor
    }

    /// The line of the latest row.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Levels of a side.
    pub(super) fn levels(&self) -> usize {
        self.levels
    }

    /// A failure at the latest line.
    pub(super) fn wrong(&self, what: &str) -> Failure {
        let (file, place) = (self.path.clone(), format!("line {}", self.line.max(1)));
        FeedError::Data { file, place, what: what.to_owned() }.into()
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Result<Option<Told>, Failure> {
        if let Some(row) = self.ahead.take() {
            return Ok(Some(row));
        }
        if let Some(first) = self.first.take() {
            self.line = 1;
            return self.row(&first).map(Some);
        }
        while let Some(text) = self.read_line()? {
            let symbol = self.columns.symbol.and_then(|at| text.split(',').nth(at));
            if symbol.is_none_or(|symbol| symbol == self.symbol) {
                return self.row(&text).map(Some);
            }
        }
        Ok(None)
    }

    fn row(&self, text: &str) -> Result<Told, Failure> {
        let columns: Vec<&str> = text.split(',').collect();
        let row = match self.vendor {
            Vendor::Lobster => lobster(&columns, self.levels).map(|levels| (Nanos(0), levels)),
            Vendor::Mbp => self.columns.row(&columns),
        };
        let (at, levels) = row.map_err(|what| self.wrong(what))?;
        Ok(Told { line: self.line, at, levels })
    }

    /// The last row of the next time.
    pub(super) fn next_time(&mut self) -> Result<Option<Told>, Failure> {
        if let Some(binary) = &mut self.binary {
            return binary.next_time();
        }
        let Some(mut row) = self.next()? else { return Ok(None) };
        while let Some(next) = self.next()? {
            if next.at < row.at {
                return Err(self.wrong("the time is before the previous row's"));
            }
            if next.at > row.at {
                self.ahead = Some(next);
                break;
            }
            row = next;
        }
        Ok(Some(row))
    }

    fn read_line(&mut self) -> Result<Option<String>, Failure> {
        let mut text = String::new();
        self.line += 1;
        match (&mut self.input).take(LINE_MAX).read_line(&mut text) {
            Ok(0) => return Ok(None),
            Ok(count) if count as u64 == LINE_MAX => return Err(self.wrong("the line is too long")),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(self.wrong("the line is not text"));
            }
            Err(reason) => return Err(FeedError::Io { file: self.path.clone(), reason }.into()),
        }
        Ok(Some(text.trim_end().to_owned()))
    }

    fn mbp_columns(&self, names: &[&str]) -> Result<Columns, Failure> {
        let find = |name: &str| names.iter().position(|of| *of == name);
        let side = |side: &str| {
            let level = |level: usize| {
                find(&format!("{side}_px_{level:02}")).zip(find(&format!("{side}_sz_{level:02}")))
            };
            (0..MBP_LEVELS).map_while(level).collect::<Vec<_>>()
        };
        let (at, bids, asks) = (find("ts_event"), side("bid"), side("ask"));
        let is_whole = bids.len() == asks.len() && !bids.is_empty();
        let at = at.filter(|_| is_whole);
        let at = at.ok_or_else(|| self.wrong("bid_px_00, bid_sz_00 and so on are not there"))?;
        Ok(Columns { at, symbol: find("symbol"), bids, asks })
    }
}

impl Columns {
    fn row(&self, columns: &[&str]) -> Result<(Nanos, Row), &'static str> {
        let column = |at: usize| columns.get(at).copied().ok_or("columns are missing");
        let time = column(self.at)?.parse().map_err(|_| "ts_event is not nanoseconds")?;
        let side = |places: &[(usize, usize)]| {
            let mut levels = Levels::new();
            for (price, size) in places {
                let (price, size) = (mbp_price(column(*price)?)?, whole(column(*size)?)?);
                levels.extend(price.filter(|_| size.0 > 0).map(|price| (price, size)));
            }
            Ok::<_, &'static str>(levels)
        };
        Ok((Nanos(time), Row { bids: side(&self.bids)?, asks: side(&self.asks)? }))
    }
}

/// A price in units of 10^-9, or written with its point; none where there is no level.
fn mbp_price(text: &str) -> Result<Option<Price>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.contains('.') {
        let read = Decimal::parse(text.as_bytes(), MBP_SCALE).map_err(|_| "a price is no price")?;
        return Ok(Some(Price(read)));
    }
    let units: i64 = text.parse().map_err(|_| "a price is no price")?;
    Ok((units != i64::MAX).then_some(Price(units)))
}

fn whole(text: &str) -> Result<Quantity, &'static str> {
    text.parse().map(Quantity).map_err(|_| "a size is not a whole number")
}

fn lobster(columns: &[&str], levels: usize) -> Result<Row, &'static str> {
    if levels == 0 || columns.len() != 4 * levels {
        return Err("expected four columns a level, as in the first row");
    }
    let mut row = Row::default();
    for level in columns.chunks(4) {
        for (side, price, size) in
            [(&mut row.asks, level[0], level[1]), (&mut row.bids, level[2], level[3])]
        {
            let price: i64 = price.parse().map_err(|_| "a price is not a whole number")?;
            let size = whole(size)?;
            if size.0 > 0 && price.abs() != NO_PRICE {
                side.push((Price(price), size));
            }
        }
    }
    Ok(row)
}
