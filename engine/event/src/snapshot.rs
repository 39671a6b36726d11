//! State that can be saved and loaded: one trait for books, observers, windows and the directory.
//!
//! The form is plain: little-endian numbers, lists behind their length, and in front of each part its
//! version and its length, so that a reader knows at once that it holds a part from another time.

use thiserror::Error;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Something whose state survives a restart.
///
/// `load(save(x))` must leave behind something that behaves as `x` does from then on. Parameters are
/// not state: they come from the configuration on both sides.
pub trait Snapshot {
    /// Raised whenever what [`save`](Self::save) writes changes.
    const VERSION: u16;

    /// Writes the state.
    fn save(&self, to: &mut Writer);

    /// Replaces the state by the one that was written.
    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError>;
}

/// Nothing to remember.
impl Snapshot for () {
    const VERSION: u16 = 1;

    fn save(&self, _: &mut Writer) {}

    fn load(&mut self, _: &mut Reader<'_>) -> Result<(), SnapshotError> {
        Ok(())
    }
}

/// Why a saved state cannot be loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum SnapshotError {
    /// It ends too early.
    #[error("the saved state ends at byte {at}, within a value")]
    Truncated {
        /// Where it ends.
        at: usize,
    },
    /// It was written by another version of the part.
    #[error("the saved state at byte {at} has version {found}, this engine reads version {wanted}")]
    Version {
        /// Where the part begins.
        at: usize,
        /// Its version.
        found: u16,
        /// Ours.
        wanted: u16,
    },
    /// It holds a value that cannot be.
    #[error("the saved state is damaged at byte {at}")]
    Damaged {
        /// Where the value stands.
        at: usize,
    },
    /// It was saved by an engine with other observers.
    #[error("the saved state at byte {at} belongs to another set of observers")]
    Mismatch {
        /// Where the difference shows.
        at: usize,
    },
}

/// Where state is written to.
#[derive(Default, Debug)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Nothing written yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// A byte.
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    /// A 16-bit number.
    pub fn u16(&mut self, value: u16) {
        self.0.extend(value.to_le_bytes());
    }

    /// A 32-bit number.
    pub fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    /// A 64-bit number.
    pub fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    /// A signed 64-bit number.
    pub fn i64(&mut self, value: i64) {
        self.0.extend(value.to_le_bytes());
    }

    /// A floating-point number, bit by bit.
    pub fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }

    /// A truth.
    pub fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// Bytes behind their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.0.extend(bytes);
    }

    /// Plain data as it lies in memory.
    pub fn plain<T: IntoBytes + Immutable>(&mut self, value: &T) {
        self.0.extend(value.as_bytes());
    }

    /// Items behind their number.
    pub fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        let at = self.0.len();
        self.u64(0);
        let mut count: u64 = 0;
        for item in items {
            write(self, item);
            count += 1;
        }
        self.0[at..at + 8].copy_from_slice(&count.to_le_bytes());
    }

    /// A part with its version and length in front.
    pub fn part<T: Snapshot + ?Sized>(&mut self, part: &T) {
        self.versioned(T::VERSION, |to| part.save(to));
    }

    /// The same for state behind a trait object, which knows its version only at run time.
    pub fn versioned(&mut self, version: u16, save: impl FnOnce(&mut Self)) {
        self.u16(version);
        let at = self.0.len();
        self.u64(0);
        save(self);
        let length = (self.0.len() - at - 8) as u64;
        self.0[at..at + 8].copy_from_slice(&length.to_le_bytes());
    }
}

/// Where state is read from.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads what a [`Writer`] wrote.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], SnapshotError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length).ok_or(SnapshotError::Truncated { at: self.bytes.len() })?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        self.take(N).map(|bytes| bytes.try_into().expect("as many as were asked for"))
    }

    /// A byte.
    pub fn u8(&mut self) -> Result<u8, SnapshotError> {
        self.array().map(u8::from_le_bytes)
    }

    /// A 16-bit number.
    pub fn u16(&mut self) -> Result<u16, SnapshotError> {
        self.array().map(u16::from_le_bytes)
    }

    /// A 32-bit number.
    pub fn u32(&mut self) -> Result<u32, SnapshotError> {
        self.array().map(u32::from_le_bytes)
    }

    /// A 64-bit number.
    pub fn u64(&mut self) -> Result<u64, SnapshotError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A signed 64-bit number.
    pub fn i64(&mut self) -> Result<i64, SnapshotError> {
        self.array().map(i64::from_le_bytes)
    }

    /// A floating-point number.
    pub fn f64(&mut self) -> Result<f64, SnapshotError> {
        self.u64().map(f64::from_bits)
    }

    /// A truth.
    pub fn bool(&mut self) -> Result<bool, SnapshotError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(SnapshotError::Damaged { at: self.at - 1 }),
        }
    }

    /// Bytes behind their length.
    pub fn bytes(&mut self) -> Result<&'a [u8], SnapshotError> {
        let length = self.u64()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Plain data as it lay in memory.
    pub fn plain<T: FromBytes>(&mut self) -> Result<T, SnapshotError> {
        let bytes = self.take(size_of::<T>())?;
        Ok(T::read_from_bytes(bytes).expect("as many bytes as the type has"))
    }

    /// Items behind their number, each read by `read`.
    pub fn list(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        let count = self.u64()?;
        for _ in 0..count {
            read(self)?;
        }
        Ok(())
    }

    /// Passes over everything that is left.
    pub fn skip_rest(&mut self) {
        self.at = self.bytes.len();
    }

    /// A part into `part`, if its version is the one that this engine reads.
    pub fn part<T: Snapshot + ?Sized>(&mut self, part: &mut T) -> Result<(), SnapshotError> {
        self.versioned(T::VERSION, |from| part.load(from))
    }

    /// The same for state behind a trait object.
    pub fn versioned(
        &mut self,
        wanted: u16,
        load: impl FnOnce(&mut Reader<'a>) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        let at = self.at;
        let found = self.u16()?;
        if found != wanted {
            return Err(SnapshotError::Version { at, found, wanted });
        }
        let length = usize::try_from(self.u64()?).unwrap_or(usize::MAX);
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(SnapshotError::Truncated { at: self.bytes.len() })?;
        let mut within = Reader { bytes: &self.bytes[..end], at: self.at };
        load(&mut within)?;
        if !within.is_empty() {
            return Err(SnapshotError::Damaged { at: within.at });
        }
        self.at = end;
        Ok(())
    }
}

/// Copies state by way of its saved form: what every test of a [`Snapshot`] begins with.
pub fn copy<T: Snapshot>(from: &T, to: &mut T) -> Result<(), SnapshotError> {
    let mut writer = Writer::new();
    writer.part(from);
    Reader::new(&writer.into_bytes()).part(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter(u64);

    impl Snapshot for Counter {
        const VERSION: u16 = 3;

        fn save(&self, to: &mut Writer) {
            to.u64(self.0);
        }

        fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
            self.0 = from.u64()?;
            Ok(())
        }
    }

    fn saved(counter: &Counter) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.part(counter);
        writer.into_bytes()
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let mut loaded = Counter(0);
        copy(&Counter(42), &mut loaded).unwrap();
        assert_eq!(loaded.0, 42);
    }

    #[test]
    fn another_version_is_refused_by_name() {
        let mut bytes = saved(&Counter(42));
        bytes[0] = 2;
        let refused = Reader::new(&bytes).part(&mut Counter(0));
        assert_eq!(refused, Err(SnapshotError::Version { at: 0, found: 2, wanted: 3 }));
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = saved(&Counter(42));
        for length in 0..bytes.len() {
            assert!(Reader::new(&bytes[..length]).part(&mut Counter(0)).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_list_that_lies_about_its_length_ends_in_an_error() {
        let mut writer = Writer::new();
        writer.u64(u64::MAX);
        let bytes = writer.into_bytes();
        let read = Reader::new(&bytes).list(|from| from.u64().map(drop));
        assert!(matches!(read, Err(SnapshotError::Truncated { .. })));
    }
}
