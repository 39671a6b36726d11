//! What does it cost to know how long things take?
//!
//! One event in 64 is stamped and recorded by every stage it passes. Its cost for an event is the
//! fused path with that sampling, less the same with one in 4,096, which is next to none. A third
//! contestant hands its histograms over ten times a second, ten times as often as an interval log
//! wants them.

#![forbid(unsafe_code)]

use benches::{
    Contest, Options, Session, Target, ns_each, tell, time, time_fused, time_fused_read,
};
use engine_assembly::Spec;
use engine_event::{Clock, Nanos, RealClock};
use engine_observer::Roster;
use engine_pipeline::Latency;
use std::hint::black_box;

fn main() {
    let options = Options::from_args();
    let records = options.choose(1_000_000, 10_000);
    let alone = Contest::new("one measurement alone")
        .ours("a look at the clock", || look(records))
        .ours("Latency::record", || record(records))
        .play(options.choose(15, 1));

    let session = Session::new(options.choose(200_000, 20_000), 20);
    let path = Contest::new("an event on the fused path, with microprice")
        .ours("one in 4,096 sampled", || fused(&session, 4096))
        .ours("one in 64 sampled", || fused(&session, 64))
        .ours("one in 64, read ten times a second", || read(&session))
        .play(options.choose(101, 1))
        .derive("added", |of| of("one in 64 sampled") - of("one in 4,096 sampled"))
        .derive("added in percent", |of| {
            100.0 * (of("one in 64 sampled") / of("one in 4,096 sampled") - 1.0)
        })
        .derive("added with reading, in percent", |of| {
            let read = of("one in 64, read ten times a second");
            100.0 * (read / of("one in 4,096 sampled") - 1.0)
        })
        .target("added", Target::at_most(10.0, &[]))
        .target("added in percent", Target::at_most(3.0, &[]))
        .target("added with reading, in percent", Target::at_most(3.0, &[]));
    tell(options, "metering", "ns", &[alone, path]);
}

fn look(times: u64) -> Vec<f64> {
    let clock = RealClock::new();
    let look = || (0..times).for_each(|_| _ = black_box(clock.now()));
    ns_each(time(look), times)
}

/// Spans as stages have them: mostly tens of nanoseconds, now and then thousands.
fn record(times: u64) -> Vec<f64> {
    let mut latency = Latency::new();
    let spans: Vec<_> =
        (0..1024_u64).map(|n| Nanos(20 + n * n % 97 + (n % 64 / 63) * 5000)).collect();
    let spans = spans.iter().cycle().take(times as usize);
    let spent = time(|| spans.for_each(|span| latency.record(*span)));
    assert_eq!(latency.percentiles().count, times);
    ns_each(spent, times)
}

fn read(session: &Session) -> Vec<f64> {
    let roster = Roster::new().with(strategies::Microprice::default());
    ns_each(time_fused_read(session, &roster, Spec::default(), 10), session.messages())
}

fn fused(session: &Session, sample_every: u64) -> Vec<f64> {
    let roster = Roster::new().with(strategies::Microprice::default());
    let spec = Spec { sample_every, ..Spec::default() };
    ns_each(time_fused(session, &roster, spec), session.messages())
}
