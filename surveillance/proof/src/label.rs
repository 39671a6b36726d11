//! What an injected campaign is called, so that alerts can be held against it.

use engine_event::Nanos;

/// Whether an alert is wanted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// The abuse: it must alert.
    Positive,
    /// The same but for the one thing that makes it abuse: it must not.
    NearMiss,
    /// Broken off before it was complete, because the market did not do its part or the flow ended: an
    /// alert about it is neither right nor wrong.
    Void,
}

impl Class {
    /// Its name in a label.
    pub fn word(self) -> &'static str {
        match self {
            Class::Positive => "positive",
            Class::NearMiss => "near_miss",
            Class::Void => "void",
        }
    }

    /// The class of this name.
    pub fn from_word(word: &str) -> Option<Self> {
        [Class::Positive, Class::NearMiss, Class::Void]
            .into_iter()
            .find(|class| class.word() == word)
    }
}

/// One person's repeated episodes of one pattern in one instrument.
#[derive(Clone, PartialEq, Debug)]
pub struct Label {
    /// `P01-0007`.
    pub label: String,
    /// `P01`.
    pub pattern: String,
    /// Whether it must alert.
    pub class: Class,
    /// Which class of positives or near misses: `layers_pulled_after_fill`.
    pub case: String,
    /// The share of the defining quantities: 1 is a plain case.
    pub severity: f64,
    /// The instrument, as findings name it.
    pub subject: String,
    /// Where it trades.
    pub venue: String,
    /// The accounts that do it.
    pub participants: Vec<String>,
    /// How often it is done.
    pub episodes: u32,
    /// When the first episode begins.
    pub first_at: Nanos,
    /// When the last one is over.
    pub last_at: Nanos,
    /// For each episode, when the event comes by which it is decided.
    pub decided_at: Vec<Nanos>,
    /// What it was made with.
    pub seed: u64,
}
