//! A journal that is compressed and shortened while it is written, on disks whose power goes at a random
//! call: every segment that is needed is there in at least one whole copy.

use engine_audit::Blocks;
use engine_audit::compressed::{Decompressed, SeekTable};
use engine_audit::layout::{HEAD_MAGIC, Head, Stream, segment_number};
use engine_event::body::Order;
use engine_event::{Directory, Event, Nanos, OrderId, Price, Quantity, SubjectId};
use engine_journal::simulated::{Dice, Mischief, SimulatedDisk, SimulatedFile};
use engine_journal::{
    Checkpoints, Disk, Done, Durable, Grouping, Hold, HoldError, Holds, Identity, Intake, Journal,
    JournalFeed, Keeper, Kept, Retention, Segments, Setup, Turn, Write, open, recover,
};
use engine_pipeline::{Feed, FeedTurn};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use zerocopy::FromBytes;

const JOURNAL: &str = "/journal";
const ID: [u8; 16] = [9; 16];

fn seeds(usual: u64) -> std::ops::Range<u64> {
    let wanted = std::env::var("TAPEWATCH_SEEDS").ok().and_then(|text| text.parse().ok());
    0..wanted.unwrap_or(usual)
}

/// One disk and two who use it, each with its own writes under way.
#[derive(Clone)]
struct Handle {
    shared: Arc<Mutex<Shared>>,
    own: usize,
    /// The planted bug: names in folders are called durable without a word to the disk.
    forgets_folders: bool,
}

struct Shared {
    disk: SimulatedDisk,
    done: [VecDeque<Done>; 2],
    under_way: [usize; 2],
}

impl Handle {
    fn of(disk: SimulatedDisk) -> [Handle; 2] {
        let shared = Shared { disk, done: Default::default(), under_way: [0; 2] };
        let shared = Arc::new(Mutex::new(shared));
        [0, 1].map(|own| Handle { shared: shared.clone(), own, forgets_folders: false })
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    /// The disk as something leaves it.
    fn change(&self, change: impl FnOnce(SimulatedDisk) -> SimulatedDisk) {
        let mut shared = self.shared();
        let nothing = SimulatedDisk::new(0, Mischief::default(), 1);
        let disk = std::mem::replace(&mut shared.disk, nothing);
        *shared = Shared { disk: change(disk), done: Default::default(), under_way: [0; 2] };
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let folder = Path::new(JOURNAL).join(folder);
        let shared = self.shared();
        let within = shared.disk.contents().filter(|(path, _)| path.parent() == Some(&folder));
        within.map(|(path, _)| path.file_name().unwrap().to_str().unwrap().to_string()).collect()
    }

    fn head(&self) -> Option<Head> {
        let path = Path::new(JOURNAL).join("events/head");
        let shared = self.shared();
        let (_, bytes) = shared.disk.contents().find(|(of, _)| *of == path)?;
        let head = Head::read_from_bytes(bytes).unwrap();
        assert!(head.magic == HEAD_MAGIC && head.is_signed());
        Some(head)
    }
}

impl Disk for Handle {
    type File = SimulatedFile;

    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        self.shared().disk.make_folder(path)
    }

    fn names(&mut self, folder: &Path) -> io::Result<Vec<String>> {
        self.shared().disk.names(folder)
    }

    fn read(&mut self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        self.shared().disk.read(path)
    }

    fn length(&mut self, path: &Path) -> io::Result<u64> {
        self.shared().disk.length(path)
    }

    fn create(&mut self, path: &Path, bytes: u64) -> io::Result<SimulatedFile> {
        self.shared().disk.create(path, bytes)
    }

    fn sync(&mut self, file: &SimulatedFile) -> io::Result<()> {
        self.shared().disk.sync(file)
    }

    fn sync_path(&mut self, path: &Path) -> io::Result<()> {
        self.shared().disk.sync_path(path)
    }

    fn truncate(&mut self, file: &SimulatedFile, bytes: u64) -> io::Result<()> {
        self.shared().disk.truncate(file, bytes)
    }

    fn replace(&mut self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.shared().disk.replace(path, content)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.shared().disk.rename(from, to)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.shared().disk.remove(path)
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        if self.forgets_folders {
            return Ok(());
        }
        self.shared().disk.sync_folder(folder)
    }

    fn depth(&self) -> usize {
        self.shared().disk.depth() / 2
    }

    fn start(&mut self, file: &SimulatedFile, mut write: Write) {
        let mut shared = self.shared();
        write.block = write.block * 2 + self.own as u64;
        shared.under_way[self.own] += 1;
        shared.disk.start(file, write);
    }

    fn done(&mut self, wait: bool) -> Option<Done> {
        let mut shared = self.shared();
        loop {
            if let Some(done) = shared.done[self.own].pop_front() {
                return Some(done);
            }
            if shared.under_way[self.own] == 0 {
                return None;
            }
            let mut done = shared.disk.done(wait)?;
            let owner = (done.write.block % 2) as usize;
            done.write.block /= 2;
            shared.under_way[owner] -= 1;
            shared.done[owner].push_back(done);
        }
    }
}

#[derive(Clone, Default)]
struct Steps(Arc<AtomicU64>);

impl engine_event::Clock for Steps {
    fn now(&self) -> Nanos {
        Nanos(1 + self.0.fetch_add(1, Relaxed))
    }
}

fn event(seq: u64) -> Event {
    let order = Order::new(OrderId(seq * 7), Price(seq as i64 * 100), Quantity(seq % 91 + 1));
    let mut event = Event::new(SubjectId((seq % 5) as u32), Nanos(1_000 + seq * 3), order);
    event.seq = seq;
    event
}

/// What happens to a journal, and what was promised about it.
struct Scene {
    dice: Dice,
    mischief: Mischief,
    retention: Retention,
    events: u64,
    clock: Steps,
    handles: [Handle; 2],
    /// Events before this one were durable.
    durable: u64,
    /// The newest checkpoint that was written.
    checkpoint: u64,
    holds: BTreeMap<String, Hold>,
    /// Those that had a checkpoint before their first event, for a replay to begin with.
    replayable: BTreeSet<String>,
    kept: Kept,
}

/// A life's parts.
struct Life {
    intake: Intake,
    journal: Journal<Handle, Steps>,
    keeper: Keeper<Handle>,
}

impl Scene {
    fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0xCAFE);
        let mut rarely = |most: u64| if dice.chance(20_000) { dice.below(most) as u16 } else { 0 };
        let mischief = Mischief {
            failing_writes: rarely(1_000),
            short_writes: rarely(8_000),
            failing_syncs: rarely(4_000),
            ..Mischief::default()
        };
        let retention = Retention {
            age: dice.chance(20_000).then(|| Nanos(dice.below(2_000))),
            bytes: dice.chance(45_000).then(|| dice.below(300_000)),
            level: dice.chance(50_000).then_some(1),
        };
        Self {
            mischief,
            retention,
            events: 1_000 + dice.below(2_000),
            clock: Steps::default(),
            handles: Handle::of(SimulatedDisk::new(seed, Mischief::default(), 8)),
            durable: 1,
            checkpoint: 0,
            holds: BTreeMap::new(),
            replayable: BTreeSet::new(),
            kept: Kept::default(),
            dice,
        }
    }

    fn checkpoints() -> Checkpoints {
        Checkpoints::of(Path::new(JOURNAL), ID)
    }

    /// Life after life until all events are journaled; how many ended early.
    fn run(&mut self) -> Result<u64, String> {
        let mut crashes = 0;
        for life in 0..12 {
            let is_last = life > 4;
            let cut_at = (!is_last).then(|| 1 + self.dice.below(400));
            let mischief = if is_last { Mischief::default() } else { self.mischief };
            self.handles[0]
                .change(|disk| disk.behaving(Mischief { power_cut_at: cut_at, ..mischief }));
            let ended = self.live()?;
            self.handles[0].change(|disk| match ended {
                true => disk.behaving(Mischief::default()),
                false => disk.after_power_cut(Mischief::default()),
            });
            self.check()?;
            crashes += u64::from(!ended);
            if ended && is_last {
                return self.check_tidy().map(|()| crashes);
            }
        }
        Err("does not come to an end".into())
    }

    /// Whether it came to its end.
    fn live(&mut self) -> Result<bool, String> {
        let [mut own, keeping] = self.handles.clone();
        let path = Path::new(JOURNAL);
        let recovered = match recover(&mut own, path, Stream::Events) {
            Ok(recovered) => recovered,
            Err(engine_journal::RecoveryError::Io { .. }) => return Ok(false),
            Err(error) => return Err(format!("recovery: {error}")),
        };
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let setup = Setup {
            stream: Stream::Events,
            identity: Identity { journal: ID, key },
            grouping: Grouping {
                block_bytes: 4096 * 2,
                commit_after: Nanos(self.dice.below(40)),
                waiting_bytes: 4096 * 32,
            },
            segments: Segments { segment_bytes: 4096 * (5 + self.dice.below(12)) },
        };
        let mut next = recovered.position.next;
        let (intake, journal) = open(own, self.clock.clone(), path, setup, recovered.position);
        let streams = [(Stream::Events, intake.durable().clone())];
        let usable = Box::new(|_: &engine_journal::Checkpoint| true);
        let keeper =
            Keeper::new(keeping, path, self.retention, streams, (Self::checkpoints(), usable));
        let mut life = Life { intake, journal, keeper };
        let ended = self.go_on(&mut life, &mut next);
        let kept = life.keeper.kept();
        self.kept.compressed += kept.compressed;
        self.kept.deleted += kept.deleted;
        self.kept.failures += kept.failures;
        Ok(ended)
    }

    fn go_on(&mut self, life: &mut Life, next: &mut u64) -> bool {
        let Life { intake, journal, keeper } = life;
        for _ in 0..100_000 {
            let now = engine_event::Clock::now(&self.clock);
            if *next > self.events {
                intake.close();
            } else {
                let count = self.dice.below(40).min(self.events + 1 - *next);
                let count = count.min(intake.room() as u64);
                let events: Vec<Event> = (*next..*next + count).map(event).collect();
                intake.put(&events, now);
                *next += count;
                intake.turn(now);
            }
            let polled = if self.dice.chance(50_000) { journal.poll() } else { Some(true) };
            self.durable = self.durable.max(intake.durable().next());
            if polled.is_none() || !self.handles[0].shared().disk.has_power() {
                break;
            }
            if self.dice.chance(20_000) {
                keeper.turn(now);
            }
            if self.dice.chance(10_000) {
                self.save(intake.durable());
            }
            if self.dice.chance(1_500) {
                self.hold();
            }
        }
        let now = engine_event::Clock::now(&self.clock);
        while keeper.turn(now) == Turn::Worked {}
        journal.is_closed() == Some(true) && self.handles[0].shared().disk.has_power()
    }

    fn save(&mut self, durable: &Durable) {
        let seq = durable.next() - 1;
        let written = Self::checkpoints().write(&mut self.handles[1], seq, Nanos(1), b"state");
        if written.is_ok() && seq > 0 {
            self.checkpoint = seq;
        }
    }

    /// Places a hold somewhere, or releases one.
    fn hold(&mut self) {
        let holds = Holds::of(Path::new(JOURNAL));
        let name = format!("case-{}", self.dice.below(2));
        if self.holds.remove(&name).is_some() {
            self.replayable.remove(&name);
            let _ = holds.release(&mut self.handles[1], &name);
            return;
        }
        let from_seq = self.durable.saturating_sub(self.dice.below(500)).max(1);
        let to_seq = from_seq + self.dice.below(50);
        let hold = Hold { from_seq, to_seq, reason: "a test".into(), at: Nanos(1) };
        match holds.place(&mut self.handles[1], &name, &hold) {
            Ok(()) => {
                let seqs = Self::checkpoints().seqs(&mut self.handles[1]).unwrap_or_default();
                let own = self.handles[1].clone();
                let reader =
                    engine_journal::Reader::open(own, Path::new(JOURNAL), Stream::Events, 0);
                let first = reader.and_then(|mut reader| reader.first());
                let Ok(Some(first)) = first else { return drop(self.holds.insert(name, hold)) };
                if seqs.iter().any(|seq| *seq < from_seq && seq + 1 >= first) {
                    self.replayable.insert(name.clone());
                }
                self.holds.insert(name, hold);
            }
            Err(HoldError::Gone { first, .. }) => assert!(first > from_seq),
            Err(_) => {}
        }
    }

    /// What was promised is there, and a restart is possible.
    fn check(&mut self) -> Result<(), String> {
        let mut own = self.handles[0].clone();
        let path = Path::new(JOURNAL);
        let recovered = recover(&mut own, path, Stream::Events);
        let end = recovered.map_err(|error| format!("recovery: {error}"))?.position.next;
        if end < self.durable {
            return Err(format!("{} was durable, and it ends at {end}", self.durable));
        }
        let mut reader = engine_journal::Reader::open(own.clone(), path, Stream::Events, 0)
            .map_err(|error| error.to_string())?;
        let Some(first) = reader.first().map_err(|error| error.to_string())? else {
            return Ok(());
        };
        let mut feed =
            JournalFeed::open(own, path, first - 1).map_err(|error| error.to_string())?;
        let (mut names, mut events) = (Directory::new(1000), Vec::new());
        let mut poll = || feed.poll(Nanos(0), &mut names, &mut events);
        while poll().map_err(|error| error.to_string())? != FeedTurn::Ended {}
        for (seq, one) in (first..).zip(&events) {
            if *one != event(seq) {
                return Err(format!("event {seq} is {one:?}"));
            }
        }
        if first + events.len() as u64 != end {
            return Err(format!("{} events from {first}, and it ends at {end}", events.len()));
        }
        if first > 1 && first > self.checkpoint {
            let checkpoint = self.checkpoint;
            return Err(format!("begins with {first}, and the checkpoint is of {checkpoint}"));
        }
        let deletes = self.retention.age.is_some() || self.retention.bytes.is_some();
        if first > 1 && !deletes {
            return Err(format!("begins with {first}, and nothing is to be deleted"));
        }
        let seqs = Self::checkpoints().seqs(&mut self.handles[0].clone()).unwrap();
        if first > 1 && !seqs.iter().any(|seq| seq + 1 >= first) {
            return Err(format!("begins with {first}, and no replay can: checkpoints {seqs:?}"));
        }
        for name in &self.replayable {
            let from = self.holds[name].from_seq;
            let is_visible = from >= first;
            if is_visible && !seqs.iter().any(|seq| *seq < from && seq + 1 >= first) {
                return Err(format!("{name} needs {from}, no replay can begin: {first}, {seqs:?}"));
            }
        }
        // The power may go between a new head and the look at a hold that was placed meanwhile. Then the
        // files are all there, and the next keeper lets the head begin with them again.
        let is_lost = |hold: &Hold| hold.from_seq < first && !self.is_left_over(hold.from_seq);
        match self.holds.iter().find(|(_, hold)| is_lost(hold)) {
            Some((name, hold)) => Err(format!("{name} needs {hold:?}, and it begins with {first}")),
            None => Ok(()),
        }
    }

    /// Whether segments before the head's first one are there, from that of an event on.
    fn is_left_over(&self, event: u64) -> bool {
        let head = self.handles[0].head().expect("a journal with events has one");
        let folder = Path::new(JOURNAL).join("events");
        let mut number = head.first.get();
        while number > 1 {
            number -= 1;
            let name = engine_audit::layout::segment_name(number);
            let mut disk = self.handles[0].clone();
            let header = match disk.read(&folder.join(&name)) {
                Ok(raw) => Blocks::open(raw).map(|blocks| *blocks.header()),
                Err(_) => {
                    let Ok(read) = disk.read(&folder.join(name + ".zst")) else { return false };
                    let content = Decompressed::new(read, SeekTable::default()).unwrap();
                    Blocks::open(content).map(|blocks| *blocks.header())
                }
            };
            if header.unwrap().first.get() <= event {
                return true;
            }
        }
        false
    }

    /// In the end each segment has one form, and nothing is left over.
    fn check_tidy(&self) -> Result<(), String> {
        let head = self.handles[0].head().expect("a journal with events has one");
        let (first, newest) = (head.first.get(), head.newest.get());
        let mut forms: BTreeMap<u64, Vec<bool>> = BTreeMap::new();
        for name in self.handles[0].names("events").iter().filter(|name| *name != "head") {
            let (number, compressed) =
                segment_number(name).ok_or(format!("{name} is left over"))?;
            forms.entry(number).or_default().push(compressed);
        }
        if !forms.keys().copied().eq(first..=newest) {
            return Err(format!("segments {:?} of {first} to {newest}", forms.keys()));
        }
        let is_right = |(number, forms): (&u64, &Vec<bool>)| match self.retention.level {
            Some(_) if *number < newest => *forms == [true],
            _ => forms.len() == 1,
        };
        if !forms.iter().all(is_right) {
            return Err(format!("forms {forms:?}, newest {newest}"));
        }
        Ok(())
    }
}

#[test]
fn power_cuts_leave_a_whole_copy_of_everything_that_is_needed() {
    let seeds = seeds(300);
    let (mut crashes, mut kept) = (0, Kept::default());
    for seed in seeds.clone() {
        let mut scene = Scene::of(seed);
        crashes += scene.run().unwrap_or_else(|what| panic!("seed {seed}: {what}"));
        kept.compressed += scene.kept.compressed;
        kept.deleted += scene.kept.deleted;
        kept.failures += scene.kept.failures;
    }
    let least = seeds.end;
    eprintln!("{} seeds: {crashes} crashes, {kept:?}", seeds.end);
    assert!(crashes > least, "only {crashes} crashes");
    assert!(kept.compressed > 2 * least && kept.deleted > least / 2, "{kept:?}");
    assert!(kept.failures > least / 4, "only {} failures: it has become harmless", kept.failures);
}

/// A checker that cannot fail proves nothing.
#[test]
fn a_keeper_that_does_not_sync_folders_is_caught() {
    let caught = (0..500).find_map(|seed| {
        let mut scene = Scene::of(seed);
        scene.handles[1].forgets_folders = true;
        scene.run().err()
    });
    assert!(caught.is_some(), "500 journals, and nobody noticed");
}

/// Who reads while others write, compress and delete misses nothing, over all segments.
#[test]
fn a_follower_goes_from_segment_to_segment() {
    let mut scene = Scene::of(1);
    scene.retention = Retention { bytes: Some(0), level: Some(1), age: None };
    let [own, keeping] = scene.handles.clone();
    let path = Path::new(JOURNAL);
    let setup = Setup {
        stream: Stream::Events,
        identity: Identity { journal: ID, key: ed25519_dalek::SigningKey::from_bytes(&[7; 32]) },
        grouping: Grouping { block_bytes: 8192, commit_after: Nanos(0), waiting_bytes: 4096 * 32 },
        segments: Segments { segment_bytes: 4096 * 6 },
    };
    let start = engine_journal::Position::START;
    let (mut intake, mut journal) = open(own.clone(), scene.clock.clone(), path, setup, start);
    let usable = Box::new(|_: &engine_journal::Checkpoint| true);
    let streams = [(Stream::Events, intake.durable().clone())];
    let checkpoints = (Scene::checkpoints(), usable as engine_journal::Usable);
    let mut keeper = Keeper::new(keeping.clone(), path, scene.retention, streams, checkpoints);
    let mut feed = JournalFeed::open(own, path, 0).unwrap().following();
    let (mut names, mut followed) = (Directory::new(1000), Vec::new());
    for seq in 1..=3_000 {
        while intake.room() == 0 {
            assert!(journal.poll().is_some(), "the journal goes on");
        }
        intake.put(&[event(seq)], Nanos(seq));
        intake.turn(Nanos(seq));
        while intake.durable().next() <= seq {
            assert!(journal.poll().is_some(), "the journal goes on");
            intake.turn(Nanos(seq + 1));
        }
        feed.allow(seq);
        if scene.dice.chance(6_000) {
            // It may have to look again behind what it saw last, and into the next segment.
            for _ in 0..4 {
                while feed.poll(Nanos(0), &mut names, &mut followed).unwrap() == FeedTurn::Worked {}
            }
            assert_eq!(followed.len() as u64, seq, "what is durable can be read");
            // What was followed need not be kept.
            Scene::checkpoints().write(&mut keeping.clone(), seq, Nanos(1), b"state").unwrap();
        }
        keeper.turn(Nanos(seq));
    }
    assert!((1..).zip(&followed).all(|(seq, one)| *one == event(seq)));
    let kept = keeper.kept();
    assert!(kept.compressed > 100 && kept.deleted > 100 && kept.failures == 0, "{kept:?}");
}
