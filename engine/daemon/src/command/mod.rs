//! One file per subcommand.

mod check;
mod decode;
mod generate;
mod replay;
mod run;

use crate::cli::Command;
use crate::failure::Failure;

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Replay(arguments) => replay::run(arguments),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
    }
}
