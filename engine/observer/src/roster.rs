//! Which observers take part.

use crate::{Observer, Scope, Watch, Watcher};
use std::sync::Arc;

/// Observers by their place: from it every shard makes watchers of its own.
#[derive(Clone, Default)]
pub struct Roster {
    makers: Vec<Arc<dyn Fn() -> Box<dyn Watcher> + Send + Sync>>,
}

impl Roster {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more, at the next place.
    pub fn add(&mut self, observer: impl Observer + Sync) {
        self.makers.push(Arc::new(move || Box::new(Watch::new(observer.clone()))));
    }

    /// All of another roster, behind those that are here.
    pub fn append(&mut self, other: Roster) {
        self.makers.extend(other.makers);
    }

    /// The same with one more.
    pub fn with(mut self, observer: impl Observer + Sync) -> Self {
        self.add(observer);
        self
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.makers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.makers.is_empty()
    }

    /// Fresh watchers of this scope, each with its place in the roster.
    pub fn watchers(&self, scope: Scope) -> Vec<(u16, Box<dyn Watcher>)> {
        let all = self.makers.iter().enumerate().map(|(place, make)| (place as u16, make()));
        all.filter(|(_, watcher)| watcher.scope() == scope).collect()
    }

    /// Fresh watchers of every scope, for a look at names and parameters.
    pub fn all(&self) -> Vec<Box<dyn Watcher>> {
        self.makers.iter().map(|make| make()).collect()
    }
}
