//! `cargo xtask soak`: what finds rare bugs when it is given time. For nights, not for every change.

use std::path::Path;

use anyhow::{Context, Result};

use crate::args::{Args, WrongUsage};
use crate::ci::must_have_nextest;
use crate::command::cargo;
use crate::loom;
use crate::steps::{self, Choice, Outcome, Step};
use crate::workspace::{FUZZ_MANIFEST, Workspace};

const SECONDS: u64 = 30;
const PROPTEST_CASES: &str = "20000";
const LOOM_PREEMPTIONS: u32 = 5;

pub(crate) fn run(mut args: Args) -> Result<()> {
    let choice = Choice::take(&mut args)?;
    let seconds = seconds(args.value("--seconds")?)?;
    args.done()?;
    let workspace = Workspace::load()?;
    let plan = [
        Step::new("fuzz", "each fuzz target for its time", || fuzz(&workspace, seconds)),
        Step::new("property", "property tests with 20,000 cases each", property),
        Step::new("naive", "books against plain ones, ten million operations", naive),
        Step::new("truth", "books of 50 million messages against the generator's own", truth),
        Step::new("bounds", "memory with 10 million orders and a million symbols", bounds),
        Step::new(
            "journal",
            "a million disks, kills, power cuts and damages of a journal",
            journal,
        ),
        Step::new("loom", "the loom models with more preemptions", || {
            loom::models(&workspace, LOOM_PREEMPTIONS)
        }),
    ];
    steps::run("soak", &plan, &choice)
}

fn seconds(value: Option<String>) -> Result<u64> {
    let Some(value) = value else { return Ok(SECONDS) };
    match value.parse() {
        // libFuzzer takes 0 for "no limit".
        Ok(seconds) if seconds > 0 => Ok(seconds),
        _ => {
            Err(WrongUsage(format!("--seconds takes a whole number from 1, not `{value}`")).into())
        }
    }
}

fn fuzz(workspace: &Workspace, seconds: u64) -> Result<Outcome> {
    let Some(package) = fuzz_package(workspace) else {
        return Ok(Outcome::NotRun(format!("no fuzz targets: there is no {FUZZ_MANIFEST}")));
    };
    if !cargo("+nightly fuzz --version").succeeds() {
        let how = "rustup toolchain install nightly && cargo install --locked cargo-fuzz";
        return Ok(Outcome::NotRun(format!("no nightly with cargo-fuzz ({how})")));
    }
    let dir = Path::new(FUZZ_MANIFEST).parent().context("the fuzz crate has a folder")?;
    for target in workspace.targets(package, "bin") {
        cargo("+nightly fuzz run --fuzz-dir")
            .args([dir.to_string_lossy().as_ref(), &target, "--"])
            .args([format!("-max_total_time={seconds}")])
            .run()
            .with_context(|| {
                format!("fuzz target `{target}`: see feeds/fuzz/artifacts/{target}")
            })?;
    }
    Ok(Outcome::Done)
}

/// The crate in the fuzz folder, by its place and not by its name.
fn fuzz_package(workspace: &Workspace) -> Option<&str> {
    let dir = FUZZ_MANIFEST.trim_end_matches("/Cargo.toml");
    let package = workspace.packages.iter().find(|package| package.dir == dir)?;
    Some(&package.name)
}

fn property() -> Result<Outcome> {
    must_have_nextest()?;
    cargo("nextest run --workspace --no-fail-fast").env("PROPTEST_CASES", PROPTEST_CASES).run()?;
    Ok(Outcome::Done)
}

/// Every observable of the books after every operation, held against books written plainly.
fn naive() -> Result<Outcome> {
    let one = "tests::soak::ten_million_operations";
    cargo("test --release --package engine-book --lib --")
        .args(["--ignored", "--exact", one])
        .run()?;
    Ok(Outcome::Done)
}

/// A day of 50 million messages, and its books held against what the generator added up.
fn truth() -> Result<Outcome> {
    let dir = std::env::temp_dir().join(format!("tapewatch-truth-{}", std::process::id()));
    std::fs::create_dir_all(&dir).context("no folder for a day")?;
    let path = |name: &str| dir.join(name).to_string_lossy().into_owned();
    let (day, truth, books) = (path("day.itch"), path("truth.csv"), path("books.csv"));
    let tapewatch = "run --quiet --release -p engine-daemon --";
    cargo(&format!("{tapewatch} generate itch --messages 50000000"))
        .args(["--out", &day, "--truth", &truth])
        .run()?;
    cargo(&format!("{tapewatch} book")).args([&day, "--all", "--csv", &books]).run()?;
    let same = std::fs::read(&truth)? == std::fs::read(&books)?;
    std::fs::remove_dir_all(&dir).ok();
    anyhow::ensure!(same, "the books are not what the generator says");
    Ok(Outcome::Done)
}

/// Too much for a build without optimization, and for every change.
fn bounds() -> Result<Outcome> {
    cargo("test --quiet --release -p engine-daemon --test bounds -- --ignored --nocapture")
        .run()?;
    Ok(Outcome::Done)
}

/// What CI tries some thousand times, some million times: crashes of simulated disks, damages, power cuts of
/// a real file system, and kills of the running program.
fn journal() -> Result<Outcome> {
    let more = [
        ("engine-journal --test simulated", "TAPEWATCH_SEEDS", "1000000"),
        ("engine-journal --test power_cut", "TAPEWATCH_POWER_CUTS", "500"),
        ("engine-audit --test corruption", "TAPEWATCH_FAULTS", "1000000"),
        ("engine-daemon --test journal_restart killed", "TAPEWATCH_KILLS", "10000"),
    ];
    for (tests, variable, count) in more {
        cargo(&format!("test --release --package {tests}")).env(variable, count).run()?;
    }
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_whole_and_positive() {
        assert_eq!(seconds(None).unwrap(), 30);
        assert_eq!(seconds(Some("90".to_owned())).unwrap(), 90);
        for wrong in ["0", "-1", "1.5", "long"] {
            assert!(seconds(Some(wrong.to_owned())).unwrap_err().is::<WrongUsage>());
        }
    }
}
