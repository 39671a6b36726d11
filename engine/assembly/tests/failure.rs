//! What happens when a stage breaks, a disk is full, or somebody pulls the plug.

mod recorded;

use engine_assembly::{Assembly, Outlet, Roll, Spec};
use engine_event::Nanos;
use engine_observer::{Alert, Finding, Interest, Observer, Outbox, Parameters, Roster, View};
use engine_pipeline::{RunError, Stopped, Topology};
use recorded::{Nowhere, Recorded, names, plan, roster, some_events};
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

/// Panics at an event; until then says its number.
#[derive(Clone)]
struct Fragile {
    breaks_at: u64,
}

impl Observer for Fragile {
    type Memory = ();

    fn name(&self) -> &'static str {
        "fragile"
    }

    fn interest(&self) -> Interest {
        Interest::in_everything()
    }

    fn parameters(&self, _: &mut Parameters) {}

    fn remember(&self) {}

    fn observe(&self, _: &mut (), view: &View<'_>, out: &mut Outbox) {
        assert!(view.event.seq < self.breaks_at, "as it was told to");
        out.signal("seq", view.event.seq as f64);
    }
}

/// Keeps the place of every finding; refuses after so many.
#[derive(Clone, Default)]
struct Kept {
    seqs: Arc<Mutex<Vec<u64>>>,
    room: Option<usize>,
}

impl Outlet for Kept {
    fn take(&mut self, finding: &Finding, _: Option<&Alert>, _: &mut Roll) -> io::Result<()> {
        let mut seqs = self.seqs.lock().unwrap();
        if Some(seqs.len()) == self.room {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left"));
        }
        seqs.push(finding.place.seq);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stage_that_panics_is_named_and_what_was_found_before_is_out() {
    for (topology, shards) in
        [(Topology::Fused, 1), (Topology::Fused, 3), (Topology::Pinned, 1), (Topology::Pinned, 3)]
    {
        let kept = Kept::default();
        let roster = Roster::new().with(Fragile { breaks_at: 5_000 });
        let spec = Spec { shards, ..Spec::default() };
        let feed = Recorded::new(some_events(5, 20_000));
        let mut assembly = Assembly::new(feed, names(), &roster, Box::new(kept.clone()), spec);
        let error = assembly.run(&plan(topology, shards, false)).unwrap_err();
        let RunError::Panicked { stage, message } = error else { panic!("{error}") };
        assert!(
            stage.starts_with("shard-") && message.contains("as it was told to"),
            "{stage}: {message}"
        );
        let seqs = kept.seqs.lock().unwrap();
        assert!(
            seqs.is_sorted() && seqs.iter().all(|seq| *seq < 5_000),
            "{topology:?} {shards}: in order, none made up"
        );
    }
}

#[test]
fn findings_that_cannot_be_written_stop_the_run() {
    let kept = Kept { room: Some(100), ..Kept::default() };
    let feed = Recorded::new(some_events(6, 50_000));
    let mut assembly = Assembly::new(feed, names(), &roster(), Box::new(kept), Spec::default());
    assert_eq!(assembly.run(&plan(Topology::Fused, 1, false)), Ok(Stopped::Drained));
    let error = assembly.collector().take_error().expect("the error is kept");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(assembly.outcome().events < 50_000, "the feed was stopped");
}

#[test]
fn a_stop_drains_what_was_taken_in() {
    for topology in [Topology::Fused, Topology::Pinned] {
        let roster = Roster::new().with(Fragile { breaks_at: u64::MAX });
        let kept = Kept::default();
        let events = some_events(7, 100_000);
        let everything = events.len();
        let mut assembly = Assembly::new(
            Recorded::new(events),
            names(),
            &roster,
            Box::new(kept.clone()),
            Spec::default(),
        );
        assembly.stop_flag().store(true, Relaxed);
        assert_eq!(assembly.run(&plan(topology, 1, false)), Ok(Stopped::Drained));
        let taken_in = assembly.outcome().events as usize;
        assert!(taken_in < everything);
        let every_subject = |seq: &u64| *seq == 0;
        assert!(!kept.seqs.lock().unwrap().iter().any(every_subject));
    }
}

#[test]
fn an_ended_stream_closes_open_windows() {
    let at = |s| Nanos::from_secs(s);
    let reading = |s, value| {
        let body = engine_event::body::Reading::new(engine_event::MetricId(0), value);
        engine_event::Event::new(engine_event::SubjectId(0), at(s), body)
    };
    let events = vec![reading(10, 1.0), reading(20, 3.0)];
    let mut assembly = Assembly::new(
        Recorded::new(events),
        names(),
        &roster(),
        Box::new(Nowhere),
        Spec::default(),
    );
    assembly.run(&plan(Topology::Fused, 1, false)).unwrap();
    assert_eq!(
        assembly.outcome().signals.get("mean"),
        Some(&2),
        "of two windows, the last one still open"
    );
}
