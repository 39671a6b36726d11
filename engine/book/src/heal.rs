//! What a book that lost messages can still know: which of its orders must have left without a word.
//!
//! A deletion that was lost leaves a ghost: an order that rests here and nowhere else. Deep in the book it
//! adds to a level; at the touch it is the best price from then on. Two things prove ghosts gone, where
//! orders trade as they come:
//!
//! - **The sides stand across each other.** A venue matches before it lets an order rest, so what the
//!   latest order to enter or move stands across of was gone when it came.
//! - **A trade at a worse price.** An order traded while better ones of its side seemed to stand before
//!   it: they were gone when it did.
//!
//! Both hold after [`WAIT`], if the orders in question are there still: feeds that let an order rest first
//! and tell its trades right after are given the time to do so. A book heals only if messages are known
//! to be missing, and not where the sides may cross. If an event tells of an order that was taken out,
//! the proof was none, as in a pre-opening that no phase announces, and so it is if more orders would have
//! to be ghosts than messages are missing: then nothing is taken out for [`REST`]. What is taken out is counted as [`Fault::Healed`] and stays a doubt: the book is stale until
//! it is told anew.

use crate::rules::{self, Turn};
use crate::{Effect, Form};
use engine_event::body::{Execution, Gap};
use engine_event::{
    Fault, Flags, Kind, Nanos, OrderId, Price, Reader, Side, SnapshotError, Writer,
};

/// How long an order has to stay where it cannot be.
pub(crate) const WAIT: Nanos = Nanos::from_millis(250);
/// For how long a book that took out an order too many takes out none.
pub(crate) const REST: Nanos = Nanos::from_secs(3_600);
/// Orders that are remembered of those that were taken out, and the most that are at one event.
const MOST: usize = 32;
/// Ghosts that a missing number may leave: it may stand for a packet of several messages.
const GHOSTS_EACH: u64 = 4;

/// What is known of the ghosts of a book that lost messages.
#[derive(Clone, Debug)]
pub(crate) struct Healing {
    /// The side of the order that came last of those that stand across, and since when any does.
    across: Option<(Side, Nanos)>,
    /// An order of this side traded at this price, then, while others seemed to stand before it.
    through: Option<(Side, Price, Nanos)>,
    rests_until: Nanos,
    /// How many numbers are missing.
    missing: u64,
    /// How many orders were taken out.
    pub(crate) count: u64,
    /// The latest of them, in a ring.
    gone: [OrderId; MOST],
}

impl Healing {
    pub(crate) fn new(missing: u64) -> Self {
        Self {
            across: None,
            through: None,
            rests_until: Nanos(0),
            missing,
            count: 0,
            gone: [OrderId(0); MOST],
        }
    }

    /// The orders that were taken out since there were `seen`, as far as they are remembered.
    pub(crate) fn since(&self, seen: u64) -> impl Iterator<Item = OrderId> + '_ {
        let first = seen.max(self.count.saturating_sub(MOST as u64));
        (first..self.count).map(|nth| self.gone[nth as usize % MOST])
    }

    /// More is missing.
    pub(crate) fn miss(&mut self, gap: &Gap) {
        self.missing = self.missing.saturating_add(missing(gap));
    }

    /// How many ghosts there can be.
    fn ghosts_max(&self) -> u64 {
        self.missing.saturating_mul(GHOSTS_EACH).saturating_sub(self.count)
    }

    /// It was no proof.
    fn rest(&mut self, now: Nanos) {
        self.rests_until = Nanos(now.0.saturating_add(REST.0));
        self.forget();
    }

    fn forget(&mut self) {
        (self.across, self.through) = (None, None);
    }

    pub(crate) fn save(&self, to: &mut Writer) {
        to.bool(self.across.is_some());
        if let Some((side, since)) = self.across {
            to.bool(side == Side::Sell);
            to.u64(since.0);
        }
        to.bool(self.through.is_some());
        if let Some((side, price, at)) = self.through {
            to.bool(side == Side::Sell);
            to.i64(price.0);
            to.u64(at.0);
        }
        to.u64(self.rests_until.0);
        to.u64(self.missing);
        to.u64(self.count);
        self.gone.iter().for_each(|id| to.u64(id.0));
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let side = |is_sell: bool| if is_sell { Side::Sell } else { Side::Buy };
        let mut healing = Self::new(0);
        if from.bool()? {
            healing.across = Some((side(from.bool()?), Nanos(from.u64()?)));
        }
        if from.bool()? {
            let (side, price) = (side(from.bool()?), Price(from.i64()?));
            healing.through = Some((side, price, Nanos(from.u64()?)));
        }
        healing.rests_until = Nanos(from.u64()?);
        (healing.missing, healing.count) = (from.u64()?, from.u64()?);
        for id in &mut healing.gone {
            *id = OrderId(from.u64()?);
        }
        Ok(healing)
    }
}

/// How many numbers a gap may stand for: any, where nobody knows.
pub(crate) fn missing(gap: &Gap) -> u64 {
    if gap.count == 0 { u64::from(u32::MAX) } else { gap.count }
}

/// Whether a price stands nearer to trading than another of its side.
fn is_better(side: Side, price: Price, than: Price) -> bool {
    match side {
        Side::Buy => price > than,
        Side::Sell => price < than,
    }
}

impl Turn<'_> {
    /// After an event in a book that lost messages: what does it prove, and what was proved long enough ago?
    /// Gives how many orders were taken out.
    #[cold]
    #[inline(never)]
    pub(crate) fn heal(&mut self, refused: Option<Fault>) -> u64 {
        let Some(mut healing) = self.records[self.place].healing.take() else { return 0 };
        let before = healing.count;
        if self.book.form == Some(Form::Orders) {
            self.heal_with(&mut healing, refused);
        }
        let healed = healing.count - before;
        self.records[self.place].healing = Some(healing);
        healed
    }

    fn heal_with(&mut self, healing: &mut Healing, refused: Option<Fault>) {
        let now = self.event.event_at;
        if refused == Some(Fault::UnknownOrder) {
            let id = rules::order_of(self.event);
            if self.event.kind() != Kind::Trade && healing.since(0).any(|gone| gone == id) {
                healing.rest(now);
            }
        }
        if self.book.phase.may_cross() || now < healing.rests_until {
            return healing.forget();
        }
        self.notice_crossing(healing, now);
        self.notice_trade(healing, now);
        if let Some((by, since)) = healing.across
            && now.since(since) >= WAIT
        {
            let other = by.opposite();
            let [bid, ask] = self.book.best();
            let near = if by == Side::Buy { bid } else { ask };
            let stands_across = |price| !is_better(other, near.price, price);
            self.take_out(healing, other, stands_across, Nanos(u64::MAX));
            healing.across = healing.across.filter(|_| self.book.is_crossed());
        }
        if let Some((side, price, at)) = healing.through
            && now.since(at) >= WAIT
        {
            self.take_out(healing, side, |stood| is_better(side, stood, price), at);
            healing.through = None;
        }
    }

    fn notice_crossing(&self, healing: &mut Healing, now: Nanos) {
        if !self.book.is_crossed() {
            healing.across = None;
            return;
        }
        let Some((side, price)) = self.change.level.filter(|_| self.change.may_cross()) else {
            return;
        };
        let [bid, ask] = self.book.best();
        let far = if side == Side::Buy { ask } else { bid };
        if far.is_there() && !is_better(side, far.price, price) {
            let since = healing.across.map_or(now, |(_, since)| since);
            healing.across = Some((side, since));
        }
    }

    fn notice_trade(&self, healing: &mut Healing, now: Nanos) {
        let moved = self
            .change
            .level
            .filter(|_| matches!(self.change.effect, Effect::Modified | Effect::Replaced));
        if let (Some((side, price, _)), Some((moved_on, to))) = (healing.through, moved)
            && moved_on == side
            && is_better(side, to, price)
        {
            // One that moved since then cannot be told from a ghost by when it entered.
            healing.through = None;
        }
        let Some(order) = self.change.order.filter(|_| self.event.kind() == Kind::Execute) else {
            return;
        };
        let told = self.event.body::<Execution>().price.get();
        let is_plain = told.is_none_or(|told| told == order.price)
            && order.is_displayed()
            && !self.event.flags.has(Flags::CROSS);
        let [bid, ask] = self.change.before.best;
        let is_apart = !bid.is_there() || !ask.is_there() || bid.price < ask.price;
        let best = if order.side == Side::Buy { bid } else { ask };
        let was_through = is_plain && is_apart && is_better(order.side, best.price, order.price);
        if was_through && healing.through.is_none() {
            healing.through = Some((order.side, order.price, now));
        }
    }

    /// Takes out the orders at the prices of a side that reach too far, if they entered before: they must
    /// be gone. More than there can be ghosts are none.
    fn take_out(
        &mut self,
        healing: &mut Healing,
        side: Side,
        reaches: impl Fn(Price) -> bool,
        before: Nanos,
    ) {
        let most = (MOST as u64).min(healing.ghosts_max()) as usize;
        let mut ids = [OrderId(0); MOST + 1];
        let levels = self.book.levels(self.room, side).rev();
        let levels = levels.take_while(|level| reaches(level.price));
        let orders = levels.flat_map(|level| self.room.orders.queued(level.queue));
        let gone = orders.filter(|order| order.entered_at < before);
        let count = ids.iter_mut().zip(gone).map(|(place, order)| *place = order.id).count();
        let told = self.change.order.map(|order| order.id);
        if count > most || ids[..count].iter().any(|id| Some(*id) == told) {
            return healing.rest(self.event.event_at);
        }
        for id in &ids[..count] {
            let Some(slot) = self.room.orders.find(self.subject, *id) else { continue };
            self.remove(slot);
            healing.gone[healing.count as usize % MOST] = *id;
            healing.count += 1;
        }
    }
}
