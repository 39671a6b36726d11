//! How much stands near the touch: levels, quantity and notional of each side within so many hundredths
//! of a percent of its best price, kept up with every change.
//!
//! A band is measured from the side's own best price, so that it is there as soon as the side is, and
//! moves only when that price does. Within means `|price − best| · 10,000 ≤ |best| · basis points`.
//!
//! [`Bands`] holds sums and no levels: what came to a level or left it is in the [`Change`], and where the
//! best price moves, those levels are looked at in the book that a band's far end passes over.
//! [`Depth::of`] walks the book instead: for a single look, and for tests.

use crate::memory::prefetch_whole;
use crate::{BookView, Change, Effect, Form, Resting};
use engine_event::{Price, Side};
use thiserror::Error;

/// How many bands there can be.
pub const BANDS_MAX: usize = 8;
/// How wide a band can be: from nothing to twice the best price.
pub const BASIS_POINTS_MAX: u32 = 10_000;
/// What stands within a band.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Depth {
    /// How many levels.
    pub levels: usize,
    /// All that is displayed at them.
    pub quantity: u128,
    /// The sum of price times quantity; none where it might not fit 128 bits, which needs prices and
    /// quantities near the ends of their ranges.
    pub notional: Option<i128>,
}

/// The bands of one book, narrowest first.
#[derive(Clone, Debug)]
pub struct Bands {
    /// All of the bids, then all of the offers.
    bands: Vec<Band>,
    /// The best rank of each side, when there is one.
    best: [Option<i64>; 2],
    /// Whether they stand for a book: from the first change on that they followed.
    is_built: bool,
    /// How many orders of the book had been taken out by healing: no change tells of these.
    healed: u64,
    basis_points: Vec<u32>,
}

/// Why there cannot be such bands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error(
    "bands are 1 to {BANDS_MAX} widths in ascending order, in basis points up to {BASIS_POINTS_MAX}"
)]
pub struct NoSuchBands;

#[derive(Clone, Copy, Default, Debug)]
struct Band {
    basis_points: u32,
    /// The worst rank that is within.
    limit: i64,
    /// How many levels are within.
    levels: u32,
    quantity: u128,
    /// Of ranks instead of prices, and modulo 2^128: exact wherever the sum fits.
    notional: i128,
}

impl Depth {
    /// What stands within a band of a book, by a walk over its levels.
    pub fn of(book: &BookView<'_>, side: Side, basis_points: u32) -> Self {
        let Some(best) = book.touch().of(side) else { return Self::nothing() };
        let reach = i128::from(best.price.0).abs() * i128::from(basis_points);
        let away = |price: Price| (i128::from(price.0) - i128::from(best.price.0)).abs();
        let near = book.levels(side).take_while(|level| away(level.price) * 10_000 <= reach);
        near.fold(Self::nothing(), |sum, level| {
            let worth = i128::from(level.price.0).checked_mul(i128::from(level.quantity.0));
            Self {
                levels: sum.levels + 1,
                quantity: sum.quantity + u128::from(level.quantity.0),
                notional: sum.notional.zip(worth).and_then(|(sum, worth)| sum.checked_add(worth)),
            }
        })
    }

    fn nothing() -> Self {
        Self { notional: Some(0), ..Self::default() }
    }
}

impl Bands {
    /// Bands of these widths, in ascending order.
    pub fn new(basis_points: &[u32]) -> Result<Self, NoSuchBands> {
        let ascend = basis_points.is_sorted_by(|one, next| one < next);
        let widest = basis_points.last().ok_or(NoSuchBands)?;
        if !ascend || basis_points.len() > BANDS_MAX || *widest > BASIS_POINTS_MAX {
            return Err(NoSuchBands);
        }
        let band = |of: &u32| Band { basis_points: *of, ..Band::default() };
        Ok(Self {
            bands: [basis_points, basis_points].concat().iter().map(band).collect(),
            best: [None; 2],
            is_built: false,
            healed: 0,
            basis_points: basis_points.to_vec(),
        })
    }

    /// Their widths.
    pub fn basis_points(&self) -> &[u32] {
        &self.basis_points
    }

    /// Takes what an event changed in the book, which is shown as it is after it. Each event about the
    /// book must be shown, once and in order; the first may come at any time.
    #[inline]
    pub fn follow(&mut self, change: &Change, book: &BookView<'_>) {
        let begins_anew = !self.is_built
            || change.effect == Effect::Cleared
            || (change.effect == Effect::Restated && book.form() == Some(Form::Touch));
        if begins_anew || book.healed() != self.healed {
            return self.build(book);
        }
        for moved in moved(change).into_iter().flatten() {
            self.take(moved, book);
        }
        self.move_to(book, Side::Buy);
        self.move_to(book, Side::Sell);
    }

    /// Takes a book as it is, whatever came before.
    pub fn build(&mut self, book: &BookView<'_>) {
        self.best = [None; 2];
        self.move_to(book, Side::Buy);
        self.move_to(book, Side::Sell);
        (self.is_built, self.healed) = (true, book.healed());
    }

    /// Sends for what the next change will need.
    #[inline]
    pub fn look_ahead(&self) {
        prefetch_whole(&self.bands, 0, 1);
        prefetch_whole(&self.bands, self.bands.len() / 2, 1);
    }

    /// Whatever was known is doubtful: the next change begins with the book as it is then.
    pub fn forget(&mut self) {
        self.is_built = false;
    }

    /// What stands within the band of this place; nothing beyond the last.
    pub fn depth(&self, side: Side, band: usize) -> Depth {
        let of_side = &self.bands[self.of(side)];
        of_side
            .get(band)
            .map_or(Depth::nothing(), |band| band.depth(side, self.best[side as usize]))
    }

    /// Where the bands of a side lie.
    #[inline]
    fn of(&self, side: Side) -> std::ops::Range<usize> {
        let count = self.bands.len() / 2;
        let start = side as usize * count;
        start..start + count
    }

    /// Takes what came to a level or left it. The best price is still the earlier one.
    #[inline]
    fn take(&mut self, moved: Moved, book: &BookView<'_>) {
        let (side, rank) = (moved.side, rank(moved.side, moved.price));
        let within = self.best[side as usize].is_some()
            && self.bands[self.of(side)].last().is_some_and(|widest| rank >= widest.limit);
        if !within {
            return;
        }
        let now = book.level(side, moved.price).map_or(0, |level| level.quantity.0);
        let appeared = moved.left == 0 && now == moved.came;
        let vanished = now == 0;
        let of_side = self.of(side);
        for band in self.bands[of_side].iter_mut().filter(|band| rank >= band.limit) {
            band.levels = band.levels + u32::from(appeared) - u32::from(vanished);
            band.lose(rank, moved.left);
            band.gain(rank, moved.came);
        }
    }

    /// Moves the bands of a side to where the book's best price is now.
    #[inline]
    fn move_to(&mut self, book: &BookView<'_>, side: Side) {
        let best = book.touch().of(side).map(|best| rank(side, best.price));
        if best != self.best[side as usize] {
            self.moved_to(book, side, best);
        }
    }

    fn moved_to(&mut self, book: &BookView<'_>, side: Side, best: Option<i64>) {
        let had_best = std::mem::replace(&mut self.best[side as usize], best).is_some();
        let of_side = self.of(side);
        for band in &mut self.bands[of_side] {
            let Some(best) = best else {
                band.empty();
                continue;
            };
            let reach = i128::from(best).abs() * i128::from(band.basis_points) / 10_000;
            let limit = (i128::from(best) - reach) as i64;
            let was = std::mem::replace(&mut band.limit, limit);
            if !had_best {
                band.empty();
                let within = book.levels(side).map(|level| (rank(side, level.price), level));
                for (rank, level) in within.take_while(|(rank, _)| *rank >= limit) {
                    band.levels += 1;
                    band.gain(rank, level.quantity.0);
                }
                continue;
            }
            // Those between both limits, of which the better one is within no longer, or the worse one now.
            let (better, worse) = (limit.max(was), limit.min(was));
            let between = book.levels_behind(side, price(side, better));
            let between = between.map(|level| (rank(side, level.price), level));
            for (rank, level) in between.take_while(|(rank, _)| *rank >= worse) {
                if limit < was {
                    band.levels += 1;
                    band.gain(rank, level.quantity.0);
                } else {
                    band.levels -= 1;
                    band.lose(rank, level.quantity.0);
                }
            }
        }
    }
}

/// What came to one level, and what left it.
#[derive(Clone, Copy, Debug)]
struct Moved {
    side: Side,
    price: Price,
    came: u64,
    left: u64,
}

/// What a change did to levels: at most two of them, where an order moved.
#[inline]
fn moved(change: &Change) -> [Option<Moved>; 2] {
    let left = change.order.filter(Resting::is_displayed).map(|order| Moved {
        side: order.side,
        price: order.price,
        came: 0,
        left: order.remaining.0,
    });
    let now = change.left.map_or(0, |left| left.0);
    let came = change.level.map(|(side, price)| {
        let left = change.stood.0;
        Moved { side, price, came: now, left }
    });
    match (left, came) {
        (Some(left), Some(came)) if left.side == came.side && left.price == came.price => {
            [Some(Moved { came: came.came, ..left }), None]
        }
        both => both.into(),
    }
}

/// Grows with how good a price is.
fn rank(side: Side, price: Price) -> i64 {
    match side {
        Side::Buy => price.0,
        Side::Sell => price.0.wrapping_neg(),
    }
}

/// The price of a rank.
fn price(side: Side, rank: i64) -> Price {
    match side {
        Side::Buy => Price(rank),
        Side::Sell => Price(rank.wrapping_neg()),
    }
}

impl Band {
    fn empty(&mut self) {
        *self = Self { basis_points: self.basis_points, limit: self.limit, ..Self::default() };
    }

    fn gain(&mut self, rank: i64, quantity: u64) {
        self.quantity += u128::from(quantity);
        let worth = i128::from(rank).wrapping_mul(i128::from(quantity));
        self.notional = self.notional.wrapping_add(worth);
    }

    fn lose(&mut self, rank: i64, quantity: u64) {
        self.quantity -= u128::from(quantity);
        let worth = i128::from(rank).wrapping_mul(i128::from(quantity));
        self.notional = self.notional.wrapping_sub(worth);
    }

    fn depth(&self, side: Side, best: Option<i64>) -> Depth {
        let Some(best) = best else { return Depth::nothing() };
        // No sum of these prices is further from zero than this.
        let farthest = best.unsigned_abs().max(self.limit.unsigned_abs());
        let bound = u128::from(farthest).checked_mul(self.quantity);
        let fits = bound.is_some_and(|bound| bound <= i128::MAX as u128);
        let worth = if side == Side::Buy { self.notional } else { self.notional.wrapping_neg() };
        Depth {
            levels: self.levels as usize,
            quantity: self.quantity,
            notional: fits.then_some(worth),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::against_naive::{BOUNDS, events};
    use crate::tests::notation::{self, SUBJECT};
    use crate::{Books, Bounds};
    use engine_event::SubjectId;
    use engine_event::body::Level;
    use engine_event::{Event, Flags, Nanos, Quantity};
    use proptest::prelude::*;

    /// Shows the bands every event, and holds them against a walk over the book after each.
    fn follow<'a>(
        events: impl IntoIterator<Item = &'a Event>,
        widths: &[u32],
    ) -> (Books, Vec<Bands>) {
        let mut books = Books::new(Bounds { subjects_max: 3, orders_max: 1000 }).healing();
        let mut bands = vec![Bands::new(widths).unwrap(); 3];
        for event in events {
            let change = books.apply(event);
            for book in books.iter() {
                let bands = &mut bands[book.subject().index()];
                if [book.subject(), SubjectId::EVERY].contains(&event.subject) {
                    bands.follow(&change, &book);
                }
                for side in [Side::Buy, Side::Sell] {
                    for (band, width) in widths.iter().enumerate() {
                        let (kept, plain) =
                            (bands.depth(side, band), Depth::of(&book, side, *width));
                        let what = (kept.levels, kept.quantity);
                        assert_eq!(
                            what,
                            (plain.levels, plain.quantity),
                            "{width} bp after {event:?}"
                        );
                        assert!(kept.notional.is_none() || kept.notional == plain.notional);
                        let is_small = book.levels(side).all(|of| of.quantity.0 < 1 << 50);
                        assert!(kept.notional.is_some() || !is_small, "{width} bp after {event:?}");
                    }
                }
            }
        }
        (books, bands)
    }

    fn parsed(lines: &str) -> Vec<Event> {
        lines.lines().map(|line| notation::parse(line.trim())).collect()
    }

    #[test]
    fn what_stands_within_a_percent() {
        let lines = "add 1 B 10 @ 10000
                     add 2 B 20 @ 9950
                     add 3 B 40 @ 9900
                     add 4 B 80 @ 9899
                     add 5 S 5 @ 10100
                     add 6 S 7 @ 10201
                     add 7 S 9 @ 10202";
        let (_, bands) = follow(&parsed(lines), &[0, 50, 100]);
        let told = |side, band| {
            let Depth { levels, quantity, notional } = bands[0].depth(side, band);
            (levels, quantity, notional.unwrap())
        };
        assert_eq!(told(Side::Buy, 0), (1, 10, 100_000));
        assert_eq!(told(Side::Buy, 1), (2, 30, 100_000 + 199_000));
        assert_eq!(told(Side::Buy, 2), (3, 70, 100_000 + 199_000 + 396_000));
        assert_eq!(told(Side::Sell, 0), (1, 5, 50_500));
        assert_eq!(told(Side::Sell, 2), (2, 12, 50_500 + 71_407));
        assert_eq!(bands[0].depth(Side::Buy, 3), Depth::nothing());
    }

    #[test]
    fn bands_go_with_the_best_price() {
        let lines = "add 1 B 10 @ 10000
                     add 2 B 20 @ 9950
                     add 3 B 40 @ 9900
                     add 4 B 80 @ 9800
                     delete 1
                     add 5 B 1 @ 10050
                     delete 5
                     delete 2
                     delete 3
                     delete 4
                     add 6 B 3 @ 5";
        follow(&parsed(lines), &[100]);
        let (_, bands) = follow(&parsed(lines)[..5], &[100]);
        assert_eq!(bands[0].depth(Side::Buy, 0).quantity, 60, "from 9950 down to 9850.5");
        let (_, bands) = follow(&parsed(lines)[..6], &[100]);
        assert_eq!(bands[0].depth(Side::Buy, 0).quantity, 21, "from 10050 down to 9949.5");
    }

    #[test]
    fn widths_ascend_and_have_bounds() {
        for wrong in [&[][..], &[10, 10], &[20, 10], &[10_001], &[1, 2, 3, 4, 5, 6, 7, 8, 9]] {
            assert_eq!(Bands::new(wrong).unwrap_err(), NoSuchBands, "{wrong:?}");
        }
        assert_eq!(Bands::new(&[0, 10_000]).unwrap().basis_points(), [0, 10_000]);
    }

    #[test]
    fn a_sum_that_does_not_fit_is_none() {
        let highest = (1i64 << 62) - 1;
        let bid = |id: i64| format!("add {id} B max @ {}", highest - id);
        let (_, bands) = follow(&parsed(&[0, 1, 2].map(bid).join("\n")), &[0, 1]);
        assert_eq!(bands[0].depth(Side::Buy, 1).quantity, 3 * u128::from(u64::MAX));
        assert_eq!(bands[0].depth(Side::Buy, 1).notional, None);
        let all = i128::from(highest) * i128::from(u64::MAX);
        assert_eq!(bands[0].depth(Side::Buy, 0).notional, Some(all));
    }

    /// Levels around a price that wanders, as a feed by level tells them.
    fn wandering() -> impl Strategy<Value = Vec<Event>> {
        let step = (any::<bool>(), 0..60i64, 0..4u64, -2..3i64);
        prop::collection::vec(step, 1..300).prop_map(|steps| {
            let mut middle = 10_000;
            let event = |(is_bid, away, quantity, drift): (bool, i64, u64, i64)| {
                middle += drift;
                let (side, price) =
                    if is_bid { (Side::Buy, middle - away) } else { (Side::Sell, middle + away) };
                let level = Level::new(Price(price), Quantity(quantity), 0);
                Event::new(SUBJECT, Nanos(0), level).with_flags(Flags::of(side))
            };
            steps.into_iter().map(event).collect()
        })
    }

    proptest! {
        #[test]
        fn bands_are_what_a_walk_finds(events in events()) {
            prop_assert!(BOUNDS.subjects_max <= 3);
            follow(&events, &[0, 1, 3_000, 5_000, 10_000]);
        }

        #[test]
        fn bands_are_what_a_walk_finds_while_the_price_wanders(events in wandering()) {
            follow(&events, &[0, 5, 20, 40]);
        }
    }
}
