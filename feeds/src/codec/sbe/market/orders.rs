//! Books by orders: changes of single orders, and the snapshots that make a stale book whole.
//!
//! Orders carry no running number, so a lost packet may have been about any of them: then each book is
//! stale until a snapshot of all its chunks, made after the loss.

use super::super::plan::{Book, OrderSnapshot, Orders, Template};
use super::{Kept, Market, Stop, Turn, View};
use engine_event::body::{self, Order};
use engine_event::{Event, Flags, Kind, Nanos, OrderId, Price, Quantity, Side};

/// The most orders of a snapshot, of one security and of all that are not complete.
const ORDERS_MAX: usize = 1 << 16;
const ORDERS_OF_ALL_MAX: usize = 1 << 20;

/// The chunks of a snapshot that is not complete.
#[derive(Debug)]
pub(super) struct Chunks {
    processed: u64,
    count: u32,
    next: u32,
    orders: Vec<(Side, Order)>,
}

/// What is told of an order.
struct Told {
    action: i64,
    id: u64,
    price: Option<i64>,
    size: Option<i64>,
    kind: u8,
}

impl Market {
    /// Orders that refer to the entries of a book by levels.
    pub(super) fn book_orders(
        &mut self,
        of: &Book,
        template: &Template,
        view: &View<'_>,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), Stop> {
        let levels = self.entries(view, template, of.entries, at, turn)?;
        for place in 0..levels.count {
            let Some(entry) = levels.get(place) else { return self.cut(at, turn) };
            if of.kind.get(entry) == Some(i64::from(b'J'))
                && let Some(security) = of.security.get(entry)
            {
                match self.admit(security, at, turn) {
                    Ok(instrument) => self.empty(instrument, at, turn),
                    Err(Stop::Skip) => {}
                    Err(fatal) => return Err(fatal),
                }
            }
        }
        let Some(orders) = &of.orders else { return Ok(()) };
        let entries = self.entries(view, template, orders.entries, at, turn)?;
        for place in 0..entries.count {
            let Some(entry) = entries.get(place) else { return self.cut(at, turn) };
            let reference = orders.reference.small(entry).unwrap_or(0) as usize;
            let level = reference.checked_sub(1).and_then(|at| levels.get(at));
            let security = level.and_then(|level| of.security.get(level));
            let (Some(level), Some(security)) = (level, security) else {
                return self.cut(at, turn);
            };
            let told = Told {
                action: orders.action.get(entry).unwrap_or(-1),
                id: orders.id.get(entry).unwrap_or(0) as u64,
                price: of.price.price(level),
                size: orders.size.get(entry),
                kind: of.kind.get(level).unwrap_or(0) as u8,
            };
            self.order(security, &told, at, turn)?;
        }
        Ok(())
    }

    pub(super) fn orders(
        &mut self,
        of: &Orders,
        template: &Template,
        view: &View<'_>,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), Stop> {
        let entries = self.entries(view, template, of.entries, at, turn)?;
        for place in 0..entries.count {
            let Some(entry) = entries.get(place) else { return self.cut(at, turn) };
            let Some(security) = of.security.get(entry) else { return self.cut(at, turn) };
            let kind = of.kind.get(entry).unwrap_or(0) as u8;
            if kind == b'J' {
                match self.admit(security, at, turn) {
                    Ok(instrument) => self.empty(instrument, at, turn),
                    Err(Stop::Skip) => {}
                    Err(fatal) => return Err(fatal),
                }
                continue;
            }
            let told = Told {
                action: of.action.get(entry).unwrap_or(-1),
                id: of.id.get(entry).unwrap_or(0) as u64,
                price: of.price.price(entry),
                size: of.size.get(entry),
                kind,
            };
            self.order(security, &told, at, turn)?;
        }
        Ok(())
    }

    fn order(
        &mut self,
        security: i64,
        told: &Told,
        at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), Stop> {
        let side = match told.kind {
            b'0' => Side::Buy,
            b'1' => Side::Sell,
            _ => {
                self.implied += 1;
                return Ok(());
            }
        };
        let instrument = match self.admit(security, at, turn) {
            Ok(instrument) => instrument,
            Err(Stop::Skip) => return Ok(()),
            Err(fatal) => return Err(fatal),
        };
        let subject = self.instruments[instrument].subject;
        let event = match (told.action, told.price, told.size) {
            (0 | 1, Some(price), Some(size @ 1..)) => {
                let order = Order::new(OrderId(told.id), Price(price), Quantity(size as u64));
                let kind = if told.action == 0 { Kind::Add } else { Kind::Modify };
                Event::new(subject, at, order).with_kind(kind)
            }
            (2, ..) => {
                Event::new(subject, at, Order::gone(OrderId(told.id))).with_kind(Kind::Delete)
            }
            (action, ..) => {
                return self.odd(instrument, "order's action or size", action, at, turn);
            }
        };
        let event = event.with_flags(Flags::of(side));
        let losses = self.losses;
        let of = &mut self.instruments[instrument];
        of.channel = Some(turn.channel);
        if of.is_certain && of.losses == losses {
            if turn.sequence >= of.from {
                self.push(instrument, event);
            }
        } else {
            self.keep(instrument, Kept::Order { packet: turn.sequence, event });
        }
        Ok(())
    }

    /// The venue says that a book is empty.
    fn empty(&mut self, instrument: usize, at: Nanos, turn: &Turn<'_>) {
        self.forget_kept(instrument);
        self.drop_chunks(instrument);
        let of = &mut self.instruments[instrument];
        (of.is_certain, of.losses, of.from) = (true, self.losses, turn.sequence);
        let clear = Event::new(of.subject, at, body::End::default()).with_kind(Kind::Clear);
        self.push(instrument, clear);
    }

    pub(super) fn drop_chunks(&mut self, instrument: usize) {
        if let Some(chunks) = self.instruments[instrument].chunks.take() {
            self.assembled -= chunks.orders.len();
        }
    }

    /// A chunk of a snapshot of one security's orders.
    pub(super) fn order_snapshot(
        &mut self,
        of: &OrderSnapshot,
        template: &Template,
        view: &View<'_>,
        sent_at: Nanos,
        turn: &mut Turn<'_>,
    ) -> Result<(), Stop> {
        let root = view.root;
        let heads = of.security.get(root).zip(of.last_processed.get(root));
        let chunk = of.chunks.small(root).zip(of.chunk.small(root));
        let Some(((security, processed), (count, chunk))) = heads.zip(chunk) else {
            return self.cut(sent_at, turn);
        };
        let (at, processed) = (self.now(sent_at), processed as u64);
        let entries = self.entries(view, template, of.entries, at, turn)?;
        let instrument = self.admit(security, at, turn)?;
        let known = &self.instruments[instrument];
        let lost = known.channel.map_or(0, |channel| self.lost_until[usize::from(channel)]);
        let is_sure = known.is_certain && known.losses == self.losses;
        if is_sure || processed < lost || processed < known.from {
            return Ok(());
        }
        let follows = known
            .chunks
            .as_ref()
            .is_some_and(|chunks| (chunks.processed, chunks.count) == (processed, count));
        match &known.chunks {
            Some(chunks) if follows && chunk < chunks.next => return Ok(()),
            Some(chunks) if follows && chunk == chunks.next => {}
            _ if chunk == 1 => {
                self.drop_chunks(instrument);
                let begun = Chunks { processed, count, next: 1, orders: Vec::new() };
                self.instruments[instrument].chunks = Some(Box::new(begun));
            }
            _ => {
                self.drop_chunks(instrument);
                return Ok(());
            }
        }
        for place in 0..entries.count {
            let Some(entry) = entries.get(place) else {
                self.drop_chunks(instrument);
                return self.cut(at, turn);
            };
            let side = match of.kind.get(entry).unwrap_or(0) as u8 {
                b'0' => Side::Buy,
                b'1' => Side::Sell,
                _ => continue,
            };
            let told = of.price.price(entry).zip(of.size.get(entry)).zip(of.id.get(entry));
            let Some(((price, size @ 1..), id)) = told else {
                return self.odd(instrument, "size of an order in a snapshot", 0, at, turn);
            };
            let order = Order::new(OrderId(id as u64), Price(price), Quantity(size as u64));
            let chunks = self.instruments[instrument].chunks.as_mut().expect("it was begun");
            if chunks.orders.len() == ORDERS_MAX || self.assembled == ORDERS_OF_ALL_MAX {
                self.drop_chunks(instrument);
                return self.odd(instrument, "number of orders in a snapshot", security, at, turn);
            }
            chunks.orders.push((side, order));
            self.assembled += 1;
        }
        let chunks = self.instruments[instrument].chunks.as_mut().expect("it was begun");
        chunks.next += 1;
        if chunks.next > chunks.count {
            self.rebuild(instrument, at);
        }
        Ok(())
    }

    /// Tells a book of orders anew: the snapshot, and what came after it.
    fn rebuild(&mut self, instrument: usize, at: Nanos) {
        let Some(chunks) = self.instruments[instrument].chunks.take() else { return };
        self.assembled -= chunks.orders.len();
        let of = &mut self.instruments[instrument];
        (of.is_certain, of.losses, of.from) = (true, self.losses, chunks.processed + 1);
        let subject = of.subject;
        let clear = Event::new(subject, at, body::End::default()).with_kind(Kind::Clear);
        self.push(instrument, clear.with_flags(Flags::SNAPSHOT));
        for (side, order) in chunks.orders {
            let event = Event::new(subject, at, order).with_flags(Flags::of(side));
            self.push(instrument, event.with_flags(Flags::SNAPSHOT));
        }
        for place in 0..self.instruments[instrument].kept.len() {
            if let Kept::Order { packet, event } = self.instruments[instrument].kept[place]
                && packet > chunks.processed
            {
                self.push(instrument, event);
            }
        }
        self.forget_kept(instrument);
        let last = self.outbox.last_mut().expect("it was told just now");
        last.flags = last.flags | Flags::LAST;
    }
}
