//! All that stands behind an alert: its orders' events in their order, and the book before, at and after.

use super::doings::{Deed, Doings, Orders};
use super::ladder::{PARTS, Picture};
use super::reel::Reel;
use super::rerun::Rerun;
use super::told::{Found, Told};
use crate::cli::AlertsFrom;
use crate::failure::Failure;
use anyhow::anyhow;
use engine_book::{BookView, Books, Bounds};
use engine_event::body::Replacement;
use engine_event::{Directory, Event, Kind, OrderId, ParticipantId, Quantity, Side, SubjectId};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// Events of the subject that are looked at, at most: 64 MiB.
const EVENTS_MAX: usize = 1 << 20;
/// Events of its orders that are told, at most.
const ROWS_MAX: usize = 10_000;

/// Where an alert's events are.
pub(super) enum Origin<'a> {
    Journal(&'a Path),
    Files(&'a AlertsFrom),
}

/// An alert and what stands behind it.
pub(super) struct Case {
    pub(super) found: Found,
    /// Its orders' events; where it names no orders, all of its participants'.
    pub(super) rows: Vec<Row>,
    /// How many more there are.
    pub(super) rows_left_out: u64,
    /// What its participants did between the first and the last event.
    pub(super) doings: Doings,
    /// The book before, at and after.
    pub(super) pictures: Vec<Picture>,
    pub(super) names: Directory,
    pub(super) subject: SubjectId,
}

/// An event of one of its orders.
pub(super) struct Row {
    pub(super) seq: u64,
    pub(super) at: u64,
    pub(super) part: &'static str,
    pub(super) deed: Deed,
}

/// Who has which part.
pub(super) struct Parts {
    orders: HashMap<OrderId, usize>,
    who: Vec<ParticipantId>,
}

/// The place of orders that are not named, of people who are.
const OWN: usize = PARTS.len() - 1;

impl Parts {
    fn of_alert(alert: &Told, names: &Directory, events: &[Event]) -> Self {
        let place = |part: &str| PARTS.iter().position(|(own, _)| *own == part).unwrap_or(OWN);
        let orders = alert.orders.iter().map(|order| (OrderId(order.order), place(&order.part)));
        let mut orders: HashMap<_, _> = orders.collect();
        // An order that was replaced has the part of what came in its place.
        for event in events.iter().rev().filter(|event| event.kind() == Kind::Replace) {
            let Replacement { old, new, .. } = event.body();
            if let Some(part) = orders.get(&new).copied() {
                orders.entry(old).or_insert(part);
            }
        }
        let who = alert.participants.iter();
        let who = who.filter_map(|name| names.participants.find(name)).collect();
        Self { orders, who }
    }

    /// The part of an order, by its place in [`PARTS`].
    pub(super) fn of(&self, order: OrderId, owner: Option<ParticipantId>) -> Option<usize> {
        let named = self.orders.get(&order).copied();
        named.or_else(|| owner.is_some_and(|own| self.who.contains(&own)).then_some(OWN))
    }
}

impl<'a> Origin<'a> {
    /// Where the arguments say.
    pub(super) fn of(from: &'a AlertsFrom) -> Self {
        match &from.journal {
            Some(journal) => Origin::Journal(journal),
            None => Origin::Files(from),
        }
    }

    /// The alert with this id.
    pub(super) fn find(&self, id: &str) -> Result<Found, Failure> {
        match self {
            Origin::Journal(journal) => Found::in_journal(journal, id),
            Origin::Files(from) => {
                let findings = from.findings.as_deref().expect("there is a journal or findings");
                Found::in_findings(findings, id)
            }
        }
    }

    /// The subject's events between two numbers, both included, the first so many; and how many more.
    fn events(
        &self,
        subject: SubjectId,
        (first, last): (u64, u64),
    ) -> Result<(Vec<Event>, u64), Failure> {
        let mut reel = match self {
            Origin::Journal(journal) => Reel::of_journal(journal, first - 1, last)?,
            Origin::Files(from) => Reel::of_files(&from.files, &from.input)?,
        };
        let (mut events, mut more) = (Vec::new(), 0);
        reel.run(|event, _| {
            if event.subject == subject && (first..=last).contains(&event.seq) {
                if events.len() < EVENTS_MAX {
                    events.push(*event);
                } else {
                    more += 1;
                }
            }
            event.seq < last
        })?;
        Ok((events, more))
    }

    /// Shows the books after each of these events, which are in their order.
    fn film(
        &self,
        subject: &str,
        seqs: &[u64],
        mut show: impl FnMut(usize, Option<BookView<'_>>, &Directory),
    ) -> Result<Directory, Failure> {
        match self {
            Origin::Journal(journal) => {
                let before = seqs.first().map_or(1, |seq| seq + 1);
                let last = seqs.last().copied().unwrap_or(0);
                let mut rerun = Rerun::for_book(journal, subject, (before, last))?;
                rerun.film(seqs, show)?;
                Ok(rerun.into_names())
            }
            Origin::Files(from) => {
                let mut reel = Reel::of_files(&from.files, &from.input)?;
                let (mut books, mut shown) = (Books::new(Bounds::default()), 0);
                while seqs.get(shown) == Some(&0) {
                    show(shown, None, &reel.names);
                    shown += 1;
                }
                reel.run(|event, names| {
                    books.apply(event);
                    while seqs.get(shown) == Some(&event.seq) {
                        let own = names.find(subject);
                        show(shown, own.and_then(|own| books.book(own)), names);
                        shown += 1;
                    }
                    shown < seqs.len()
                })?;
                if shown < seqs.len() {
                    let what = anyhow!("the files end before event {}", seqs[shown]);
                    return Err(Failure::data(what));
                }
                Ok(reel.names)
            }
        }
    }
}

impl Case {
    /// Gathers it.
    pub(super) fn open(origin: &Origin<'_>, found: Found, levels: usize) -> Result<Self, Failure> {
        let alert = &found.alert;
        let (first, last) = (alert.first_seq.max(1), alert.last_seq.max(alert.first_seq.max(1)));
        let (key, at_key) = key_event(alert);
        let moments =
            [("before", first - 1), (at_key, key.clamp(first, last) - 1), ("after", last)];

        let mut seqs = moments.map(|(_, seq)| seq);
        seqs.sort_unstable();
        let (mut pictures, mut stood) = (Vec::new(), Vec::new());
        let names = origin.film(&alert.subject, &seqs, |place, book, names| {
            if place == 0 {
                let orders = alert.orders.iter().map(|order| OrderId(order.order));
                stood = orders.filter_map(|order| book?.order(order).copied()).collect();
            }
            pictures.push(Picture::of(moments[place], book, names, levels));
        })?;
        let subject = names.find(&alert.subject).ok_or_else(|| {
            Failure::data(anyhow!("alert {}: there is no subject {}", alert.id, alert.subject))
        })?;
        let (events, more) = origin.events(subject, (first, last))?;
        let parts = Parts::of_alert(alert, &names, &events);
        pictures.iter_mut().for_each(|picture| picture.mark(&parts, &names, subject));
        let (mut rows, mut rows_left_out, mut doings) = (Vec::new(), more, Doings::default());
        for order in &stood {
            let part = PARTS[parts.of(order.id, None).unwrap_or(OWN)].0;
            let (seq, at, deed) = (order.entered_seq, order.entered_at.0, Deed::stood(order));
            rows.push(Row { seq, at, part, deed });
        }
        rows.sort_by_key(|row: &Row| row.seq);
        let mut orders = Orders::default();
        for event in &events {
            let Some(deed) = orders.take(event) else { continue };
            doings.count(&deed, &parts.who);
            let part = parts.of(deed.order, deed.owner).or_else(|| parts.of(deed.was, None));
            let aggressor = || parts.of(OrderId(u64::MAX), deed.aggressor);
            let Some(part) = part.or_else(aggressor) else { continue };
            if rows.len() < ROWS_MAX {
                let (seq, at) = (event.seq, event.event_at.0);
                rows.push(Row { seq, at, part: PARTS[part].0, deed });
            } else {
                rows_left_out += 1;
            }
        }
        Ok(Self { found, rows, rows_left_out, doings, pictures, names, subject })
    }

    pub(super) fn events_json(&self) -> Value {
        self.rows.iter().map(|row| row.json(&self.names, self.subject)).collect()
    }
}

/// What everything turns on: the last event of a genuine order; else the middle.
fn key_event(alert: &Told) -> (u64, &'static str) {
    let within = |seq: &u64| (alert.first_seq..=alert.last_seq).contains(seq);
    let genuine = alert.orders.iter().filter(|order| order.part == "genuine");
    match genuine.map(|order| order.seq).filter(within).max() {
        Some(seq) => (seq, "at"),
        None => (alert.first_seq.midpoint(alert.last_seq), "amid"),
    }
}

impl Row {
    fn json(&self, names: &Directory, subject: SubjectId) -> Value {
        let Deed { what, order, was, side, price, quantity, owner, aggressor } = self.deed;
        let who = |who: Option<ParticipantId>| who.and_then(|who| names.participants.name(who));
        json!({
            "seq": self.seq, "at": self.at, "part": self.part, "what": what, "order": order.0,
            "was": (was != order).then_some(was.0), "side": side.map(|side: Side| side.letter()),
            "price": price.get().map(|price| names.price(subject, price).to_string()),
            "quantity": quantity.map(|own| names.quantity(subject, Quantity(own)).to_string()),
            "participant": who(owner), "counterparty": who(aggressor),
        })
    }
}
