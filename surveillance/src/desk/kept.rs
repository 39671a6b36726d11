//! State of patterns that survives a restart: structs say which fields they keep, the rest follows.

use crate::baseline::Baseline;
use engine_observer::event::body::{Attributes, Phase};
use engine_observer::event::{
    MaybePrice, Nanos, OrderId, ParticipantId, Price, Quantity, Reader, Side, Snapshot,
    SnapshotError, Writer,
};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// A value that can be written and made again.
pub(crate) trait Kept: Sized {
    fn keep(&self, to: &mut Writer);
    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError>;
}

/// `kept!(Episode { opened, side, fills });`: every field is kept, in this order.
macro_rules! kept {
    ($name:ident $(<$generic:ident : $bound:path>)? { $($field:ident),* $(,)? }) => {
        impl$(<$generic: $bound>)? $crate::desk::kept::Kept for $name$(<$generic>)? {
            fn keep(&self, to: &mut engine_observer::event::Writer) {
                let Self { $($field),* } = self;
                let _ = &to;
                $($crate::desk::kept::Kept::keep($field, to);)*
            }

            fn restore(
                from: &mut engine_observer::event::Reader<'_>,
            ) -> Result<Self, engine_observer::event::SnapshotError> {
                let _ = &from;
                Ok(Self { $($field: $crate::desk::kept::Kept::restore(from)?),* })
            }
        }
    };
}
pub(crate) use kept;

macro_rules! numbers {
    ($($number:ident)*) => {
        $(impl Kept for $number {
            fn keep(&self, to: &mut Writer) {
                to.$number(*self);
            }

            fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
                from.$number()
            }
        })*
    };
}

numbers! { u8 u16 u32 u64 i64 f64 bool }

macro_rules! wrapped {
    ($($name:ident($inner:ty);)*) => {
        $(impl Kept for $name {
            fn keep(&self, to: &mut Writer) {
                self.0.keep(to);
            }

            fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
                <$inner>::restore(from).map($name)
            }
        })*
    };
}

wrapped! { Nanos(u64); OrderId(u64); Price(i64); Quantity(u64); Attributes(u16); }

impl Kept for usize {
    fn keep(&self, to: &mut Writer) {
        to.u64(*self as u64);
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        Ok(from.u64()? as usize)
    }
}

impl Kept for ParticipantId {
    fn keep(&self, to: &mut Writer) {
        to.u32(self.0.get());
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let at = from.position();
        Self::new(from.u32()?).ok_or(SnapshotError::Damaged { at })
    }
}

impl Kept for MaybePrice {
    fn keep(&self, to: &mut Writer) {
        self.get().keep(to);
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        Ok(Option::<Price>::restore(from)?.into())
    }
}

impl Kept for Side {
    fn keep(&self, to: &mut Writer) {
        to.bool(*self == Side::Buy);
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        Ok(if from.bool()? { Side::Buy } else { Side::Sell })
    }
}

impl Kept for Phase {
    fn keep(&self, to: &mut Writer) {
        to.u8(*self as u8);
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        Ok(Phase::from_number(from.u8()?))
    }
}

impl<T: Kept> Kept for Option<T> {
    fn keep(&self, to: &mut Writer) {
        to.bool(self.is_some());
        if let Some(value) = self {
            value.keep(to);
        }
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        if from.bool()? { T::restore(from).map(Some) } else { Ok(None) }
    }
}

impl<T: Kept> Kept for Box<T> {
    fn keep(&self, to: &mut Writer) {
        (**self).keep(to);
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        T::restore(from).map(Box::new)
    }
}

impl<T: Kept, const N: usize> Kept for [T; N] {
    fn keep(&self, to: &mut Writer) {
        self.iter().for_each(|item| item.keep(to));
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let at = from.position();
        let items = (0..N).map(|_| T::restore(from)).collect::<Result<Vec<_>, _>>()?;
        items.try_into().map_err(|_| SnapshotError::Damaged { at })
    }
}

macro_rules! tuples {
    ($(($($name:ident $place:tt),*))*) => {
        $(impl<$($name: Kept),*> Kept for ($($name,)*) {
            fn keep(&self, to: &mut Writer) {
                $(self.$place.keep(to);)*
            }

            fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
                Ok(($($name::restore(from)?,)*))
            }
        })*
    };
}

tuples! { (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) }

macro_rules! sequences {
    ($($name:ident, $push:ident;)*) => {
        $(impl<T: Kept> Kept for $name<T> {
            fn keep(&self, to: &mut Writer) {
                to.list(self, |to, item| item.keep(to));
            }

            fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
                let mut all = Self::new();
                from.list(|from| {
                    all.$push(T::restore(from)?);
                    Ok(())
                })?;
                Ok(all)
            }
        })*
    };
}

sequences! { Vec, push; VecDeque, push_back; }

impl Kept for Baseline {
    fn keep(&self, to: &mut Writer) {
        self.save(to);
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let mut baseline = Self::new();
        baseline.load(from).map(|()| baseline)
    }
}

/// In the order of the keys, so that the same state is written as the same bytes.
impl<K: Kept + Ord + Copy + std::hash::Hash, V: Kept> Kept for FxHashMap<K, V> {
    fn keep(&self, to: &mut Writer) {
        let mut entries: Vec<_> = self.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| **key);
        to.list(entries, |to, (key, value)| {
            key.keep(to);
            value.keep(to);
        });
    }

    fn restore(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let mut all = Self::default();
        from.list(|from| {
            all.insert(K::restore(from)?, V::restore(from)?);
            Ok(())
        })?;
        Ok(all)
    }
}
