//! What this machine is like for threads that must never wait: what that costs, and how to change it.
//!
//! Everything but [what is measured](measured) is read from files below a root folder, so that a test
//! has any machine that it likes. Nothing here fails: what cannot be read is unknown, and why.

mod cores;
mod measured;
mod memory;
mod network;
mod timing;

use crate::output::Thousands;
use crate::terminal::Canvas;
use measured::{Distance, Stolen};
use serde::Serialize;
use std::fmt::{self, Write};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;

/// Where the files are, and which cores are ours.
pub(crate) struct Machine {
    root: PathBuf,
    /// The cores that this process may run on.
    allowed: Vec<usize>,
}

/// What was found out about one thing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Found {
    about: &'static str,
    verdict: Verdict,
    /// How it is; or, if that is unknown, why.
    is: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    costs: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Costs,
    Unknown,
}

impl Found {
    fn new(about: &'static str, verdict: Verdict, is: impl Into<String>) -> Self {
        const CHARS_MAX: usize = 400;
        let is: String = is.into();
        Self { about, verdict, is: is.chars().take(CHARS_MAX).collect(), costs: None, change: None }
    }

    fn ok(about: &'static str, is: impl Into<String>) -> Self {
        Self::new(about, Verdict::Ok, is)
    }

    fn costs(
        about: &'static str,
        is: impl Into<String>,
        costs: &'static str,
        change: impl Into<String>,
    ) -> Self {
        let (costs, change) = (Some(costs), Some(change.into()));
        Self { costs, change, ..Self::new(about, Verdict::Costs, is) }
    }

    fn unknown(about: &'static str, why: impl Into<String>) -> Self {
        Self::new(about, Verdict::Unknown, why)
    }
}

/// Everything about a machine.
#[derive(Serialize)]
pub(crate) struct Report {
    findings: Vec<Found>,
    allowed_cores: Vec<usize>,
    distances: Vec<Distance>,
    stolen: Vec<Stolen>,
}

impl Machine {
    /// This one.
    pub(crate) fn this() -> Self {
        Self { root: "/".into(), allowed: engine_pipeline::allowed_cores() }
    }

    /// Looks at everything and measures what is to be measured: a second or two.
    pub(crate) fn check(&self) -> Report {
        let mut findings = self.read_all();
        findings.push(network::io_uring(self, &feeds::transport::udp::allows_io_uring()));
        findings.extend(network::stamping(self, feeds::transport::udp::card_stamps));
        let distances = measured::distances(&self.allowed);
        findings.push(measured::tell_distances(&self.allowed, &distances));
        let stolen = measured::stolen(&self.allowed);
        findings.push(measured::tell_stolen(&self.allowed, &stolen));
        Report { findings, allowed_cores: self.allowed.clone(), distances, stolen }
    }

    /// What files tell.
    fn read_all(&self) -> Vec<Found> {
        let checks: [fn(&Self) -> Found; 19] = [
            cores::allowed,
            cores::quota,
            cores::isolation,
            cores::ticks,
            cores::siblings,
            cores::nodes,
            cores::governor,
            cores::host,
            timing::clock_source,
            timing::counter,
            timing::steal,
            memory::transparent_huge_pages,
            memory::reserved_huge_pages,
            memory::swap,
            memory::locked,
            memory::open_files,
            memory::priority,
            network::socket_buffers,
            network::interrupts,
        ];
        checks.iter().map(|check| check(self)).collect()
    }

    /// A file's text, without the blanks around it; or why there is none.
    fn read(&self, path: &str) -> Result<String, String> {
        const BYTES_MAX: u64 = 1 << 20;
        let read = || {
            let mut text = Vec::new();
            let file = File::open(self.root.join(path.trim_start_matches('/')))?;
            file.take(BYTES_MAX).read_to_end(&mut text)?;
            // It will be shown on terminals, which must not take it for commands.
            let legible = |of: char| match of {
                '\n' | '\t' => of,
                _ if of.is_control() => char::REPLACEMENT_CHARACTER,
                _ => of,
            };
            let text = String::from_utf8_lossy(&text);
            Ok::<_, std::io::Error>(text.trim().chars().map(legible).collect())
        };
        read().map_err(|error| match error.kind() {
            ErrorKind::NotFound => format!("{path} is not there"),
            ErrorKind::PermissionDenied => format!("{path} may not be read"),
            _ => format!("{path}: {error}"),
        })
    }

    /// The number in a file.
    fn number(&self, path: &str) -> Result<u64, String> {
        self.read(path)?.parse().map_err(|_| format!("{path} holds no number"))
    }

    /// The names in a folder, in order.
    fn names(&self, path: &str) -> Vec<String> {
        const NAMES_MAX: usize = 10_000;
        let entries = std::fs::read_dir(self.root.join(path.trim_start_matches('/')));
        let names = entries.into_iter().flatten().flatten().take(NAMES_MAX);
        let mut names: Vec<_> =
            names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// `0-3,8` as numbers; what is not understood is left out.
fn listed(text: &str) -> Vec<usize> {
    const CORES_MAX: usize = 8192;
    let mut cores = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>())
            && last < CORES_MAX
        {
            cores.extend(first..=last);
        }
    }
    cores
}

/// Numbers as `0-3,8`.
fn spans(cores: &[usize]) -> String {
    let mut text = String::new();
    let mut rest = cores;
    while let [first, ..] = rest {
        let run = rest.iter().enumerate().take_while(|(i, core)| **core == first + i).count();
        let comma = if text.is_empty() { "" } else { "," };
        let last = rest[run - 1];
        let span = if run > 1 { format!("{first}-{last}") } else { first.to_string() };
        text += &format!("{comma}{span}");
        rest = &rest[run..];
    }
    text
}

/// `1 core`, `2 cores`.
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", Thousands(count as u64), if count == 1 { one } else { many })
}

impl Report {
    /// The report as lines for people.
    pub(crate) fn told(&self, canvas: Canvas) -> String {
        let mut text = String::from("this machine\n");
        for found in &self.findings {
            let (colour, verdict) = match found.verdict {
                Verdict::Ok => (32, "ok"),
                Verdict::Costs => (31, "costs"),
                Verdict::Unknown => (33, "unknown"),
            };
            let verdict = canvas.paint(colour, &format!("{verdict:<8}"));
            let lines = [(found.about, Some(found.is.as_str())), ("", found.costs)];
            let change = found.change.as_deref().map(|change| format!("change: {change}"));
            let lines = lines.into_iter().chain([("", change.as_deref())]);
            for (number, (about, line)) in lines.enumerate() {
                let verdict = if number == 0 { verdict.as_str() } else { "        " };
                for (row, part) in
                    line.into_iter().flat_map(|line| wrapped(line, canvas)).enumerate()
                {
                    let (verdict, about) =
                        if row == 0 { (verdict, about) } else { ("        ", "") };
                    put(&mut text, format_args!("  {verdict}{about:<20}{part}\n"));
                }
            }
        }
        let count = |verdict| self.findings.iter().filter(|of| of.verdict == verdict).count();
        let (ok, costs, unknown) =
            (count(Verdict::Ok), count(Verdict::Costs), count(Verdict::Unknown));
        put(&mut text, format_args!("  {ok} ok, {costs} cost something, {unknown} unknown\n"));
        text
    }
}

/// A line in parts that fit beside the names.
fn wrapped(line: &str, canvas: Canvas) -> Vec<String> {
    let width = canvas.width.saturating_sub(30).max(30);
    let mut parts = vec![String::new()];
    for word in line.split(' ') {
        let last = parts.last_mut().expect("there is one from the start");
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > width {
            parts.push(word.to_string());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    parts
}

fn put(text: &mut String, what: fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes everything");
}

#[cfg(test)]
mod tests;
