//! Usual rates in a file: JSON, as `calibrate` writes it and a configuration names it.

use crate::failure::Failure;
use anyhow::{Context, anyhow};
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use surveillance::{Plan, Usual};

/// The same patterns, judging by the rates in a file.
pub(crate) fn known(plan: Plan, path: &Path) -> Result<Plan, Failure> {
    let name = || path.display().to_string();
    let file = File::open(path).with_context(name).map_err(Failure::configuration)?;
    let wrong = |what: String| Failure::configuration(anyhow!("{}: {what}", path.display()));
    let usual: Usual = serde_json::from_reader(BufReader::with_capacity(1 << 18, file))
        .map_err(|error| wrong(error.to_string()))?;
    plan.knowing(usual).map_err(wrong)
}

/// A configuration that says the same, to be recorded with a journal: so that its alerts are found again.
pub(crate) fn as_configuration(path: &Path) -> Result<String, Failure> {
    let path = path.canonicalize().with_context(|| path.display().to_string())?;
    Ok(format!("[surveillance]\nusual = {}\n", toml::Value::from(path.display().to_string())))
}

/// Writes rates, an instrument after the other, so that a person can read it and compare two files.
pub(crate) fn write(usual: &Usual, path: &Path) -> Result<(), Failure> {
    let name = || path.display().to_string();
    let mut to = BufWriter::with_capacity(1 << 18, File::create(path).with_context(name)?);
    serde_json::to_writer_pretty(&mut to, usual)
        .map_err(std::io::Error::from)
        .with_context(name)?;
    to.write_all(b"\n").and_then(|()| to.flush()).with_context(name)?;
    Ok(())
}
