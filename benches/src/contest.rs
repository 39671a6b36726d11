//! Contestants that take turns.

use crate::results::{Results, Row};

/// One round of a contestant: one figure for each column.
type Turn<'a> = Box<dyn FnMut() -> Vec<f64> + 'a>;

/// A question put to several contestants.
pub struct Contest<'a> {
    title: String,
    columns: Vec<&'static str>,
    contestants: Vec<(Row, Turn<'a>)>,
}

impl<'a> Contest<'a> {
    /// A contest whose rounds give one figure.
    pub fn new(title: impl Into<String>) -> Self {
        Self::with_columns(title, &[""])
    }

    /// A contest whose rounds give one figure for each of `columns`.
    pub fn with_columns(title: impl Into<String>, columns: &[&'static str]) -> Self {
        Self { title: title.into(), columns: columns.to_vec(), contestants: Vec::new() }
    }

    /// Enters one of ours.
    #[must_use]
    pub fn ours(self, name: &'static str, turn: impl FnMut() -> Vec<f64> + 'a) -> Self {
        self.enter(Row::new(name, false), turn)
    }

    /// Enters somebody else's, or what nobody can beat.
    #[must_use]
    pub fn peer(self, name: &'static str, turn: impl FnMut() -> Vec<f64> + 'a) -> Self {
        self.enter(Row::new(name, true), turn)
    }

    fn enter(mut self, row: Row, turn: impl FnMut() -> Vec<f64> + 'a) -> Self {
        self.contestants.push((row, Box::new(turn)));
        self
    }

    /// Lets everybody play `rounds` times, in turns, after one turn each that does not count.
    ///
    /// Where memory happens to lie decides how far its cache lines are from a core. So that nobody
    /// keeps a lucky address, memory is set aside between turns, and everything moves on.
    #[must_use]
    pub fn play(mut self, rounds: usize) -> Results {
        for (row, turn) in &mut self.contestants {
            row.rounds = vec![Vec::new(); turn().len()];
        }
        let mut aside = Vec::new();
        for round in 0..rounds {
            for (row, turn) in &mut self.contestants {
                aside.push(vec![1_u8; 64 * (17 * round + 5)]);
                row.rounds.iter_mut().zip(turn()).for_each(|(rounds, figure)| rounds.push(figure));
            }
        }
        let rows = self.contestants.into_iter().map(|(row, _)| row).collect();
        Results { title: self.title, columns: self.columns, rows, yardstick: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn contestants_take_turns_after_one_turn_that_does_not_count() {
        let turns = RefCell::new(String::new());
        let turn = |name: char| {
            let turns = &turns;
            move || {
                turns.borrow_mut().push(name);
                vec![turns.borrow().len() as f64]
            }
        };
        let results = Contest::new("").ours("a", turn('a')).peer("b", turn('b')).play(2);
        let medians: Vec<_> = results.to_json().iter().map(|row| row["median"].clone()).collect();
        assert_eq!(medians, [4.0, 5.0], "of 3 and 5, of 4 and 6");
        assert_eq!(turns.into_inner(), "ababab");
    }
}
