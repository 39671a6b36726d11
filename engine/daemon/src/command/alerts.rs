//! `tapewatch alerts`: the alert log of a journal, and what stands behind an alert.
//!
//! | | |
//! |---|---|
//! | [`told`] | an alert as it was written |
//! | [`recorded`] | the configuration under which a journal's run found it |
//! | [`rerun`], [`reel`] | the pipeline again, or the events alone, up to an event |
//! | [`case`], [`ladder`] | its orders' events, and the book as a picture |

mod case;
mod doings;
mod explain;
mod export;
mod ladder;
mod list;
mod recorded;
mod reel;
mod replay;
mod rerun;
mod show;
mod told;

use crate::cli::Alerts;
use crate::failure::Failure;

pub(crate) fn run(arguments: &Alerts) -> Result<(), Failure> {
    match arguments {
        Alerts::List(arguments) => list::run(arguments),
        Alerts::Show(arguments) => show::run(arguments),
        Alerts::Replay(arguments) => replay::run(arguments),
        Alerts::Explain(arguments) => explain::run(arguments),
        Alerts::Export(arguments) => export::run(arguments),
    }
}
