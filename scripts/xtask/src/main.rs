//! The chores of the project, in Rust so that they run the same at home and in CI and can be
//! tested themselves. `cargo xtask` lists them; each module is one chore or what chores share.

#![forbid(unsafe_code)]

mod bench;
mod ci;
mod counts;
mod soak;
mod tidy;

mod loom;
mod machine;
mod report;

mod args;
mod command;
mod steps;
mod workspace;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::args::{Args, WrongUsage};

const USAGE: &str = "\
usage: cargo xtask CHORE

  ci    [--only STEP[,STEP…]] [--list]      everything CI checks, stopping at the first failure
  tidy                                      our own lints: arrows, unsafe, orphans, snippets, bans
  soak  [--seconds N] [--only STEP] [--list]  fuzzing, long property tests, deep loom models
  bench [--quick] [NAME…] [--give BENCH:FLAG=VALUE]… [--out FILE.md] [--json FILE]
                                            runs the benches, one table with the peers side by side;
                                            --give 'itch_books:peer=NAME=COMMAND {file}' adds a peer
  bench --counts [--bless]                  instructions of the hot functions against the committed
                                            ones; --bless renews those
";

fn main() -> ExitCode {
    match chore() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(if error.is::<WrongUsage>() { 2 } else { 1 })
        }
    }
}

fn chore() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let chore = words.next().unwrap_or_default();
    let args = Args::new(words);
    if args.asks_for_help() || ["", "help", "-h", "--help"].contains(&chore.as_str()) {
        print!("{USAGE}");
        return Ok(());
    }
    let called_from = enter_root()?;
    match chore.as_str() {
        "ci" => ci::run(args),
        "tidy" => tidy::run(args),
        "soak" => soak::run(args),
        "bench" => bench::run(args, &called_from),
        _ => Err(WrongUsage(format!("no chore `{chore}`\n\n{USAGE}")).into()),
    }
}

/// Every chore works from the root, so that paths in messages lead somewhere. Returns where the
/// caller stood: the files that it names are relative to that.
fn enter_root() -> Result<PathBuf> {
    let called_from = std::env::current_dir().context("the current folder is gone")?;
    let manifest_dir = std::env::var("CARGO_MANIFEST_DIR");
    let manifest_dir = manifest_dir.as_deref().unwrap_or(env!("CARGO_MANIFEST_DIR"));
    let root = Path::new(manifest_dir).ancestors().nth(2).context("scripts/xtask has a root")?;
    std::env::set_current_dir(root).with_context(|| format!("no folder {}", root.display()))?;
    Ok(called_from)
}
