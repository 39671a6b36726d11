//! The loom models of the rings, and the planted bugs that prove that they can fail.

use anyhow::{Result, bail};

use crate::command::{Line, cargo};
use crate::steps::Outcome;
use crate::workspace::Workspace;

const PACKAGE: &str = "engine-ring";

/// Every interleaving with up to `preemptions` forced switches. Loom's authors find that two or
/// three reveal nearly every bug; each more multiplies the time.
pub(crate) fn models(workspace: &Workspace, preemptions: u32) -> Result<Outcome> {
    must_exist(workspace)?;
    tests(workspace, "--cfg loom", preemptions).run()?;
    Ok(Outcome::Done)
}

/// The canary: under `cfg(planted_bug)` the tests break the code in one place at a time, and each
/// passes only if loom catches it. That none of them ran would look the same, so they are counted.
pub(crate) fn planted_bug(workspace: &Workspace, preemptions: u32) -> Result<Outcome> {
    must_exist(workspace)?;
    let line = tests(workspace, "--cfg loom --cfg planted_bug", preemptions);
    println!("$ {}", line.shown());
    let (all_caught, said) = line.outcome()?;
    print!("{said}");
    if !all_caught {
        bail!("a planted bug was not caught, or the canary did not build");
    }
    if passed(&said) == 0 {
        bail!("no planted bug was looked for: {PACKAGE} has no tests under cfg(planted_bug)");
    }
    Ok(Outcome::Done)
}

/// The tests that passed, from the line `test result: ok. 9 passed; 0 failed; …`.
fn passed(said: &str) -> u32 {
    let results = said.lines().filter_map(|line| line.strip_prefix("test result: ok. "));
    results.filter_map(|rest| rest.split(' ').next()?.parse::<u32>().ok()).sum()
}

/// A folder of its own, because other flags would throw away everything built in the main one;
/// a profile without link-time optimisation and with the assertions on.
fn tests(workspace: &Workspace, flags: &str, preemptions: u32) -> Line {
    let target_dir = workspace.target_dir.join("loom");
    cargo("test --release --test loom --package")
        .args([PACKAGE])
        .env("LOOM_MAX_PREEMPTIONS", &preemptions.to_string())
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_TARGET_DIR", &target_dir.to_string_lossy())
        .env("RUSTFLAGS", flags)
}

fn must_exist(workspace: &Workspace) -> Result<()> {
    if !workspace.targets(PACKAGE, "test").iter().any(|name| name == "loom") {
        bail!("{PACKAGE} has no tests/loom.rs: the rings are not held by a model");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_tests_are_counted() {
        assert_eq!(passed("running 9 tests\ntest result: ok. 9 passed; 0 failed; 0 ignored\n"), 9);
        assert_eq!(passed("test result: ok. 0 passed; 0 failed\n"), 0);
        assert_eq!(passed(""), 0);
    }

    #[test]
    fn models_that_are_gone_are_missed() {
        let workspace = Workspace { target_dir: "target".into(), packages: Vec::new() };
        assert!(models(&workspace, 1).is_err());
        assert!(planted_bug(&workspace, 1).is_err());
    }
}
