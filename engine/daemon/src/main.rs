//! `tapewatch`: flags and glue around the engine.
#![forbid(unsafe_code)]

mod cli;
mod command;
mod config;
mod failure;
mod findings;
mod session;
mod summary;
mod wiring;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    cli::start_logging(cli.verbose);
    match command::run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("tapewatch: {failure}");
            failure.exit_code()
        }
    }
}
