//! `cargo xtask bench --counts`: instructions of the hot functions against those that were committed.
//!
//! What Valgrind counts does not depend on who else uses the machine, so a slow-down fails in CI
//! however noisy it is. It does depend on the compiler and on the processor's features, by which
//! libraries choose their ways: counts of others are not compared, and that is said aloud.
//!
//! Valgrind is driven by the bench itself. The harnesses that exist for this (gungraun, once
//! iai-callgrind) keep their baselines as Valgrind's files below `target/`, which nobody can review or
//! commit, know nothing of compilers, and want a runner of exactly their version built on every
//! machine.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::bench;
use crate::command::program;
use crate::machine::Machine;
use crate::steps::Outcome;

/// What the counts are to be.
const FILE: &str = "benches/counts.json";
const BENCH: &str = "counts";
/// How far a count may be from what it is to be, either way: one that fell is to be renewed, or the
/// next slow-down hides behind it.
const TOLERANCE: f64 = 0.02;

/// Instructions, and what decides them.
#[derive(Debug, PartialEq)]
struct Counts {
    rustc: String,
    features: Vec<String>,
    instructions: BTreeMap<String, f64>,
}

/// Counts anew, and compares; with `bless` what was counted becomes what is to be.
pub(crate) fn check(bless: bool) -> Result<Outcome> {
    if !program("valgrind").args(["--version"]).succeeds() {
        return Ok(Outcome::NotRun("no valgrind (apt-get install valgrind)".to_owned()));
    }
    bench::build(&[BENCH.to_owned()], "bench")?;
    let printed = bench::line(BENCH, "bench", &["--json"]).read()?;
    let counted = Counts::counted(&printed, Machine::this().rustc)?;
    if bless {
        let document = serde_json::to_string_pretty(&counted.to_json())?;
        fs::write(FILE, document + "\n").with_context(|| format!("cannot write {FILE}"))?;
        counted.instructions.iter().for_each(|(name, count)| println!("{name:42}{count:9.2}"));
        return Ok(Outcome::Done);
    }
    let text = fs::read_to_string(FILE).with_context(|| format!("cannot read {FILE}"))?;
    let document = serde_json::from_str(&text).with_context(|| format!("{FILE} is broken"))?;
    let expected = Counts::from_json(&document).with_context(|| format!("{FILE} is broken"))?;
    println!("{}", table(&expected, &counted));
    if let Some(why) = not_comparable(&expected, &counted) {
        return Ok(Outcome::NotRun(format!("not compared: {why}")));
    }
    let wrong = differences(&expected, &counted);
    if !wrong.is_empty() {
        let how = "if that is meant: cargo xtask bench --counts --bless";
        bail!("{} ({how})", wrong.join("; "));
    }
    Ok(Outcome::Done)
}

impl Counts {
    /// From what the bench printed.
    fn counted(printed: &str, rustc: String) -> Result<Self> {
        let line = printed.lines().find(|line| line.starts_with('{')).context("no document")?;
        let document: Value = serde_json::from_str(line).context("a broken document")?;
        let rows = document.get("rows").and_then(Value::as_array).context("no rows")?;
        let row = |row: &Value| Some((text(row.get("name")?)?, row.get("median")?.as_f64()?));
        Ok(Self {
            rustc,
            features: features(&document).context("no features")?,
            instructions: rows.iter().map(row).collect::<Option<_>>().context("a broken row")?,
        })
    }

    fn from_json(document: &Value) -> Option<Self> {
        let counts = document.get("instructions")?.as_object()?.iter();
        let count = |(name, count): (&String, &Value)| Some((name.clone(), count.as_f64()?));
        Some(Self {
            rustc: text(document.get("rustc")?)?,
            features: features(document)?,
            instructions: counts.map(count).collect::<Option<_>>()?,
        })
    }

    fn to_json(&self) -> Value {
        // Two places are far below the tolerance, and keep the file's history readable.
        let rounded = |count: f64| (count * 100.0).round() / 100.0;
        let counts = self.instructions.iter().map(|(name, count)| (name, rounded(*count)));
        json!({
            "rustc": self.rustc,
            "features": self.features,
            "instructions": counts.collect::<BTreeMap<_, _>>(),
        })
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn features(document: &Value) -> Option<Vec<String>> {
    document.get("features")?.as_array()?.iter().map(text).collect()
}

fn not_comparable(expected: &Counts, counted: &Counts) -> Option<String> {
    let what = |of: &Counts| format!("{} ({})", of.rustc, of.features.join(" "));
    let is_same = expected.rustc == counted.rustc && expected.features == counted.features;
    (!is_same).then(|| format!("counts are of {}, this is {}", what(expected), what(counted)))
}

/// What is not as it is to be, in words.
fn differences(expected: &Counts, counted: &Counts) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, count) in &counted.instructions {
        match expected.instructions.get(name) {
            None => wrong.push(format!("{name}: no count is committed")),
            Some(to_be) if (count / to_be - 1.0).abs() > TOLERANCE => {
                let percent = (count / to_be - 1.0) * 100.0;
                wrong.push(format!("{name}: {count:.2} instead of {to_be:.2} ({percent:+.1} %)"));
            }
            Some(_) => {}
        }
    }
    let gone =
        expected.instructions.keys().filter(|name| !counted.instructions.contains_key(*name));
    wrong.extend(gone.map(|name| format!("{name}: not counted any more")));
    wrong
}

fn table(expected: &Counts, counted: &Counts) -> String {
    let line = |(name, count): (&String, &f64)| {
        let to_be = expected.instructions.get(name);
        let change =
            to_be.map(|to_be| format!("{to_be:9.2}{:+8.2} %", (count / to_be - 1.0) * 100.0));
        format!("{name:42}{count:9.2}{}\n", change.unwrap_or_default())
    };
    counted.instructions.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rustc: &str, instructions: &[(&str, f64)]) -> Counts {
        Counts {
            rustc: rustc.to_owned(),
            features: vec!["x86_64".to_owned()],
            instructions: instructions.iter().map(|(n, count)| ((*n).to_owned(), *count)).collect(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let kept = counts("rustc 1.95.0", &[("decode", 112.964), ("ring", 19.2)]);
        let read = Counts::from_json(&kept.to_json()).unwrap();
        assert_eq!(read, counts("rustc 1.95.0", &[("decode", 112.96), ("ring", 19.2)]));
        let printed = "warming up\n{\"bench\":\"counts\",\"features\":[\"x86_64\"],\"rows\":[\
            {\"name\":\"ring\",\"median\":19.2}]}\n";
        let counted = Counts::counted(printed, "rustc 1.95.0".to_owned()).unwrap();
        assert_eq!(counted, counts("rustc 1.95.0", &[("ring", 19.2)]));
        assert!(Counts::counted("no document", String::new()).is_err());
    }

    #[test]
    fn two_percent_either_way_are_borne() {
        let expected = counts("", &[("decode", 100.0), ("ring", 50.0), ("gone", 1.0)]);
        let counted = counts("", &[("decode", 101.9), ("ring", 48.9), ("new", 1.0)]);
        let wrong = [
            "new: no count is committed",
            "ring: 48.90 instead of 50.00 (-2.2 %)",
            "gone: not counted any more",
        ];
        assert_eq!(differences(&expected, &counted), wrong);
        assert_eq!(differences(&expected, &expected), [""; 0]);
    }

    #[test]
    fn counts_of_another_compiler_are_not_compared() {
        let [old, new] = ["rustc 1.90.0", "rustc 1.95.0"].map(|rustc| counts(rustc, &[]));
        let why = "counts are of rustc 1.90.0 (x86_64), this is rustc 1.95.0 (x86_64)";
        assert_eq!(not_comparable(&old, &new).as_deref(), Some(why));
        assert_eq!(not_comparable(&old, &old), None);
    }
}
