//! Trades, of which DBN tells three times: that there was one (`T`), whose orders rested in it (`F`), and
//! what became of these (`C`, `M`). What becomes of an order that was filled is an execution then, and
//! what no order is told to have filled stays a trade.

use super::record::{Head, Mbo};
use super::{Dbn, MARKS, ODD, Run, SIDES, Stamp, Turn, order_event, price, resting, trade_event};
use engine_event::body::{Execution, Order, Print};
use engine_event::{Event, Flags, Kind, MaybePrice, Nanos, OrderId, Quantity, SubjectId};
use engine_pipeline::Sink;
use zerocopy::FromBytes;

/// Orders that were filled and of which nothing more was told yet; the fills of others stay trades.
const FILLS_MAX: usize = 1 << 10;

/// What was told of trades, all of one moment, and waits for what comes of it.
///
/// Trades and their fills come in a burst, and each is read again a few nanoseconds after it was
/// written: so they are kept field by field, and become events only when they are told.
#[derive(Debug, Default)]
pub(super) struct Trades {
    pub(super) at: Nanos,
    /// Whether anything waits.
    is_busy: bool,
    /// The latest trade, while it waits.
    trade: Trade,
    waits: bool,
    /// What no order has filled of it.
    left: u64,
    /// As they were told; those before `first` are over.
    fills: Vec<Fill>,
    first: usize,
}

/// A trade that waits for its fills.
#[derive(Debug, Default)]
struct Trade {
    subject: SubjectId,
    sequence: u32,
    price: i64,
    received: Nanos,
    flags: Flags,
}

/// An order that was filled.
#[derive(Debug)]
struct Fill {
    order: OrderId,
    subject: SubjectId,
    flags: Flags,
    /// Of the one who came: it traded, but did not rest.
    is_comers: bool,
    price: MaybePrice,
    quantity: u64,
    received: Nanos,
}

impl Trades {
    /// Whether nothing waits.
    #[inline(always)]
    pub(super) fn is_idle(&self) -> bool {
        !self.is_busy
    }

    /// Keeps in one place what every record asks first.
    #[inline(always)]
    fn note_busy(&mut self) {
        self.is_busy = self.waits | !self.fills.is_empty();
    }

    /// The latest trade waits no more. What no order is told to have filled of it, if anything.
    #[inline(always)]
    fn rest(&mut self) -> Option<Event> {
        let is_left = std::mem::take(&mut self.waits) & (self.left > 0);
        self.note_busy();
        is_left.then(|| self.left_over())
    }

    #[cold]
    fn left_over(&self) -> Event {
        let Trade { subject, sequence, price: told, received, flags } = self.trade;
        let print = Print::new(u64::from(sequence), price(told), Quantity(self.left));
        received_at(Event::new(subject, self.at, print).with_flags(flags), received)
    }

    /// An order was filled.
    pub(super) fn fill(&mut self, m: &Mbo, subject: SubjectId, at: Nanos, side: Flags) {
        let (order, size) = (OrderId(m.order.get()), u64::from(m.size.get()));
        let is_of_trade = self.waits && self.trade.subject == subject;
        let rests_on = self.trade.flags.side().filter(|_| is_of_trade);
        if size == 0 {
            return;
        }
        // The one who came may have an order, too.
        let is_comers = rests_on.is_some_and(|rests_on| side.side() != Some(rests_on));
        // Where nobody came, as in an auction, both sides are told, and count once.
        let is_auction = is_of_trade && rests_on.is_none();
        let is_twice = is_comers || is_auction && side.has(Flags::BUY);
        let flags = if is_twice { side | Flags::NON_PRINTABLE } else { side };
        let same = |fill: &&mut Fill| (fill.order, fill.subject) == (order, subject);
        if let Some(known) = self.fills[self.first..].iter_mut().rev().find(same) {
            known.quantity += size;
        } else if self.fills.len() - self.first < FILLS_MAX {
            if self.fills.len() == FILLS_MAX {
                self.fills.drain(..std::mem::take(&mut self.first));
            }
            let (price, received) = (price(m.price.get()), Nanos(m.ts_recv.get()));
            self.at = at;
            let quantity = size;
            self.fills.push(Fill { order, subject, flags, is_comers, price, quantity, received });
        } else {
            return;
        }
        self.is_busy = true;
        if is_of_trade && !is_twice {
            self.left = self.left.saturating_sub(size);
        }
    }

    /// Where an order's fill waits.
    #[inline(always)]
    fn place_of(&self, order: OrderId, subject: SubjectId) -> Option<usize> {
        let is_it = |fill: &Fill| (fill.order == order) & (fill.subject == subject);
        let place = self.fills[self.first..].iter().position(is_it)?;
        Some(self.first + place)
    }

    /// So much of a fill is told now.
    #[inline(always)]
    fn take(&mut self, place: usize, quantity: u64) {
        self.fills[place].quantity -= quantity;
        if self.fills[place].quantity > 0 {
            return;
        }
        // Most are told in the order in which they were filled.
        if place == self.first {
            self.first += 1;
        } else {
            self.fills.remove(place);
        }
        if self.first == self.fills.len() {
            self.fills.clear();
            self.first = 0;
        }
        self.note_busy();
    }

    /// All that waits, as trades; nothing is known to come of them any more.
    fn give_up(&mut self, to: &mut Vec<Event>) {
        to.extend(self.rest());
        let counts = |fill: &&Fill| !fill.flags.has(Flags::NON_PRINTABLE);
        to.extend(self.fills[self.first..].iter().filter(counts).map(|fill| {
            let print = Print::new(0, fill.price, Quantity(fill.quantity));
            let event = Event::new(fill.subject, self.at, print).with_flags(fill.flags);
            received_at(event, fill.received)
        }));
        self.fills.clear();
        self.first = 0;
        self.note_busy();
    }
}

fn received_at(mut event: Event, received: Nanos) -> Event {
    event.received_at = received;
    event
}

impl Dbn {
    /// Most trades fill one order, and are told by three records in a row: taken as one, if they are there
    /// and nothing else waits. How many were taken beside the first.
    #[inline(always)]
    pub(super) fn whole_trade<S: Sink>(
        &mut self,
        trade: &Mbo,
        stamp: Stamp,
        after: &[u8],
        turn: &mut Turn<'_, S>,
        run: &mut Run,
    ) -> Option<usize> {
        let next = |from: usize| Mbo::ref_from_prefix(after.get(from..)?).ok().map(|(m, _)| m);
        let (fill, change) = (next(0)?, next(self.order_bytes)?);
        if after.len() < 2 * self.order_bytes {
            return None;
        }
        let heads = [&trade.head, &fill.head, &change.head].map(Head::whole);
        let received = change.ts_recv.get();
        let [side, comers] = [fill, trade].map(|m| SIDES[usize::from(m.side)]);
        let (told, marks) = (SIDES[usize::from(change.side)], MARKS[usize::from(change.flags)]);
        let is_one = self.trades.is_idle()
            & !stamp.flags.has(Flags::LAST)
            & (heads[0] == heads[1])
            & (heads[0] == heads[2])
            & (fill.action == b'F')
            & (change.action == b'C')
            & (fill.order.get() == change.order.get())
            & (trade.size.get() == fill.size.get())
            & (trade.size.get() == change.size.get())
            & (trade.size.get() > 0)
            & (resting(comers) == Flags(side))
            & (side != 0)
            & ((told | marks | MARKS[usize::from(fill.flags)]) & ODD == 0)
            & (fill.ts_recv.get() >= stamp.received.0)
            & (received >= fill.ts_recv.get())
            & self.near_valid.contains(&received);
        if !is_one {
            return None;
        }
        for m in [fill, change] {
            self.count_usual(m, stamp.at, Nanos(m.ts_recv.get()), turn, run);
        }
        run.more += 2;
        let quantity = Quantity(u64::from(fill.size.get()));
        let body = Execution::new(OrderId(fill.order.get()), price(fill.price.get()), quantity);
        let flags = Flags(side | told | marks);
        turn.push(Event::new(stamp.subject, stamp.at, body).with_flags(flags), Nanos(received));
        Some(2)
    }

    /// There was a trade; its flags are those of the side that rested.
    pub(super) fn trade_begins<S: Sink>(&mut self, m: &Mbo, stamp: Stamp, turn: &mut Turn<'_, S>) {
        if let Some(rest) = self.trades.rest() {
            turn.push(rest, rest.received_at);
        }
        if stamp.flags.has(Flags::LAST) || m.size.get() == 0 {
            // Its group ends with it, or nothing can be filled.
            return turn.push(trade_event(m, stamp), stamp.received);
        }
        let known = &mut self.trades;
        (known.at, known.waits, known.left) = (stamp.at, true, u64::from(m.size.get()));
        known.is_busy = true;
        known.trade.subject = stamp.subject;
        known.trade.sequence = m.sequence.get();
        known.trade.price = m.price.get();
        known.trade.received = stamp.received;
        known.trade.flags = stamp.flags;
    }

    /// An order enters, changes or leaves, and what waits for it is told with it.
    pub(super) fn after_trade<S: Sink>(
        &mut self,
        m: &Mbo,
        kind: Kind,
        stamp: Stamp,
        turn: &mut Turn<'_, S>,
    ) {
        if let Some(rest) = self.trades.rest() {
            turn.push(rest, rest.received_at);
        }
        let Stamp { subject, at, received, flags } = stamp;
        let (order, size) = (OrderId(m.order.get()), u64::from(m.size.get()));
        let place = if kind == Kind::Add { None } else { self.trades.place_of(order, subject) };
        let Some(place) = place else {
            return turn.push(order_event(m, kind, stamp), received);
        };
        let fill = &self.trades.fills[place];
        let (told, filled_at, is_comers) = (fill.flags, fill.price, fill.is_comers);
        let is_reduce = kind == Kind::Reduce;
        let quantity = if is_reduce { fill.quantity.min(size) } else { fill.quantity };
        self.trades.take(place, quantity);
        let is_all = is_reduce & (quantity == size);
        let news = Flags(flags.0 & !Flags::LAST.0);
        if is_comers {
            let settled = if is_all { Flags::NON_PRINTABLE } else { Flags::NONE };
            let event = order_event(m, kind, stamp).with_flags(settled);
            return turn.push(event, received);
        }
        let execution = |flags| {
            let body = Execution::new(order, filled_at, Quantity(quantity));
            Event::new(subject, at, body).with_flags(told | flags)
        };
        if is_all {
            return turn.push(execution(flags), received);
        }
        let of = |kind, quantity, flags| {
            let body = Order::new(order, price(m.price.get()), Quantity(quantity));
            Event::new(subject, at, body).with_kind(kind).with_flags(flags)
        };
        if is_reduce {
            turn.push(execution(news), received);
            turn.push(of(Kind::Reduce, size - quantity, flags), received);
        } else {
            // What an iceberg shows may be more than what is left of what it showed: first what was there.
            turn.push(of(Kind::Modify, size + quantity, news | Flags::SNAPSHOT), received);
            turn.push(execution(flags), received);
        }
    }

    /// Before a record of another moment, or one that is not about an order: what still waits is told.
    /// Whether there is something to tell.
    pub(super) fn give_up_before(&mut self, record: Option<&Mbo>) -> bool {
        let is_same = record.is_some_and(|m| m.head.ts_event.get() == self.trades.at.0);
        if self.trades.is_idle() || is_same {
            return false;
        }
        self.trades.give_up(&mut self.waiting);
        // The last one is handed on first.
        self.waiting.reverse();
        !self.waiting.is_empty()
    }
}
