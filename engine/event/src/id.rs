//! Ids and quantities as types of their own, so that none can stand in for another.
//!
//! All of them are plain old data: they lie in event bodies as they are. Where a value can be absent
//! the type says so ([`MaybePrice`], `Option<ParticipantId>`); zero is never "nothing".

use bytemuck::{Pod, Zeroable};
use std::fmt;
use std::num::NonZeroU32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        #[derive(Pod, Zeroable, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// What an event is about: an instrument, a device, a cell, a subscriber. Handed out densely from 0
    /// by the [`Directory`](crate::Directory).
    SubjectId(u32)
}

impl SubjectId {
    /// An event about everything at once: a gap in a whole feed, the end of a stream.
    pub const EVERY: SubjectId = SubjectId(u32::MAX);

    /// The id as an index into dense tables.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

id! {
    /// The feed that an event came from, by its place in the configuration.
    SourceId(u16)
}
id! {
    /// Where a subject trades, or the network a device belongs to.
    VenueId(u16)
}
id! {
    /// What a reading measures: `temperature`, `rssi`.
    MetricId(u32)
}
id! {
    /// A venue's id of an order. Unique for one subject and session.
    OrderId(u64)
}
id! {
    /// An amount in units of `10^-quantity_scale` of the subject.
    Quantity(u64)
}
id! {
    /// A price in units of `10^-price_scale` of the subject. Negative prices exist.
    Price(i64)
}

/// Someone with a name at the venue. Ids start at 1, so that an unknown owner is a `None` that costs
/// no space; two unknown owners are never the same owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct ParticipantId(pub NonZeroU32);

impl ParticipantId {
    /// The participant with this number, or none for 0.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// The participant's number in a body: 0 for none.
    pub(crate) fn number(of: Option<Self>) -> u32 {
        of.map_or(0, |id| id.0.get())
    }
}

impl fmt::Display for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A price that may be absent (a market order, an auction without an indication), in a price's space.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Pod, Zeroable, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(transparent)]
pub struct MaybePrice(i64);

impl MaybePrice {
    /// No price.
    pub const NONE: MaybePrice = MaybePrice(i64::MIN);

    /// The price, if there is one.
    pub fn get(self) -> Option<Price> {
        (self != Self::NONE).then_some(Price(self.0))
    }
}

impl From<Price> for MaybePrice {
    fn from(price: Price) -> Self {
        MaybePrice(price.0)
    }
}

impl From<Option<Price>> for MaybePrice {
    fn from(price: Option<Price>) -> Self {
        price.map_or(Self::NONE, Self::from)
    }
}

impl fmt::Debug for MaybePrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// Buy or sell; bid or ask.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Side {
    /// Buy, bid.
    Buy = 0,
    /// Sell, ask.
    Sell = 1,
}

impl Side {
    /// The other side.
    pub fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }

    /// `B` or `S`, as on the tape.
    pub fn letter(self) -> char {
        match self {
            Side::Buy => 'B',
            Side::Sell => 'S',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_price_is_not_zero() {
        assert_eq!(MaybePrice::from(Price(0)).get(), Some(Price(0)));
        assert_eq!(MaybePrice::NONE.get(), None);
    }

    #[test]
    fn participant_zero_is_nobody() {
        assert_eq!(ParticipantId::new(0), None);
        assert_eq!(ParticipantId::number(ParticipantId::new(7)), 7);
    }
}
