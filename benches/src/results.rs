//! How contestants did, held against what was hoped for.

use crate::{Options, Rival};
use serde_json::{Value, json};

/// What a figure is to be: so much itself if nobody is named, or so many times that of each that is.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    sign: &'static str,
    allows: fn(&f64, &f64) -> bool,
    bound: f64,
    of: &'static [&'static str],
}

impl Target {
    /// No more than that.
    #[must_use]
    pub fn at_most(bound: f64, of: &'static [&'static str]) -> Self {
        Self { sign: "≤", allows: f64::le, bound, of }
    }

    /// No less than that.
    #[must_use]
    pub fn at_least(bound: f64, of: &'static [&'static str]) -> Self {
        Self { sign: "≥", allows: f64::ge, bound, of }
    }

    fn words(self) -> String {
        let Self { sign, bound, of, .. } = self;
        match of {
            [] => format!("{sign} {bound}"),
            [one] => format!("{sign} {bound} × {one}"),
            several => format!("{sign} {bound} × each of {}", several.join(", ")),
        }
    }
}

/// One contestant's rounds, by column.
pub(crate) struct Row {
    name: &'static str,
    peer: bool,
    derived: bool,
    targets: Vec<Target>,
    pub(crate) rounds: Vec<Vec<f64>>,
}

impl Row {
    pub(crate) fn new(name: &'static str, peer: bool) -> Self {
        Self { name, peer, derived: false, targets: Vec::new(), rounds: Vec::new() }
    }
}

/// What came of a contest. Ratios are to the first row, unless [another](Self::yardstick) is named.
pub struct Results {
    pub(crate) title: String,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<Row>,
    pub(crate) yardstick: usize,
}

impl Results {
    /// With fewer rounds nothing is judged: they only show that the bench runs.
    const JUDGED_ROUNDS: usize = 5;

    /// Adds a row that follows from others, round by round.
    #[must_use]
    pub fn derive(mut self, name: &'static str, of: impl Fn(&dyn Fn(&str) -> f64) -> f64) -> Self {
        let rounds = 0..self.rows[0].rounds[0].len();
        let figure = |round| of(&|name| self.row(name).rounds[0][round]);
        let rounds = vec![rounds.map(figure).collect()];
        self.rows.push(Row { derived: true, rounds, ..Row::new(name, false) });
        self
    }

    /// Names the row that all are compared with.
    #[must_use]
    pub fn yardstick(mut self, name: &str) -> Self {
        self.yardstick = self.find(name);
        self
    }

    /// States what the first column of a row is to be; several hold together.
    #[must_use]
    pub fn target(mut self, name: &str, target: Target) -> Self {
        let at = self.find(name);
        self.rows[at].targets.push(target);
        self
    }

    /// States how many times that of a rival a row is to be at most, for each rival that came.
    #[must_use]
    pub fn target_by_rival(self, name: &str, rivals: &[Rival], targets: &[(&str, f64)]) -> Self {
        let came = |of: &str| rivals.iter().find(|rival| rival.name == of);
        let bounds = targets.iter().filter_map(|(of, bound)| Some((came(of)?.name, *bound)));
        bounds.fold(self, |results, (of, bound)| {
            // Names live as long as the bench, and there are few of them.
            results.target(name, Target::at_most(bound, Box::leak(Box::new([of]))))
        })
    }

    /// A row's medians, column by column.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn medians(&self, name: &str) -> Vec<f64> {
        self.row(name).rounds.iter().map(|rounds| median(rounds)).collect()
    }

    fn find(&self, name: &str) -> usize {
        let found = self.rows.iter().position(|row| row.name == name);
        found.unwrap_or_else(|| panic!("no row is called {name:?}"))
    }

    fn row(&self, name: &str) -> &Row {
        &self.rows[self.find(name)]
    }

    /// The rows as `cargo xtask bench` reads them: column by column, each a group.
    pub(crate) fn to_json(&self) -> Vec<Value> {
        let all = (0..self.columns.len())
            .flat_map(|column| self.rows.iter().map(move |row| (row, column)));
        let played = all.filter(|(row, column)| *column < row.rounds.len());
        played.map(|(row, column)| self.row_to_json(row, column)).collect()
    }

    fn row_to_json(&self, row: &Row, column: usize) -> Value {
        let rounds = &row.rounds[column];
        let extreme = |pick: fn(f64, f64) -> f64| rounds.iter().copied().fold(f64::NAN, pick);
        let yardstick = &self.rows[self.yardstick];
        let compared = !row.derived || row.name == yardstick.name;
        let targets = if column == 0 { &row.targets[..] } else { &[] };
        let words: Vec<_> = targets.iter().map(|target| target.words()).collect();
        let judged = !targets.is_empty() && rounds.len() >= Self::JUDGED_ROUNDS;
        json!({
            "group": format!("{} {}", self.title, self.columns[column]).trim_end(),
            "name": row.name,
            "median": median(rounds),
            "min": extreme(f64::min),
            "max": extreme(f64::max),
            "ratio": compared.then(|| ratio(rounds, &yardstick.rounds[column])),
            "peer": row.peer,
            "target": (!words.is_empty()).then(|| words.join(", ")),
            "met": judged.then(|| targets.iter().all(|target| self.is_met(rounds, *target))),
        })
    }

    fn is_met(&self, rounds: &[f64], Target { allows, bound, of, .. }: Target) -> bool {
        let ratio = |name: &&str| ratio(rounds, &self.row(name).rounds[0]);
        match of {
            [] => allows(&median(rounds), &bound),
            _ => of.iter().map(ratio).all(|ratio| allows(&ratio, &bound)),
        }
    }
}

/// The middle figure; NaN of none.
fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// The median of one row divided by another, round by round, so that a machine that changes between
/// rounds changes both.
fn ratio(row: &[f64], yardstick: &[f64]) -> f64 {
    let ratios = row.iter().zip(yardstick).map(|(own, other)| own / other);
    median(&ratios.collect::<Vec<_>>())
}

/// Prints what a bench has found: as tables, or as the one document that `cargo xtask bench` reads.
pub fn tell(options: Options, bench: &str, unit: &str, results: &[Results]) {
    let rows: Vec<_> = results.iter().flat_map(Results::to_json).collect();
    if options.json {
        println!("{}", json!({ "bench": bench, "unit": unit, "rows": rows }));
        return;
    }
    println!("{bench}, {unit}");
    for rows in rows.chunk_by(|row, next| row["group"] == next["group"]) {
        let group = rows[0]["group"].as_str().unwrap_or_default();
        println!("\n{group}\n  {:42}{:>9}{:>20}{:>8}", "", "median", "min – max", "ratio");
        rows.iter().for_each(print_row);
    }
}

fn print_row(row: &Value) {
    let words = |key: &str| row[key].as_str().unwrap_or_default();
    let figure = |key: &str| row[key].as_f64().map_or(String::new(), |value| format!("{value:.2}"));
    let spread = format!("{} – {}", figure("min"), figure("max"));
    let met = row["met"].as_bool().map_or("", |met| if met { ": met" } else { ": MISSED" });
    print!("  {:42}{:>9}{spread:>20}", words("name"), figure("median"));
    println!("{:>8}  {}{met}", figure("ratio"), words("target"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(rows: &[(&'static str, [f64; 5])]) -> Results {
        let row = |(name, figures): &(&'static str, [f64; 5])| Row {
            rounds: vec![figures.to_vec()],
            ..Row::new(name, false)
        };
        let rows = rows.iter().map(row).collect();
        Results { title: "group".into(), columns: vec![""], rows, yardstick: 0 }
    }

    #[test]
    fn median_is_the_middle_or_between_the_two_middles() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn ratio_compares_within_each_round() {
        // The machine slowed down threefold in the last round, for both.
        assert_eq!(ratio(&[2.0, 2.2, 6.0], &[1.0, 1.0, 3.0]), 2.0);
    }

    #[test]
    fn targets_hold_for_a_figure_or_against_each_that_is_named() {
        let check = |target, words: &str, met: bool| {
            let results = results(&[("a", [4.0; 5]), ("b", [2.0; 5]), ("c", [1.0; 5])]);
            let row = &results.target("b", target).to_json()[1];
            assert_eq!((row["target"].as_str(), row["met"].as_bool()), (Some(words), Some(met)));
        };
        check(Target::at_most(2.5, &[]), "≤ 2.5", true);
        check(Target::at_most(0.4, &["a"]), "≤ 0.4 × a", false);
        check(Target::at_least(0.5, &["a", "c"]), "≥ 0.5 × each of a, c", true);
        check(Target::at_least(0.6, &["c", "a"]), "≥ 0.6 × each of c, a", false);
    }

    #[test]
    fn targets_against_rivals_hold_together_for_those_that_came() {
        let check = |of_a: f64, of_c: f64, words: &str, met: bool| {
            let results = results(&[("a", [4.0; 5]), ("b", [2.0; 5]), ("c", [1.0; 5])]);
            let rivals = ["a=true", "c=true"].map(Rival::new);
            let targets = [("a", of_a), ("c", of_c), ("d", 0.1)];
            let row = &results.target_by_rival("b", &rivals, &targets).to_json()[1];
            assert_eq!((row["target"].as_str(), row["met"].as_bool()), (Some(words), Some(met)));
        };
        check(0.5, 2.0, "≤ 0.5 × a, ≤ 2 × c", true);
        check(0.5, 1.5, "≤ 0.5 × a, ≤ 1.5 × c", false);
    }

    #[test]
    fn derived_rows_follow_round_by_round() {
        let slow = [1.0, 2.0, 3.0, 4.0, 50.0];
        let results = results(&[("a", slow), ("b", slow.map(|a| a + 0.5))]);
        let results = results.derive("added", |of| of("b") - of("a"));
        let added = &results.to_json()[2];
        assert_eq!((added["median"].as_f64(), &added["ratio"]), (Some(0.5), &Value::Null));
    }
}
