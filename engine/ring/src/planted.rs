//! The mistakes of the canary build (`--cfg planted_bug`), one for each pairing that this crate
//! relies on. Loom must catch every one of them, or its silence about the real code says nothing.
//!
//! In every other build nothing is ever planted, by a constant, and the branches on it are gone.

/// A mistake that can be made live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The broadcast publishes with `Relaxed`.
    PublishRelaxed,
    /// A consumer reports its progress with `Relaxed`.
    AdvanceRelaxed,
    /// A consumer detaches with `Relaxed`.
    DetachRelaxed,
    /// The producer takes a full ring for an empty one without asking the consumers.
    GateSkipped,
    /// The broadcast closes with `Relaxed`.
    CloseRelaxed,
    /// The producer goes on writing plainly after it made a tap.
    TapUnnoticed,
    /// The producer writes words without first ordering its claim before them.
    ClaimUnfenced,
    /// A tap checks the claim without first ordering its copy before the check.
    CheckUnfenced,
    /// The writer of the latest value writes words without ordering the odd version before them.
    WriteUnfenced,
    /// A reader of the latest value compares versions without ordering its copy before that.
    ReadUnfenced,
}

#[cfg(not(planted_bug))]
#[inline(always)]
pub(crate) const fn is_planted(_bug: Bug) -> bool {
    false
}

#[cfg(planted_bug)]
pub(crate) use live::is_planted;
#[cfg(planted_bug)]
pub use live::plant;

#[cfg(planted_bug)]
mod live {
    use super::Bug;
    use std::cell::Cell;

    // Loom plays all threads of a model on the thread that calls it: a thread's choice reaches its
    // whole model, and tests that run side by side do not disturb each other.
    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Makes this one mistake live on the calling thread, for good.
    pub fn plant(bug: Bug) {
        PLANTED.set(Some(bug));
    }

    pub(crate) fn is_planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}
