//! How long orders live: when they were last amended, and a histogram of what came of it.

use engine_observer::event::{Nanos, OrderId, Reader, Snapshot, SnapshotError, Writer};
use std::ops::Sub;

/// Lives by length, relative to a limit: finest where it matters, with an edge exactly at the limit, so
/// that "the median is at most the limit" is exact and the median itself is within its bin.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Lives([u32; Lives::EDGES.len() + 1]);

impl Lives {
    /// Upper edges of all bins but the last, in 32nds of the limit.
    const EDGES: [u64; 9] = [1, 2, 4, 8, 16, 24, 32, 48, 128];

    /// Lives of so many limits or more count alike.
    pub(crate) const LONG: u64 = Self::EDGES[Self::EDGES.len() - 1] / 32;

    /// One more life, of this length.
    #[inline]
    pub(crate) fn count_one(&mut self, life: Nanos, limit: Nanos) {
        let life = life.0.saturating_mul(32);
        let longer_than = |edge: &u64| life > edge.saturating_mul(limit.0);
        let bin = match longer_than(&Self::EDGES[Self::EDGES.len() - 1]) {
            true => Self::EDGES.len(),
            false => Self::EDGES.iter().filter(|edge| longer_than(edge)).count(),
        };
        self.0[bin] = self.0[bin].wrapping_add(1);
    }

    /// How many lives.
    pub(crate) fn count(&self) -> u32 {
        self.0.iter().sum()
    }

    /// The median as a share of the limit, at most 4; none without lives.
    pub(crate) fn median(&self) -> Option<f64> {
        let half = f64::from(self.count()) / 2.0;
        let mut before = 0.0;
        let mut lower = 0.0;
        for (count, edge) in self.0.iter().zip(Self::EDGES) {
            let (count, upper) = (f64::from(*count), edge as f64 / 32.0);
            if count > 0.0 && before + count >= half {
                return Some(lower + (upper - lower) * (half - before) / count);
            }
            before += count;
            lower = upper;
        }
        (half > 0.0).then_some(lower)
    }

    pub(crate) fn save(self, to: &mut Writer) {
        self.0.iter().for_each(|count| to.u32(*count));
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let mut lives = Self::default();
        for count in &mut lives.0 {
            *count = from.u32()?;
        }
        Ok(lives)
    }
}

impl Sub for Lives {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self(std::array::from_fn(|bin| self.0[bin].wrapping_sub(earlier.0[bin])))
    }
}

/// When orders were last amended. The book knows only when they entered, so without this an order that is
/// amended a thousand times a second would seem to live long. Of one instrument's orders there is room for
/// a few, made when the first comes; of two that fall on one place the later one stays, and the other's
/// life seems longer than it is.
#[derive(Clone, Default, Debug)]
pub(crate) struct LastTold {
    latest: Nanos,
    orders: Option<Box<[Told; LastTold::PLACES]>>,
}

/// An order, and when it was last amended.
type Told = Option<(OrderId, Nanos)>;

impl LastTold {
    const PLACES: usize = 64;

    #[inline]
    fn place(order: OrderId) -> usize {
        let scattered = order.0.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (scattered >> (u64::BITS - Self::PLACES.ilog2())) as usize
    }

    /// The order was amended.
    #[inline]
    pub(crate) fn tell(&mut self, order: OrderId, at: Nanos) {
        self.latest = self.latest.max(at);
        self.orders.get_or_insert_with(|| Box::new([None; Self::PLACES]))[Self::place(order)] =
            Some((order, at));
    }

    /// When the order was last amended, as far as that is remembered, if any was after `since`.
    #[inline]
    pub(crate) fn of(&self, order: OrderId, since: Nanos) -> Option<Nanos> {
        if self.latest <= since {
            return None;
        }
        let (told, at) = self.orders.as_ref()?[Self::place(order)]?;
        (told == order).then_some(at)
    }
}

impl Snapshot for LastTold {
    const VERSION: u16 = 2;

    fn save(&self, to: &mut Writer) {
        to.u64(self.latest.0);
        to.bool(self.orders.is_some());
        for told in self.orders.iter().flat_map(|all| all.iter()) {
            to.bool(told.is_some());
            if let Some((order, at)) = told {
                to.u64(order.0);
                to.u64(at.0);
            }
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        *self = Self { latest: Nanos(from.u64()?), orders: None };
        if !from.bool()? {
            return Ok(());
        }
        for told in self.orders.insert(Box::new([None; Self::PLACES])).iter_mut() {
            *told = match from.bool()? {
                true => Some((OrderId(from.u64()?), Nanos(from.u64()?))),
                false => None,
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: Nanos = Nanos::from_millis(50);

    fn median_ms(lives_ms: &[u64]) -> Option<f64> {
        let mut lives = Lives::default();
        for ms in lives_ms {
            lives.count_one(Nanos::from_millis(*ms), LIMIT);
        }
        lives.median().map(|share| share * 50.0)
    }

    #[test]
    fn no_lives_have_no_median_and_endless_ones_a_capped_one() {
        assert_eq!(median_ms(&[]), None);
        assert_eq!(median_ms(&[100_000]), Some(200.0));
        assert!(median_ms(&[1]).unwrap() <= 1.6);
    }

    #[test]
    fn a_place_taken_by_another_order_is_not_taken_for_ones_own() {
        let mut told = LastTold::default();
        (0..100).for_each(|id| told.tell(OrderId(id), Nanos(id)));
        let known = (0..100).filter(|id| told.of(OrderId(*id), Nanos(0)).is_some()).count();
        assert!((1..=LastTold::PLACES).contains(&known));
        let of = |id| told.of(OrderId(id), Nanos(0));
        assert!((0..100).all(|id| of(id).is_none_or(|at| at == Nanos(id))));
        assert!((0..100).all(|id| told.of(OrderId(id), Nanos(99)).is_none()));
    }

    proptest! {
        #[test]
        fn the_median_is_exact_about_the_limit(
            mut lives_ms in prop::collection::vec(0..120_u64, 1..60)
        ) {
            let median = median_ms(&lives_ms).unwrap();
            lives_ms.sort_unstable();
            let lower_median = lives_ms[(lives_ms.len() - 1) / 2];
            prop_assert_eq!(median <= 50.0, lower_median <= 50);
        }
    }
}
