//! What is known of a subject before its first event.

use crate::id::{Price, Quantity, VenueId};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A subject's numbers, told before its first event so that no stage needs to look them up elsewhere.
/// The names stay in the directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Definition {
    /// Smallest price step, in price units; 0 where the venue does not say.
    pub tick: Price,
    /// Smallest quantity step, in quantity units; 0 where the venue does not say.
    pub lot: Quantity,
    /// Where it trades.
    pub venue: VenueId,
    /// Decimal places of a price.
    pub price_scale: u8,
    /// Decimal places of a quantity.
    pub quantity_scale: u8,
    venue_tag: [u8; 4],
    tag: [u8; 8],
}

impl Definition {
    /// A subject with these scales and nothing else known.
    pub fn new(venue: VenueId, price_scale: u8, quantity_scale: u8) -> Self {
        Self {
            tick: Price(0),
            lot: Quantity(0),
            venue,
            price_scale,
            quantity_scale,
            venue_tag: [0; 4],
            tag: [0; 8],
        }
    }

    /// The same under its own and its venue's name: as numbers, by which whoever knows a name recognises
    /// it. The directory sees to it.
    pub(crate) fn named(self, name: &str, venue: &str) -> Self {
        self.tagged(Self::tag_of(name), Self::venue_tag_of(venue))
    }

    /// The same under such numbers, for a subject that is in no directory.
    pub fn tagged(mut self, name: u64, venue: u32) -> Self {
        (self.tag, self.venue_tag) = (name.to_le_bytes(), venue.to_le_bytes());
        self
    }

    /// The number that stands for a name.
    pub fn tag_of(name: &str) -> u64 {
        xxhash_rust::xxh3::xxh3_64(name.as_bytes())
    }

    /// The number that stands for a venue's name.
    pub fn venue_tag_of(name: &str) -> u32 {
        Self::tag_of(name) as u32
    }

    /// The number that stands for its name; 0 if nobody told it.
    pub fn tag(&self) -> u64 {
        u64::from_le_bytes(self.tag)
    }

    /// The number that stands for its venue's name; 0 if nobody told it.
    pub fn venue_tag(&self) -> u32 {
        u32::from_le_bytes(self.venue_tag)
    }

    /// The same with a tick.
    pub fn with_tick(mut self, tick: Price) -> Self {
        self.tick = tick;
        self
    }
}
