//! A pipeline that is saved, thrown away and loaded goes on as if nothing had happened, on any number
//! of shards.

mod recorded;

use engine_assembly::{Assembly, Outcome, Spec};
use engine_event::{Event, Writer};
use engine_pipeline::Topology;
use proptest::prelude::*;
use recorded::{Nowhere, Recorded, any_events, essence, names, roster, run};
use std::sync::Arc;

/// Runs the first `cut` events on `before` shards, saves, and runs the rest on `after` shards.
fn interrupted(events: &[Event], cut: usize, before: u32, after: u32) -> Outcome {
    let spec = |shards| Spec { shards, ..Spec::default() };
    let first = Recorded::new(&events[..cut]);
    let mut assembly = Assembly::new(first, names(), &roster(), Box::new(Nowhere), spec(before));
    assembly.hold_end();
    while assembly.step() {}
    let mut saved = Writer::new();
    assembly.save(&mut saved);
    drop(assembly);

    let rest = Recorded::new(&events[cut..]);
    let saved = saved.into_bytes();
    let mut assembly =
        Assembly::resume(rest, names(), &roster(), Box::new(Nowhere), spec(after), &saved)
            .expect("what was saved can be loaded");
    assembly.run(&recorded::plan(Topology::Fused, after, false)).expect("no stage panics");
    assembly.outcome()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_restart_changes_nothing(
        events in any_events(600),
        cut in 0usize..=600,
        before in 1u32..5,
        after in 1u32..5,
    ) {
        let expected = run(&Arc::from(events.clone()), Topology::Fused, Spec::default(), false);
        let outcome = interrupted(&events, cut, before, after);
        prop_assert_eq!(essence(&outcome), essence(&expected));
    }
}

#[test]
fn another_roster_is_refused() {
    let events = recorded::some_events(3, 100);
    let feed = Recorded::new(events.clone());
    let mut assembly = Assembly::new(feed, names(), &roster(), Box::new(Nowhere), Spec::default());
    while assembly.step() {}
    let mut saved = Writer::new();
    assembly.save(&mut saved);
    let saved = saved.into_bytes();
    let other = engine_observer::Roster::new().with(strategies::Microprice::default());
    let resumed = Assembly::resume(
        Recorded::new(events),
        names(),
        &other,
        Box::new(Nowhere),
        Spec::default(),
        &saved,
    );
    let error = resumed.err().expect("refused");
    assert!(error.to_string().contains("another set of observers"), "{error}");
}

#[test]
fn every_truncated_checkpoint_is_refused() {
    let events = recorded::some_events(4, 300);
    let mut assembly = Assembly::new(
        Recorded::new(events),
        names(),
        &roster(),
        Box::new(Nowhere),
        Spec::default(),
    );
    while assembly.step() {}
    let mut saved = Writer::new();
    assembly.save(&mut saved);
    let saved = saved.into_bytes();
    for length in (0..saved.len()).step_by(7) {
        let nothing = Recorded::new(Vec::new());
        let spec = Spec::default();
        let resumed = Assembly::resume(
            nothing,
            names(),
            &roster(),
            Box::new(Nowhere),
            spec,
            &saved[..length],
        );
        assert!(resumed.is_err(), "{length} of {} bytes", saved.len());
    }
}
