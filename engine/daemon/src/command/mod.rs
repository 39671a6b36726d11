//! One file per subcommand.

mod alerts;
mod book;
mod check;
mod decode;
mod generate;
pub(crate) mod inject;
mod journal;
mod latency;
mod replay;
mod run;
pub(crate) mod score;
mod top;

use crate::cli::Command;
use crate::failure::Failure;
use anyhow::Context;
use engine_event::Event;
use engine_pipeline::Sink;
use std::io;

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Replay(arguments) => replay::run(arguments),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Book(arguments) => book::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Latency(arguments) => latency::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
        Command::Alerts(arguments) => alerts::run(&arguments),
        Command::Journal(arguments) => journal::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Inject(arguments) => inject::run(&arguments),
        Command::Score(arguments) => score::run(&arguments),
    }
}

/// As many events as one look at a feed may give.
struct Batch<'a> {
    events: &'a mut Vec<Event>,
    most: usize,
}

impl<'a> Batch<'a> {
    fn of(events: &'a mut Vec<Event>, most: usize) -> Self {
        Self { events, most }
    }
}

impl Sink for Batch<'_> {
    fn room(&mut self) -> usize {
        self.most - self.events.len()
    }

    fn push(&mut self, event: Event) {
        self.events.push(event);
    }
}

/// A reader that has seen enough (`| head`) is no failure.
fn closed_pipe(error: io::Error) -> Result<(), Failure> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    Err(error).context("standard output").map_err(Failure::from)
}
