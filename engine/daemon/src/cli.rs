//! What can be typed.

mod alerts;

pub(crate) use alerts::{
    Alerts, AlertsExplain, AlertsExport, AlertsFrom, AlertsList, AlertsReplay, AlertsShow,
};
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use engine_pipeline::Topology;
use feeds::Format;
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;

/// Watches the tape: decodes tick feeds, rebuilds order books, finds signals and market abuse.
#[derive(Parser)]
#[command(name = "tapewatch", version, propagate_version = true)]
pub(crate) struct Cli {
    /// More to read on stderr: -v what is done, -vv everything (the environment's TAPEWATCH_LOG says it finer)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Replays files through the whole pipeline and tells what came of it
    Replay(Replay),
    /// Shows the decoded events of a file as lines, or counts its messages
    Decode(Decode),
    /// Shows a book as it stands at the end or at a time, or writes a row for each event
    Book(Book),
    /// Runs the daemon that a configuration describes
    Run(Run),
    /// Checks a configuration, or what this machine is like for threads that never wait
    Check(Check),
    /// Shows the latencies in interval logs: percentiles by stage, bars, a picture, two logs compared
    Latency(Latency),
    /// Shows a running daemon on the terminal: rates, ring, faults, latencies, alerts
    Top(Top),
    /// Looks at a journal: whether it is as it was written, and what is in it
    #[command(subcommand)]
    Journal(Journal),
    /// The alert log of a journal: what was raised, why, and why something was not
    #[command(subcommand)]
    Alerts(Alerts),
    /// Writes deterministic synthetic data
    Generate(Generate),
    /// Weaves labelled abuse into a flow of orders, consistently with its books
    Inject(crate::command::inject::Inject),
    /// Holds alerts against the labels of what was injected: recall, precision, background, delay
    Score(crate::command::score::Score),
}

/// How to read input files.
#[derive(Args)]
pub(crate) struct Input {
    /// Format of the files; told from their content unless given. A folder can be a journal
    #[arg(long, default_value = "auto", value_parser = parse_format)]
    pub(crate) format: FormatChoice,
    /// Only these subjects, at every venue (NAME@VENUE for one venue), separated by commas
    #[arg(long, value_delimiter = ',', value_name = "A,B", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) symbols: Vec<String>,
    /// Day of files that give only the time of day; told from the file's name unless given
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = crate::wiring::parse_date)]
    pub(crate) date: Option<engine_event::Nanos>,
    /// End at the first fault instead of counting it
    #[arg(long)]
    pub(crate) strict: bool,
    /// The schema of SBE files (mdp3-pcap), as XML [default: our own]
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,
    /// Books by orders where a file has both levels and orders (mdp3-pcap)
    #[arg(long)]
    pub(crate) by_order: bool,
}

/// `auto`, `journal`, or a format of files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FormatChoice {
    Auto,
    Journal,
    Of(Format),
}

impl FormatChoice {
    /// The format of files, if one is named.
    pub(crate) fn of_files(self) -> Option<Format> {
        match self {
            FormatChoice::Of(format) => Some(format),
            FormatChoice::Auto | FormatChoice::Journal => None,
        }
    }

    pub(crate) fn is_journal(self) -> bool {
        self == FormatChoice::Journal
    }
}

fn parse_format(word: &str) -> Result<FormatChoice, String> {
    match word {
        "auto" => return Ok(FormatChoice::Auto),
        "journal" => return Ok(FormatChoice::Journal),
        _ => {}
    }
    let formats = || Format::ALL.map(Format::word).join(", ");
    let format = word.parse().map_err(|_| format!("is none of auto, journal, {}", formats()))?;
    Ok(FormatChoice::Of(format))
}

#[derive(Args)]
pub(crate) struct Replay {
    /// Files to replay, merged by event time (`-` for stdin)
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) input: Input,
    /// As fast as possible, or N times real time
    #[arg(long, default_value = "max", value_name = "max|N", value_parser = str::parse::<feeds::Speed>, allow_negative_numbers = true)]
    pub(crate) speed: feeds::Speed,
    /// Release N events a second, evenly; the open loop is measured from when each was due
    #[arg(long, value_name = "N", value_parser = parse_rate, conflicts_with = "speed", allow_negative_numbers = true)]
    pub(crate) rate: Option<f64>,
    /// What happened before is for the books alone: nanoseconds since the epoch, or 2012-06-21T09:30:00.5
    #[arg(long, value_name = "TIME", value_parser = crate::wiring::parse_time)]
    pub(crate) from: Option<engine_event::Nanos>,
    /// End with the last event at or before this time
    #[arg(long, value_name = "TIME", value_parser = crate::wiring::parse_time)]
    pub(crate) to: Option<engine_event::Nanos>,
    /// Of a journal: findings from this event on; from the newest checkpoint before it, if there is one
    #[arg(long, value_name = "N", conflicts_with = "from", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) from_seq: Option<u64>,
    /// Of a journal: end with this event
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) to_seq: Option<u64>,
    /// How stages are laid out over the machine [default: auto]
    #[arg(long, value_enum)]
    pub(crate) topology: Option<TopologyChoice>,
    /// How many shards share the subjects [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) shards: Option<u32>,
    /// A pinned, busy-polling thread for every stage
    #[arg(long)]
    pub(crate) spread: bool,
    /// Even with more busy-polling threads than cores
    #[arg(long)]
    pub(crate) force: bool,
    /// Write findings here as JSON lines (`-` for stdout; the summary then goes to stderr)
    #[arg(long, value_name = "OUT.jsonl")]
    pub(crate) findings: Option<PathBuf>,
    /// Write the latencies of each second here by stage, as HdrHistogram's interval log
    #[arg(long, value_name = "OUT.hlog")]
    pub(crate) hlog: Option<PathBuf>,
    /// Write every event into a journal in this folder; findings are final when their events are on disk
    #[arg(long, value_name = "DIR")]
    pub(crate) journal: Option<PathBuf>,
    /// The journal holds the beginning of this replay: go on behind it
    #[arg(long, requires = "journal")]
    pub(crate) resume: bool,
    /// Take machine, bounds, strategies and surveillance from this configuration
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print the summary as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Decode {
    /// The file (`-` for stdin)
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) input: Input,
    /// Stop after so many events
    #[arg(long)]
    pub(crate) limit: Option<u64>,
    /// Of a journal: events from this number on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) from_seq: Option<u64>,
    /// Of a journal: events up to this number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) to_seq: Option<u64>,
    /// Only totals by message type
    #[arg(long, conflicts_with = "limit")]
    pub(crate) count: bool,
    /// JSON lines, or one JSON object with --count
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
#[command(after_help = BOOK_EXAMPLES)]
pub(crate) struct Book {
    /// The files, merged by event time
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Whose book: a subject; with --consolidated an instrument, wherever it trades
    #[arg(long, required_unless_present = "all")]
    pub(crate) symbol: Option<String>,
    /// One row for each book instead
    #[arg(long, conflicts_with_all = ["symbol", "mbp", "json"])]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) input: Input,
    /// How many levels of each side
    #[arg(long, default_value_t = 10)]
    pub(crate) levels: usize,
    /// The book after the last event at or before this time: nanoseconds since the epoch, or
    /// 2012-06-21T09:30:00.5
    #[arg(long, value_name = "TIME", value_parser = crate::wiring::parse_time)]
    pub(crate) at: Option<engine_event::Nanos>,
    /// The book after this event of a journal
    #[arg(long, value_name = "N", conflicts_with = "at", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) at_seq: Option<u64>,
    /// Write a row for each event of the symbol here, in LOBSTER's layout
    #[arg(long, value_name = "OUT")]
    pub(crate) csv: Option<PathBuf>,
    /// Rows in the layout of Databento's MBP-10
    #[arg(long, requires = "csv")]
    pub(crate) mbp: bool,
    /// Print the book, or the result of the check, as one JSON object
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// The best bid and offer over all venues of the instrument: who stands there, who is away (stale,
    /// halted), whether the sides are locked or crossed. With --csv a row for each change
    #[arg(long, requires = "symbol", conflicts_with_all = ["mbp", "check", "order", "bands", "touches"])]
    pub(crate) consolidated: bool,
    /// Where this order stands in its queue, and how much stands before it
    #[arg(long, value_name = "ID", requires = "symbol", conflicts_with_all = ["csv", "check"])]
    pub(crate) order: Option<u64>,
    /// How much stands within so many basis points of each side's best price, at most 8 widths
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(0..=10_000), requires = "symbol", conflicts_with_all = ["csv", "check"])]
    pub(crate) bands: Vec<u32>,
    /// The last so many changes of the touch
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), requires = "symbol", conflicts_with_all = ["csv", "check"])]
    pub(crate) touches: Option<u32>,
    /// Hold the book against a vendor's rows: the orderbook file beside LOBSTER's messages, or MBP-10
    /// as CSV or DBN; exit 1 if any row differs
    #[arg(long, value_name = "FILE", conflicts_with_all = ["csv", "mbp", "all", "at"], requires = "symbol")]
    pub(crate) check: Option<PathBuf>,
}

const BOOK_EXAMPLES: &str = "\
Examples:
  The book of a symbol at noon:
    tapewatch book 01302019.NASDAQ_ITCH50.gz --symbol AAPL --at 2019-01-30T12:00:00
  The best bid and offer of a symbol over the venues of two files, a row for each change:
    tapewatch book 01302019.NASDAQ_ITCH50.gz data_feeds_20190130_IEXTP1_DEEP1.0.pcap.gz \\
      --symbol AAPL --consolidated --csv best.csv
  LOBSTER sells two files for a day; each row of the one must follow from a message of the other:
    tapewatch book AAPL_2012-06-21_34200000_57600000_message_10.csv --symbol AAPL \\
      --check AAPL_2012-06-21_34200000_57600000_orderbook_10.csv";

#[derive(Args)]
pub(crate) struct Run {
    /// The configuration
    #[arg(long)]
    pub(crate) config: PathBuf,
}

#[derive(Args)]
#[command(group = ArgGroup::new("checked").required(true).multiple(true).args(["config", "machine"]))]
pub(crate) struct Check {
    /// The configuration
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
    /// Cores, clock, memory, network card and limits: what each costs, and how to change it (a second)
    #[arg(long)]
    pub(crate) machine: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Latency {
    /// Interval logs of HdrHistogram (.hlog); two of them are compared
    #[arg(required_unless_present = "url", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Ask a running daemon what it has measured so far, besides the files (http://127.0.0.1:9100)
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Only intervals that begin so many seconds after the log did, or later
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, allow_negative_numbers = true)]
    pub(crate) from: Option<f64>,
    /// Only intervals that begin before so many seconds after the log did
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, allow_negative_numbers = true)]
    pub(crate) to: Option<f64>,
    /// Only these stages (tags), separated by commas; `untagged` is what has no tag
    #[arg(long = "stage", value_delimiter = ',', value_name = "A,B", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) stages: Vec<String>,
    /// What a value in the logs counts, which they do not tell; ours count nanoseconds
    #[arg(long, value_enum, default_value = "ns")]
    pub(crate) unit: Unit,
    /// Draw latency by percentile into this file
    #[arg(long, value_name = "OUT.svg|OUT.png")]
    pub(crate) plot: Option<PathBuf>,
    /// Only the table, no bars
    #[arg(long)]
    pub(crate) table: bool,
    /// Print everything as one JSON object, in nanoseconds
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a value in a log counts.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Unit {
    /// Nanoseconds
    Ns,
    /// Microseconds
    Us,
    /// Milliseconds
    Ms,
}

impl Unit {
    pub(crate) fn nanos(self) -> u64 {
        match self {
            Unit::Ns => 1,
            Unit::Us => 1000,
            Unit::Ms => 1_000_000,
        }
    }
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| (0.0..=1e12).contains(seconds));
    seconds.ok_or_else(|| "a number of seconds, 0 or more".to_string())
}

#[derive(Args)]
pub(crate) struct Top {
    /// Where the daemon answers: `listen` in its configuration
    #[arg(long, default_value = crate::remote::USUAL_URL)]
    pub(crate) url: String,
    /// Print one frame and end
    #[arg(long)]
    pub(crate) once: bool,
    /// Print the daemon's status as one JSON object and end
    #[arg(long, conflicts_with = "once")]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Journal {
    /// Holds every block against its checksums, hashes and signatures; names all that is damaged or missing
    Verify(JournalVerify),
    /// Shows segments, runs, names, holes, checkpoints and holds
    Info(JournalInfo),
    /// Keeps the segments of a case from being deleted
    Hold(JournalHold),
    /// Ends a hold
    Release(JournalRelease),
    /// Writes its events as a file that others read
    Export(JournalExport),
}

#[derive(Args)]
pub(crate) struct JournalVerify {
    /// The journal's folder
    pub(crate) journal: PathBuf,
    /// The only key whose signatures count, as hex or in a file; without it the keys in the journal itself
    #[arg(long, value_name = "HEX|FILE")]
    pub(crate) key: Option<String>,
    /// How many threads read [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct JournalInfo {
    /// The journal's folder
    pub(crate) journal: PathBuf,
    /// Show the configuration and the observers' parameters of each run, too
    #[arg(long)]
    pub(crate) configuration: bool,
    /// Print everything as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct JournalHold {
    /// The journal's folder
    pub(crate) journal: PathBuf,
    /// The case, which gives the hold its name
    #[arg(long = "case", value_name = "NAME")]
    pub(crate) name: String,
    /// The first event that the case needs
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) from_seq: u64,
    /// The last one; it may be still to come
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) to_seq: u64,
    /// Why, in one line
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Args)]
pub(crate) struct JournalRelease {
    /// The journal's folder
    pub(crate) journal: PathBuf,
    /// The case that gave the hold its name
    #[arg(long = "case", value_name = "NAME")]
    pub(crate) name: String,
}

#[derive(Args)]
pub(crate) struct JournalExport {
    /// The journal's folder
    pub(crate) journal: PathBuf,
    /// What to write
    #[arg(long, value_enum)]
    pub(crate) to: Exported,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// The capture that the packets are taken from, if it is not where the journal says (pcapng)
    #[arg(long, value_name = "FILE")]
    pub(crate) capture: Option<PathBuf>,
    /// Only events at or after this time: nanoseconds since the epoch, or 2012-06-21T09:30:00.5
    #[arg(long, value_name = "TIME", value_parser = crate::wiring::parse_time)]
    pub(crate) from: Option<engine_event::Nanos>,
    /// Only events at or before this time
    #[arg(long, value_name = "TIME", value_parser = crate::wiring::parse_time)]
    pub(crate) until: Option<engine_event::Nanos>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Exported {
    /// Our own order tape: orders, trades, phases, news and positions; other kinds of events are left out
    Tape,
    /// The packets themselves, out of the capture that was read or the recording that was made
    Pcapng,
    /// Apache Parquet: a row for each event, with its order, price, quantity and participant if it has them
    Parquet,
}

#[derive(Args)]
pub(crate) struct Generate {
    /// What to write
    #[arg(value_enum)]
    pub(crate) what: Synthetic,
    /// How many messages, of the session's own frame apart: 0 is a session in which nothing happens
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) messages: u64,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many symbols (itch, dbn, mdp3, tape) or devices (iot), up to 60,000
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub(crate) subjects: Option<u32>,
    /// How many bursts of quote stuffing a tape holds besides [default: 0]
    #[arg(long)]
    pub(crate) bursts: Option<u32>,
    /// The file to write
    #[arg(long, required_unless_present = "udp", conflicts_with = "udp")]
    pub(crate) out: Option<PathBuf>,
    /// Every symbol has the flow that this file recorded of one, over and over: LOBSTER's messages or
    /// DBN's orders (itch)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "truth"])]
    pub(crate) flow: Option<PathBuf>,
    /// Besides, what the books must be at the end, in the layout of `book --all --csv` (itch)
    #[arg(long, value_name = "FILE")]
    pub(crate) truth: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) publish: Publish,
}

/// How a session is sent instead of written.
#[derive(Args)]
pub(crate) struct Publish {
    /// Send an itch session as MoldUDP64 to this group or address instead; line B goes to the next port
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) udp: Option<std::net::SocketAddr>,
    /// Messages a second [default: 100000]
    #[arg(long, value_parser = parse_rate)]
    pub(crate) rate: Option<f64>,
    /// Which lines there are: A, AB, up to ABCD [default: A]
    #[arg(long, value_parser = parse_lines)]
    pub(crate) lines: Option<u16>,
    /// How much of its packets each line loses, by itself
    #[arg(long, value_name = "PERCENT%", value_parser = parse_percent)]
    pub(crate) loss: Option<u32>,
    /// How many packets come after later ones [default when given: 1%]
    #[arg(long, value_name = "PERCENT%", value_parser = parse_percent, num_args = 0..=1, default_missing_value = "1%")]
    pub(crate) reorder: Option<u32>,
    /// How many packets come twice [default when given: 1%]
    #[arg(long, value_name = "PERCENT%", value_parser = parse_percent, num_args = 0..=1, default_missing_value = "1%")]
    pub(crate) duplicate: Option<u32>,
    /// The most messages in one packet [default: 20]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) packet_messages: Option<u16>,
    /// The interface that groups are sent from [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) interface: Option<std::net::Ipv4Addr>,
    /// Where requests for lost messages are answered [default: the interface, ten ports further]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) requests: Option<std::net::SocketAddr>,
    /// How many seconds requests are answered after the session's end [default: 3]
    #[arg(long, value_parser = clap::value_parser!(u16).range(0..=3600))]
    pub(crate) linger: Option<u16>,
}

impl Publish {
    /// Whether anything is said about sending.
    pub(crate) fn is_asked_for(&self) -> bool {
        let Self { udp, rate, lines, loss, reorder, duplicate, .. } = self;
        let Self { packet_messages, interface, requests, linger, .. } = self;
        udp.is_some()
            || rate.is_some()
            || [loss, reorder, duplicate].iter().any(|share| share.is_some())
            || [lines, packet_messages, linger].iter().any(|number| number.is_some())
            || interface.is_some()
            || requests.is_some()
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.001..=1e9).contains(rate));
    rate.ok_or_else(|| "a rate is a number from 0.001 to 1000000000".to_string())
}

fn parse_lines(text: &str) -> Result<u16, String> {
    match text {
        "A" => Ok(1),
        "AB" => Ok(2),
        "ABC" => Ok(3),
        "ABCD" => Ok(4),
        _ => Err("lines are A, AB, ABC or ABCD".to_string()),
    }
}

/// Parts in a million.
fn parse_percent(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse().ok();
    let percent = number.filter(|percent: &f64| (0.0..=100.0).contains(percent));
    let parts = percent.map(|percent| (percent * 10_000.0).round() as u32);
    parts.ok_or_else(|| "a share is written 1% or 0.5%".to_string())
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Synthetic {
    /// NASDAQ TotalView-ITCH 5.0, BinaryFILE
    Itch,
    /// Databento DBN 3: orders (MBO), the resting ones first
    Dbn,
    /// LOBSTER message CSV of one symbol
    Lobster,
    /// CME's MDP 3.0 as a capture of lines A and B, with snapshots
    Mdp3,
    /// Our own order tape, with participants
    Tape,
    /// Device readings
    Iot,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum TopologyChoice {
    /// As the machine suggests
    Auto,
    /// All on one thread
    Fused,
    /// On pinned threads
    Pinned,
}

impl From<TopologyChoice> for Topology {
    fn from(choice: TopologyChoice) -> Self {
        match choice {
            TopologyChoice::Auto => Topology::Auto,
            TopologyChoice::Fused => Topology::Fused,
            TopologyChoice::Pinned => Topology::Pinned,
        }
    }
}

/// Logs go to stderr; warnings only, unless asked for more.
pub(crate) fn start_logging(verbose: u8) {
    let level = ["warn", "info", "debug"][usize::from(verbose).min(2)];
    let asked = std::env::var("TAPEWATCH_LOG").ok().filter(|asked| !asked.is_empty());
    let filter = asked.as_deref().map(EnvFilter::try_new);
    let wrong = filter.as_ref().and_then(|filter| filter.as_ref().err().map(ToString::to_string));
    let filter = filter.and_then(Result::ok).unwrap_or_else(|| EnvFilter::new(level));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr())
        && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .init();
    if let Some(wrong) = wrong {
        tracing::warn!("TAPEWATCH_LOG is not understood: {wrong}");
    }
}
