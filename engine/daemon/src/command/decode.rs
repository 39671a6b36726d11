//! `tapewatch decode`: a file's events as lines, or its messages counted.

use super::{Batch, closed_pipe};
use crate::cli::Decode;
use crate::failure::Failure;
use crate::input::{Input, Numbers};
use crate::output::{Moment, Short, Thousands};
use crate::session::check_flags;
use engine_event::body::{
    Definition, Execution, Holding, Indication, Level, Order, Print, Quote, Reading, Replacement,
    Statistic, Status,
};
use engine_event::{Decimal, Directory, Event, Kind, Nanos, ParticipantId, Price, Quantity};
use engine_pipeline::{Feed, FeedTurn, Tally};
use feeds::Format;
use feeds::codec::dbn;
use serde_json::{Map, Value, json};
use std::io::{self, BufWriter, Write};

pub(crate) fn run(arguments: &Decode) -> Result<(), Failure> {
    let options = super::replay::options(&arguments.input);
    let path = super::replay::or_stdin(arguments.file.clone());
    let numbers = Numbers { from: arguments.from_seq, to: arguments.to_seq };
    numbers.check([&*path], arguments.input.format.is_journal())?;
    let mut feed = Input::open(&path, &options, numbers)?;
    check_flags(&options, feed.format().as_slice())?;
    let mut names = Directory::new(1 << 20);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut events = Vec::with_capacity(512);
    let mut left = arguments.limit.unwrap_or(u64::MAX);
    let ended = loop {
        events.clear();
        let turn = feed.poll(Nanos(0), &mut names, &mut Batch::of(&mut events, 512));
        if !arguments.count {
            let before = |event: &Event| numbers.from.is_some_and(|from| event.seq < from);
            events.retain(|event| !before(event));
            let shown = events.iter().take(usize::try_from(left).unwrap_or(usize::MAX));
            for event in shown {
                show(event, &names, arguments.json, &mut out).or_else(closed_pipe)?;
            }
            left = left.saturating_sub(events.len() as u64);
        }
        match turn {
            Ok(FeedTurn::Ended) => break Ok(()),
            Ok(_) if left == 0 => break Ok(()),
            Ok(_) => {}
            Err(error) => break Err(Failure::from(error)),
        }
    };
    if arguments.count {
        count(&feed.tally(), feed.format(), arguments.json, &mut out).or_else(closed_pipe)?;
    }
    out.flush().or_else(closed_pipe)?;
    ended
}

/// A message type as the format writes it; formats that have none of their own count kinds of events.
fn type_name(number: usize, format: Option<Format>) -> String {
    let byte = u8::try_from(number).unwrap_or(0);
    let letter = || match byte {
        _ if byte.is_ascii_graphic() => char::from(byte).to_string(),
        _ => number.to_string(),
    };
    match format {
        None | Some(Format::Bitstamp | Format::Tape | Format::Readings) => {
            Kind::from_number(byte).word().to_string()
        }
        Some(Format::Mdp3Pcap) => number.to_string(),
        Some(Format::Dbn) => dbn::type_name(byte).map_or_else(letter, str::to_owned),
        _ => letter(),
    }
}

fn count(
    tally: &Tally,
    format: Option<Format>,
    as_json: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let by_type = tally.by_type.iter().enumerate().filter(|(_, count)| **count > 0);
    let by_type: Map<String, Value> =
        by_type.map(|(byte, count)| (type_name(byte, format), json!(count))).collect();
    let faults: Map<String, Value> =
        tally.faults.iter().map(|(fault, count)| (fault.word().into(), json!(count))).collect();
    if as_json {
        let counted = json!({
            "messages": tally.messages,
            "by_type": by_type,
            "unknown": tally.unknown,
            "first_at": tally.first_at.map(|at| at.0),
            "last_at": tally.last_at.map(|at| at.0),
            "gaps": tally.gaps,
            "faults": faults,
        });
        return writeln!(out, "{counted}");
    }
    let mut row = |name: &str, count: u64| writeln!(out, "{:>15} {name}", Thousands(count));
    row("messages", tally.messages)?;
    for (name, count) in &by_type {
        row(name, count.as_u64().unwrap_or(0))?;
    }
    row("unknown", tally.unknown)?;
    row("gaps", tally.gaps)?;
    for (name, count) in &faults {
        row(name, count.as_u64().unwrap_or(0))?;
    }
    match tally.first_at.zip(tally.last_at) {
        Some((first, last)) => writeln!(out, "from {} to {}", Moment(first), Moment(last)),
        None => Ok(()),
    }
}

fn show(event: &Event, names: &Directory, as_json: bool, out: &mut impl Write) -> io::Result<()> {
    let fields = fields(event, names, !as_json);
    if as_json {
        let mut object = Map::new();
        if event.seq > 0 {
            object.insert("seq".into(), json!(event.seq));
        }
        object.insert("at".into(), json!(event.event_at.0));
        object.insert("kind".into(), json!(event.kind().word()));
        object.insert("subject".into(), json!(names.name(event.subject)));
        object.extend(fields.into_iter().map(|(name, value)| (name.to_string(), value)));
        return writeln!(out, "{}", Value::Object(object));
    }
    let (kind, subject) = (event.kind().word(), names.name(event.subject));
    if event.seq > 0 {
        write!(out, "{:>9} ", event.seq)?;
    }
    write!(out, "{} {kind:<8} {subject:<8}", Moment(event.event_at))?;
    for (name, value) in fields {
        match value {
            Value::String(text) => write!(out, " {name}={text}")?,
            other => write!(out, " {name}={other}")?,
        }
    }
    writeln!(out)
}

/// What an event's body says, by name.
///
/// `short`: decimals for people, without the zeros at their end, and no tick where none is known.
fn fields(event: &Event, names: &Directory, short: bool) -> Vec<(&'static str, Value)> {
    let mut fields = Fields { event, names, short, all: Vec::new() };
    fields.put("side", event.side().map(|side| json!(side.letter().to_string())));
    match event.kind() {
        Kind::Define => {
            let of: Definition = event.body();
            fields.put("venue", names.venues.name(of.venue).map(|name| json!(name)));
            fields.price("tick", Some(of.tick).filter(|tick| !short || tick.0 > 0));
        }
        Kind::Add | Kind::Modify | Kind::Reduce | Kind::Delete => {
            let order: Order = event.body();
            fields.put("order", Some(json!(order.id.0)));
            if event.kind() != Kind::Delete {
                fields.price("price", order.price.get());
                fields.quantity("quantity", order.quantity);
            }
            fields.who("participant", order.participant());
        }
        Kind::Replace => {
            let of: Replacement = event.body();
            fields.put("order", Some(json!(of.old.0)));
            fields.put("new", Some(json!(of.new.0)));
            fields.price("price", Some(of.price));
            fields.quantity("quantity", of.quantity);
        }
        Kind::Execute => {
            let of: Execution = event.body();
            fields.put("order", Some(json!(of.id.0)));
            fields.price("price", of.price.get());
            fields.quantity("quantity", of.quantity);
            fields.who("participant", of.participant());
            fields.who("counterparty", of.counterparty());
        }
        Kind::Trade | Kind::Break => {
            let of: Print = event.body();
            fields.put("trade", Some(json!(of.trade_id)));
            fields.price("price", of.price.get());
            fields.quantity("quantity", of.quantity);
            fields.who("participant", of.participant());
            fields.who("counterparty", of.counterparty());
        }
        Kind::Status => fields.put(
            "phase",
            Some(json!(format!("{:?}", event.body::<Status>().phase()).to_lowercase())),
        ),
        Kind::Auction => {
            let of: Indication = event.body();
            fields.price("indicative", of.indicative.get());
            fields.price("reference", of.reference.get());
            fields.quantity("paired", of.paired);
            fields.put("imbalance", Some(json!(of.imbalance)));
        }
        Kind::Position => {
            let of: Holding = event.body();
            fields.put("quantity", Some(json!(of.quantity)));
            fields.who("participant", of.participant());
        }
        Kind::News => fields
            .put("headline", Some(json!(event.body::<engine_event::body::Headline>().headline))),
        Kind::Statistic => {
            let of: Statistic = event.body();
            fields.put("what", of.what().map(|what| json!(what)));
            fields.put("code", of.what().is_none().then(|| json!(of.code)));
            fields.price("price", of.price.get());
            fields.put("quantity", of.quantity().map(|quantity| json!(quantity)));
            fields.put("about", Some(of.about.0).filter(|at| *at > 0).map(|at| json!(at)));
            fields.put("withdrawn", of.is_withdrawn().then_some(json!(true)));
        }
        Kind::Reading => {
            let of: Reading = event.body();
            fields.put("metric", names.metrics.name(of.metric).map(|name| json!(name)));
            fields.put("value", Some(json!(of.value)));
        }
        Kind::Gap => {
            let of: engine_event::body::Gap = event.body();
            fields.put("reason", Some(json!(of.reason().word())));
            fields.put("first", Some(json!(of.first)));
            fields.put("count", Some(json!(of.count)));
        }
        Kind::Level => {
            let of: Level = event.body();
            fields.price("price", Some(of.price));
            fields.quantity("quantity", of.quantity);
            fields.put("orders", Some(json!(of.orders)));
        }
        Kind::Quote => {
            let of: Quote = event.body();
            fields.price("bid", of.bid.get());
            fields.quantity("bid_quantity", of.bid_quantity);
            fields.price("ask", of.ask.get());
            fields.quantity("ask_quantity", of.ask_quantity);
        }
        Kind::Unknown | Kind::Call | Kind::Flow | Kind::End | Kind::Clear => {}
    }
    fields.all
}

struct Fields<'a> {
    event: &'a Event,
    names: &'a Directory,
    short: bool,
    all: Vec<(&'static str, Value)>,
}

impl Fields<'_> {
    fn put(&mut self, name: &'static str, value: Option<Value>) {
        self.all.extend(value.map(|value| (name, value)));
    }

    fn decimal(&mut self, name: &'static str, value: Decimal) {
        let text = if self.short { Short(value).to_string() } else { value.to_string() };
        self.put(name, Some(json!(text)));
    }

    fn price(&mut self, name: &'static str, price: Option<Price>) {
        if let Some(price) = price {
            self.decimal(name, self.names.price(self.event.subject, price));
        }
    }

    fn quantity(&mut self, name: &'static str, quantity: Quantity) {
        self.decimal(name, self.names.quantity(self.event.subject, quantity));
    }

    fn who(&mut self, name: &'static str, who: Option<ParticipantId>) {
        self.put(name, who.map(|who| json!(self.names.participants.name(who).unwrap_or("?"))));
    }
}
