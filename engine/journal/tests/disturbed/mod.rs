//! A stream of events, journaled on a disturbed disk in one life after another, and looked at after each.

use engine_audit::layout::{Stream, segment_number, side};
use engine_audit::{Blocks, Next};
use engine_event::body::Order;
use engine_event::{Clock, Event, Nanos, OrderId, Price, Quantity, SubjectId};
use engine_journal::simulated::{Dice, Mischief, SimulatedDisk, SimulatedFile};
use engine_journal::{
    Disk, Done, Grouping, Identity, Intake, Safety, Segments, Setup, Write, open, recover,
};
use std::io::{self, Read};
use std::path::Path;

const JOURNAL: &str = "/journal";

/// What happens to a journal.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) seed: u64,
    pub(crate) mischief: Mischief,
    pub(crate) ending: Ending,
    pub(crate) events: u64,
    pub(crate) depth: usize,
    pub(crate) leaves_out: bool,
}

/// How a life ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// When all is written.
    None,
    /// The power goes.
    PowerCut,
    /// The process is killed.
    Kill,
}

impl Scene {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x5EED);
        let mut rarely = |most: u64| if dice.chance(20_000) { dice.below(most) as u16 } else { 0 };
        let mischief = Mischief {
            failing_writes: rarely(2_000),
            short_writes: rarely(8_000),
            failing_syncs: rarely(8_000),
            full: rarely(4_000),
            ..Mischief::default()
        };
        let ending = match dice.below(5) {
            0 => Ending::None,
            1 => Ending::Kill,
            _ => Ending::PowerCut,
        };
        let events = 1 + dice.below(600);
        Self {
            seed,
            mischief,
            ending,
            events,
            depth: 1 + dice.below(8) as usize,
            leaves_out: dice.chance(8_000),
        }
    }
}

/// A clock that counts how often it was asked.
#[derive(Clone, Default)]
pub(crate) struct Steps(std::sync::Arc<std::sync::atomic::AtomicU64>);

impl Clock for Steps {
    fn now(&self) -> Nanos {
        Nanos(1 + self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
    }
}

/// Every event says what it is, so that a wrong one shows.
pub(crate) fn event(seq: u64) -> Event {
    let order = Order::new(OrderId(seq * 7), Price(seq as i64 * 100), Quantity(seq % 91 + 1));
    let mut event = Event::new(SubjectId((seq % 5) as u32), Nanos(1_000 + seq * 3), order);
    event.seq = seq;
    event
}

/// Runs life after life until all events are journaled; returns how many ended early.
///
/// Whatever was durable must be found by the next life, in its place and as it was put; what is found must
/// have been put.
pub(crate) fn run<D: Disk + Outlasts>(
    scene: &Scene,
    wrap: impl Fn(SimulatedDisk) -> D,
) -> Result<u64, String> {
    let mut dice = Dice::new(scene.seed);
    let key = ed25519_dalek::SigningKey::from_bytes(&[scene.seed as u8; 32]);
    let identity = Identity { journal: [9; 16], key };
    let mut disk = wrap(SimulatedDisk::new(scene.seed, scene.mischief, scene.depth));
    let clock = Steps::default();
    let (mut crashes, mut durable, mut holes) = (0, 1, Vec::new());
    for life in 0.. {
        // At last it is left in peace.
        let mischief = if life < 4 { scene.mischief } else { Mischief::default() };
        let cut_at = (scene.ending == Ending::PowerCut && life < 4).then(|| 1 + dice.below(60));
        disk = disk.reborn(Mischief { power_cut_at: cut_at, ..mischief });
        let lived =
            live(scene, &mut dice, disk, &clock, &identity, &mut durable, &mut holes, life < 4);
        let (ended, rest) = lived?;
        crashes += u64::from(!ended);
        if ended && life > 0 || life > 8 {
            let found = read_all(rest.simulated(), &identity)?;
            return check(&found, durable, &holes, Some(scene.events)).map(|()| crashes);
        }
        disk = if scene.ending == Ending::Kill { rest.killed() } else { rest.without_power() };
    }
    unreachable!("lives are numbered without end")
}

/// One life: recovery, a look at what is there, then journaling until it ends or is ended. Returns whether
/// it came to its end.
#[allow(clippy::too_many_arguments)]
fn live<D: Disk + Outlasts>(
    scene: &Scene,
    dice: &mut Dice,
    mut disk: D,
    clock: &Steps,
    identity: &Identity,
    durable: &mut u64,
    holes: &mut Vec<(u64, u64)>,
    may_end: bool,
) -> Result<(bool, D), String> {
    let recovered = match recover(&mut disk, Path::new(JOURNAL), Stream::Events) {
        Ok(recovered) => recovered,
        // The disk may misbehave while it is looked at; what it holds may not be wrong.
        Err(engine_journal::RecoveryError::Io { .. }) => return Ok((false, disk)),
        Err(error) => return Err(format!("recovery: {error}")),
    };
    let found = read_all(disk.simulated(), identity)?;
    check(&found, *durable, holes, None)?;
    let next = found.last().map_or(1, |event| event.seq + 1);
    let after_hole = holes.iter().any(|(_, last)| last + 1 == recovered.position.next);
    if recovered.position.next != next && !after_hole {
        return Err(format!("goes on at {} behind {next}", recovered.position.next));
    }
    // Holes that never became durable are no holes: their events are put again.
    holes.retain(|(_, last)| *last < recovered.position.next);
    let setup = Setup {
        stream: Stream::Events,
        identity: identity.clone(),
        grouping: Grouping {
            block_bytes: 4096 * (2 + dice.below(3) as usize),
            commit_after: Nanos(dice.below(40)),
            waiting_bytes: 4096 * 16,
        },
        segments: Segments { segment_bytes: 4096 * (4 + dice.below(40)) },
    };
    let (mut intake, mut journal) =
        open(disk, clock.clone(), Path::new(JOURNAL), setup, recovered.position);
    let mut next = recovered.position.next;
    let kill_at = if scene.ending == Ending::Kill && may_end { dice.below(300) } else { u64::MAX };
    for turn in 0..100_000u64 {
        let is_killed = turn >= kill_at;
        feed(scene, dice, &mut intake, clock, &mut next, holes);
        let polled = if dice.chance(40_000) { journal.poll() } else { Some(true) };
        note(&intake, scene.events, durable, holes);
        if polled.is_none() || is_killed {
            break;
        }
    }
    let ended = journal.is_closed() == Some(true);
    if ended && *durable <= scene.events {
        return Err(format!("closed, and only what is before {durable} is durable"));
    }
    Ok((ended, journal.into_disk()))
}

/// Puts some of what comes next, or closes when nothing does.
fn feed(
    scene: &Scene,
    dice: &mut Dice,
    intake: &mut Intake,
    clock: &Steps,
    next: &mut u64,
    holes: &mut Vec<(u64, u64)>,
) {
    let now = clock.now();
    if *next > scene.events {
        intake.close();
        return;
    }
    if dice.chance(3_000) {
        let name = format!("name {next}");
        intake.note(side::PARTICIPANT, name.as_bytes(), now);
    }
    let wanted = dice.below(40).min(scene.events + 1 - *next);
    let room = intake.room() as u64;
    if room == 0 && scene.leaves_out && wanted > 0 && !intake.durable().has_failed() {
        let last = *next + wanted - 1;
        intake.leave_out(*next, last);
        holes.push((*next, last));
        *next = last + 1;
        return;
    }
    let count = wanted.min(room);
    let events: Vec<Event> = (*next..*next + count).map(event).collect();
    intake.put(&events, now);
    *next += count;
    intake.turn(now);
}

/// What is durable from now on, as the intake tells it.
fn note(intake: &Intake, events: u64, durable: &mut u64, holes: &[(u64, u64)]) {
    while *durable <= events {
        match intake.durable().safety(*durable) {
            Safety::Durable => *durable += 1,
            Safety::Never
                if holes.iter().any(|(first, last)| (*first..=*last).contains(durable))
                    && intake.durable().next() > *durable =>
            {
                *durable += 1;
            }
            _ => return,
        }
    }
}

/// What is there is what was put, up to what was durable at least.
fn check(
    found: &[Event],
    durable: u64,
    holes: &[(u64, u64)],
    all: Option<u64>,
) -> Result<(), String> {
    let is_left_out = |seq: u64| holes.iter().any(|(first, last)| (*first..=*last).contains(&seq));
    let mut expected = 1;
    for one in found {
        while expected < one.seq && is_left_out(expected) {
            expected += 1;
        }
        if *one != event(expected) {
            return Err(format!("event {expected} is {one:?}"));
        }
        expected += 1;
    }
    while is_left_out(expected) {
        expected += 1;
    }
    if expected < durable {
        return Err(format!("{durable} was durable, and {expected} is not there"));
    }
    match all {
        Some(all) if expected != all + 1 => Err(format!("ends before {expected} of {all}")),
        _ => Ok(()),
    }
}

/// All events of the journal, segment by segment, as its headers say that they follow.
fn read_all(disk: &SimulatedDisk, identity: &Identity) -> Result<Vec<Event>, String> {
    let mut all: Vec<(u64, [u8; 32], Vec<Event>)> = Vec::new();
    // In the order of their names.
    for (path, content) in disk.contents() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some((number, _)) = segment_number(name) else { continue };
        let Ok(mut blocks) = Blocks::open(content) else { continue };
        let header = *blocks.header();
        if header.key != identity.key.verifying_key().to_bytes() {
            return Err("somebody else has signed it".into());
        }
        // What the header does not name is left behind.
        let before = header.previous_blocks.get();
        while all.last().is_some_and(|(block, ..)| *block != before) {
            let (block, ..) = all.pop().expect("there is a last one");
            if block == 0 {
                return Err(format!(
                    "segment {number} goes on behind block {before}, which is nowhere"
                ));
            }
        }
        if all.last().is_some_and(|(_, hash, _)| *hash != header.previous_hash) {
            return Err(format!("segment {number} goes on behind another block {before}"));
        }
        all.push((0, header.hash, Vec::new()));
        while let Next::Block(block) = blocks.next() {
            let events: Vec<Event> = bytemuck::cast_slice(block.events()).to_vec();
            all.push((block.header.block.get(), block.header.hash, events));
        }
    }
    Ok(all.into_iter().flat_map(|(.., events)| events).collect())
}

/// A disk that is there in the next life.
pub(crate) trait Outlasts: Sized {
    fn reborn(self, mischief: Mischief) -> Self;
    fn without_power(self) -> Self;
    fn killed(self) -> Self;
    fn simulated(&self) -> &SimulatedDisk;
}

impl Outlasts for SimulatedDisk {
    fn reborn(self, mischief: Mischief) -> Self {
        self.behaving(mischief)
    }

    fn without_power(self) -> Self {
        self.after_power_cut(Mischief::default())
    }

    fn killed(self) -> Self {
        self.after_kill(Mischief::default())
    }

    fn simulated(&self) -> &SimulatedDisk {
        self
    }
}

/// The planted bug: what has failed is told as done.
pub(crate) struct Forgetful(SimulatedDisk, Forgotten);

/// Whose failures are not told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Forgotten {
    Writes,
    Syncs,
}

impl Forgetful {
    pub(crate) fn new(disk: SimulatedDisk, forgotten: Forgotten) -> Self {
        Self(disk, forgotten)
    }

    fn synced(&self, result: io::Result<()>) -> io::Result<()> {
        let is_forgotten = self.1 == Forgotten::Syncs && self.0.has_power();
        if is_forgotten { Ok(()) } else { result }
    }
}

impl Outlasts for Forgetful {
    fn reborn(self, mischief: Mischief) -> Self {
        Self(self.0.reborn(mischief), self.1)
    }

    fn without_power(self) -> Self {
        Self(self.0.without_power(), self.1)
    }

    fn killed(self) -> Self {
        Self(self.0.killed(), self.1)
    }

    fn simulated(&self) -> &SimulatedDisk {
        &self.0
    }
}

impl Disk for Forgetful {
    type File = SimulatedFile;

    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        self.0.make_folder(path)
    }

    fn names(&mut self, folder: &Path) -> io::Result<Vec<String>> {
        self.0.names(folder)
    }

    fn read(&mut self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        self.0.read(path)
    }

    fn length(&mut self, path: &Path) -> io::Result<u64> {
        self.0.length(path)
    }

    fn create(&mut self, path: &Path, bytes: u64) -> io::Result<SimulatedFile> {
        self.0.create(path, bytes)
    }

    fn sync(&mut self, file: &SimulatedFile) -> io::Result<()> {
        let synced = self.0.sync(file);
        self.synced(synced)
    }

    fn sync_path(&mut self, path: &Path) -> io::Result<()> {
        let synced = self.0.sync_path(path);
        self.synced(synced)
    }

    fn truncate(&mut self, file: &SimulatedFile, bytes: u64) -> io::Result<()> {
        self.0.truncate(file, bytes)
    }

    fn replace(&mut self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.0.replace(path, content)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        let synced = self.0.sync_folder(folder);
        self.synced(synced)
    }

    fn depth(&self) -> usize {
        self.0.depth()
    }

    fn start(&mut self, file: &SimulatedFile, write: Write) {
        self.0.start(file, write);
    }

    fn done(&mut self, wait: bool) -> Option<Done> {
        let mut done = self.0.done(wait)?;
        if done.result.is_err() && self.1 == Forgotten::Writes && self.0.has_power() {
            done.result = Ok(done.write.range.len());
        }
        Some(done)
    }
}
