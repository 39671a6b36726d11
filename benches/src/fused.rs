//! The whole pipeline on one thread.

use crate::{Session, time};
use engine_assembly::{Assembly, Outlet, Roll, Spec};
use engine_event::Directory;
use engine_observer::{Alert, Finding, Roster};
use std::io;
use std::time::Duration;

/// The time that a session takes from its first byte to its last finding, every stage polled in turn
/// on this thread. The pipeline is made before, and has seen nothing.
///
/// # Panics
/// If it does not read all of the session.
pub fn time_fused(session: &Session, roster: &Roster, spec: Spec) -> Duration {
    let names = Directory::new(100_000);
    let mut assembly = Assembly::new(session.open(), names, roster, Box::new(Nowhere), spec);
    let spent = time(|| while assembly.step() {});
    assert_eq!(assembly.source().tally().messages, session.messages());
    spent
}

/// Takes findings and keeps none.
struct Nowhere;

impl Outlet for Nowhere {
    fn take(&mut self, _: &Finding, _: Option<&Alert>, _: &mut Roll) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
