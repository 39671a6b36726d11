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
#[derive(Debug)]
pub(super) struct Trades {
    pub(super) at: Nanos,
    /// The latest trade, while it waits, and what no order has filled of it.
    print: Event,
    waits: bool,
    left: u64,
    fills: Vec<Fill>,
}

impl Default for Trades {
    fn default() -> Self {
        let print =
            Event::new(SubjectId::EVERY, Nanos(0), Print::new(0, MaybePrice::NONE, Quantity(0)));
        Self { at: Nanos(0), print, waits: false, left: 0, fills: Vec::with_capacity(16) }
    }
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
    fn event(&self, at: Nanos, quantity: u64) -> Event {
        let execution = Execution::new(self.order, self.price, Quantity(quantity));
        Event::new(self.subject, at, execution).with_flags(self.flags)
    }
}

impl Trades {
    /// Whether nothing waits.
    #[inline(always)]
    pub(super) fn is_idle(&self) -> bool {
        self.fills.is_empty() & !self.waits
    }

    /// The latest trade waits no more. What no order is told to have filled of it, if anything.
    fn rest(&mut self) -> Option<Event> {
        if !std::mem::take(&mut self.waits) || self.left == 0 {
            return None;
        }
        let mut rest: Print = self.print.body();
        rest.quantity = Quantity(self.left);
        let mut event = Event::new(self.print.subject, self.at, rest).with_flags(self.print.flags);
        event.received_at = self.print.received_at;
        Some(event)
    }

    /// An order was filled.
    pub(super) fn fill(&mut self, m: &Mbo, subject: SubjectId, at: Nanos, side: Flags) {
        let (order, size) = (OrderId(m.order.get()), u64::from(m.size.get()));
        let is_of_print = self.waits && self.print.subject == subject;
        let rests_on = self.print.flags.side().filter(|_| is_of_print);
        if size == 0 {
            return;
        }
        // The one who came may have an order, too.
        let is_comers = rests_on.is_some_and(|rests_on| side.side() != Some(rests_on));
        // Where nobody came, as in an auction, both sides are told, and count once.
        let is_auction = is_of_print && rests_on.is_none();
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
        if is_of_print && !is_twice {
            self.left = self.left.saturating_sub(size);
        }
    }

    /// What is known to have been filled of an order, no more than `most`: as it is told, and whether it
    /// is of the one who came.
    #[inline]
    fn take(&mut self, event: &Event, order: OrderId, most: u64) -> Option<(Event, u64, bool)> {
        let is_it = |fill: &Fill| (fill.order, fill.subject) == (order, event.subject);
        let place = self.fills.iter().position(is_it)?;
        let fill = &mut self.fills[place];
        let quantity = fill.quantity.min(most);
        let executed = fill.event(event.event_at, quantity);
        let is_comers = fill.is_comers;
        fill.quantity -= quantity;
        if fill.quantity == 0 {
            self.fills.swap_remove(place);
        }
        Some((executed, quantity, is_comers))
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
        trade: Event,
        received: Nanos,
        turn: &mut Turn<'_, S>,
    ) {
        if let Some(rest) = self.trades.rest() {
            turn.push(rest, rest.received_at);
        }
        let quantity = trade.body::<Print>().quantity.0;
        if trade.flags.has(Flags::LAST) || quantity == 0 {
            // Its group ends with it, or nothing can be filled.
            return turn.push(trade, received);
        }
        let known = &mut self.trades;
        (known.at, known.waits, known.left) = (trade.event_at, true, quantity);
        known.print = trade;
        known.print.received_at = received;
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
            _ => return turn.push(event, received),
        };
        let filled = self.trades.take(&event, OrderId(m.order.get()), most);
        let Some((executed, quantity, is_comers)) = filled else {
            return turn.push(event, received);
        };
        let is_all = quantity == size;
        if is_comers {
            let is_all = is_all && event.kind() == Kind::Reduce;
            let flags = if is_all { flags | Flags::NON_PRINTABLE } else { flags };
            return turn.push(event.with_flags(flags), received);
        }
        let news = Flags(flags.0 & !Flags::LAST.0);
        let order = |kind, quantity, flags| {
            let id = OrderId(m.order.get());
            let order = Order::new(id, price(m.price.get()), Quantity(quantity));
            Event::new(subject, at, order).with_kind(kind).with_flags(flags)
        };
        let told = executed.flags;
        if event.kind() == Kind::Modify {
            // What an iceberg shows may be more than what is left of what it showed: first what was there.
            let there = order(Kind::Modify, size + quantity, news | Flags::SNAPSHOT);
            turn.push(there, received);
            turn.push(executed.with_flags(told | flags), received);
        } else if is_all {
            turn.push(executed.with_flags(told | flags), received);
        } else {
            turn.push(executed.with_flags(told | news), received);
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
