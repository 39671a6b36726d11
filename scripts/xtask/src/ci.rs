//! `cargo xtask ci`: what must hold before a change goes in, the same at home and there.

use std::path::Path;

use anyhow::{Result, bail};

use crate::args::Args;
use crate::command::cargo;
use crate::steps::{self, Choice, Outcome, Step};
use crate::workspace::{FUZZ_MANIFEST, Workspace};
use crate::{bench, counts, loom, tidy};

/// How deep the loom models go on every change; `soak` goes deeper.
const LOOM_PREEMPTIONS: u32 = 3;

/// Packages whose `unsafe` Miri can run: no system calls that it does not know.
const MIRI_PACKAGES: &[&str] = &["engine-ring"];

pub(crate) fn run(mut args: Args) -> Result<()> {
    let choice = Choice::take(&mut args)?;
    args.done()?;
    let workspace = Workspace::load()?;
    steps::run("ci", &plan(&workspace), &choice)
}

/// Cheap and likely failures first; what needs a build of its own later.
fn plan(workspace: &Workspace) -> Vec<Step<'_>> {
    vec![
        Step::new("fmt", "rustfmt would change nothing", fmt),
        Step::new("clippy", "no warning in any target, fuzz targets included", clippy),
        Step::new("test", "every test", test),
        Step::new("hlog", "Python's hdrh reads our interval logs", hlog),
        Step::new("doctest", "every example in the documentation", doctest),
        Step::new("doc", "the documentation builds without a warning", doc),
        Step::new("bench", "every bench runs once", || bench::smoke(workspace)),
        Step::new(
            "counts",
            "instructions of the hot functions, within 2 % of the committed ones",
            || counts::check(false),
        ),
        Step::new("loom", "the rings in every interleaving", || {
            loom::models(workspace, LOOM_PREEMPTIONS)
        }),
        Step::new("planted", "the models find a planted bug", || {
            loom::planted_bug(workspace, LOOM_PREEMPTIONS)
        }),
        Step::new("miri", "`unsafe` under Miri", miri),
        Step::new("deny", "licences, bans and sources of what we depend on", deny),
        Step::new("tidy", "our own lints", || tidy::check(workspace)),
    ]
}

fn fmt() -> Result<Outcome> {
    cargo("fmt --all --check").run()?;
    if Path::new(FUZZ_MANIFEST).exists() {
        cargo("fmt --check --manifest-path").args([FUZZ_MANIFEST]).run()?;
    }
    Ok(Outcome::Done)
}

fn clippy() -> Result<Outcome> {
    cargo("clippy --workspace --all-targets -- -D warnings").run()?;
    // Targets that nobody builds between two soaks would not keep up with what they call.
    if Path::new(FUZZ_MANIFEST).exists() {
        cargo("clippy --locked --manifest-path")
            .args([FUZZ_MANIFEST, "--", "-D", "warnings"])
            .run()?;
    }
    Ok(Outcome::Done)
}

/// All failures at once: one run of CI should tell everything that there is to mend.
fn test() -> Result<Outcome> {
    must_have_nextest()?;
    cargo("nextest run --workspace --no-fail-fast").run()?;
    Ok(Outcome::Done)
}

/// Among the tests already, where one that could not run says so to nobody.
fn hlog() -> Result<Outcome> {
    let words = "test --package engine-daemon --test hlog hdrh -- --nocapture";
    let (succeeded, said) = cargo(words).outcome()?;
    if !succeeded {
        bail!("{said}");
    }
    let why = said.lines().find_map(|line| line.strip_prefix("not run: "));
    Ok(why.map_or(Outcome::Done, |why| Outcome::NotRun(why.to_owned())))
}

fn doctest() -> Result<Outcome> {
    cargo("test --quiet --doc --workspace").run()?;
    Ok(Outcome::Done)
}

fn doc() -> Result<Outcome> {
    cargo("doc --workspace --no-deps").env("RUSTDOCFLAGS", "-D warnings").run()?;
    Ok(Outcome::Done)
}

fn miri() -> Result<Outcome> {
    if !cargo("+nightly miri --version").succeeds() {
        let how = "rustup toolchain install nightly --component miri,rust-src";
        return Ok(Outcome::NotRun(format!("no nightly with miri ({how})")));
    }
    for package in MIRI_PACKAGES {
        // Property tests look for a file of past failures, which isolation hides.
        let flags = "-Zmiri-disable-isolation";
        let line = cargo("+nightly miri test --lib --tests --package").args([package]);
        line.env("MIRIFLAGS", flags).run()?;
    }
    Ok(Outcome::Done)
}

/// Advisories are left out: they need a database from the network, and they change without us.
fn deny() -> Result<Outcome> {
    if !cargo("deny --version").succeeds() {
        let how = "cargo install --locked cargo-deny";
        return Ok(Outcome::NotRun(format!("no cargo-deny ({how})")));
    }
    cargo("deny check --hide-inclusion-graph licenses bans sources").run()?;
    Ok(Outcome::Done)
}

pub(crate) fn must_have_nextest() -> Result<()> {
    if !cargo("nextest --version").succeeds() {
        bail!("no cargo-nextest: `cargo install --locked cargo-nextest`; scripts/test does it");
    }
    Ok(())
}
