//! Markets and episodes as stories: what tests show to patterns, and canaries.

use engine_observer::event::body::{
    Attributes, Definition, Execution, Holding, Order, Phase, Print, Status,
};
use engine_observer::event::{
    Event, Flags, Kind, Nanos, OrderId, ParticipantId, Price, Quantity, Side, SubjectId, VenueId,
};
use std::collections::BTreeMap;

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const S: u64 = 1_000 * MS;
const DAY_NS: u64 = 86_400 * S;

/// Events in the making: in any order, sorted by time at the end; what happens at the same time happens in
/// the order in which it was told. Prices are in ticks. Persons are numbers; 0 is nobody.
#[derive(Clone, Default)]
pub(crate) struct Story {
    events: Vec<Event>,
    orders: u64,
    sides: BTreeMap<u64, (Side, u32)>,
    /// By side: the makers' orders of a quiet market, level by level, with what is left of each.
    ladder: [Vec<Vec<(OrderId, u64)>>; 2],
}

pub(super) fn account(who: u32) -> Option<ParticipantId> {
    ParticipantId::new(who)
}

impl Story {
    /// When a market of [`quiet`](Self::quiet) has settled: stories begin here.
    pub(crate) const BEGIN: u64 = 4_000 * S;
    /// Its best bid and its best offer.
    pub(crate) const BID: i64 = 9_999;
    pub(crate) const ASK: i64 = 10_001;
    /// How much stands at each level of it: five orders of 8.
    pub(crate) const LEVEL: u64 = 40;

    /// How long what happened last may still be thought about.
    const SETTLES: u64 = 1_800 * S;

    /// Nothing happened yet; the tick is 1.
    pub(crate) fn new() -> Self {
        let mut story = Self::default();
        story.push(
            1,
            Event::new(
                SubjectId(0),
                Nanos(0),
                Definition::new(VenueId(u16::MAX), 2, 0).with_tick(Price(1)),
            ),
        );
        story
    }

    /// A quiet market of an hour: see [`quiet_for`](Self::quiet_for).
    #[cfg(test)]
    pub(crate) fn quiet() -> Self {
        Self::quiet_for(3_600)
    }

    /// The same of a quarter of an hour, for canaries: long enough for patterns to learn what is usual.
    pub(crate) fn calm() -> Self {
        Self::quiet_for(900)
    }

    /// A quiet market of so many seconds: ten levels of [`LEVEL`](Self::LEVEL) on each side, one tick apart, by
    /// persons 101 to 110; each second somebody (111 to 130) enters 1 to 20 and takes it away, and every
    /// ten seconds 131 trades 2 to 8 with a maker, buying and selling in turn.
    fn quiet_for(seconds: u64) -> Self {
        let mut story = Self::new();
        let began = Self::BEGIN - seconds * S;
        story.phase(began - S, Phase::Continuous);
        story.stand(began, Side::Buy, 10);
        story.stand(began, Side::Sell, 10);
        for second in 0..seconds {
            let at = began + second * S + 500 * MS;
            let side = if second % 2 == 0 { Side::Buy } else { Side::Sell };
            let price = if side == Side::Buy { Self::BID - 3 } else { Self::ASK + 3 };
            let size = 1 + second * 7 % 20;
            let order = story.enter(at, 111 + (second % 20) as u32, side, price, size);
            if second % 10 == 9 {
                let at = at + 100 * MS;
                let best = if side == Side::Buy { Self::BID } else { Self::ASK };
                let given = story.enter(at, 101 + (second % 10) as u32, side, best, 2 + second % 7);
                story.fill(at + MS, given, best, 2 + second % 7, 131);
            }
            story.cancel(at + 2_300 * MS, order);
        }
        story
    }

    /// The quiet market, but that until a minute and a half before the story begins its mid goes up by a
    /// tick and a half, as far as the passing orders, and down again every other second, for a quarter of
    /// an hour.
    #[cfg(test)]
    pub(crate) fn restless() -> Self {
        let mut story = Self::quiet();
        for nth in 0..450 {
            let at = Self::BEGIN - 990 * S + nth * 2 * S;
            story.sweep(at, 132, Side::Sell, 9 * Self::LEVEL);
            story.stand(at + S, Side::Sell, 10);
        }
        story
    }

    /// The makers stand at the first levels of a side, where they do not yet.
    pub(crate) fn stand(&mut self, at: u64, side: Side, levels: usize) {
        for level in 0..levels {
            if self.ladder[side as usize].get(level).is_some_and(|orders| !orders.is_empty()) {
                continue;
            }
            let orders = (0..5).map(|part| {
                let who = 101 + (level as u32 + part) % 10;
                let size = Self::LEVEL / 5;
                (self.enter(at, who, side, Self::price(side, level), size), size)
            });
            let orders: Vec<_> = orders.collect();
            let ladder = &mut self.ladder[side as usize];
            ladder.resize(ladder.len().max(level + 1), Vec::new());
            ladder[level] = orders;
        }
    }

    fn price(side: Side, level: usize) -> i64 {
        match side {
            Side::Buy => Self::BID - level as i64,
            Side::Sell => Self::ASK + level as i64,
        }
    }

    /// Somebody comes and trades with so much of the makers' orders on a side, best first. What that takes
    /// away comes back by [`stand`](Self::stand). How many levels were emptied.
    pub(crate) fn sweep(&mut self, at: u64, by: u32, side: Side, mut quantity: u64) -> usize {
        let mut emptied = 0;
        for level in 0..self.ladder[side as usize].len() {
            while quantity > 0
                && let Some((order, left)) = self.ladder[side as usize][level].first().copied()
            {
                let traded = left.min(quantity);
                self.fill(at, order, Self::price(side, level), traded, by);
                quantity -= traded;
                let orders = &mut self.ladder[side as usize][level];
                orders[0].1 -= traded;
                if orders[0].1 == 0 {
                    orders.remove(0);
                }
            }
            emptied += usize::from(self.ladder[side as usize][level].is_empty());
        }
        emptied
    }

    fn push(&mut self, at: u64, mut event: Event) {
        event.event_at = Nanos(at);
        self.events.push(event);
    }

    /// Somebody enters an order.
    pub(crate) fn enter(
        &mut self,
        at: u64,
        who: u32,
        side: Side,
        price: i64,
        quantity: u64,
    ) -> OrderId {
        self.enter_as(at, who, side, price, quantity, Attributes::NONE)
    }

    /// The same with attributes: hidden, iceberg, market maker, immediate.
    pub(crate) fn enter_as(
        &mut self,
        at: u64,
        who: u32,
        side: Side,
        price: i64,
        quantity: u64,
        attributes: Attributes,
    ) -> OrderId {
        self.orders += 1;
        let id = OrderId(self.orders);
        self.sides.insert(id.0, (side, who));
        let mut order = Order::new(id, Price(price), Quantity(quantity)).owned_by(account(who));
        order.attributes = attributes;
        self.push(at, Event::new(SubjectId(0), Nanos(0), order).with_flags(Flags::of(side)));
        id
    }

    /// The owner takes it away.
    pub(crate) fn cancel(&mut self, at: u64, order: OrderId) {
        let (side, who) = self.sides[&order.0];
        let gone = Order::gone(order).owned_by(account(who));
        let event = Event::new(SubjectId(0), Nanos(0), gone).with_kind(Kind::Delete);
        self.push(at, event.with_flags(Flags::of(side)));
    }

    /// It traded as it came, with orders whose executions are told for themselves.
    #[cfg(test)]
    pub(crate) fn spend(&mut self, at: u64, order: OrderId) {
        let gone = Order::gone(order).owned_by(account(self.sides[&order.0].1));
        let event = Event::new(SubjectId(0), Nanos(0), gone).with_kind(Kind::Delete);
        self.push(at, event.with_flags(Flags::of(self.sides[&order.0].0) | Flags::NON_PRINTABLE));
    }

    /// The owner changes price and quantity.
    pub(crate) fn amend(&mut self, at: u64, order: OrderId, price: i64, quantity: u64) {
        let (side, who) = self.sides[&order.0];
        let order = Order::new(order, Price(price), Quantity(quantity)).owned_by(account(who));
        let event = Event::new(SubjectId(0), Nanos(0), order).with_kind(Kind::Modify);
        self.push(at, event.with_flags(Flags::of(side)));
    }

    /// Somebody comes and trades with it.
    pub(crate) fn fill(&mut self, at: u64, order: OrderId, price: i64, quantity: u64, by: u32) {
        let (side, who) = self.sides[&order.0];
        let execution = Execution::new(order, Price(price), Quantity(quantity))
            .between(account(who), account(by));
        let event = Event::new(SubjectId(0), Nanos(0), execution);
        self.push(at, event.with_flags(Flags::of(side)));
    }

    /// A trade without a visible order; `side` is the resting one's.
    pub(crate) fn print(
        &mut self,
        at: u64,
        side: Side,
        price: i64,
        quantity: u64,
        (rests, comes): (u32, u32),
    ) {
        self.orders += 1;
        let print = Print::new(self.orders, Price(price), Quantity(quantity))
            .between(account(rests), account(comes));
        let event = Event::new(SubjectId(0), Nanos(0), print);
        self.push(at, event.with_flags(Flags::of(side)));
    }

    /// The market enters a phase.
    pub(crate) fn phase(&mut self, at: u64, phase: Phase) {
        self.push(at, Event::new(SubjectId(0), Nanos(0), Status::new(phase, b"")));
    }

    /// The venue tells at which price its auction would clear, and what would be left over.
    #[cfg(test)]
    pub(crate) fn indicate(&mut self, at: u64, price: i64, imbalance: i64) {
        let indicative = Price(price).into();
        let (reference, paired) = (indicative, Quantity(0));
        let told =
            engine_observer::event::body::Indication { indicative, reference, paired, imbalance };
        self.push(at, Event::new(SubjectId(0), Nanos(0), told));
    }

    /// The venue publishes a settlement price.
    #[cfg(test)]
    pub(crate) fn settle(&mut self, at: u64, price: i64) {
        let told = engine_observer::event::body::Statistic::new(3, Price(price), None);
        self.push(at, Event::new(SubjectId(0), Nanos(0), told));
    }

    /// A headline.
    #[cfg(test)]
    pub(crate) fn news(&mut self, at: u64) {
        self.push(
            at,
            Event::new(SubjectId(0), Nanos(0), engine_observer::event::body::Headline::new(1)),
        );
    }

    /// What somebody holds when the day begins.
    pub(crate) fn holds(&mut self, at: u64, who: u32, quantity: i64) {
        self.push(at, Event::new(SubjectId(0), Nanos(0), Holding::new(account(who), quantity)));
    }

    /// Accounts that are one person, as declared before anything happens.
    pub(crate) fn are_one(&mut self, accounts: &[u32]) {
        for who in accounts {
            let holding = Holding::new(account(*who), 0).owned_by(account(accounts[0]));
            self.push(2, Event::new(SubjectId(0), Nanos(0), holding));
        }
    }

    /// Any other event.
    #[cfg(test)]
    pub(crate) fn event(&mut self, at: u64, event: Event) {
        self.push(at, event);
    }

    /// The same where nobody says whose orders these are.
    #[cfg(test)]
    pub(crate) fn anonymous(mut self) -> Self {
        for event in &mut self.events {
            let (subject, at) = (event.subject, event.event_at);
            let told = match event.kind() {
                Kind::Add | Kind::Modify | Kind::Delete => {
                    Event::new(subject, at, event.body::<Order>().owned_by(None))
                }
                Kind::Execute => {
                    Event::new(subject, at, event.body::<Execution>().between(None, None))
                }
                Kind::Trade => Event::new(subject, at, event.body::<Print>().between(None, None)),
                _ => continue,
            };
            *event = told.with_kind(event.kind()).with_flags(event.flags);
        }
        self
    }

    /// What happened, in order.
    pub(crate) fn events(&self) -> Vec<Event> {
        let mut events = self.events.clone();
        events.sort_by_key(|event| event.event_at);
        events
    }

    /// The same as if it began at another time and at this venue, and as if nothing happened for hours
    /// afterwards. It begins so that all of it lies within a day, and not before [`BEGIN`](Self::BEGIN).
    pub(crate) fn told_at(&self, time: Nanos, venue: u32) -> Vec<Event> {
        let mut events = self.events();
        let times = || events.iter().map(|event| event.event_at.0);
        let lead = Self::BEGIN - times().find(|at| *at >= S).unwrap_or(Self::BEGIN);
        let last = times().next_back().unwrap_or(Self::BEGIN);
        let day = time.0 / DAY_NS * DAY_NS;
        let latest =
            (day + DAY_NS).saturating_sub(last.saturating_sub(Self::BEGIN) + Self::SETTLES);
        let begins = time.0.max(day + lead).min(latest);
        let later = begins.saturating_sub(Self::BEGIN);
        let after = Event::new(SubjectId(0), Nanos(last + 4 * 3_600 * S), Order::gone(OrderId(0)));
        events.push(after.with_kind(Kind::Delete).with_flags(Flags::of(Side::Buy)));
        for event in &mut events {
            if event.kind() == Kind::Define {
                let named = event.body::<Definition>().tagged(Self::tag(), venue);
                *event = Event::new(SubjectId(0), event.event_at, named);
            }
            event.event_at = Nanos(event.event_at.0 + later);
            event.received_at = event.event_at;
        }
        events
    }

    /// The number that stands for the name of a story's subject, which no venue has.
    pub(crate) fn tag() -> u64 {
        Definition::tag_of("canary")
    }
}
