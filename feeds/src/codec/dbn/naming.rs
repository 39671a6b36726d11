//! Which instrument an id stands for, and when.

use dbn::{Metadata, SType};
use rustc_hash::{FxHashMap, FxHashSet};
use std::ops::Range;

/// How many instruments are learned from the records of a stream.
const LEARNED_MAX: usize = 1 << 20;
/// How many names one instrument may have had in a stream.
const NAMES_MAX: usize = 64;

/// The names of a stream's instruments.
#[derive(Debug, Default)]
pub(super) struct Naming {
    /// By instrument, in the order of their beginnings.
    names: FxHashMap<u32, Vec<Named>>,
    /// Names that stand for several instruments at a time (a future's whole chain).
    shared: FxHashSet<Box<str>>,
    learned: usize,
}

/// A name and when it is valid, in nanoseconds since the epoch.
#[derive(Debug)]
struct Named {
    valid: Range<u64>,
    name: Box<str>,
}

impl Naming {
    /// What the metadata say. Mappings that lead neither from nor to an instrument's id say nothing.
    pub(super) fn new(metadata: &Metadata) -> Self {
        let mut naming = Self::default();
        let inverse = match (metadata.stype_in, metadata.stype_out) {
            (_, SType::InstrumentId) => false,
            (Some(SType::InstrumentId), _) => true,
            _ => return naming,
        };
        let mut spans = Vec::new();
        for mapping in &metadata.mappings {
            for interval in &mapping.intervals {
                let (id, name) = if inverse {
                    (&mapping.raw_symbol, &interval.symbol)
                } else {
                    (&interval.symbol, &mapping.raw_symbol)
                };
                let Ok(id) = id.parse() else { continue };
                let from = interval.start_date.midnight().assume_utc().unix_timestamp();
                let until = interval.end_date.midnight().assume_utc().unix_timestamp();
                let valid = nanos(from)..nanos(until);
                if valid.is_empty() || !is_name(name) {
                    continue;
                }
                spans.push((name.as_str(), valid.start, valid.end, id));
                let names = naming.names.entry(id).or_default();
                names.push(Named { valid, name: name.as_str().into() });
            }
        }
        spans.sort_unstable();
        for pair in spans.windows(2) {
            let [(name, _, until, id), (next, from, _, other)] = pair else { continue };
            if name == next && id != other && from < until {
                naming.shared.insert((*name).into());
            }
        }
        for names in naming.names.values_mut() {
            names.sort_by_key(|named| named.valid.start);
        }
        naming
    }

    /// What an instrument is called at `time`, and over which time that holds.
    pub(super) fn name(&self, instrument: u32, time: u64, into: &mut String) -> Range<u64> {
        into.clear();
        let names = self.names.get(&instrument).map(Vec::as_slice).unwrap_or_default();
        let next = names.partition_point(|named| named.valid.start <= time);
        let until = names.get(next).map_or(u64::MAX, |named| named.valid.start);
        let Some(named) = next.checked_sub(1).map(|at| &names[at]) else {
            *into = instrument.to_string();
            return 0..until;
        };
        if time >= named.valid.end {
            *into = instrument.to_string();
            return named.valid.end..until;
        }
        into.push_str(&named.name);
        if self.shared.contains(&named.name) {
            into.push_str(&format!(":{instrument}"));
        }
        named.valid.start..named.valid.end.min(until)
    }

    /// From `from` on the instrument has this name. Whether that is news.
    pub(super) fn learn(&mut self, instrument: u32, name: &str, from: u64) -> bool {
        let names = self.names.get(&instrument).map(Vec::as_slice).unwrap_or_default();
        let known = names.iter().rfind(|named| named.valid.contains(&from));
        if known.is_some_and(|known| *known.name == *name) || !is_name(name) {
            return false;
        }
        if names.is_empty() {
            if self.learned == LEARNED_MAX {
                return false;
            }
            self.learned += 1;
        }
        let names = self.names.entry(instrument).or_default();
        names.retain(|named| named.valid.start < from);
        if names.len() == NAMES_MAX {
            names.remove(0);
        }
        if let Some(before) = names.last_mut() {
            before.valid.end = before.valid.end.min(from);
        }
        names.push(Named { valid: from..u64::MAX, name: name.into() });
        true
    }

    /// The same, where no name is known.
    pub(super) fn learn_if_unknown(&mut self, instrument: u32, name: &str, from: u64) -> bool {
        let names = self.names.get(&instrument).map(Vec::as_slice).unwrap_or_default();
        let known = names.iter().any(|named| named.valid.contains(&from));
        !known && self.learn(instrument, name, from)
    }
}

/// Names that people can read: not empty, and without control characters.
fn is_name(name: &str) -> bool {
    crate::codec::lines::name(name.as_bytes()).is_some()
}

/// Seconds since the epoch in nanoseconds, as far as these reach.
fn nanos(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000_000)
}
