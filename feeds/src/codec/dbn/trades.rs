//! Trades, of which DBN tells three times: that there was one (`T`), whose orders rested in it (`F`), and
//! what became of these (`C`, `M`). What becomes of an order that was filled is an execution then, and
//! what no order is told to have filled stays a trade.

use super::record::Mbo;
use super::{Dbn, Turn, price};
use engine_event::body::{Execution, Order, Print};
use engine_event::{Event, Flags, Kind, MaybePrice, Nanos, OrderId, Quantity, SubjectId};
use engine_pipeline::Sink;

/// Orders that were filled and of which nothing more was told yet; the fills of others stay trades.
const FILLS_MAX: usize = 1 << 10;

/// What was told of trades, all of one moment, and waits for what comes of it.
#[derive(Debug, Default)]
pub(super) struct Trades {
    pub(super) at: Nanos,
    /// The latest trade, for what no order has filled of it.
    print: Option<Event>,
    fills: Vec<Fill>,
}

/// An order that was filled.
#[derive(Debug)]
struct Fill {
    subject: SubjectId,
    order: OrderId,
    price: MaybePrice,
    quantity: u64,
    received_at: Nanos,
    flags: Flags,
    /// Of the one who came: it traded, but did not rest.
    is_comers: bool,
}

impl Fill {
    fn event(&self, at: Nanos, quantity: u64, flags: Flags) -> Event {
        let execution = Execution::new(self.order, self.price, Quantity(quantity));
        Event::new(self.subject, at, execution).with_flags(self.flags | flags)
    }
}

impl Trades {
    /// Whether nothing waits.
    #[inline(always)]
    pub(super) fn is_idle(&self) -> bool {
        self.fills.is_empty() && self.print.is_none()
    }

    /// A trade waits for its fills. Gives it back if its group ends with it, or nothing can be filled.
    fn begin(&mut self, trade: Event) -> Option<Event> {
        let is_all = trade.flags.has(Flags::LAST) || trade.body::<Print>().quantity.0 == 0;
        if !is_all {
            (self.at, self.print) = (trade.event_at, Some(trade));
        }
        is_all.then_some(trade)
    }

    /// What no order is told to have filled of the latest trade.
    fn rest(&mut self) -> Option<Event> {
        self.print.take().filter(|print| print.body::<Print>().quantity.0 > 0)
    }

    /// An order was filled.
    pub(super) fn fill(&mut self, m: &Mbo, subject: SubjectId, at: Nanos, side: Flags) {
        let (order, size) = (OrderId(m.order.get()), u64::from(m.size.get()));
        let print = self.print.as_mut().filter(|print| print.subject == subject);
        let rests_on = print.as_ref().and_then(|print| print.flags.side());
        if size == 0 {
            return;
        }
        // The one who came may have an order, too.
        let is_comers = rests_on.is_some_and(|rests_on| side.side() != Some(rests_on));
        // Where nobody came, as in an auction, both sides are told, and count once.
        let is_auction = print.is_some() && rests_on.is_none();
        let is_twice = is_comers || is_auction && side.has(Flags::BUY);
        let flags = if is_twice { side | Flags::NON_PRINTABLE } else { side };
        let same = |fill: &&mut Fill| (fill.subject, fill.order) == (subject, order);
        if let Some(known) = self.fills.iter_mut().rev().find(same) {
            known.quantity += size;
        } else if self.fills.len() < FILLS_MAX {
            let (price, received_at) = (price(m.price.get()), Nanos(m.ts_recv.get()));
            self.at = at;
            let quantity = size;
            self.fills.push(Fill {
                subject,
                order,
                price,
                quantity,
                received_at,
                flags,
                is_comers,
            });
        } else {
            return;
        }
        if let Some(print) = print.filter(|_| !is_twice) {
            let mut rest: Print = print.body();
            rest.quantity.0 = rest.quantity.0.saturating_sub(size);
            let received_at = print.received_at;
            *print = Event::new(subject, print.event_at, rest).with_flags(print.flags);
            print.received_at = received_at;
        }
    }

    /// What is known to have been filled of an order, no more than `most`.
    fn take(&mut self, subject: SubjectId, order: OrderId, most: u64) -> Option<(Fill, u64)> {
        let is_it = |fill: &Fill| (fill.subject, fill.order) == (subject, order);
        let place = self.fills.iter().position(is_it).filter(|_| most > 0)?;
        let fill = &mut self.fills[place];
        let quantity = fill.quantity.min(most);
        if quantity == fill.quantity {
            return Some((self.fills.remove(place), quantity));
        }
        fill.quantity -= quantity;
        Some((Fill { ..*fill }, quantity))
    }

    /// All that waits, as trades; nothing is known to come of them any more.
    fn give_up(&mut self, to: &mut Vec<Event>) {
        to.extend(self.rest());
        let counts = |fill: &Fill| !fill.flags.has(Flags::NON_PRINTABLE);
        to.extend(self.fills.drain(..).filter(counts).map(|fill| {
            let print = Print::new(0, fill.price, Quantity(fill.quantity));
            let mut event = Event::new(fill.subject, self.at, print).with_flags(fill.flags);
            event.received_at = fill.received_at;
            event
        }));
    }
}

impl Dbn {
    /// There was a trade.
    pub(super) fn trade_begins<S: Sink>(
        &mut self,
        mut trade: Event,
        received: Nanos,
        turn: &mut Turn<'_, S>,
    ) {
        trade.received_at = received;
        if let Some(rest) = self.trades.rest() {
            turn.push(rest, rest.received_at);
        }
        if let Some(trade) = self.trades.begin(trade) {
            turn.push(trade, received);
        }
    }

    /// An order enters, changes or leaves, and what waits for it is told with it.
    pub(super) fn after_trade<S: Sink>(
        &mut self,
        m: &Mbo,
        event: Event,
        received: Nanos,
        turn: &mut Turn<'_, S>,
    ) {
        if let Some(rest) = self.trades.rest() {
            turn.push(rest, rest.received_at);
        }
        let (subject, at, flags) = (event.subject, event.event_at, event.flags);
        let size = u64::from(m.size.get());
        let most = match event.kind() {
            Kind::Reduce => size,
            Kind::Modify => u64::MAX,
            _ => 0,
        };
        let filled = self.trades.take(subject, OrderId(m.order.get()), most);
        let Some((fill, quantity)) = filled else { return turn.push(event, received) };
        if fill.is_comers {
            let is_all = event.kind() == Kind::Reduce && quantity == size;
            let flags = if is_all { flags | Flags::NON_PRINTABLE } else { flags };
            return turn.push(event.with_flags(flags), received);
        }
        let news = Flags(flags.0 & !Flags::LAST.0);
        let order = |kind, quantity, flags| {
            let order = Order::new(fill.order, price(m.price.get()), Quantity(quantity));
            Event::new(subject, at, order).with_kind(kind).with_flags(flags)
        };
        if event.kind() == Kind::Modify {
            // What an iceberg shows may be more than what is left of what it showed: first what was there.
            let there = order(Kind::Modify, size + quantity, news | Flags::SNAPSHOT);
            turn.push(there, received);
            turn.push(fill.event(at, quantity, flags), received);
        } else if quantity == size {
            turn.push(fill.event(at, quantity, flags), received);
        } else {
            turn.push(fill.event(at, quantity, news), received);
            turn.push(order(Kind::Reduce, size - quantity, flags), received);
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
