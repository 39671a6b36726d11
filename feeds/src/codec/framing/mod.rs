//! Framings: how a venue numbers its messages and puts them into datagrams or a byte stream.
//!
//! Each framing is a view of bytes that lie elsewhere, and the same types write what tests and a
//! publisher send. What the messages mean is no matter here: a [`Datagram`] is what all framings by
//! datagram have in common, and what [`arbitration`](super::arbitration) puts in order.

pub mod iextp;
pub mod moldudp64;
pub mod soupbintcp;

use thiserror::Error;

/// Whose sequence numbers these are, as the framing writes it: a venue begins to count anew with each.
pub type SessionId = [u8; 10];

/// In which order the bytes of a number stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ByteOrder {
    /// The highest first.
    Big,
    /// The lowest first.
    Little,
    /// There is no number: the one message is all that there is.
    Alone,
}

/// What a datagram brings.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// The session.
    pub session: SessionId,
    /// The first message's sequence number; that of the next one to come where there is none.
    pub first: u64,
    /// How many messages it was sent with.
    pub count: u16,
    /// Whether it says that the session has ended.
    pub ends: bool,
    /// The messages: fewer than `count` where a capture cut the datagram off.
    pub messages: Blocks<'a>,
}

/// Messages one after another, each behind its length in two bytes.
#[derive(Clone, Copy, Debug)]
pub struct Blocks<'a> {
    bytes: &'a [u8],
    order: ByteOrder,
    count: u16,
}

/// Why bytes are no datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Malformed {
    /// It ends within its header.
    #[error("{found} bytes are too few for a header of {expected}")]
    Header {
        /// How many bytes there are.
        found: usize,
        /// How many a header has.
        expected: usize,
    },
    /// A version or a protocol that is not ours.
    #[error("version {version} of protocol {protocol:#06x} is not known")]
    Protocol {
        /// The version of the framing.
        version: u8,
        /// What the messages are said to be.
        protocol: u16,
    },
    /// It ends within its messages.
    #[error("it ends within message {whole} of {expected}, counted from 0")]
    Cut {
        /// How many are whole.
        whole: u16,
        /// How many there should be.
        expected: u16,
    },
    /// Something follows its messages.
    #[error("{0} bytes follow the last message")]
    Trailing(usize),
    /// The header says another length than the messages have.
    #[error("the payload has {found} bytes, but its header says {expected}")]
    Length {
        /// How many bytes there are.
        found: usize,
        /// How many the header tells.
        expected: usize,
    },
    /// The last message's sequence number would be beyond all numbers.
    #[error("{count} messages from {first} on cannot be numbered")]
    Sequence {
        /// The first one's number.
        first: u64,
        /// How many there are.
        count: u16,
    },
}

impl<'a> Blocks<'a> {
    /// No messages.
    pub const NONE: Blocks<'static> = Blocks { bytes: &[], order: ByteOrder::Big, count: 0 };

    /// The messages of `bytes`, of which there are `count` and nothing else.
    pub(crate) fn whole(bytes: &'a [u8], order: ByteOrder, count: u16) -> Result<Self, Malformed> {
        let blocks = Self { bytes, order, count };
        let (whole, end) = blocks.walk();
        match bytes.len() - end {
            _ if whole < count => Err(Malformed::Cut { whole, expected: count }),
            0 => Ok(blocks),
            trailing => Err(Malformed::Trailing(trailing)),
        }
    }

    /// All of `bytes` as one message, which has at least two.
    pub(crate) fn alone(bytes: &'a [u8]) -> Self {
        Self { bytes, order: ByteOrder::Alone, count: 1 }
    }

    /// The messages that stand whole in `bytes`, at most `count`.
    pub(crate) fn cut(bytes: &'a [u8], order: ByteOrder, count: u16) -> Self {
        let (whole, _) = Self { bytes, order, count }.walk();
        Self { bytes, order, count: whole }
    }

    /// How many messages are whole, and where the last one ends.
    fn walk(&self) -> (u16, usize) {
        let (mut whole, mut at) = (0, 0);
        while whole < self.count
            && let Some((_, next)) = self.at(at)
        {
            (whole, at) = (whole + 1, next);
        }
        (whole, at)
    }

    /// The message that begins at a byte, and where the next one begins.
    #[inline(always)]
    pub(crate) fn at(&self, at: usize) -> Option<(&'a [u8], usize)> {
        let (length, rest) = self.bytes.get(at..)?.split_first_chunk::<2>()?;
        let length = usize::from(match self.order {
            ByteOrder::Big => u16::from_be_bytes(*length),
            ByteOrder::Little => u16::from_le_bytes(*length),
            ByteOrder::Alone => return Some((self.bytes, self.bytes.len())),
        });
        Some((rest.get(..length)?, at + 2 + length))
    }

    /// The messages' bytes with the lengths before them.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How their lengths are written.
    pub fn order(&self) -> ByteOrder {
        self.order
    }

    /// How many they are.
    pub fn len(&self) -> u16 {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// One after another.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut at = 0;
        (0..self.count).map_while(move |_| {
            let (message, next) = self.at(at)?;
            at = next;
            Some(message)
        })
    }
}

impl Datagram<'_> {
    /// Nothing: what there is to work on when only time has passed.
    pub const NONE: Datagram<'static> =
        Datagram { session: [b' '; 10], first: 0, count: 0, ends: false, messages: Blocks::NONE };

    /// One more than the last message's sequence number: that of the next one to come.
    pub fn next(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }
}

/// Whether the messages of a datagram can be numbered.
pub(crate) fn number(first: u64, count: u16) -> Result<(), Malformed> {
    let next = first.checked_add(u64::from(count));
    next.map(|_| ()).ok_or(Malformed::Sequence { first, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_fill_their_bytes_or_are_refused() {
        let bytes = [0, 1, b'a', 0, 0, 0, 2, b'b', b'c'];
        let blocks = Blocks::whole(&bytes, ByteOrder::Big, 3).unwrap();
        assert_eq!(blocks.iter().collect::<Vec<_>>(), [&b"a"[..], b"", b"bc"]);
        let of = |length: usize, count| Blocks::whole(&bytes[..length], ByteOrder::Big, count);
        assert_eq!(of(9, 4).unwrap_err(), Malformed::Cut { whole: 3, expected: 4 });
        assert_eq!(of(9, 2).unwrap_err(), Malformed::Trailing(4));
        for length in 0..9 {
            let cut = Blocks::cut(&bytes[..length], ByteOrder::Big, 3);
            assert_eq!(cut.len(), [3, 5, 9].iter().filter(|end| **end <= length).count() as u16);
            assert_eq!(cut.iter().count(), usize::from(cut.len()));
            assert!(of(length, 3).is_err());
        }
        let little = [1, 0, b'a'];
        assert!(Blocks::whole(&little, ByteOrder::Big, 1).is_err());
        assert!(Blocks::whole(&little, ByteOrder::Little, 1).is_ok());
    }
}
