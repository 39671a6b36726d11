//! Days on which an instrument's prices or quantities change by themselves: a split, a dividend, a change
//! of contract. What is usual there says little then, so alerts of the day say so.

use engine_observer::event::{Definition, Nanos};
use std::sync::Arc;

/// A corporate action.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CorporateAction {
    /// The instrument's name.
    pub subject: String,
    /// The venue's name; where it is not given, every venue's.
    pub venue: Option<String>,
    /// A moment of the day (UTC).
    pub at: Nanos,
}

/// All that is known about an instrument's days.
#[derive(Clone, Default, Debug)]
pub(crate) struct Calendar(Arc<[CorporateAction]>);

const DAY: u64 = 86_400_000_000_000;

impl Calendar {
    pub(crate) fn new(actions: Vec<CorporateAction>) -> Self {
        Self(actions.into())
    }

    /// The days that are about an instrument, by the tags of its own and its venue's name.
    pub(crate) fn about(&self, (subject, venue): (u64, u32)) -> Vec<u64> {
        let is_about = |action: &&CorporateAction| {
            let venues = action.venue.as_ref();
            Definition::tag_of(&action.subject) == subject
                && venues.is_none_or(|name| Definition::venue_tag_of(name) == venue)
        };
        self.0.iter().filter(is_about).map(|action| action.at.0 / DAY).collect()
    }

    /// Whether one of the days is this moment's.
    pub(crate) fn has(days: &[u64], at: Nanos) -> bool {
        !days.is_empty() && days.contains(&(at.0 / DAY))
    }

    /// The same as text, for the record of what held.
    pub(crate) fn text(&self) -> Option<String> {
        let mut all: Vec<_> = self
            .0
            .iter()
            .map(|action| {
                let venue = action.venue.as_deref().unwrap_or("*");
                format!("{}@{venue}/{}", action.subject, action.at.0 / DAY)
            })
            .collect();
        all.sort_unstable();
        (!all.is_empty()).then(|| all.join(" "))
    }
}
