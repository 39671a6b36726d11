//! A run with a journal: what is there from earlier runs, and what this one adds.

mod alerts;
mod continued;
mod follower;
mod keeping;

pub(crate) use alerts::{AlertLog, Logged, Standing};
pub(crate) use continued::Continued;
pub(crate) use follower::{Follower, Sunk};
pub(crate) use keeping::Keeping;

use crate::config;
use crate::failure::Failure;
use anyhow::{Context, anyhow};
use engine_assembly::{Assembly, Spec};
use engine_audit::layout::{Stream, side};
use engine_event::{
    Clock, Directory, Event, Nanos, Reader, RealClock, SnapshotError, WallClock, Writer,
};
use engine_journal::{
    Checkpoints, Disk, Durable, Grouping, Identity, Intake, Journal, JournalFeed, Reach, RealDisk,
    Recovered, RecoveryError, Segments, Setup, open, own_key, random_id, read_key, recover,
};
use engine_observer::Roster;
use engine_pipeline::{Feed, FeedError, FeedTurn, Sink, Tally};
use follower::Nowhere;
use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A journal that was opened: everything that the pipeline, its outlets and its feed need of it.
pub(crate) struct Journaling {
    config: config::Journal,
    identity: Identity,
    parameters: Parameters,
    /// The last event that earlier runs have left.
    end: u64,
    last: Option<Event>,
    /// Whether this run has other parameters than those before.
    has_changed: bool,
    intake: Option<Intake>,
    alerts: Option<Intake>,
    logged: Vec<Logged>,
    durable: [Durable; 2],
    writers: Vec<JoinHandle<RealDisk>>,
    /// Held as long as the journal is open.
    _lock: File,
}

/// What the run's observers are set to.
struct Parameters {
    text: String,
    hash: u64,
}

impl Parameters {
    fn of(roster: &Roster) -> Self {
        let mut text = String::new();
        for watcher in roster.all() {
            let parameters = watcher.parameters();
            let _ = writeln!(text, "{parameters} hash={:016x}", parameters.hash());
        }
        let hash = xxhash_rust::xxh3::xxh3_64(text.as_bytes());
        Self { text, hash }
    }
}

/// What a journal notes of what the roster's observers are set to.
pub(crate) fn parameters_of(roster: &Roster) -> String {
    Parameters::of(roster).text
}

/// State that a run can begin with.
pub(crate) struct State {
    /// The last event that it knows.
    pub(crate) seq: u64,
    /// What an assembly loads.
    pub(crate) assembly: Vec<u8>,
}

/// What stands before an assembly's state in a checkpoint.
const STATE_VERSION: u16 = 1;

impl Journaling {
    /// Opens the folder for writing. A journal whose content does not hold together is not touched.
    pub(crate) fn open(
        config: &config::Journal,
        roster: &Roster,
        inputs: &[String],
    ) -> Result<Self, Failure> {
        let of_place = |error: anyhow::Error| Failure::from(error).placed(config.place.as_deref());
        Self::open_in(config.clone(), roster, inputs).map_err(|failure| match failure {
            Wrong::Folder(error) => of_place(error),
            Wrong::Content(error) => Failure::data(error),
            Wrong::Usage(error) => Failure::usage(error).placed(config.place.as_deref()),
        })
    }

    fn open_in(config: config::Journal, roster: &Roster, inputs: &[String]) -> Result<Self, Wrong> {
        let folder = config.folder.clone();
        let shown = folder.display().to_string();
        fs::create_dir_all(&folder).with_context(|| shown.clone())?;
        let lock = lock(&folder)?;
        let mut disk = RealDisk::open(config.reach);
        tracing::info!("journal {shown}: {}", disk.description());
        let found =
            [Stream::Events, Stream::Alerts].map(|stream| recover(&mut disk, &folder, stream));
        let [events, alerts] = found;
        let (events, alerts) = (events.map_err(unusable)?, alerts.map_err(unusable)?);
        let end = events.position.next - 1;
        if end > 0 && !config.resumes {
            let what = "holds a journal already: --resume goes on with it, or name an empty folder";
            return Err(Wrong::Usage(anyhow!("{shown} {what}")));
        }
        let identity = identity(&config, &mut disk, &events)?;
        let parameters = Parameters::of(roster);
        let has_changed = end > 0 && !is_known(&folder, &parameters, &events)?;
        for found in [&events, &alerts] {
            if let Some(damage) = &found.left_behind {
                let bytes = damage.bytes.end - damage.bytes.start;
                tracing::warn!("{shown}: the end was torn: {bytes} bytes that were never durable");
            }
        }
        let last = last_event(config.reach, &folder, end)?;
        let standing = Standing::read(RealDisk::open(config.reach), &folder, |_, _| {});
        let logged = standing.map_err(unusable)?.logged;

        let open = |stream, found: &Recovered| {
            let (grouping, segments) = match stream {
                Stream::Events => (config.grouping, config.segments),
                // A few lines a second.
                Stream::Alerts => (
                    Grouping { block_bytes: 64 << 10, waiting_bytes: 4 << 20, ..config.grouping },
                    Segments { segment_bytes: config.segments.segment_bytes.min(16 << 20) },
                ),
            };
            let setup = Setup { stream, identity: identity.clone(), grouping, segments };
            let disk = RealDisk::open(config.reach);
            open(disk, RealClock::new(), &folder, setup, found.position)
        };
        let (mut intake, journal) = open(Stream::Events, &events);
        let (alert_intake, alert_journal) = open(Stream::Alerts, &alerts);
        let durable = [intake.durable().clone(), alert_intake.durable().clone()];
        let mut journaling = Self {
            identity,
            end,
            last,
            has_changed,
            intake: None,
            alerts: Some(alert_intake),
            logged,
            durable,
            writers: Vec::new(),
            _lock: lock,
            parameters,
            config,
        };
        journaling.note_run(&mut intake, inputs);
        journaling.intake = Some(intake);
        journaling.write("journal", journal)?;
        journaling.write("alert-log", alert_journal)?;
        Ok(journaling)
    }

    fn write(&mut self, name: &str, journal: Journal<RealDisk, RealClock>) -> Result<(), Wrong> {
        self.writers.push(journal.spawn(name).context("cannot start a thread")?);
        Ok(())
    }

    /// What an auditor wants to know of the run stands before its first event.
    fn note_run(&self, intake: &mut Intake, inputs: &[String]) {
        let now = RealClock::new().now();
        let mut note = |kind, text: &str| {
            // What is longer than a record may be goes on in the next.
            for part in text.as_bytes().chunks(self.config.grouping.block_bytes / 2) {
                intake.note(kind, part, now);
            }
        };
        let version = env!("CARGO_PKG_VERSION");
        let arguments = std::env::args().collect::<Vec<_>>().join(" ");
        note(side::RUN, &format!("tapewatch {version}\nat {}\n{arguments}\n", WallClock.now()));
        for input in inputs {
            note(side::SOURCE, input);
        }
        note(side::CONFIGURATION, &self.config.text);
        note(side::PARAMETERS, &self.parameters.text);
    }

    /// The intake of events, for the assembly.
    pub(crate) fn journal(&mut self, names: Directory) -> engine_assembly::Journal {
        let intake = self.intake.take().expect("it is asked for once");
        engine_assembly::Journal::new(intake, self.config.when_full).knowing(names)
    }

    /// The alert log, when the run begins after this event.
    pub(crate) fn alert_log(&mut self, after: u64) -> Result<AlertLog, Failure> {
        let intake = self.alerts.take().expect("it is asked for once");
        let (compares, logged) = (!self.has_changed, std::mem::take(&mut self.logged));
        let holes = if after < self.end { self.holes(after)? } else { Vec::new() };
        let durable = self.durable[0].clone();
        Ok(AlertLog::new((intake, durable), logged, (after, self.end), (compares, &holes)))
    }

    /// What is missing in the journal behind an event.
    fn holes(&self, after: u64) -> Result<Vec<(u64, u64)>, Failure> {
        let disk = RealDisk::open(self.config.reach);
        let mut reader =
            engine_journal::Reader::open(disk, self.folder(), Stream::Events, after + 1)
                .map_err(Failure::data)?;
        let mut holes = Vec::new();
        while reader.next(|_, block| holes.extend(block.holes())).map_err(Failure::data)?.is_some()
        {
        }
        Ok(holes)
    }

    /// The last event that earlier runs have left, 0 if there is none.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The same, as it is.
    pub(crate) fn last(&self) -> Option<Event> {
        self.last
    }

    /// Whether what is found again up to the end was found under other parameters, and is not told.
    pub(crate) fn has_changed(&self) -> bool {
        self.has_changed
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.config.folder
    }

    pub(crate) fn config(&self) -> &config::Journal {
        &self.config
    }

    pub(crate) fn durable(&self) -> &Durable {
        &self.durable[0]
    }

    /// Events after this one, up to the end.
    pub(crate) fn tail(&self, after: u64) -> Result<JournalFeed<RealDisk>, Failure> {
        let feed = JournalFeed::open(RealDisk::open(self.config.reach), self.folder(), after);
        let feed = feed.map_err(|error| match error {
            RecoveryError::Missing { .. } if after == 0 => {
                let what =
                    "its oldest segments were deleted, and no checkpoint fits these parameters";
                let way = "name an empty folder";
                Failure::data(anyhow!("{}: {what}: {way}", self.folder().display()))
            }
            error => Failure::data(error),
        });
        Ok(feed?.until(self.end))
    }

    /// Its checkpoints.
    pub(crate) fn checkpoints(&self) -> Checkpoints {
        Checkpoints::of(self.folder(), self.identity.journal)
    }

    /// The state to begin with: of the newest checkpoint that can be read.
    pub(crate) fn newest_state(&self, roster: &Roster, spec: Spec) -> Option<State> {
        newest_state(&self.checkpoints(), self.end, (roster, spec))
    }

    /// The state of a journal's newest checkpoint before an event, to replay it from there on.
    pub(crate) fn state_before(
        journal: &Path,
        (roster, spec): (&Roster, Spec),
        before: u64,
    ) -> Result<Option<State>, Failure> {
        let feed = JournalFeed::open(RealDisk::open(Reach::Cache), journal, before - 1);
        let Some(id) = feed.map_err(Failure::data)?.id() else { return Ok(None) };
        let checkpoints = Checkpoints::of(journal, id);
        Ok(newest_state(&checkpoints, before - 1, (roster, spec)))
    }

    /// What an assembly is now, as a checkpoint holds it.
    pub(crate) fn state<F: Feed>(parameters: u64, assembly: &Assembly<F>) -> Vec<u8> {
        let mut to = Writer::new();
        to.u16(STATE_VERSION);
        to.u64(parameters);
        assembly.save_behind_feed(&mut to);
        to.into_bytes()
    }

    pub(crate) fn parameters(&self) -> u64 {
        self.parameters.hash
    }

    /// Waits until everything is on the disk. Why it is not, if so.
    pub(crate) fn close(&mut self) -> Option<String> {
        for writer in self.writers.drain(..) {
            let _ = writer.join();
        }
        let failure = self.durable.iter().find_map(Durable::failure);
        let is_closed = self.durable.iter().all(Durable::is_closed);
        failure.or_else(|| {
            let what = || format!("{}: the journal was not closed", self.folder().display());
            (!is_closed).then(what)
        })
    }

    /// Leaves a checkpoint behind, from which the next run begins.
    pub(crate) fn save<F: Feed>(&self, assembly: &mut Assembly<F>) -> anyhow::Result<()> {
        let seq = assembly.source().seq();
        if seq == 0 {
            return Ok(());
        }
        let state = Self::state(self.parameters.hash, assembly);
        let mut disk = RealDisk::open(self.config.reach);
        self.checkpoints()
            .write(&mut disk, seq, WallClock.now(), &state)
            .with_context(|| self.checkpoints().path(seq).display().to_string())?;
        Ok(())
    }
}

/// The state of the newest checkpoint up to an event from which a pipeline of these observers can go on. Others
/// are told of and passed over.
fn newest_state(
    checkpoints: &Checkpoints,
    most: u64,
    (roster, spec): (&Roster, Spec),
) -> Option<State> {
    let parameters = Parameters::of(roster).hash;
    let mut disk = RealDisk::open(Reach::Cache);
    let seqs = checkpoints.seqs(&mut disk).unwrap_or_default();
    seqs.into_iter().filter(|seq| *seq <= most).find_map(|seq| {
        let read = checkpoints.read(&mut disk, seq).map_err(|error| error.to_string());
        let state = read.and_then(|checkpoint| {
            let path = checkpoints.path(seq);
            let state = State::read(seq, &checkpoint.state, parameters);
            let state = state.and_then(|state| state.loads(roster, spec).map(|()| state));
            state.map_err(|what| format!("{}: {what}", path.display()))
        });
        state.map_err(|what| tracing::warn!("{what}: passed over")).ok()
    })
}

/// Why a journal cannot be written, and whose fault it is.
enum Wrong {
    Folder(anyhow::Error),
    Content(anyhow::Error),
    Usage(anyhow::Error),
}

impl From<anyhow::Error> for Wrong {
    fn from(error: anyhow::Error) -> Self {
        Wrong::Folder(error)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn unusable(error: RecoveryError) -> Wrong {
    match &error {
        RecoveryError::Io { .. } => Wrong::Folder(anyhow!("{error}")),
        _ => Wrong::Content(anyhow!("{error}")),
    }
}

/// How long one that writes the journal may take to go: who was killed may not be gone when the next is started.
const PATIENCE: Duration = Duration::from_secs(2);

fn lock(folder: &Path) -> Result<File, Wrong> {
    let path = folder.join("lock");
    let lock = File::create(&path).with_context(|| path.display().to_string())?;
    let until = Instant::now() + PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                let what = "another process is writing this journal";
                return Err(Wrong::Folder(anyhow!("{}: {what}", folder.display())));
            }
            Err(TryLockError::Error(error)) => {
                return Err(Wrong::Folder(anyhow!("{}: {error}", path.display())));
            }
        }
    }
}

fn identity(
    config: &config::Journal,
    disk: &mut RealDisk,
    found: &Recovered,
) -> Result<Identity, Wrong> {
    let key = match &config.key {
        Some(path) => read_key(path).with_context(|| path.display().to_string())?,
        None => {
            let path = config.folder.join("key");
            own_key(disk, &config.folder).with_context(|| path.display().to_string())?
        }
    };
    let Some((journal, signed)) = found.signed else {
        let journal = random_id().context("/dev/urandom")?;
        return Ok(Identity { journal, key });
    };
    if signed != key.verifying_key().to_bytes() {
        tracing::warn!("{}: from here on it is signed by another key", config.folder.display());
    }
    Ok(Identity { journal, key })
}

/// Whether the journal was written under these parameters last. Others can only begin behind an orderly
/// end: what was found before it must be found again, and only the old ones find it.
fn is_known(folder: &Path, parameters: &Parameters, found: &Recovered) -> Result<bool, Wrong> {
    let path = parameters_path(folder);
    let before = fs::read_to_string(&path).unwrap_or_default();
    if before == parameters.text {
        return Ok(true);
    }
    if found.is_closed {
        return Ok(false);
    }
    let what = "was broken off under other parameters than those of today: run it once more under those \
                in its file `parameters`, then change them";
    Err(Wrong::Usage(anyhow!("{}: the journal {what}", folder.display())))
}

fn parameters_path(folder: &Path) -> PathBuf {
    folder.join("parameters")
}

impl Journaling {
    /// From now on the journal is written under the parameters of this run.
    pub(crate) fn begin(&self) -> anyhow::Result<()> {
        let path = parameters_path(self.folder());
        let mut disk = RealDisk::open(self.config.reach);
        disk.replace(&path, self.parameters.text.as_bytes())
            .with_context(|| path.display().to_string())
    }
}

/// The last event of a journal.
fn last_event(reach: Reach, folder: &Path, end: u64) -> Result<Option<Event>, Wrong> {
    if end == 0 {
        return Ok(None);
    }
    let mut feed = JournalFeed::open(RealDisk::open(reach), folder, end - 1).map_err(unusable)?;
    let (mut names, mut events) = (Directory::new(u32::MAX), Vec::new());
    let content = |error: FeedError| Wrong::Content(anyhow!("{error}"));
    while feed.poll(Nanos(0), &mut names, &mut events).map_err(content)? != FeedTurn::Ended {}
    Ok(events.first().copied())
}

/// A feed of nothing.
struct Nothing;

impl Feed for Nothing {
    fn poll<S: Sink>(
        &mut self,
        _: Nanos,
        _: &mut Directory,
        _: &mut S,
    ) -> Result<FeedTurn, FeedError> {
        Ok(FeedTurn::Ended)
    }

    fn tally(&self) -> Tally {
        Tally::default()
    }
}

impl State {
    /// Whether a pipeline can begin with it: another version of the engine may not.
    fn loads(&self, roster: &Roster, spec: Spec) -> Result<(), String> {
        let names = Directory::new(spec.bounds.subjects_max);
        let spec = Spec { shards: 1, ..spec };
        Assembly::resume(Nothing, names, roster, Box::new(Nowhere), spec, &self.assembly)
            .map(drop)
            .map_err(|error| error.to_string())
    }

    fn read(seq: u64, bytes: &[u8], parameters: u64) -> Result<Self, String> {
        let mut from = Reader::new(bytes);
        let mut head = || -> Result<_, SnapshotError> { Ok((from.u16()?, from.u64()?)) };
        let (version, hash) = head().map_err(|error| error.to_string())?;
        if version != STATE_VERSION {
            return Err(format!("has version {version}, this engine reads {STATE_VERSION}"));
        }
        if hash != parameters {
            return Err("was made under other parameters".into());
        }
        let assembly = bytes[from.position()..].to_vec();
        Ok(Self { seq, assembly })
    }
}
