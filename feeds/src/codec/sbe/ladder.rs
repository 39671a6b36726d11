//! One side of a book by levels, as CME tells it: changes name a level by its place, counted from the
//! best. A price that appears, changes or leaves is told.
//!
//! A ladder of which the beginning is known is whole, and a change that does not fit it shows that
//! something was missed. One that is not whole takes whatever comes and has holes, so that what the
//! market repeats is seen again at least (CME calls that natural refresh).

/// The most levels of a side; CME tells 10 of futures, 3 of options.
pub(crate) const DEPTH_MAX: usize = 20;
/// The levels of a security that was not defined.
pub(crate) const DEPTH_UNTOLD: usize = 10;

/// What is displayed at a price; nothing if `quantity` is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rung {
    pub(crate) price: i64,
    pub(crate) quantity: u64,
    pub(crate) orders: u32,
}

/// What happens to a level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    New,
    Change,
    Delete,
    /// All levels leave.
    DeleteThru,
    /// The level leaves with all that are better.
    DeleteFrom,
    Overlay,
}

impl Action {
    pub(crate) fn of(number: i64) -> Option<Self> {
        Some(match number {
            0 => Action::New,
            1 => Action::Change,
            2 => Action::Delete,
            3 => Action::DeleteThru,
            4 => Action::DeleteFrom,
            5 => Action::Overlay,
            _ => return None,
        })
    }
}

/// A change that does not fit the ladder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Misfit;

/// The levels of one side, the best first. A hole is a level of which only the place is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ladder {
    rungs: Vec<Option<Rung>>,
    pub(crate) is_whole: bool,
}

impl Ladder {
    /// Forgets all levels; whether none is there (`is_whole`), or nobody knows.
    pub(crate) fn clear(&mut self, is_whole: bool) {
        self.rungs.clear();
        self.is_whole = is_whole;
    }

    /// All levels that are known, the best first.
    pub(crate) fn rungs(&self) -> impl Iterator<Item = Rung> {
        self.rungs.iter().flatten().copied()
    }

    /// Puts the level `place` (from 0) of a snapshot. They may come in any order.
    pub(crate) fn put(&mut self, place: usize, rung: Rung) {
        if self.rungs.len() <= place {
            self.rungs.resize(place + 1, None);
        }
        self.rungs[place] = Some(rung);
    }

    /// Whether no level is a hole.
    pub(crate) fn is_full(&self) -> bool {
        self.rungs.iter().all(Option::is_some)
    }

    /// Changes the level `place` (from 0) of at most `depth`, and tells what is at each price now.
    #[inline]
    pub(crate) fn apply(
        &mut self,
        action: Action,
        place: usize,
        rung: Rung,
        depth: usize,
        mut tell: impl FnMut(Rung),
    ) -> Result<(), Misfit> {
        let there = self.rungs.len();
        let misfit = match action {
            Action::New => place > there,
            Action::Change | Action::Delete | Action::Overlay => place >= there,
            Action::DeleteThru => false,
            // There may be fewer.
            Action::DeleteFrom => false,
        };
        if misfit && self.is_whole {
            return Err(Misfit);
        }
        match action {
            Action::New => {
                if place > there {
                    self.rungs.resize(place, None);
                }
                self.rungs.insert(place, Some(rung));
                if self.rungs.len() > depth {
                    let beyond = self.rungs.pop().flatten();
                    self.leave(beyond, &mut tell);
                }
                tell(rung);
            }
            Action::Change | Action::Overlay => {
                if place >= there {
                    self.rungs.resize(place + 1, None);
                }
                let before = self.rungs[place].replace(rung);
                self.leave(before.filter(|before| before.price != rung.price), &mut tell);
                tell(rung);
            }
            Action::Delete => {
                if place < there {
                    let gone = self.rungs.remove(place);
                    self.leave(gone, &mut tell);
                }
            }
            Action::DeleteThru | Action::DeleteFrom => {
                let all = action == Action::DeleteThru;
                let end = if all { there } else { there.min(place + 1) };
                for _ in 0..end {
                    let gone = self.rungs.remove(0);
                    self.leave(gone, &mut tell);
                }
            }
        }
        Ok(())
    }

    /// Tells that a level is gone, or what else has its price: within an event two may have the same.
    #[inline]
    fn leave(&self, gone: Option<Rung>, tell: &mut impl FnMut(Rung)) {
        if let Some(gone) = gone {
            let other = self.rungs().find(|rung| rung.price == gone.price);
            tell(other.unwrap_or(Rung { quantity: 0, orders: 0, ..gone }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(price: i64, quantity: u64) -> Rung {
        Rung { price, quantity, orders: 1 }
    }

    /// The prices that a ladder ends with, and what it told as price:quantity.
    fn after(steps: &[(Action, usize, Rung)], depth: usize) -> (Vec<i64>, String) {
        let mut ladder = Ladder { is_whole: true, ..Ladder::default() };
        let mut told = Vec::new();
        for (action, level, of) in steps {
            let tell = |rung: Rung| told.push(format!("{}:{}", rung.price, rung.quantity));
            ladder.apply(*action, level - 1, *of, depth, tell).unwrap();
        }
        (ladder.rungs().map(|rung| rung.price).collect(), told.join(" "))
    }

    #[test]
    fn levels_move_down_and_up() {
        use Action::*;
        let three = [(New, 1, rung(100, 5)), (New, 2, rung(98, 6)), (New, 2, rung(99, 7))];
        assert_eq!(after(&three, 10), (vec![100, 99, 98], "100:5 98:6 99:7".into()));
        // The third level is beyond a depth of two, and nobody says that it leaves.
        assert_eq!(after(&three, 2), (vec![100, 99], "100:5 98:6 98:0 99:7".into()));
        let end = |last| after(&[&three[..], &[last]].concat(), 10).0;
        assert_eq!(end((Delete, 1, rung(0, 0))), [99, 98]);
        assert_eq!(end((DeleteFrom, 2, rung(0, 0))), [98]);
        assert_eq!(end((DeleteThru, 1, rung(0, 0))), []);
        assert_eq!(end((Overlay, 1, rung(101, 1))), [101, 99, 98]);
    }

    #[test]
    fn a_price_that_is_there_twice_for_a_moment_stays() {
        use Action::*;
        let steps = [
            (New, 1, rung(100, 5)),
            (New, 2, rung(99, 6)),
            (Overlay, 1, rung(99, 7)),
            (Overlay, 2, rung(98, 8)),
        ];
        assert_eq!(after(&steps, 10), (vec![99, 98], "100:5 99:6 100:0 99:7 99:7 98:8".into()));
    }

    #[test]
    fn what_does_not_fit_is_refused_where_all_is_known() {
        let mut ladder = Ladder { is_whole: true, ..Ladder::default() };
        let change = |ladder: &mut Ladder, action, place| {
            ladder.apply(action, place, rung(1, 1), 10, |_| {})
        };
        assert_eq!(change(&mut ladder, Action::New, 1), Err(Misfit));
        assert_eq!(change(&mut ladder, Action::Delete, 0), Err(Misfit));
        ladder.clear(false);
        assert_eq!(change(&mut ladder, Action::New, 1), Ok(()));
        assert_eq!(change(&mut ladder, Action::Delete, 5), Ok(()));
        assert_eq!(ladder.rungs().count(), 1);
        assert!(!ladder.is_full());
    }
}
