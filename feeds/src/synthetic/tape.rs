//! The order flow with the accounts behind it, as a tape; and bursts of quote stuffing in it.

use super::{Act, Flow, Random, Step, symbol};
use crate::codec::tape::Writer;
use engine_event::body::{Execution, Order, Phase, Print, Status};
use engine_event::{
    Definition, Directory, DirectoryFull, Event, Flags, Kind, Nanos, OrderId, ParticipantId, Price,
    Quantity, Side, SubjectId,
};
use std::io::{self, BufWriter, Write};

/// The venue's name.
pub const VENUE: &str = "SYNX";

/// Decimal places of the tape's prices.
const PRICE_SCALE: u8 = 2;

/// What the tape is to hold.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Lines of order flow; those of bursts come on top.
    pub lines: u64,
    /// Everything follows from it.
    pub seed: u64,
    /// How many stocks, at least 1.
    pub stocks: usize,
    /// How many accounts, at least 1, as active as Zipf's law has it: `A0001` and so on.
    pub accounts: usize,
    /// Midnight of the day.
    pub midnight: Nanos,
    /// How many bursts of quote stuffing, by [`Burst`], spread over the day.
    pub bursts: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lines: 100_000,
            seed: 1,
            stocks: 20,
            accounts: 200,
            midnight: Nanos(1_704_153_600_000_000_000), // 2024-01-02
            bursts: 0,
        }
    }
}

/// Orders entered and cancelled at once, so many that they can only mean to be in others' way.
#[derive(Clone, Copy, Debug)]
pub struct Burst {
    /// What is stuffed.
    pub subject: SubjectId,
    /// Who does it.
    pub participant: ParticipantId,
    /// On which side.
    pub side: Side,
    /// At which price: one tick off the touch, so that nothing trades.
    pub price: Price,
    /// How much each order is for.
    pub quantity: Quantity,
    /// The first order's id; the others' follow.
    pub first: OrderId,
    /// When it begins.
    pub from: Nanos,
    /// How long it lasts.
    pub lasts_ns: u64,
    /// How many orders are entered, and as many cancelled.
    pub pairs: u64,
}

impl Burst {
    /// 3,000 pairs in 1.2 seconds.
    pub const PAIRS: u64 = 3000;
    /// 1.2 seconds.
    pub const LASTS_NS: u64 = 1_200_000_000;
}

/// The events of a burst, in time order: each order and, half its interval later, its deletion.
pub fn stuffing_burst(burst: Burst) -> impl Iterator<Item = Event> {
    let halves = burst.pairs * 2;
    (0..halves).map(move |half| {
        let at = burst.from + Nanos(burst.lasts_ns / halves.max(1) * half);
        let id = OrderId(burst.first.0 + half / 2);
        let owner = Some(burst.participant);
        let event = if half % 2 == 0 {
            let order = Order::new(id, burst.price, burst.quantity).owned_by(owner);
            Event::new(burst.subject, at, order)
        } else {
            Event::new(burst.subject, at, Order::gone(id).owned_by(owner)).with_kind(Kind::Delete)
        };
        event.with_flags(Flags::of(burst.side))
    })
}

/// Writes a tape to `out` and returns the bursts that are in it.
pub fn generate(settings: Settings, out: impl Write) -> io::Result<Vec<Burst>> {
    let mut day = Day::new(&settings).map_err(io::Error::other)?;
    let mut tape = Writer::new(BufWriter::new(out))?;
    let mut random = Random::new(settings.seed ^ 0x5EED);
    let mut flow = Flow::new(super::Settings {
        steps: settings.lines.saturating_sub(1),
        seed: settings.seed,
        stocks: settings.stocks,
        accounts: settings.accounts,
        renumber: false,
    });
    let opened = Status::new(Phase::Continuous, b"");
    let open = settings.midnight + Nanos(Flow::OPEN);
    tape.event(&Event::new(SubjectId::EVERY, open, opened), &day.names)?;
    let mut bursts = Vec::new();
    let apart = settings.lines / (u64::from(settings.bursts) + 1);
    let mut line = 0;
    while let Some(step) = flow.next() {
        tape.event(&day.event(&step), &day.names)?;
        line += 1;
        let due = (bursts.len() as u64 + 1) * apart;
        if bursts.len() < settings.bursts as usize && line >= due {
            let burst = day.burst(&step, &mut flow, &mut random);
            for event in stuffing_burst(burst) {
                tape.event(&event, &day.names)?;
            }
            // The rest of the day waits: nothing may cross the burst's orders meanwhile.
            day.start = day.start + Nanos(Burst::LASTS_NS);
            bursts.push(burst);
        }
    }
    tape.finish()?;
    Ok(bursts)
}

/// The names of the day, and its beginning.
struct Day {
    names: Directory,
    subjects: Vec<SubjectId>,
    accounts: Vec<ParticipantId>,
    start: Nanos,
}

impl Day {
    fn new(settings: &Settings) -> Result<Self, DirectoryFull> {
        let (stocks, accounts) = (settings.stocks.max(1), settings.accounts.max(1));
        let bound = u32::try_from(stocks.max(accounts)).unwrap_or(u32::MAX);
        let mut names = Directory::new(bound);
        let venue = names.venues.intern(VENUE)?;
        let definition = Definition::new(venue, PRICE_SCALE, 0).with_tick(Price(1));
        let subjects = (0..stocks).map(|stock| names.define(&symbol(stock), definition));
        let subjects: Result<Vec<_>, _> = subjects.map(|new| new.map(|(id, _)| id)).collect();
        let number = |account| names.participants.intern(&format!("A{account:04}"));
        let accounts: Result<Vec<_>, _> = (1..=accounts).map(number).collect();
        Ok(Self { subjects: subjects?, accounts: accounts?, names, start: settings.midnight })
    }

    fn event(&self, step: &Step) -> Event {
        let at = self.start + Nanos(step.time);
        let subject = self.subjects[step.stock];
        let account = |number: u32| Some(self.accounts[number as usize]);
        let price = |cents: u32| Price(i64::from(cents));
        let shares = |shares: u32| Quantity(u64::from(shares));
        let event = match step.act {
            Act::Add(order) => {
                let new = Order::new(OrderId(order.id), price(order.price), shares(order.shares));
                Event::new(subject, at, new.owned_by(account(order.owner)))
            }
            Act::Reduce(order, less) => {
                let less = Order::new(OrderId(order.id), None, shares(less));
                Event::new(subject, at, less.owned_by(account(order.owner))).with_kind(Kind::Reduce)
            }
            Act::Delete(order) => {
                let gone = Order::gone(OrderId(order.id)).owned_by(account(order.owner));
                Event::new(subject, at, gone).with_kind(Kind::Delete)
            }
            Act::Replace(_, new) => {
                let order = Order::new(OrderId(new.id), price(new.price), shares(new.shares));
                Event::new(subject, at, order.owned_by(account(new.owner))).with_kind(Kind::Modify)
            }
            Act::Execute { order, shares: traded, price: at_price, aggressor, .. } => {
                let traded_at = price(at_price.unwrap_or(order.price));
                let execution = Execution::new(OrderId(order.id), traded_at, shares(traded));
                let parties = execution.between(account(order.owner), account(aggressor));
                Event::new(subject, at, parties)
            }
            Act::Trade { price: cents, shares: traded, trade } => {
                let print = Print::new(trade, price(cents), shares(traded));
                Event::new(subject, at, print).with_flags(Flags::HIDDEN)
            }
        };
        event.with_flags(Flags::of(step.side))
    }

    /// A burst in the stock that moved last, by an account of the least active half.
    fn burst(&self, step: &Step, flow: &mut Flow, random: &mut Random) -> Burst {
        let half = self.accounts.len() / 2;
        Burst {
            subject: self.subjects[step.stock],
            participant: self.accounts[half + random.place(self.accounts.len() - half)],
            side: Side::Buy,
            price: Price(i64::from(flow.line(step.stock)) - 1),
            quantity: Quantity(100),
            first: OrderId(flow.spare_orders(Burst::PAIRS)),
            from: self.start + Nanos(step.time),
            lasts_ns: Burst::LASTS_NS,
            pairs: Burst::PAIRS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Tape, testing::decode};
    use crate::{Format, Options, detect};

    #[test]
    fn a_tape_is_valid_and_holds_its_bursts() {
        let mut bytes = Vec::new();
        let settings = Settings { lines: 4000, bursts: 2, ..Settings::default() };
        let bursts = generate(settings, &mut bytes).unwrap();
        assert_eq!(bursts.len(), 2);
        assert_eq!(detect(&bytes[..4096]), Some(Format::Tape));
        let strict = Options { strict: true, ..Options::default() };
        let decoded = decode(&mut Tape::new(&strict), &bytes);
        assert_eq!(decoded.error, None);
        assert_eq!(decoded.tally.messages, 4000 + 2 * 6000);
    }

    #[test]
    fn a_burst_lasts_as_long_as_it_says() {
        let burst = Burst {
            subject: SubjectId(0),
            participant: ParticipantId::new(1).unwrap(),
            side: Side::Sell,
            price: Price(100),
            quantity: Quantity(1),
            first: OrderId(10),
            from: Nanos(1000),
            lasts_ns: Burst::LASTS_NS,
            pairs: Burst::PAIRS,
        };
        let events: Vec<_> = stuffing_burst(burst).collect();
        assert_eq!(events.len(), 6000);
        let span = events[5999].event_at.since(events[0].event_at);
        assert_eq!(span.0, Burst::LASTS_NS - Burst::LASTS_NS / 6000);
        assert_eq!(events[5999].body::<Order>().id, OrderId(10 + 2999));
    }
}
