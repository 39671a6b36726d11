//! A chore made of steps: each is announced, timed and stops the chore when it fails.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::args::{Args, WrongUsage};

/// One step. Its name is what `--only` takes.
pub(crate) struct Step<'a> {
    name: &'static str,
    /// What it holds, in one line, for `--list`.
    about: &'static str,
    work: Box<dyn Fn() -> Result<Outcome> + 'a>,
}

impl<'a> Step<'a> {
    pub(crate) fn new(
        name: &'static str,
        about: &'static str,
        work: impl Fn() -> Result<Outcome> + 'a,
    ) -> Self {
        Self { name, about, work: Box::new(work) }
    }
}

/// How a step that did not fail ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// A tool is missing; the text says which and how to get it.
    NotRun(String),
}

/// What the flags `--list` and `--only` ask for.
#[derive(Default)]
pub(crate) struct Choice {
    list: bool,
    only: Vec<String>,
}

impl Choice {
    pub(crate) fn take(args: &mut Args) -> Result<Self> {
        let list = args.flag("--list");
        let only = args.value("--only")?.unwrap_or_default();
        let only = only.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Ok(Self { list, only })
    }
}

/// Lists the steps, or runs those chosen in their order.
pub(crate) fn run(chore: &str, steps: &[Step<'_>], choice: &Choice) -> Result<()> {
    if choice.list {
        for step in steps {
            println!("{:10} {}", step.name, step.about);
        }
        return Ok(());
    }
    let chosen = chosen(steps, &choice.only)?;
    let asked_for = !choice.only.is_empty();
    let began = Instant::now();
    let mut lines = Vec::new();
    for step in chosen {
        lines.push(run_one(chore, step, asked_for)?);
    }
    println!("\n{chore}: every step passed in {:.1} s", began.elapsed().as_secs_f64());
    for line in lines {
        println!("  {line}");
    }
    Ok(())
}

/// A step that was named on the command line must run: a missing tool is then a failure.
fn run_one(chore: &str, step: &Step<'_>, asked_for: bool) -> Result<String> {
    println!("\n── {}: {}", step.name, step.about);
    let began = Instant::now();
    let outcome = (step.work)();
    let seconds = began.elapsed().as_secs_f64();
    let again = format!("again with: cargo xtask {chore} --only {}", step.name);
    let line = match outcome
        .with_context(|| format!("step `{}` failed after {seconds:.1} s ({again})", step.name))?
    {
        Outcome::Done => format!("{:10} {seconds:7.1} s", step.name),
        Outcome::NotRun(why) if asked_for => {
            anyhow::bail!("step `{}` could not run: {why}", step.name)
        }
        Outcome::NotRun(why) => format!("{:10} not run: {why}", step.name),
    };
    println!("{line}");
    Ok(line)
}

fn chosen<'s, 'a>(steps: &'s [Step<'a>], only: &[String]) -> Result<Vec<&'s Step<'a>>> {
    if let Some(unknown) = only.iter().find(|name| steps.iter().all(|step| step.name != **name)) {
        let names: Vec<_> = steps.iter().map(|step| step.name).collect();
        let names = names.join(", ");
        return Err(WrongUsage(format!("no step `{unknown}`; there are {names}")).into());
    }
    let wanted = |step: &&Step<'_>| only.is_empty() || only.iter().any(|name| name == step.name);
    Ok(steps.iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use anyhow::bail;

    use super::*;

    fn step<'a>(name: &'static str, work: impl Fn() -> Result<Outcome> + 'a) -> Step<'a> {
        Step::new(name, "", work)
    }

    fn only(names: &[&str]) -> Choice {
        Choice { list: false, only: names.iter().map(|&name| name.to_owned()).collect() }
    }

    #[test]
    fn the_first_failure_stops_the_chore() {
        let ran = RefCell::new(Vec::new());
        let steps = [
            step("one", || {
                ran.borrow_mut().push(1);
                Ok(Outcome::Done)
            }),
            step("two", || bail!("broken")),
            step("three", || {
                ran.borrow_mut().push(3);
                Ok(Outcome::Done)
            }),
        ];
        let error = format!("{:#}", run("ci", &steps, &only(&[])).unwrap_err());
        assert!(error.contains("step `two` failed") && error.contains("broken"), "{error}");
        assert_eq!(*ran.borrow(), [1]);
        run("ci", &steps, &only(&["three", "one"])).unwrap();
        assert_eq!(*ran.borrow(), [1, 1, 3]);
    }

    #[test]
    fn a_missing_tool_fails_only_a_step_that_was_asked_for() {
        let steps = [step("miri", || Ok(Outcome::NotRun("no nightly".to_owned())))];
        run("ci", &steps, &only(&[])).unwrap();
        assert!(run("ci", &steps, &only(&["miri"])).is_err());
    }

    #[test]
    fn an_unknown_step_is_wrong_usage() {
        let steps = [step("fmt", || Ok(Outcome::Done))];
        assert!(run("ci", &steps, &only(&["fnt"])).unwrap_err().is::<WrongUsage>());
    }
}
