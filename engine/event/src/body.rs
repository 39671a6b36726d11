//! The typed bodies: what the 32 bytes behind an event's head mean, by kind.
//!
//! A body is plain data in which every bit pattern is valid, so reading one never fails and never
//! branches. Sides live in the head's flags. Layouts are part of the recorded form.

mod definition;

use crate::id::{MaybePrice, MetricId, OrderId, ParticipantId, Price, Quantity};
use crate::{Event, Kind, Nanos};
use std::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub use definition::Definition;

/// Something that fits an event's body.
pub trait Body: FromBytes + IntoBytes + Immutable + KnownLayout + Copy {
    /// The kind that [`Event::new`] gives it.
    const KIND: Kind;

    /// Whether events of `kind` have this body.
    fn fits(kind: Kind) -> bool {
        kind == Self::KIND
    }

    /// The body as an event stores it.
    fn to_words(self) -> [u64; 4];
    /// The body as it was stored.
    fn from_words(words: [u64; 4]) -> Self;
}

macro_rules! bodies {
    ($($body:ident = $kind:ident $(| $other:ident)*;)*) => {
        $(
            const _: () = assert!(size_of::<$body>() == 32);

            impl Body for $body {
                const KIND: Kind = Kind::$kind;

                fn fits(kind: Kind) -> bool {
                    matches!(kind, Kind::$kind $(| Kind::$other)*)
                }

                #[inline]
                fn to_words(self) -> [u64; 4] {
                    zerocopy::transmute!(self)
                }

                #[inline]
                fn from_words(words: [u64; 4]) -> Self {
                    zerocopy::transmute!(words)
                }
            }
        )*

        pub(crate) fn describe(event: &Event, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match event.kind() {
                $(Kind::$kind $(| Kind::$other)* => fmt::Debug::fmt(&event.body::<$body>(), f),)*
                Kind::Unknown => f.write_str("?"),
            }
        }
    };
}

bodies! {
    Definition = Define;
    Order = Add | Modify | Reduce | Delete;
    Replacement = Replace;
    Execution = Execute;
    Print = Trade | Break;
    Status = Status;
    Indication = Auction;
    Headline = News;
    Holding = Position;
    Gap = Gap;
    Reading = Reading;
    Call = Call;
    Flow = Flow;
    End = End | Clear;
    Level = Level;
    Quote = Quote;
    Statistic = Statistic;
}

/// An order as it is told: entering (`Add`), changed (`Modify`: new price and quantity), reduced by a
/// quantity (`Reduce`), or gone (`Delete`: only the id counts).
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Order {
    /// The venue's id.
    pub id: OrderId,
    /// Limit; none for a market order.
    pub price: MaybePrice,
    /// Quantity, or by how much it shrinks.
    pub quantity: Quantity,
    participant: u32,
    /// How it behaves.
    pub attributes: Attributes,
    reserved: u16,
}

impl Order {
    /// An order of an unknown owner without attributes.
    #[inline]
    pub fn new(id: OrderId, price: impl Into<MaybePrice>, quantity: Quantity) -> Self {
        Self {
            id,
            price: price.into(),
            quantity,
            participant: 0,
            attributes: Attributes::NONE,
            reserved: 0,
        }
    }

    /// Only the id: what a deletion tells.
    #[inline]
    pub fn gone(id: OrderId) -> Self {
        Self::new(id, MaybePrice::NONE, Quantity(0))
    }

    /// The same order of this owner.
    #[inline]
    pub fn owned_by(mut self, participant: Option<ParticipantId>) -> Self {
        self.participant = ParticipantId::number(participant);
        self
    }

    /// Who entered it.
    #[inline]
    pub fn participant(&self) -> Option<ParticipantId> {
        ParticipantId::new(self.participant)
    }
}

/// A set of an order's attributes, as the tape's flags name them.
#[derive(
    Clone, Copy, PartialEq, Eq, Default, Debug, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(transparent)]
pub struct Attributes(pub u16);

impl Attributes {
    /// None of them.
    pub const NONE: Attributes = Attributes(0);
    /// Not displayed.
    pub const HIDDEN: Attributes = Attributes(1);
    /// Immediate or cancel.
    pub const IOC: Attributes = Attributes(2);
    /// Only a part is displayed at a time.
    pub const ICEBERG: Attributes = Attributes(4);
    /// From a registered market maker.
    pub const MARKET_MAKER: Attributes = Attributes(8);
    /// For a client.
    pub const CLIENT: Attributes = Attributes(16);
    /// For the member's own account.
    pub const PROPRIETARY: Attributes = Attributes(32);
    /// With self-trade prevention.
    pub const SELF_TRADE_PREVENTION: Attributes = Attributes(64);

    /// The tape's word for each attribute.
    pub const WORDS: [(&'static str, Attributes); 7] = [
        ("hidden", Self::HIDDEN),
        ("ioc", Self::IOC),
        ("iceberg", Self::ICEBERG),
        ("mm", Self::MARKET_MAKER),
        ("client", Self::CLIENT),
        ("prop", Self::PROPRIETARY),
        ("stp", Self::SELF_TRADE_PREVENTION),
    ];

    /// Whether all of `attributes` are set.
    pub const fn has(self, attributes: Attributes) -> bool {
        self.0 & attributes.0 == attributes.0
    }

    /// Both sets together.
    pub const fn and(self, attributes: Attributes) -> Attributes {
        Attributes(self.0 | attributes.0)
    }
}

/// An order that takes another's place, side and owner, and loses its time priority.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Replacement {
    /// The order that leaves.
    pub old: OrderId,
    /// The order that enters.
    pub new: OrderId,
    /// Its limit.
    pub price: Price,
    /// Its quantity.
    pub quantity: Quantity,
}

/// A resting order's trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Execution {
    /// The resting order.
    pub id: OrderId,
    /// The trade's price where it is told; else the order's own.
    pub price: MaybePrice,
    /// Traded quantity.
    pub quantity: Quantity,
    participant: u32,
    counterparty: u32,
}

impl Execution {
    /// An execution between unknown parties.
    #[inline]
    pub fn new(id: OrderId, price: impl Into<MaybePrice>, quantity: Quantity) -> Self {
        Self { id, price: price.into(), quantity, participant: 0, counterparty: 0 }
    }

    /// The same between the resting order's owner and the aggressor.
    #[inline]
    pub fn between(
        mut self,
        participant: Option<ParticipantId>,
        counterparty: Option<ParticipantId>,
    ) -> Self {
        self.participant = ParticipantId::number(participant);
        self.counterparty = ParticipantId::number(counterparty);
        self
    }

    /// The resting order's owner, where the feed tells it.
    #[inline]
    pub fn participant(&self) -> Option<ParticipantId> {
        ParticipantId::new(self.participant)
    }

    /// The aggressor.
    #[inline]
    pub fn counterparty(&self) -> Option<ParticipantId> {
        ParticipantId::new(self.counterparty)
    }
}

/// A trade without a visible order (`Trade`), or the taking back of one (`Break`). The side in the
/// head is the hidden resting order's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Print {
    /// The venue's id of the trade.
    pub trade_id: u64,
    /// Its price; none in a `Break` that gives only the id.
    pub price: MaybePrice,
    /// Its quantity.
    pub quantity: Quantity,
    participant: u32,
    counterparty: u32,
}

impl Print {
    /// A trade between unknown parties.
    #[inline]
    pub fn new(trade_id: u64, price: impl Into<MaybePrice>, quantity: Quantity) -> Self {
        Self { trade_id, price: price.into(), quantity, participant: 0, counterparty: 0 }
    }

    /// The same between two parties, the resting one first.
    #[inline]
    pub fn between(
        mut self,
        participant: Option<ParticipantId>,
        counterparty: Option<ParticipantId>,
    ) -> Self {
        self.participant = ParticipantId::number(participant);
        self.counterparty = ParticipantId::number(counterparty);
        self
    }

    /// The resting party.
    pub fn participant(&self) -> Option<ParticipantId> {
        ParticipantId::new(self.participant)
    }

    /// The aggressor.
    pub fn counterparty(&self) -> Option<ParticipantId> {
        ParticipantId::new(self.counterparty)
    }
}

/// A phase begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Status {
    phase: u8,
    /// The venue's own code, as it stands in the feed.
    pub code: [u8; 7],
    /// A price that goes with it (a halt's reference).
    pub price: MaybePrice,
    reserved: [u64; 2],
}

impl Status {
    /// `phase` begins, for the venue's reason `code`.
    pub fn new(phase: Phase, code: &[u8]) -> Self {
        let mut own = [0; 7];
        let length = code.len().min(own.len());
        own[..length].copy_from_slice(&code[..length]);
        Self { phase: phase as u8, code: own, price: MaybePrice::NONE, reserved: [0; 2] }
    }

    /// The phase.
    pub fn phase(&self) -> Phase {
        Phase::from_number(self.phase)
    }
}

/// What a market (or any other subject) is doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Phase {
    /// Not told yet. Treated as continuous: most captures begin in the middle of a session.
    #[default]
    Unknown = 0,
    /// Orders may be entered, nothing trades.
    PreOpen = 1,
    /// A call auction: the book may be crossed.
    Auction = 2,
    /// Continuous trading.
    Continuous = 3,
    /// Trading is halted.
    Halt = 4,
    /// The session is over.
    Close = 5,
}

impl Phase {
    /// The tape's word for each phase.
    pub const WORDS: [(&'static str, Phase); 5] = [
        ("preopen", Phase::PreOpen),
        ("auction", Phase::Auction),
        ("continuous", Phase::Continuous),
        ("halt", Phase::Halt),
        ("close", Phase::Close),
    ];

    /// The phase with this number.
    pub fn from_number(number: u8) -> Phase {
        match number {
            1 => Phase::PreOpen,
            2 => Phase::Auction,
            3 => Phase::Continuous,
            4 => Phase::Halt,
            5 => Phase::Close,
            _ => Phase::Unknown,
        }
    }

    /// Whether bids may stand above offers.
    pub fn may_cross(self) -> bool {
        matches!(self, Phase::PreOpen | Phase::Auction | Phase::Halt)
    }
}

/// What an auction would do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Indication {
    /// The price at which it would clear.
    pub indicative: MaybePrice,
    /// The price that the venue compares it with.
    pub reference: MaybePrice,
    /// Quantity that would trade.
    pub paired: Quantity,
    /// Quantity left over: positive to buy, negative to sell.
    pub imbalance: i64,
}

/// A headline; its text stays outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Headline {
    /// The source's id of the headline.
    pub headline: u64,
    reserved: [u64; 3],
}

impl Headline {
    /// The headline with this id.
    pub fn new(headline: u64) -> Self {
        Self { headline, reserved: [0; 3] }
    }
}

/// A number that the venue publishes about the subject beside its market.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Statistic {
    /// The number, where it is a price.
    pub price: MaybePrice,
    /// The number, where it is none; [`Statistic::NONE`] if there is none.
    pub quantity: i64,
    /// The time that it is about, for example its trading day; 0 where the venue does not say.
    pub about: Nanos,
    /// Which number it is: see [`what`](Self::what).
    pub code: u16,
    /// The venue takes back what it published before.
    is_withdrawn: u8,
    reserved: [u8; 5],
}

impl Statistic {
    /// No quantity.
    pub const NONE: i64 = i64::MIN;

    /// Which numbers there are, by their codes from 1 on, as Databento counts them.
    pub const WHAT: [&str; 18] = [
        "opening price",
        "indicative opening price",
        "settlement price",
        "session low",
        "session high",
        "cleared volume",
        "lowest offer",
        "highest bid",
        "open interest",
        "fixing price",
        "close price",
        "net change",
        "vwap",
        "volatility",
        "delta",
        "uncrossing price",
        "upper price limit",
        "lower price limit",
    ];

    /// A number of this code: a price, a quantity, or both.
    pub fn new(code: u16, price: impl Into<MaybePrice>, quantity: Option<i64>) -> Self {
        let quantity = quantity.unwrap_or(Self::NONE);
        let (price, about) = (price.into(), Nanos(0));
        Self { price, quantity, about, code, is_withdrawn: 0, reserved: [0; 5] }
    }

    /// The same about this time.
    pub fn about(self, about: Nanos) -> Self {
        Self { about, ..self }
    }

    /// That it is taken back.
    pub fn withdrawn(self) -> Self {
        Self { is_withdrawn: 1, ..self }
    }

    /// Whether it is taken back.
    pub fn is_withdrawn(&self) -> bool {
        self.is_withdrawn != 0
    }

    /// The number, where it is no price.
    pub fn quantity(&self) -> Option<i64> {
        (self.quantity != Self::NONE).then_some(self.quantity)
    }

    /// Which number it is, in words; none for a code that nobody knows.
    pub fn what(&self) -> Option<&'static str> {
        Self::WHAT.get(usize::from(self.code).checked_sub(1)?).copied()
    }
}

/// A participant's position in the subject at the start of the day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Holding {
    /// Held quantity: negative when short.
    pub quantity: i64,
    /// What it cost on average, where that is told.
    pub price: MaybePrice,
    participant: u32,
    owner: u32,
    reserved: [u32; 2],
}

impl Holding {
    /// What `participant` holds.
    pub fn new(participant: Option<ParticipantId>, quantity: i64) -> Self {
        let participant = ParticipantId::number(participant);
        Self { quantity, price: MaybePrice::NONE, participant, owner: 0, reserved: [0; 2] }
    }

    /// The same for the account of a declared owner. Accounts of one owner are one person.
    pub fn owned_by(mut self, owner: Option<ParticipantId>) -> Self {
        self.owner = ParticipantId::number(owner);
        self
    }

    /// For whom it is held, where that is declared.
    pub fn owner(&self) -> Option<ParticipantId> {
        ParticipantId::new(self.owner)
    }

    /// Who holds it.
    pub fn participant(&self) -> Option<ParticipantId> {
        ParticipantId::new(self.participant)
    }
}

/// Something is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Gap {
    /// The first missing sequence number of the source, or the byte offset or line of what was
    /// unreadable.
    pub first: u64,
    /// How many are missing; 0 where nobody knows.
    pub count: u64,
    reason: u8,
    reserved: [u8; 15],
}

impl Gap {
    /// `count` things missing from `first` on.
    pub fn new(first: u64, count: u64, reason: crate::Fault) -> Self {
        Self { first, count, reason: reason as u8, reserved: [0; 15] }
    }

    /// Why.
    pub fn reason(&self) -> crate::Fault {
        crate::Fault::from_number(self.reason)
    }
}

/// A device measured something. Readings are physical quantities, so they are floating point; a
/// reading that is not a number never becomes an event.
#[derive(Clone, Copy, PartialEq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Reading {
    /// In the metric's own unit.
    pub value: f64,
    /// What was measured.
    pub metric: MetricId,
    reserved: [u32; 5],
}

impl Reading {
    /// `metric` stood at `value`.
    pub fn new(metric: MetricId, value: f64) -> Self {
        Self { value, metric, reserved: [0; 5] }
    }
}

/// A call or message of the subject, a subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Call {
    /// The other end, as a hash of its number.
    pub peer: u64,
    /// What it cost, in millionths of the currency.
    pub cost: i64,
    /// How long it lasted, in milliseconds.
    pub duration_ms: u32,
    /// The cell that carried it; 0 where nobody knows.
    pub cell: u32,
    /// The operator's own code of the service.
    pub service: u16,
    reserved: [u16; 3],
}

impl Call {
    /// A call to `peer`.
    pub fn new(peer: u64, duration_ms: u32, cost: i64) -> Self {
        Self { peer, cost, duration_ms, cell: 0, service: 0, reserved: [0; 3] }
    }
}

/// Traffic counted for the subject over a time that ends with the event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Flow {
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Packets both ways.
    pub packets: u32,
    /// Over how long, in milliseconds.
    pub duration_ms: u32,
    /// The other end, as a hash of its address.
    pub peer: u32,
    /// The other end's port.
    pub port: u16,
    /// The IP protocol number.
    pub protocol: u8,
    reserved: u8,
}

impl Flow {
    /// Traffic with `peer`.
    pub fn new(peer: u32, sent_bytes: u64, received_bytes: u64) -> Self {
        Self {
            sent_bytes,
            received_bytes,
            packets: 0,
            duration_ms: 0,
            peer,
            port: 0,
            protocol: 0,
            reserved: 0,
        }
    }
}

/// A price level as it stands now; its side lies in the head's flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Level {
    /// Its price.
    pub price: Price,
    /// All that is displayed there; zero removes it.
    pub quantity: Quantity,
    /// From how many orders, where the feed tells; else 0.
    pub orders: u32,
    reserved: [u32; 3],
}

impl Level {
    /// `quantity` from `orders` orders at `price`.
    #[inline]
    pub fn new(price: Price, quantity: Quantity, orders: u32) -> Self {
        Self { price, quantity, orders, reserved: [0; 3] }
    }
}

/// The best bid and offer as they stand now. A side without orders has no price.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Quote {
    /// The best bid.
    pub bid: MaybePrice,
    /// Displayed there.
    pub bid_quantity: Quantity,
    /// The best offer.
    pub ask: MaybePrice,
    /// Displayed there.
    pub ask_quantity: Quantity,
}

/// A bounded stream has ended, or a book is empty. Carries nothing.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct End {
    reserved: [u64; 4],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Nanos, SubjectId};

    #[test]
    fn every_kind_but_unknown_has_a_body() {
        for kind in Kind::ALL {
            let event = Event::new(SubjectId(1), Nanos(2), End::default()).with_kind(kind);
            assert_eq!(format!("{event:?}").ends_with('?'), kind == Kind::Unknown, "{kind:?}");
        }
    }

    #[test]
    fn owners_survive_the_body() {
        let (resting, aggressor) = (ParticipantId::new(4), None);
        let execution = Execution::new(OrderId(1), None, Quantity(5)).between(resting, aggressor);
        let event = Event::new(SubjectId(0), Nanos(0), execution);
        assert_eq!(event.body::<Execution>().participant(), resting);
        assert_eq!(event.body::<Execution>().counterparty(), None);
        assert_eq!(event.body::<Execution>().price.get(), None);
    }
}
