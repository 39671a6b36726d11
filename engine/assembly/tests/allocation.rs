//! Once warm, the way from a file's bytes to the outbox allocates nothing.
// tidy: allow(unsafe): a global allocator that counts can only be written with it

mod recorded;

use engine_assembly::{Assembly, Journal, Spec, WhenFull};
use engine_event::Directory;
use engine_journal::{Grouping, InMemory};
use engine_pipeline::Stages;
use feeds::{Options, synthetic};
use recorded::{Nowhere, roster};
use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts what goes through it.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is handed to the system's allocator as it came; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    /// # Safety
    /// As the trait has it.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    /// # Safety
    /// As the trait has it.
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above, which is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }

    /// # Safety
    /// As the trait has it.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: as for `dealloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Polls the whole pipeline on this thread until it has sequenced `events` more; returns the
/// allocations meanwhile.
fn allocations_over(
    assembly: &mut Assembly<feeds::AnyFeed>,
    memory: &mut Option<InMemory>,
    events: u64,
) -> u64 {
    let until = assembly.source().seq() + events;
    let before = ALLOCATIONS.load(Relaxed);
    while assembly.source().seq() < until {
        assert!(assembly.step(), "the file holds more");
        if let Some(memory) = memory {
            memory.keep_up();
        }
    }
    ALLOCATIONS.load(Relaxed) - before
}

fn check(path: &Path, warm: u64, with_journal: bool) {
    let feed = feeds::open(path, &Options::default()).unwrap();
    let spec = Spec { shards: 2, ..Spec::default() };
    let mut assembly =
        Assembly::new(feed, Directory::new(10_000), &roster(), Box::new(Nowhere), spec);
    let mut disk = None;
    if with_journal {
        let grouping = Grouping { waiting_bytes: 8 << 20, ..Grouping::default() };
        let (intake, memory) = engine_journal::memory(&grouping, 1);
        assembly = assembly.with_journal(Journal::new(intake, WhenFull::Wait));
        disk = Some(memory.forgetful());
    }
    let cold = allocations_over(&mut assembly, &mut disk, 10_000);
    assert!(cold > 0, "the counter counts");
    // Somebody reads latencies meanwhile, by short intervals.
    let (mut intervals, mut read) = (assembly.intervals(), Stages::new());
    allocations_over(&mut assembly, &mut disk, warm);
    let (mut allocated, mut sets) = (0, 0);
    for part in 0..100 {
        allocated += allocations_over(&mut assembly, &mut disk, 10_000);
        let before = ALLOCATIONS.load(Relaxed);
        sets += intervals.gather(&mut read);
        intervals.call();
        // The first time it learns the names of the stages.
        allocated += if part < 2 { 0 } else { ALLOCATIONS.load(Relaxed) - before };
    }
    assert_eq!(allocated, 0, "{}", path.display());
    assert!(sets > 300, "{sets} sets of histograms were read");
    let journaled = assembly.journaled().map_or(0, |of| of.written.commits);
    assert_eq!(journaled > 250, with_journal, "{journaled} blocks became durable");
    let signals = assembly.outcome().signals;
    assert!(signals.values().sum::<u64>() > 100_000, "findings took the same way: {signals:?}");
}

#[test]
fn a_million_events_without_allocating() {
    let folder = tempfile::tempdir().unwrap();
    let itch = folder.path().join("session.itch");
    synthetic::itch::generate(5_000_000, 1, 10, File::create(&itch).unwrap()).unwrap();
    check(&itch, 3_500_000, false);
    check(&itch, 3_500_000, true);
    let lobster = folder.path().join("AAPL_2012-06-21_message.csv");
    synthetic::lobster::generate(2_600_000, 1, File::create(&lobster).unwrap()).unwrap();
    check(&lobster, 1_500_000, false);
}
