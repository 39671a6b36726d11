//! `[[feed]]`: a file, or the lines of a venue.

use super::{Feed, Origin, Written, Wrong, nearest};
use crate::wiring;
use engine_event::Nanos;
use feeds::transport::udp::{Receive, Stamping};
use feeds::{Format, Listen, LiveProtocol, Speed, UnknownFormat};
use serde::Deserialize;
use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    path: Option<Spanned<PathBuf>>,
    /// The groups or addresses of the venue's lines.
    udp: Option<Spanned<Vec<Spanned<String>>>>,
    format: Option<Spanned<String>>,
    date: Option<Spanned<DateWord>>,
    #[serde(default)]
    symbols: Vec<String>,
    #[serde(default)]
    strict: bool,

    // Of a file.
    /// The schema of an SBE format.
    schema: Option<Spanned<PathBuf>>,
    /// Books by orders where the format has both levels and orders.
    by_order: Option<Spanned<bool>>,
    /// `"max"`, or how many times real time.
    speed: Option<Spanned<SpeedWord>>,

    // Of lines.
    interface: Option<Spanned<String>>,
    /// The server that is asked for lost messages.
    requests: Option<Spanned<String>>,
    request_after_ms: Option<Spanned<f64>>,
    declare_after_ms: Option<Spanned<f64>>,
    receive: Option<Spanned<String>>,
    stamps: Option<Spanned<String>>,
    buffer_mib: Option<Spanned<u32>>,
    payload_bytes_max: Option<Spanned<u32>>,
    record: Option<Spanned<PathBuf>>,
    until_end: Option<Spanned<bool>>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "speed is \"max\" or a number above 0")]
enum SpeedWord {
    Word(String),
    Times(f64),
}

/// A day, in quotes or as TOML writes it.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a date is written YYYY-MM-DD")]
enum DateWord {
    Word(String),
    Date(toml::value::Datetime),
}

/// A feed, and how fast it is read.
pub(super) fn feed(table: Spanned<Table>, written: &Written<'_>) -> Result<(Feed, Speed), Wrong> {
    let span = table.span();
    let table = table.into_inner();
    let mut options = options(&table)?;
    options.schema = table.schema.as_ref().map(|path| written.resolve(path.get_ref()));
    options.by_order = table.by_order.as_ref().is_some_and(|by_order| *by_order.get_ref());
    match (&table.path, &table.udp) {
        (Some(path), None) => {
            let (path, place) = (written.resolve(path.get_ref()), written.place(&path.span()));
            file(table, path, place, options)
        }
        (None, Some(lines)) => {
            let place = written.place(&lines.span());
            let (protocol, listen) = listen(&table, lines, written)?;
            let origin = Origin::Udp(protocol, Box::new(listen));
            Ok((Feed { origin, place: Some(place), options }, Speed::Times(1.0)))
        }
        _ => Err(Wrong::new(span, "a [[feed]] has either a path or the lines of `udp`")),
    }
}

fn options(table: &Table) -> Result<feeds::Options, Wrong> {
    let mut options = feeds::Options { strict: table.strict, ..feeds::Options::default() };
    if let Some(date) = &table.date {
        let text = match date.get_ref() {
            DateWord::Word(word) => word.clone(),
            DateWord::Date(date) => date.to_string(),
        };
        let midnight: Nanos =
            wiring::parse_date(&text).map_err(|why| Wrong::new(date.span(), why))?;
        options.midnight = Some(midnight);
    }
    if !table.symbols.is_empty() {
        options.symbols = Some(table.symbols.clone());
    }
    Ok(options)
}

fn file(
    table: Table,
    path: PathBuf,
    place: String,
    mut options: feeds::Options,
) -> Result<(Feed, Speed), Wrong> {
    let spans = [
        ("interface", table.interface.as_ref().map(Spanned::span)),
        ("requests", table.requests.as_ref().map(Spanned::span)),
        ("request_after_ms", table.request_after_ms.as_ref().map(Spanned::span)),
        ("declare_after_ms", table.declare_after_ms.as_ref().map(Spanned::span)),
        ("receive", table.receive.as_ref().map(Spanned::span)),
        ("stamps", table.stamps.as_ref().map(Spanned::span)),
        ("buffer_mib", table.buffer_mib.as_ref().map(Spanned::span)),
        ("payload_bytes_max", table.payload_bytes_max.as_ref().map(Spanned::span)),
        ("record", table.record.as_ref().map(Spanned::span)),
        ("until_end", table.until_end.as_ref().map(Spanned::span)),
    ];
    if let Some((key, Some(span))) = spans.into_iter().find(|(_, span)| span.is_some()) {
        return Err(Wrong::new(span, format!("`{key}` belongs to a feed of `udp`, not to a file")));
    }
    if let Some(word) = table.format.filter(|word| word.get_ref() != "auto") {
        let format = word.get_ref().parse().map_err(|unknown: UnknownFormat| {
            let words = Format::ALL.map(Format::word);
            let what = format!("{unknown}, or auto");
            Wrong { hint: nearest(word.get_ref(), &words), ..Wrong::new(word.span(), what) }
        });
        options.format = Some(format?);
    }
    let speed = match table.speed.as_ref().map(Spanned::get_ref) {
        None => Ok(Speed::Times(1.0)),
        Some(SpeedWord::Word(word)) => word.parse(),
        Some(SpeedWord::Times(times)) => times.to_string().parse(),
    };
    let span = table.speed.map_or(0..0, |speed| speed.span());
    let speed = speed.map_err(|why| Wrong::new(span, why))?;
    Ok((Feed { origin: Origin::File(path), place: Some(place), options }, speed))
}

fn listen(
    table: &Table,
    lines: &Spanned<Vec<Spanned<String>>>,
    written: &Written<'_>,
) -> Result<(LiveProtocol, Listen), Wrong> {
    if let Some(speed) = &table.speed {
        return Err(Wrong::new(speed.span(), "`speed` belongs to a file: a live feed has its own"));
    }
    let schema = table.schema.as_ref().map(Spanned::span);
    if let Some(span) = schema.or(table.by_order.as_ref().map(Spanned::span)) {
        return Err(Wrong::new(span, "MDP 3.0 is read from captures only"));
    }
    let protocol = match &table.format {
        None => LiveProtocol::Itch50,
        Some(word) => word.get_ref().parse().map_err(|why: String| {
            let words = LiveProtocol::ALL.map(LiveProtocol::word);
            Wrong { hint: nearest(word.get_ref(), &words), ..Wrong::new(word.span(), why) }
        })?,
    };
    let addresses = lines.get_ref().iter().map(|line| parse::<SocketAddr>(line, ADDRESS));
    let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
    if !(1..=Listen::LINES_MAX).contains(&addresses.len()) {
        let what = format!("a feed has from 1 to {} lines", Listen::LINES_MAX);
        return Err(Wrong::new(lines.span(), what));
    }
    let mut listen = Listen::to(addresses);
    if let Some(word) = &table.interface {
        listen.interface =
            parse::<Ipv4Addr>(word, "an interface is named by its address: 10.0.0.5")?;
    }
    if let Some(word) = &table.requests {
        if !protocol.has_requests() {
            let what = format!("{protocol} has no request server that is known here");
            return Err(Wrong::new(word.span(), what));
        }
        listen.requests = Some(parse::<SocketAddr>(word, ADDRESS)?);
    }
    if let Some(after) = &table.request_after_ms {
        listen.settings.request_after = millis(after, "request_after_ms")?;
    }
    if let Some(after) = &table.declare_after_ms {
        listen.settings.declare_after = millis(after, "declare_after_ms")?;
    }
    if let Some(word) = &table.receive {
        listen.receive = named::<Receive>(word)?;
    }
    if let Some(word) = &table.stamps {
        listen.stamping = named::<Stamping>(word)?;
    }
    if let Some(mib) = &table.buffer_mib {
        super::check(
            (1..=1024).contains(mib.get_ref()),
            mib.span(),
            "buffer_mib is from 1 to 1024",
        )?;
        listen.buffer_bytes = (*mib.get_ref() as usize) << 20;
    }
    if let Some(bytes) = &table.payload_bytes_max {
        let fits = (64..=65_536).contains(bytes.get_ref());
        super::check(fits, bytes.span(), "payload_bytes_max is from 64 to 65536")?;
        listen.payload_bytes_max = *bytes.get_ref() as usize;
    }
    listen.record = table.record.as_ref().map(|path| written.resolve(path.get_ref()));
    listen.until_end = table.until_end.as_ref().is_some_and(|until| *until.get_ref());
    Ok((protocol, listen))
}

const ADDRESS: &str = "an address is written 233.54.12.111:26400";

fn parse<T: FromStr>(word: &Spanned<String>, expected: &str) -> Result<T, Wrong> {
    word.get_ref()
        .parse()
        .map_err(|_| Wrong::new(word.span(), format!("{expected}, not \"{}\"", word.get_ref())))
}

fn named<T: FromStr<Err: Display>>(word: &Spanned<String>) -> Result<T, Wrong> {
    word.get_ref().parse().map_err(|why: T::Err| Wrong::new(word.span(), why.to_string()))
}

/// A minute is the longest that anybody waits.
fn millis(value: &Spanned<f64>, key: &str) -> Result<Nanos, Wrong> {
    let fits = (0.001..=60_000.0).contains(value.get_ref());
    super::check(fits, value.span(), &format!("{key} is a number from 0.001 to 60000"))?;
    Ok(Nanos((value.get_ref() * 1e6).round() as u64))
}
