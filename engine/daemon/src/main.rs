//! `tapewatch`: flags and glue around the engine.
#![forbid(unsafe_code)]

mod cli;
mod command;
mod config;
mod failure;
mod findings;
mod history;
mod hlog;
mod input;
mod intervals;
mod jitter;
mod journaling;
mod machine;
mod output;
mod plot;
mod remote;
mod session;
mod summary;
mod terminal;
mod usual;
mod view;
mod wiring;

use clap::Parser;
use clap::error::ErrorKind;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let ended = match cli::Cli::try_parse() {
        Ok(cli) => {
            cli::start_logging(cli.verbose);
            command::run(cli.command)
        }
        Err(shown) if is_help(shown.kind()) => {
            let _ = shown.print(); // a reader may have seen enough
            return ExitCode::from(shown.exit_code() as u8);
        }
        Err(wrong) => Err(Failure::flags(&wrong)),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::tell(format_args!("tapewatch: {failure}\n"));
            failure.exit_code()
        }
    }
}

/// Whether what clap has to say is help, of whatever length, and not what is wrong.
fn is_help(kind: ErrorKind) -> bool {
    use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    matches!(kind, DisplayHelp | DisplayHelpOnMissingArgumentOrSubcommand | DisplayVersion)
}
