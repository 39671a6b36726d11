//! Contestants that take turns, and the table of how they did.

use serde_json::{Value, json};

/// Figures of one kind from several rounds of one contestant.
#[derive(Clone, Debug, Default)]
pub struct Rounds(Vec<f64>);

impl Rounds {
    /// Adds what one more round gave.
    pub fn add(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// The middle figure; NaN before the first round.
    #[must_use]
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[n / 2],
            n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
        }
    }

    /// The smallest figure.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The largest figure.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }

    /// The median of this divided by `yardstick`, round by round, so that a machine that changes
    /// between rounds changes both.
    #[must_use]
    pub fn ratio(&self, yardstick: &Self) -> f64 {
        Self(self.0.iter().zip(&yardstick.0).map(|(own, other)| own / other).collect()).median()
    }
}

/// One round of a contestant: one figure for each column.
type Turn<'a> = Box<dyn FnMut() -> Vec<f64> + 'a>;

/// A question put to several contestants. The first one is the yardstick of the others.
pub struct Contest<'a> {
    title: String,
    columns: Vec<&'static str>,
    contestants: Vec<(&'static str, Turn<'a>, Vec<Rounds>)>,
}

impl<'a> Contest<'a> {
    /// A contest whose rounds give one figure for each of `columns`; the ratio is of the first.
    pub fn new(title: impl Into<String>, columns: &[&'static str]) -> Self {
        Self { title: title.into(), columns: columns.to_vec(), contestants: Vec::new() }
    }

    /// Enters a contestant.
    #[must_use]
    pub fn enter(mut self, name: &'static str, turn: impl FnMut() -> Vec<f64> + 'a) -> Self {
        let rounds = vec![Rounds::default(); self.columns.len()];
        self.contestants.push((name, Box::new(turn), rounds));
        self
    }

    /// Lets everybody play `rounds` times, in turns, after one turn each that does not count.
    ///
    /// Where memory happens to lie decides how far its cache lines are from a core. So that nobody
    /// keeps a lucky address, memory is set aside between turns, and everything moves on.
    #[must_use]
    pub fn play(mut self, rounds: usize) -> Self {
        for (_, turn, _) in &mut self.contestants {
            turn();
        }
        let mut aside = Vec::new();
        for round in 0..rounds {
            for (_, turn, kept) in &mut self.contestants {
                aside.push(vec![1_u8; 64 * (17 * round + 5)]);
                for (rounds, figure) in kept.iter_mut().zip(turn()) {
                    rounds.add(figure);
                }
            }
        }
        self
    }

    /// Prints medians, the spread of the first column, and its ratio to the yardstick.
    pub fn print(&self) {
        println!("\n{}", self.title);
        print!("  {:34}", "");
        self.columns.iter().for_each(|column| print!("{column:>12}"));
        println!("{:>20}{:>8}", "min – max", "ratio");
        for (name, _, kept) in &self.contestants {
            print!("  {name:34}");
            kept.iter().for_each(|rounds| print!("{:>12.1}", rounds.median()));
            let spread = format!("{:.1} – {:.1}", kept[0].min(), kept[0].max());
            println!("{spread:>20}{:>8.2}", kept[0].ratio(self.yardstick()));
        }
    }

    /// The same as a JSON value.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let contestant = |(name, _, kept): &(&str, Turn<'_>, Vec<Rounds>)| {
            let figures: serde_json::Map<_, _> = self
                .columns
                .iter()
                .zip(kept)
                .map(|(column, rounds)| ((*column).to_owned(), figures(rounds)))
                .collect();
            json!({ "name": name, "figures": figures, "ratio": kept[0].ratio(self.yardstick()) })
        };
        json!({
            "title": self.title,
            "contestants": self.contestants.iter().map(contestant).collect::<Vec<_>>(),
        })
    }

    fn yardstick(&self) -> &Rounds {
        &self.contestants[0].2[0]
    }
}

fn figures(rounds: &Rounds) -> Value {
    json!({
        "median": rounds.median(),
        "min": rounds.min(),
        "max": rounds.max(),
        "rounds": rounds.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(figures: &[f64]) -> Rounds {
        Rounds(figures.to_vec())
    }

    #[test]
    fn median_is_the_middle_or_between_the_two_middles() {
        assert_eq!(rounds(&[3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(rounds(&[4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert!(rounds(&[]).median().is_nan());
    }

    #[test]
    fn ratio_compares_within_each_round() {
        // The machine slowed down threefold in the last round, for both.
        assert_eq!(rounds(&[2.0, 2.2, 6.0]).ratio(&rounds(&[1.0, 1.0, 3.0])), 2.0);
    }

    #[test]
    fn contestants_take_turns_after_one_turn_that_does_not_count() {
        let turns = std::cell::RefCell::new(String::new());
        let turn = |name: char| {
            let turns = &turns;
            move || {
                turns.borrow_mut().push(name);
                vec![turns.borrow().len() as f64]
            }
        };
        let contest = Contest::new("", &["n"]).enter("a", turn('a')).enter("b", turn('b')).play(2);
        assert_eq!(contest.contestants[0].2[0].0, [3.0, 5.0]);
        drop(contest);
        assert_eq!(turns.into_inner(), "ababab");
    }
}
