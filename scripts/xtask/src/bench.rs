//! `cargo xtask bench`: every question in `benches/`, one table for each with the peers beside us.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::args::{Args, WrongUsage};
use crate::command::{Line, cargo};
use crate::counts;
use crate::machine::Machine;
use crate::report::{self, Report};
use crate::steps::Outcome;
use crate::workspace::Workspace;

const PACKAGE: &str = "benches";

/// Files are named from where the caller stood, but those that benches are given.
pub(crate) fn run(mut args: Args, called_from: &Path) -> Result<()> {
    if args.flag("--counts") {
        let bless = args.flag("--bless");
        args.done()?;
        return match counts::check(bless)? {
            Outcome::Done => Ok(()),
            Outcome::NotRun(why) => bail!("{why}"),
        };
    }
    let quick = args.flag("--quick");
    let page_file = args.value("--out")?;
    let json_file = args.value("--json")?;
    let mut given = Vec::new();
    while let Some(word) = args.value("--give")? {
        given.push(Given::read(&word)?);
    }
    let benches = chosen(Workspace::load()?.targets(PACKAGE, "bench"), &args.names()?)?;

    if let Some(given) = given.iter().find(|given| !benches.contains(&given.bench)) {
        let benches = benches.join(", ");
        return Err(WrongUsage(format!("--give {}: the benches are {benches}", given.bench)).into());
    }

    build(&benches, "bench")?;
    let mut reports = Vec::new();
    for bench in &benches {
        eprintln!("bench: {bench}");
        let mut words = vec!["--json"];
        words.extend(quick.then_some("--quick"));
        let own = given.iter().filter(|given| given.bench == *bench);
        words.extend(own.flat_map(|given| [&*given.flag, &*given.value]));
        reports.push(Report::read(bench, &line(bench, "bench", &words).read()?)?);
    }

    let machine = Machine::this();
    let page = report::markdown(&machine, &reports);
    print!("{page}");
    if let Some(file) = page_file {
        write(&called_from.join(file), &page)?;
    }
    if let Some(file) = json_file {
        let document = serde_json::to_string_pretty(&report::json(&machine, &reports))?;
        write(&called_from.join(file), &(document + "\n"))?;
    }
    Ok(())
}

/// A setting of one bench: a peer's command, a file of real data.
#[derive(Debug, PartialEq)]
struct Given {
    bench: String,
    flag: String,
    value: String,
}

impl Given {
    /// From `BENCH:FLAG=VALUE`.
    fn read(word: &str) -> Result<Self> {
        let parts = word.split_once(':').and_then(|(bench, rest)| {
            let (flag, value) = rest.split_once('=')?;
            Some(Self {
                bench: bench.to_owned(),
                flag: format!("--{flag}"),
                value: value.to_owned(),
            })
        });
        parts.ok_or_else(|| WrongUsage(format!("--give takes BENCH:FLAG=VALUE: `{word}`")).into())
    }
}

/// Every bench once, as a test that it still runs; in the tests' profile, whose build is shared and
/// pays no link-time optimisation.
pub(crate) fn smoke(workspace: &Workspace) -> Result<Outcome> {
    let benches = workspace.targets(PACKAGE, "bench");
    build(&benches, "dev")?;
    for bench in benches {
        line(&bench, "dev", &["--quick"]).run()?;
    }
    Ok(Outcome::Done)
}

/// All in one go, so that they are compiled side by side and no build disturbs a measurement.
pub(crate) fn build(benches: &[String], profile: &str) -> Result<()> {
    if benches.is_empty() {
        bail!("no benches in the package `{PACKAGE}`");
    }
    let names = benches.iter().flat_map(|bench| ["--bench", bench]);
    cargo("bench --no-run --package").args([PACKAGE, "--profile", profile]).args(names).run()
}

pub(crate) fn line(bench: &str, profile: &str, words: &[&str]) -> Line {
    let line = cargo("bench --quiet --package").args([PACKAGE, "--profile", profile]);
    line.args(["--bench", bench, "--"]).args(words)
}

fn chosen(benches: Vec<String>, names: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = names.iter().find(|name| !benches.contains(name)) {
        let known = benches.join(", ");
        return Err(WrongUsage(format!("no bench `{unknown}`; there are {known}")).into());
    }
    let wanted = |bench: &String| names.is_empty() || names.contains(bench);
    Ok(benches.into_iter().filter(wanted).collect())
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benches_are_chosen_by_name() {
        let benches = || vec!["book".to_owned(), "ring".to_owned()];
        assert_eq!(chosen(benches(), &[]).unwrap(), benches());
        assert_eq!(chosen(benches(), &["ring".to_owned()]).unwrap(), ["ring"]);
        assert!(chosen(benches(), &["rung".to_owned()]).unwrap_err().is::<WrongUsage>());
    }

    #[test]
    fn a_bench_is_given_its_own() {
        let given = Given::read("itch_books:peer=CppTrader=/opt/ct {file}").unwrap();
        let text = str::to_owned;
        let value = text("CppTrader=/opt/ct {file}");
        assert_eq!(given, Given { bench: text("itch_books"), flag: text("--peer"), value });
        for wrong in ["itch_books", "itch_books:flow", "flow=a.csv"] {
            assert!(Given::read(wrong).unwrap_err().is::<WrongUsage>(), "{wrong}");
        }
    }

    #[test]
    fn a_bench_is_run_with_its_flags() {
        let line = line("ring", "dev", &["--quick"]);
        let expected =
            "cargo bench --quiet --package benches --profile dev --bench ring -- --quick";
        assert_eq!(line.shown(), expected);
    }
}
