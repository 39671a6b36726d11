//! The unit of work that the runner knows.

use engine_event::Nanos;

/// Something that owns a thread's turn.
pub trait Stage: Send {
    /// A short name for threads, logs and panics.
    fn name(&self) -> &str;

    /// Does a bounded amount of work and says how much. `now` is the runner's clock, read once for
    /// the round. After [`Turn::Done`] the stage is not polled again.
    fn poll(&mut self, now: Nanos) -> Turn;

    /// Asks the stage to take in nothing new and to finish what it has. Sources end; everybody else
    /// ends when what is upstream has, so the default does nothing.
    fn drain(&mut self) {}

    /// Lets go of everything that others wait for (the ends of rings), because the stage has panicked
    /// and will not be polled again.
    fn abandon(&mut self) {}
}

/// What a stage did with its turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// This much; there may be more.
    Worked(usize),
    /// Nothing to do.
    Idle,
    /// Nothing to do before a disk has answered: a thread on which nobody else has work may sleep a little.
    Waits,
    /// Finished for good: everything that came in has gone out.
    Done,
}
