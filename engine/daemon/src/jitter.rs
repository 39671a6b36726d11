//! What the machine took from the threads, beside the pipeline's own latencies.

use crate::output::Thousands;
use crate::summary::Latency;
use engine_pipeline::{Counts, Hiccups, Percentiles};
use serde::Serialize;
use std::fmt;

/// A thread's jitter, in a summary.
#[derive(Serialize)]
pub(crate) struct Jitter {
    thread: String,
    /// The core that it was pinned to.
    core: Option<usize>,
    ran_ns: u64,
    /// The time in which a gap would have been seen.
    watched_ns: u64,
    /// All gaps together.
    stolen_ns: u64,
    gaps: Latency,
    #[serde(skip)]
    percentiles: Percentiles,
    /// What the kernel counted; nothing where it does not tell.
    kernel: Option<Kernel>,
}

#[derive(Serialize)]
struct Kernel {
    preempted: u64,
    yielded: u64,
    minor_faults: u64,
    major_faults: u64,
    /// For how long the thread could have run, but others did.
    queued_ns: Option<u64>,
}

impl From<Counts> for Kernel {
    fn from(of: Counts) -> Self {
        let Counts { preempted, yielded, minor_faults, major_faults, queued } = of;
        let queued_ns = queued.map(|queued| queued.0);
        Self { preempted, yielded, minor_faults, major_faults, queued_ns }
    }
}

impl From<&engine_pipeline::Jitter> for Jitter {
    fn from(of: &engine_pipeline::Jitter) -> Self {
        let percentiles = of.hiccups.gaps().percentiles();
        Self {
            thread: of.thread.clone(),
            core: of.core,
            ran_ns: of.ran.0,
            watched_ns: of.hiccups.watched().0,
            stolen_ns: of.hiccups.stolen().0,
            gaps: percentiles.into(),
            percentiles,
            kernel: of.counts.map(Kernel::from),
        }
    }
}

impl Jitter {
    fn place(&self) -> String {
        match self.core {
            Some(core) => format!("core {core}"),
            None => "no core".to_string(),
        }
    }

    /// The share of the watched time that was stolen.
    fn share(&self) -> String {
        match self.watched_ns {
            0 => "-".to_string(),
            watched => format!("{:.3} %", self.stolen_ns as f64 * 100.0 / watched as f64),
        }
    }
}

/// The table under the latencies.
pub(crate) fn tell(threads: &[Jitter], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let least = Thousands(Hiccups::LEAST.0);
    writeln!(f, "\n  the machine's own jitter in ns: gaps over {least} in a thread's time")?;
    write!(f, "  {:<12}{:>12}{:>12}", "thread", "watched", "stolen")?;
    write!(f, "{:>12}{:>12}{:>12}{:>12}", "gaps", "p50", "p99", "max")?;
    writeln!(f, "{:>12}{:>16}{:>13}", "preempted", "queued", "page faults")?;
    for thread in threads {
        let watched = thread.watched_ns as f64 * 100.0 / thread.ran_ns.max(1) as f64;
        let (watched, stolen) = (format!("{watched:.1} %"), thread.share());
        write!(f, "  {:<12}{watched:>12}{stolen:>12}", thread.place())?;
        let Percentiles { count, p50, p99, max, .. } = thread.percentiles;
        write!(f, "{:>12}", Thousands(count))?;
        for (value, least) in [(p50, 1), (p99, 100), (max, 1)] {
            match count >= least {
                true => write!(f, "{:>12}", Thousands(value))?,
                false => write!(f, "{:>12}", "-")?,
            }
        }
        match &thread.kernel {
            Some(of) => {
                let faults = Thousands(of.minor_faults + of.major_faults);
                let queued =
                    of.queued_ns.map_or("-".into(), |queued| Thousands(queued).to_string());
                write!(f, "{:>12}{queued:>16}{faults:>13}", Thousands(of.preempted))?;
            }
            None => write!(f, "{:>12}{:>16}{:>13}", "-", "-", "-")?,
        }
        writeln!(f, "  {}", thread.thread.replace('+', ", "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_event::Nanos;
    use expect_test::expect;

    struct Told<'a>(&'a [Jitter]);

    impl fmt::Display for Told<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            tell(self.0, f)
        }
    }

    #[test]
    fn gaps_and_counts_stand_by_thread() {
        let mut hiccups = Hiccups::new();
        for round in [100, 100, 5100, 200_100] {
            hiccups.waited(Nanos(round), Nanos(0));
        }
        let counts = Counts { preempted: 3, minor_faults: 1200, ..Counts::default() };
        let thread = |name: &str, core, hiccups, counts| engine_pipeline::Jitter {
            thread: name.to_string(),
            core,
            ran: Nanos(500_000),
            hiccups,
            counts,
        };
        let threads = [
            thread("source", Some(2), hiccups, Some(counts)),
            thread("shard-0+collector", None, Hiccups::new(), None),
        ];
        let told = threads.each_ref().map(Jitter::from);
        expect![[r#"
            summary
              the machine's own jitter in ns: gaps over 1,000 in a thread's time
              thread           watched      stolen        gaps         p50         p99         max   preempted          queued  page faults
              core 2            41.1 %    99.805 %           2       5,003           -     200,063           3               -        1,200  source
              no core            0.0 %           -           0           -           -           -           -               -            -  shard-0, collector
        "#]].assert_eq(&format!("summary{}", Told(&told)));
        let json = serde_json::to_string(&told[0]).unwrap();
        expect![[r#"{"thread":"source","core":2,"ran_ns":500000,"watched_ns":205400,"stolen_ns":205000,"gaps":{"count":2,"p50":5003,"p90":200063,"p99":200063,"p99.9":200063,"p99.99":200063,"max":200063},"kernel":{"preempted":3,"yielded":0,"minor_faults":1200,"major_faults":0,"queued_ns":null}}"#]].assert_eq(&json);
    }
}
