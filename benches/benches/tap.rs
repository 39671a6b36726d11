//! What does it cost the pipeline to feed a journal, whatever the disk does?
//!
//! The fused path copies every event into a block, looks how far the journal is durable, and holds
//! findings until then. The journal's other end takes blocks on a thread of its own and throws them
//! away. What is told is the processor's time of the pipeline's thread, so that the other one does not
//! count, even where both share a core.

#![forbid(unsafe_code)]

use benches::{Contest, Options, Session, Target, tell, time_fused_journaled};
use engine_observer::Roster;

fn main() {
    let options = Options::from_args();
    let messages = options.choose(5_000_000, 20_000);
    let sessions = [8_000, 20].map(|stocks| Session::new(messages, stocks));
    let patterns = || Roster::new().with(surveillance::QuoteStuffing::default());
    let usual = || patterns().with(strategies::Microprice::default());
    let fused = |session: &Session, roster: &Roster| {
        let each = |spent: std::time::Duration| spent.as_nanos() as f64 / messages as f64;
        let [without, with] = time_fused_journaled(session, roster).map(each);
        vec![100.0 * (with / without - 1.0), without, with]
    };

    let [many, few] = &sessions;
    let columns = ["added %", "without", "with a journal"];
    let results = Contest::with_columns("a message on the fused path", &columns)
        .ours("P06, 8,000 stocks", || fused(many, &patterns()))
        .ours("P06, 20 stocks", || fused(few, &patterns()))
        .ours("with microprice, 8,000 stocks", || fused(many, &usual()))
        .ours("with microprice, 20 stocks", || fused(few, &usual()))
        .play(options.choose(5, 1))
        .target("P06, 8,000 stocks", Target::at_most(3.0, &[]))
        .target("with microprice, 8,000 stocks", Target::at_most(5.0, &[]));
    tell(options, "tap", "ns a message", &[results]);
}
