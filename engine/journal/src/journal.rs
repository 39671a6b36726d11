//! A journal that is written: both ends put together, and a thread for the writer.

use crate::intake::Grouping;
use crate::writer::{Ended, Writer, Wrote, folder};
use crate::{Disk, Durable, Identity, Intake, Position, Segments};
use engine_audit::layout::Stream;
use engine_event::Clock;
use std::io;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long the writer sleeps when there is nothing to do.
const NAP: Duration = Duration::from_micros(200);

/// How a stream is written.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Which of the two.
    pub stream: Stream,
    /// Who writes.
    pub identity: Identity,
    /// How commits are grouped.
    pub grouping: Grouping,
    /// How long segments get.
    pub segments: Segments,
}

/// The writing end of a stream, before it has a thread: whoever polls it, writes.
pub struct Journal<D: Disk, C>(Writer<D, C>);

/// Goes on with a stream where it [ended](crate::recover): what the pipeline puts into the intake reaches the disk when the
/// journal is polled.
pub fn open<D: Disk, C: Clock>(
    disk: D,
    clock: C,
    journal: &Path,
    setup: Setup,
    position: Position,
) -> (Intake, Journal<D, C>) {
    let folder = folder(journal, setup.stream);
    let newest = position.segment - 1;
    let durable = Durable::from(position.next).naming(position.first_segment, newest);
    let (intake, outlet) =
        Intake::new(setup.stream, &setup.grouping, position.next, durable.clone());
    let Setup { stream, identity, segments, .. } = setup;
    let writer =
        Writer::new(disk, clock, (stream, folder), identity, segments, (outlet, durable), position);
    (intake, Journal(writer))
}

impl<D: Disk, C: Clock + 'static> Journal<D, C> {
    /// Does what there is to do, without waiting. Returns whether there was anything; `None` when the
    /// journal is closed or has failed.
    pub fn poll(&mut self) -> Option<bool> {
        match self.0.turn(false) {
            Wrote::Worked => Some(true),
            Wrote::Idle => Some(false),
            Wrote::Ended => None,
        }
    }

    /// Whether it was closed in order; `None` before its end.
    pub fn is_closed(&self) -> Option<bool> {
        self.0.ended().map(|ended| *ended == Ended::Closed)
    }

    /// The disk, when all is over.
    pub fn into_disk(self) -> D {
        self.0.into_disk()
    }

    /// Polls it on a thread of its own, to its end.
    pub fn spawn(mut self, name: &str) -> io::Result<JoinHandle<D>> {
        let run = move || {
            loop {
                match self.0.turn(true) {
                    Wrote::Worked => {}
                    Wrote::Idle => thread::sleep(NAP),
                    Wrote::Ended => return self.0.into_disk(),
                }
            }
        };
        thread::Builder::new().name(name.to_owned()).spawn(run)
    }
}
