//! `tapewatch run`: the daemon.

use crate::cli::Run;
use crate::config::Config;
use crate::failure::Failure;
use crate::output::tell;
use crate::session::{self, Session};
use anyhow::anyhow;

pub(crate) fn run(arguments: &Run) -> Result<(), Failure> {
    let config = Config::read(&arguments.config)?;
    let path = arguments.config.display();
    if config.feeds.is_empty() {
        return Err(Failure::configuration(anyhow!("{path}: there is no [[feed]] to run")));
    }
    session::plan(&config)
        .map_err(|wrong| Failure::usage(wrong).configured_at(&path.to_string()))?;
    let session = Session::open(config)?;
    if let Some(address) = session.api() {
        tell(format_args!("tapewatch: answers at http://{address}\n"));
    }
    if let Some(where_from) = session.goes_on() {
        tell(format_args!("tapewatch: {where_from}\n"));
    }
    tell(format_args!("tapewatch: running, {}\n", session.laid()));
    let (summary, ended) = session.run();
    tell(summary); // standard output belongs to the findings
    ended.map_err(Failure::from)
}
