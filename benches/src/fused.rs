//! The whole pipeline on one thread.

use crate::{Session, cpu_time, time};
use engine_assembly::{Assembly, Journal, Outlet, Roll, Spec, WhenFull};
use engine_event::Directory;
use engine_journal::Grouping;
use engine_observer::{Alert, Finding, Roster};
use engine_pipeline::Stages;
use feeds::AnyFeed;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use std::{io, thread};

/// The time that a session takes from its first byte to its last finding, every stage polled in turn
/// on this thread. The pipeline is made before, and has seen nothing.
///
/// # Panics
/// If it does not read all of the session.
pub fn time_fused(session: &Session, roster: &Roster, spec: Spec) -> Duration {
    let mut assembly = assembly(session, roster, spec);
    let spent = time(|| while assembly.step() {});
    assert_eq!(assembly.source().tally().messages, session.messages());
    spent
}

/// The same while another thread reads the latencies of every interval, so many a second.
///
/// # Panics
/// If it does not read all of the session, or loses a latency.
pub fn time_fused_read(session: &Session, roster: &Roster, spec: Spec, hz: u32) -> Duration {
    let mut assembly = assembly(session, roster, spec);
    let mut intervals = assembly.intervals();
    let is_over = AtomicBool::new(false);
    let (spent, mut read) = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut read = Stages::new();
            while !is_over.load(Relaxed) {
                intervals.call();
                thread::sleep(Duration::from_secs(1) / hz);
                intervals.gather(&mut read);
            }
            read
        });
        let spent = time(|| while assembly.step() {});
        is_over.store(true, Relaxed);
        (spent, reader.join().expect("the reader does not panic"))
    });
    read.add_all(&assembly.latency());
    let followed = read.get("end_to_end").map_or(0, |of| of.percentiles().count);
    assert_eq!(followed, assembly.source().seq() / spec.sample_every);
    spent
}

/// The processor's time that a pipeline takes of its thread, without a journal and with one. Both take
/// turns, some ten milliseconds each, so that what the machine does besides befalls both alike. The
/// journal is in memory: another thread takes its blocks and throws them away.
///
/// # Panics
/// If they do not read all of the session, or not all of it becomes durable.
pub fn time_fused_journaled(session: &Session, roster: &Roster) -> [Duration; 2] {
    const TURN: u64 = 1 << 16;
    let (intake, disk) = engine_journal::memory(&Grouping::default(), 1);
    let mut disk = disk.forgetful();
    let mut assemblies = [(); 2].map(|()| assembly(session, roster, Spec::default()));
    let [without, with] = assemblies;
    assemblies = [without, with.with_journal(Journal::new(intake, WhenFull::Wait))];
    let mut spent = [Duration::ZERO; 2];
    thread::scope(|scope| {
        scope.spawn(move || {
            while disk.keep_up() {
                thread::sleep(Duration::from_micros(200));
            }
        });
        let mut is_under_way = true;
        while is_under_way {
            is_under_way = false;
            for (assembly, spent) in assemblies.iter_mut().zip(&mut spent) {
                let until = assembly.source().seq() + TURN;
                let before = cpu_time();
                while assembly.source().seq() < until && assembly.step() {
                    is_under_way = true;
                }
                *spent += cpu_time() - before;
            }
        }
        while !assemblies[1].tap().is_some_and(|tap| tap.durable().is_closed()) {
            assemblies[1].step();
            thread::yield_now();
        }
    });
    for assembly in &mut assemblies {
        assert_eq!(assembly.source().tally().messages, session.messages());
    }
    let next = assemblies[1].journaled().map(|of| of.next);
    assert_eq!(next, Some(assemblies[1].source().seq() + 1));
    spent
}

fn assembly(session: &Session, roster: &Roster, spec: Spec) -> Assembly<AnyFeed> {
    let names = Directory::new(100_000);
    Assembly::new(session.open(), names, roster, Box::new(Nowhere), spec)
}

/// Takes findings and keeps none.
pub struct Nowhere;

impl Outlet for Nowhere {
    fn take(&mut self, _: &Finding, _: Option<&Alert>, _: &mut Roll) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
