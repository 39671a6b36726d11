//! How outlets are brought to their end, with a journal and without one.

mod recorded;

use engine_assembly::{Assembly, Journal, Outlet, Roll, Spec, WhenFull};
use engine_event::Nanos;
use engine_journal::{Grouping, memory};
use engine_observer::{Alert, Finding};
use engine_pipeline::Topology::{Fused, Pinned};
use engine_pipeline::{RunError, Stopped};
use recorded::{Recorded, names, plan_with_journal, roster, some_events};
use std::io;
use std::sync::{Arc, Mutex};

/// Panics when it has taken so much; counts how often it is closed.
struct Brittle(u32, Arc<Mutex<u32>>);

impl Outlet for Brittle {
    fn take(&mut self, _: &Finding, _: Option<&Alert>, _: &mut Roll) -> io::Result<()> {
        self.0 = self.0.checked_sub(1).expect("as it was told to");
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn close(&mut self) -> io::Result<bool> {
        *self.1.lock().unwrap() += 1;
        Ok(false)
    }
}

#[test]
fn a_collector_that_panics_withholds_the_rest() {
    for topology in [Fused, Pinned] {
        let (intake, mut memory) = memory(&Grouping::default(), 1);
        let feed = Recorded::new(some_events(7, 20_000));
        let closed = Arc::default();
        let outlet = Box::new(Brittle(300, Arc::clone(&closed)));
        let mut assembly = Assembly::new(feed, names(), &roster(), outlet, Spec::default())
            .with_journal(Journal::new(intake, WhenFull::Wait));
        let (ran, memory) = std::thread::scope(|scope| {
            let disk = scope.spawn(move || {
                while memory.keep_up() {}
                memory
            });
            (assembly.run(&plan_with_journal(topology, 1, false)), disk.join().unwrap())
        });
        let RunError::Panicked { stage, .. } = ran.unwrap_err() else { panic!("it was told to") };
        assert_eq!(stage, "collector");
        assert!(memory.durable().is_closed());
        let (outcome, held) = (assembly.outcome(), assembly.journaled().unwrap().held);
        let found: u64 = outcome.alerts.values().chain(outcome.signals.values()).sum();
        assert_eq!((held.findings, held.withheld.findings), (0, found - 301));
        assert_eq!(*closed.lock().unwrap(), 1);
    }
}

/// An outlet that writes elsewhere, and is asked until that is done.
#[derive(Default)]
struct Slow {
    refuses: bool,
    turns: Arc<Mutex<(Nanos, u32)>>,
    asked: Arc<Mutex<u32>>,
}

impl Outlet for Slow {
    fn take(&mut self, _: &Finding, _: Option<&Alert>, _: &mut Roll) -> io::Result<()> {
        assert_eq!(*self.asked.lock().unwrap(), 0, "nothing follows");
        if self.refuses { Err(io::Error::other("it cannot be taken")) } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn turn(&mut self, now: Nanos) -> io::Result<()> {
        let (last, turns) = &mut *self.turns.lock().unwrap();
        assert!(now >= *last);
        (*last, *turns) = (now, *turns + 1);
        Ok(())
    }

    fn close(&mut self) -> io::Result<bool> {
        let mut asked = self.asked.lock().unwrap();
        *asked += 1;
        if *asked > 10 { Err(io::Error::other("it cannot be closed")) } else { Ok(false) }
    }
}

#[test]
fn an_outlet_is_asked_until_it_is_closed() {
    for (refuses, expected) in [(false, "it cannot be closed"), (true, "it cannot be taken")] {
        let outlet = Slow { refuses, ..Slow::default() };
        let (turns, asked) = (outlet.turns.clone(), outlet.asked.clone());
        let feed = Recorded::new(some_events(7, 2_000));
        let mut assembly =
            Assembly::new(feed, names(), &roster(), Box::new(outlet), Spec::default());
        assert_eq!(assembly.run(&recorded::plan(Fused, 1, false)), Ok(Stopped::Drained));
        assert_eq!(*asked.lock().unwrap(), 11);
        assert!(refuses || turns.lock().unwrap().1 > 11);
        let error = assembly.collector().take_error().expect("the first is kept");
        assert_eq!(error.to_string(), expected);
    }
}
