//! What a thread does while it has nothing to do.

use std::time::Duration;

/// How a thread waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Spin, and nothing else: for a thread that has its core to itself.
    Spin,
    /// Spin a little, then let others run: for threads that share a core.
    Yield,
    /// Spin, yield, then sleep in short naps: for what nobody waits for.
    Park,
}

/// A thread's patience: how often it has found nothing since it last worked.
#[derive(Debug)]
pub struct Backoff {
    wait: Wait,
    idle_rounds: u32,
}

impl Backoff {
    /// Rounds of spinning before a thread that shares its core yields.
    pub const SPINS: u32 = 100;
    /// Rounds of yielding before a parking thread naps.
    pub const YIELDS: u32 = 100;
    /// A nap: long enough to cost nothing, short enough for a person not to notice.
    pub const NAP: Duration = Duration::from_micros(200);

    /// A patience of this kind.
    pub fn new(wait: Wait) -> Self {
        Self { wait, idle_rounds: 0 }
    }

    /// There was work.
    #[inline]
    pub fn reset(&mut self) {
        self.idle_rounds = 0;
    }

    /// There was none: waits as its kind does. Returns whether the thread has kept its core.
    #[inline]
    pub fn idle(&mut self) -> bool {
        self.idle_rounds = self.idle_rounds.saturating_add(1);
        if self.wait == Wait::Spin || self.idle_rounds <= Self::SPINS {
            std::hint::spin_loop();
            return true;
        }
        if self.wait == Wait::Park && self.idle_rounds > Self::SPINS + Self::YIELDS {
            std::thread::sleep(Self::NAP);
        } else {
            std::thread::yield_now();
        }
        false
    }
}
