//! The layout of threads and shards cannot be seen in what comes out.

mod recorded;

use engine_assembly::Spec;
use engine_event::Event;
use engine_pipeline::Topology::{Fused, Pinned};
use proptest::prelude::*;
use recorded::{any_events, essence, run, some_events};
use std::sync::Arc;

fn spec(shards: u32) -> Spec {
    Spec { shards, ..Spec::default() }
}

/// Rings and lanes so short that every stage must wait for every other.
fn narrow(shards: u32) -> Spec {
    Spec { shards, ring_events: 16, lane_findings: 4, sample_every: 4, ..Spec::default() }
}

#[test]
fn every_layout_finds_the_same() {
    let events: Arc<[Event]> = some_events(1, 60_000).into();
    let expected = run(&events, Fused, spec(1), false);
    assert!(
        expected.alerts.len() >= 2,
        "the stream must make detectors speak: {:?}",
        expected.alerts
    );
    assert!(expected.signals.len() >= 4, "{:?}", expected.signals);
    for topology in [Fused, Pinned] {
        for shards in [1, 2, 8] {
            for (spec, spread) in
                [(spec(shards), false), (spec(shards), true), (narrow(shards), false)]
            {
                let outcome = run(&events, topology, spec, spread);
                assert_eq!(
                    essence(&outcome),
                    essence(&expected),
                    "{topology:?} {spec:?} spread {spread}"
                );
            }
        }
    }
}

#[test]
fn twenty_runs_find_the_same() {
    let events: Arc<[Event]> = some_events(2, 10_000).into();
    let expected = run(&events, Fused, spec(1), false);
    for _ in 0..20 {
        assert_eq!(essence(&run(&events, Pinned, spec(2), true)), essence(&expected));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_stream_in_any_layout(events in any_events(400), shards in 1u32..9, pinned: bool, tight: bool) {
        let events: Arc<[Event]> = events.into();
        let expected = run(&events, Fused, spec(1), false);
        let topology = if pinned { Pinned } else { Fused };
        let spec = if tight { narrow(shards) } else { spec(shards) };
        let outcome = run(&events, topology, spec, false);
        prop_assert_eq!(essence(&outcome), essence(&expected));
    }
}
