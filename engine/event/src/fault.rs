//! Why something could not be taken as it came. One closed list for codecs and books, so that a
//! summary can count all of it by the same names.

use std::fmt;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $number:literal $word:literal,)*) => {
        /// A reason to distrust a message or a book. Data, counted; never a panic.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Fault { $($(#[$doc])* $name = $number,)* }

        impl Fault {
            /// All reasons, in the order of their numbers.
            pub const ALL: [Fault; [$($number),*].len()] = [$(Fault::$name),*];

            /// The reason with this number; [`Fault::Malformed`] for one that does not exist.
            pub fn from_number(number: u8) -> Fault {
                match number { $($number => Fault::$name,)* _ => Fault::Malformed }
            }

            /// Its name in summaries and metrics.
            pub fn word(self) -> &'static str {
                match self { $(Fault::$name => $word,)* }
            }
        }
    };
}

faults! {
    /// A record that does not follow its format.
    Malformed = 0 "malformed",
    /// The input ends within a record, or cannot be read any further.
    Truncated = 1 "truncated",
    /// A message type that the codec does not know.
    UnknownType = 2 "unknown-type",
    /// A length that cannot be true.
    BadLength = 3 "bad-length",
    /// Sequence numbers are missing.
    Missing = 4 "missing",
    /// A sequence number came again.
    Duplicate = 5 "duplicate",
    /// Time ran backwards within one source.
    TimeBackwards = 6 "time-backwards",
    /// A number outside the range of its field.
    OutOfRange = 7 "out-of-range",
    /// A message about a subject that was never defined.
    UnknownSubject = 8 "unknown-subject",
    /// More names than the directory may hold. A message about a subject without room is counted and
    /// becomes no event.
    DirectoryFull = 9 "directory-full",
    /// A change to an order that is not in the book.
    UnknownOrder = 10 "unknown-order",
    /// An order id that is already in the book.
    DuplicateOrder = 11 "duplicate-order",
    /// More executed, or taken off, than the order had.
    BeyondQuantity = 12 "beyond-quantity",
    /// The best bid is not below the best offer outside an auction.
    Crossed = 13 "crossed",
    /// More live orders than the books may hold.
    OrdersFull = 14 "orders-full",
    /// An order without side, price or quantity where the book needs one.
    IncompleteOrder = 15 "incomplete-order",
    /// An event older than what its window may still take.
    Late = 16 "late",
    /// More keys or groups than an observer may remember: the oldest was forgotten.
    Evicted = 17 "evicted",
    /// More findings for one event than the outbox may hold.
    OutboxFull = 18 "outbox-full",
    /// The run was interrupted and goes on: nobody knows what a live feed has told meanwhile.
    Interrupted = 19 "interrupted",
    /// A live feed told nothing for too long, although its venue was thought to be open. Nothing is known
    /// to be missing.
    Silent = 20 "silent",
    /// An order that must have left without a word, taken out of a book that lost messages.
    Healed = 21 "healed",
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How often each fault occurred.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct FaultCounts([u64; Fault::ALL.len()]);

impl FaultCounts {
    /// One more.
    #[inline]
    pub fn count(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// How often `fault` occurred.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// Takes off what a part of it has counted.
    pub fn take_off(&mut self, part: &FaultCounts) {
        self.0.iter_mut().zip(part.0).for_each(|(all, part)| *all -= part);
    }

    /// Adds the counts of another place.
    pub fn add(&mut self, other: &FaultCounts) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// All of them together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Those that occurred.
    pub fn iter(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        Fault::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl crate::Snapshot for FaultCounts {
    const VERSION: u16 = 1;

    fn save(&self, to: &mut crate::Writer) {
        to.list(self.iter(), |to, (fault, count)| {
            to.u8(fault as u8);
            to.u64(count);
        });
    }

    fn load(&mut self, from: &mut crate::Reader<'_>) -> Result<(), crate::SnapshotError> {
        *self = Self::default();
        from.list(|from| {
            let fault = Fault::from_number(from.u8()?);
            self.0[fault as usize] = from.u64()?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_are_distinct() {
        let words: std::collections::BTreeSet<_> = Fault::ALL.iter().map(|f| f.word()).collect();
        assert_eq!(words.len(), Fault::ALL.len());
        for fault in Fault::ALL {
            assert_eq!(Fault::from_number(fault as u8), fault);
        }
    }
}
