//! `cargo xtask tidy`: the design's invariants that no compiler checks.
//!
//! Each module holds one family of rules: a table or constants at its top, small functions that
//! take data and return what is wrong, and tests that plant a violation and find it. None of them
//! understands Rust beyond words, comments and braces; that is enough, and it builds in a second.

mod tree;

mod arrows;
mod bans;
mod changelog;
mod layout;
mod orphans;
mod snippets;
mod unsafety;

use std::path::Path;

use anyhow::{Result, bail};

use crate::args::Args;
use crate::steps::Outcome;
use crate::workspace::Workspace;

use self::snippets::Binary;
use self::tree::{Tree, Violation};

pub(crate) fn run(args: Args) -> Result<()> {
    args.done()?;
    check(&Workspace::load()?).map(drop)
}

pub(crate) fn check(workspace: &Workspace) -> Result<Outcome> {
    let tree = Tree::load(workspace)?;
    let mut violations = every_rule(&tree);
    violations
        .extend(snippets::check(&tree, &mut Binary::new(Path::new("."), &workspace.target_dir))?);
    for violation in &violations {
        eprintln!("{violation}");
    }
    if !violations.is_empty() {
        bail!("tidy found {} to mend", violations.len());
    }
    println!("tidy: {} Rust files, nothing to mend", tree.sources.len());
    Ok(Outcome::Done)
}

/// Every rule that needs no program to run.
fn every_rule(tree: &Tree) -> Vec<Violation> {
    let rules: [fn(&Tree) -> Vec<Violation>; 6] = [
        arrows::check,
        unsafety::check,
        orphans::check,
        bans::check,
        layout::check,
        changelog::check,
    ];
    rules.iter().flat_map(|rule| rule(tree)).collect()
}
