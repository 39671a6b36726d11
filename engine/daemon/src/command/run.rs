//! `tapewatch run`: the daemon.

use crate::cli::Run;
use crate::config::Config;
use crate::failure::Failure;
use crate::session::Session;
use anyhow::anyhow;

pub(crate) fn run(arguments: &Run) -> Result<(), Failure> {
    let config = Config::read(&arguments.config)?;
    if config.feeds.is_empty() {
        let none = anyhow!("{}: there is no [[feed]] to run", arguments.config.display());
        return Err(Failure::configuration(none));
    }
    let session = Session::open(config)?;
    eprintln!("tapewatch: running, {}", session.plan());
    let (summary, ended) = session.run()?;
    eprint!("{summary}"); // standard output belongs to the findings
    ended
}
