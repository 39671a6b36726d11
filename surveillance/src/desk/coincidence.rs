//! Whether somebody is at the right moments more often than chance has it: if those who come and trade
//! around these moments were drawn from all who come and trade.

use super::chance::poisson_tail;
use super::kept::kept;
use super::people::Person;
use super::remembered::Remembered;
use engine_observer::event::Nanos;

/// What everybody did on the day (UTC), and each person.
#[derive(Default)]
pub(crate) struct Coincidence {
    everybody: Day,
    /// Who came last, and when.
    last: Option<(Person, Nanos)>,
    of: Remembered<Person, Day, PERSONS_MAX>,
}

/// What somebody did on a day.
#[derive(Clone, Copy, Default)]
struct Day {
    day: u64,
    /// Moments at which they came and traded.
    came: u32,
    /// How often they were at a moment that matters, and how often they would have been by chance.
    met: u32,
    expected: f64,
}

kept!(Coincidence { everybody, last, of });
kept!(Day { day, came, met, expected });

/// Persons that are remembered.
const PERSONS_MAX: usize = 4_096;
const DAY: u64 = 86_400_000_000_000;

impl Day {
    /// The day that this moment is on.
    fn of(&mut self, at: Nanos) -> &mut Self {
        if self.day != at.0 / DAY {
            *self = Self { day: at.0 / DAY, ..Self::default() };
        }
        self
    }
}

impl Coincidence {
    fn day(&mut self, person: Person, at: Nanos) -> &mut Day {
        self.of.of(person, at).of(at)
    }

    /// Somebody comes and trades: what they take at one moment is one coming.
    pub(crate) fn came(&mut self, person: Person, at: Nanos) {
        if self.last.replace((person, at)) != Some((person, at)) {
            self.everybody.of(at).came += 1;
            self.day(person, at).came += 1;
        }
    }

    /// So many came at a moment that matters to this person.
    pub(crate) fn expect(&mut self, person: Person, comings: u32, at: Nanos) {
        let all = f64::from(self.everybody.of(at).came.max(1));
        let day = self.day(person, at);
        let share = f64::from(day.came.saturating_sub(day.met)) / all;
        day.expected += 1.0 - (1.0 - share.min(1.0)).powf(f64::from(comings));
    }

    /// The person was among them. How often by now.
    pub(crate) fn met(&mut self, person: Person, at: Nanos) -> u32 {
        let day = self.day(person, at);
        day.met += 1;
        day.met
    }

    /// How likely it is by chance that the person was among them as often, at least once.
    pub(crate) fn chance(&mut self, person: Person, at: Nanos) -> f64 {
        let day = self.day(person, at);
        poisson_tail(day.met.max(1), day.expected)
    }
}
