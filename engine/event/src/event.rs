//! The record that everything else moves, stores and compares.

use crate::Nanos;
use crate::body::Body;
use crate::id::{Side, SourceId, SubjectId};
use bytemuck::{Pod, Zeroable};
use std::fmt;
use std::mem::{align_of, size_of};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// One event: a cache line. The head says what happened to which subject and when; the body is one of
/// the types in [`body`](crate::body), chosen by [`Event::kind`].
///
/// Rings, journal and recorded files hold exactly these bytes, in the machine's little-endian order.
#[derive(
    Clone, Copy, PartialEq, Eq, Pod, Zeroable, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C, align(64))]
pub struct Event {
    /// Place in the one order that all stages agree on, from 1; 0 before the sequencer has seen it.
    pub seq: u64,
    /// When the source says that it happened.
    pub event_at: Nanos,
    /// When it reached us, if the transport can tell; else `event_at`. Recorded, never recomputed, so
    /// that an observer that looks at it decides the same in a replay.
    pub received_at: Nanos,
    /// What it is about.
    pub subject: SubjectId,
    /// The feed that it came from.
    pub source: SourceId,
    kind: u8,
    /// What is true of the event whatever its kind.
    pub flags: Flags,
    body: [u64; 4],
}

const _: () = assert!(size_of::<Event>() == 64 && align_of::<Event>() == 64);
const _: () = assert!(cfg!(target_endian = "little"), "the recorded form is little-endian");

impl Event {
    /// An event of the body's kind; the sequencer gives it its place later.
    #[inline]
    pub fn new<B: Body>(subject: SubjectId, event_at: Nanos, body: B) -> Self {
        Self {
            seq: 0,
            event_at,
            received_at: event_at,
            subject,
            source: SourceId(0),
            kind: B::KIND as u8,
            flags: Flags::NONE,
            body: body.to_words(),
        }
    }

    /// An event of this kind and its body's [words](Body::to_words): for decoders that build many kinds of
    /// them in one place.
    #[inline(always)]
    pub fn whole(
        subject: SubjectId,
        event_at: Nanos,
        kind: Kind,
        flags: Flags,
        [a, b, c, d]: [u64; 4],
    ) -> Self {
        let head = u64::from(subject.0) | u64::from(kind as u8) << 48 | u64::from(flags.0) << 56;
        bytemuck::cast([0, event_at.0, event_at.0, head, a, b, c, d])
    }

    /// The same event of another of the kinds that share the body.
    #[inline]
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.kind = kind as u8;
        self
    }

    /// The same event with `flags` set as well.
    #[inline]
    pub fn with_flags(mut self, flags: Flags) -> Self {
        self.flags = self.flags | flags;
        self
    }

    /// The same event from this feed.
    #[inline]
    pub fn from_source(mut self, source: SourceId) -> Self {
        self.source = source;
        self
    }

    /// What happened. A number that no kind has (a journal written by a newer engine) is
    /// [`Kind::Unknown`].
    #[inline]
    pub fn kind(&self) -> Kind {
        Kind::from_number(self.kind)
    }

    /// The body read as `B`. The caller has looked at [`kind`](Self::kind): every 32 bytes are a valid
    /// `B`, but only those of its kind mean something.
    #[inline]
    pub fn body<B: Body>(&self) -> B {
        debug_assert!(B::fits(self.kind()), "{:?} read as a {:?} body", self.kind(), B::KIND);
        B::from_words(self.body)
    }

    /// The first word of the body, which is the id of every body that begins with one: for those who want
    /// to look ahead before they know what the event is.
    #[inline]
    pub fn first_word(&self) -> u64 {
        self.body[0]
    }

    /// The side that the flags carry.
    #[inline]
    pub fn side(&self) -> Option<Side> {
        self.flags.side()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "#{} {:?} of {} at {} {:?} ",
            self.seq,
            self.kind(),
            self.subject,
            self.event_at,
            self.flags
        )?;
        crate::body::describe(self, f)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal $word:literal,)*) => {
        /// What happened. Numbers are part of the recorded form: add at the end, never reuse.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Kind { $($(#[$doc])* $name = $number,)* }

        impl Kind {
            /// How many kinds there are; each number is below it.
            pub const COUNT: usize = [$($number),*].len();
            /// All kinds, in the order of their numbers.
            pub const ALL: [Kind; Self::COUNT] = [$(Kind::$name),*];

            /// The kind with this number.
            #[inline]
            pub fn from_number(number: u8) -> Kind {
                match number { $($number => Kind::$name,)* _ => Kind::Unknown }
            }

            /// The kind's word on the tape and in `decode`'s lines.
            pub fn word(self) -> &'static str {
                match self { $(Kind::$name => $word,)* }
            }
        }
    };
}

kinds! {
    /// A kind that this engine does not know.
    Unknown = 0 "unknown",
    /// A subject's scales, tick and venue. Comes before the subject's first event.
    Define = 1 "define",
    /// An order enters the book.
    Add = 2 "add",
    /// An order gets a new price and quantity under its own id.
    Modify = 3 "modify",
    /// Quantity is taken off an order.
    Reduce = 4 "reduce",
    /// An order leaves the book unexecuted.
    Delete = 5 "delete",
    /// An order leaves and another takes its place, its side and its owner.
    Replace = 6 "replace",
    /// A resting order trades.
    Execute = 7 "execute",
    /// A trade that touches no visible order.
    Trade = 8 "trade",
    /// An earlier trade never was.
    Break = 9 "break",
    /// The subject (or the whole venue) enters a phase.
    Status = 10 "status",
    /// What an auction would do now.
    Auction = 11 "auction",
    /// A headline.
    News = 12 "news",
    /// A participant's position at the start of the day.
    Position = 13 "position",
    /// Something is missing: messages lost or unreadable.
    Gap = 14 "gap",
    /// A device measured something.
    Reading = 15 "reading",
    /// A call or message between two subscribers.
    Call = 16 "call",
    /// Traffic counted for a subscriber or a link.
    Flow = 17 "flow",
    /// A bounded stream has ended: open windows close. About every subject.
    End = 18 "end",
    /// The subject's book is empty from here on: what follows builds it anew.
    Clear = 19 "clear",
    /// A price level has this quantity now, from a feed that tells levels and not orders; none left
    /// when it is zero.
    Level = 20 "level",
    /// The best bid and offer are these now, from a feed that tells no more.
    Quote = 21 "quote",
    /// A number that the venue publishes: a settlement price, the open interest, the day's high.
    Statistic = 22 "statistic",
}

/// What is true of an event whatever its kind: a set of bits.
#[derive(
    Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(transparent)]
pub struct Flags(pub u8);

impl Flags {
    /// None of them.
    pub const NONE: Flags = Flags(0);
    /// The last event of a group that the venue published as one: now the book may be shown.
    pub const LAST: Flags = Flags(1);
    /// Part of a snapshot, not news.
    pub const SNAPSHOT: Flags = Flags(2);
    /// On the bid side (of an order, a trade's resting order, a reading of nothing).
    pub const BUY: Flags = Flags(4);
    /// On the ask side.
    pub const SELL: Flags = Flags(8);
    /// Was not displayed.
    pub const HIDDEN: Flags = Flags(16);
    /// Does not count as volume (reported elsewhere, or part of a cross). Of an order that shrinks or goes:
    /// what it traded as it came, told by the execution of the one that rested.
    pub const NON_PRINTABLE: Flags = Flags(32);
    /// Part of an auction's cross.
    pub const CROSS: Flags = Flags(64);

    /// Whether all of `flags` are set.
    #[inline]
    pub const fn has(self, flags: Flags) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// The flag for a side.
    #[inline]
    pub const fn of(side: Side) -> Flags {
        Flags(4 << side as u8)
    }

    /// The side, if one is given.
    #[inline]
    pub const fn side(self) -> Option<Side> {
        // Which of them it is, is anybody's guess; that it is one of them is not.
        let sides = self.0 & 12;
        if sides == 0 || sides == 12 {
            return None;
        }
        Some(if sides & 8 == 0 { Side::Buy } else { Side::Sell })
    }
}

impl std::ops::BitOr for Flags {
    type Output = Flags;

    #[inline]
    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WORDS: [&str; 8] =
            ["last", "snapshot", "buy", "sell", "hidden", "non-printable", "cross", "?"];
        let set = (0..8).filter(|bit| self.0 & (1 << bit) != 0).map(|bit| WORDS[bit]);
        f.debug_set().entries(set.map(|word| format_args!("{word}").to_string())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Order;
    use crate::{OrderId, Price, Quantity};

    #[test]
    fn kinds_keep_their_numbers() {
        for (number, kind) in Kind::ALL.iter().enumerate() {
            assert_eq!(Kind::from_number(number as u8), *kind);
        }
        assert_eq!(Kind::from_number(200), Kind::Unknown);
    }

    #[test]
    fn an_event_of_words_is_the_one_of_its_body() {
        let order = Order::new(OrderId(7), Price(1_0000), Quantity(100));
        let plain = Event::new(SubjectId(3), Nanos(9), order);
        let (sell, body) = (Flags::SELL, order.to_words());
        let whole = Event::whole(SubjectId(3), Nanos(9), Kind::Reduce, sell, body);
        assert_eq!(whole, plain.with_kind(Kind::Reduce).with_flags(sell));
    }

    #[test]
    fn an_event_is_its_bytes() {
        let order = Order::new(OrderId(7), Price(1_0000), Quantity(100));
        let event = Event::new(SubjectId(3), Nanos(9), order)
            .with_flags(Flags::of(Side::Sell) | Flags::LAST);
        let bytes = bytemuck::bytes_of(&event);
        let read: Event = bytemuck::pod_read_unaligned(bytes);
        assert_eq!(read, event);
        assert_eq!(read.side(), Some(Side::Sell));
        assert_eq!(read.body::<Order>().quantity, Quantity(100));
        assert_eq!(format!("{read:?}").split_once(' ').unwrap().0, "#0");
    }
}
