//! What stands before the records: the mark, the version and the metadata.

use crate::codec::{CodecError, Place};
use dbn::decode::dbn::MetadataDecoder;
use dbn::{Metadata, VersionUpgradePolicy};

/// What a stream begins with, before the byte of its version.
const MARK: &[u8; 3] = b"DBN";
/// The mark, the version, and the metadata's length in four bytes.
const PRELUDE_BYTES: usize = 8;
/// The most bytes of metadata that are taken: the mappings of some hundred thousand symbols.
const METADATA_BYTES_MAX: usize = 64 << 20;
/// The versions whose records we know.
const VERSIONS: std::ops::RangeInclusive<u8> = 1..=3;

/// The bytes before the first record, as far as they have come. They may be more than a buffer holds,
/// so they are gathered here.
#[derive(Debug, Default)]
pub(super) struct Beginning(Vec<u8>);

impl Beginning {
    /// Takes what `input` has of them; the metadata once they are complete. Returns how many bytes it
    /// took.
    pub(super) fn take(&mut self, input: &[u8]) -> Result<(usize, Option<Metadata>), CodecError> {
        let mut taken = self.gather(input, PRELUDE_BYTES);
        let Some(end) = self.end()? else { return Ok((taken, None)) };
        taken += self.gather(&input[taken..], end);
        if self.0.len() < end {
            return Ok((taken, None));
        }
        let metadata = read(&self.0).map_err(|error| {
            let what = format!("the metadata cannot be read: {error}");
            CodecError::new(at(PRELUDE_BYTES), what.replace('\n', " "))
        })?;
        Ok((taken, Some(metadata)))
    }

    fn gather(&mut self, input: &[u8], until: usize) -> usize {
        let count = until.saturating_sub(self.0.len()).min(input.len());
        self.0.extend_from_slice(&input[..count]);
        count
    }

    /// Where the metadata end, once that is known.
    fn end(&self) -> Result<Option<usize>, CodecError> {
        let Some(&[a, b, c, version, ref length @ ..]) = self.0.first_chunk::<PRELUDE_BYTES>()
        else {
            return Ok(None);
        };
        if [a, b, c] != *MARK {
            return Err(CodecError::new(at(0), "expected DBN, which a stream begins with"));
        }
        if !VERSIONS.contains(&version) {
            let (first, last) = (VERSIONS.start(), VERSIONS.end());
            let what = format!("version {version} of DBN, expected {first} to {last}");
            return Err(CodecError::new(at(MARK.len()), what));
        }
        let length = u32::from_le_bytes(*length) as usize;
        if length > METADATA_BYTES_MAX {
            let what = format!(
                "metadata of {length} bytes, more than the {METADATA_BYTES_MAX} that are taken"
            );
            return Err(CodecError::new(at(MARK.len() + 1), what));
        }
        Ok(Some(PRELUDE_BYTES + length))
    }

    /// What is missing where the stream ends now, for a person.
    pub(super) fn lack(&self) -> String {
        let there = self.0.len();
        match self.end() {
            Ok(Some(end)) => {
                format!("the file ends within its metadata of {end} bytes ({there} there)")
            }
            _ => format!("the file ends within its first {PRELUDE_BYTES} bytes ({there} there)"),
        }
    }
}

fn read(bytes: &[u8]) -> dbn::Result<Metadata> {
    MetadataDecoder::with_upgrade_policy(bytes, VersionUpgradePolicy::AsIs).decode()
}

fn at(offset: usize) -> Place {
    Place { offset: offset as u64, line: None }
}

/// Whether content that begins with `bytes` may be DBN, of whatever version.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    const VERSIONS_EVER: std::ops::Range<u8> = 1..32;
    bytes.starts_with(MARK) && bytes.get(3).is_some_and(|version| VERSIONS_EVER.contains(version))
}
