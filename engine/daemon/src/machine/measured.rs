//! What no file tells: how far cores are from each other, and how much time is missing on each.

use super::{Found, counted};
use crate::terminal::Spoken;
use core_affinity::CoreId;
use crossbeam_utils::CachePadded;
use engine_event::{Clock, Nanos, RealClock};
use engine_pipeline::Hiccups;
use serde::Serialize;
use std::hint;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Cores whose distances are measured: all pairs of so many take a second.
const CORES_MAX: usize = 16;

/// How long a cache line takes from one core to another.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct Distance {
    from: usize,
    to: usize,
    /// One way; none if the two did not run at the same time.
    one_way_ns: Option<f64>,
}

/// The distance between each two of the first cores.
pub(super) fn distances(cores: &[usize]) -> Vec<Distance> {
    let cores = &cores[..cores.len().min(CORES_MAX)];
    let pairs = cores
        .iter()
        .enumerate()
        .flat_map(|(place, from)| cores[place + 1..].iter().map(move |to| (*from, *to)));
    pairs.map(|(from, to)| Distance { from, to, one_way_ns: bounce(from, to) }).collect()
}

/// A line that two pinned threads send back and forth: the median of batches.
fn bounce(from: usize, to: usize) -> Option<f64> {
    const BATCHES: usize = 31;
    const ROUNDS: u64 = 200;
    const PATIENCE: Duration = Duration::from_millis(50);
    let ball = CachePadded::new(AtomicU64::new(0));
    let given_up = AtomicBool::new(false);
    let until = Instant::now() + PATIENCE;
    // Waits until the ball has been thrown so often; the clock is read now and then.
    let catch = |throw: u64| {
        for spins in 1_u64.. {
            if ball.load(Ordering::Acquire) == throw {
                return true; // partner: the other side's `store`
            }
            hint::spin_loop();
            if spins.is_multiple_of(1024)
                && (given_up.load(Ordering::Relaxed) || Instant::now() > until)
            {
                given_up.store(true, Ordering::Relaxed); // it orders nothing, it only ends the game
                break;
            }
        }
        false
    };
    let mut batches = Vec::with_capacity(BATCHES);
    thread::scope(|scope| {
        let (ball, catch, batches) = (&ball, &catch, &mut batches);
        scope.spawn(move || {
            let mut throw = 0;
            while pin(to) && throw < 2 * ROUNDS * BATCHES as u64 {
                if !catch(throw + 1) {
                    return;
                }
                throw += 2;
                ball.store(throw, Ordering::Release); // partner: the other side's `catch`
            }
        });
        scope.spawn(move || {
            if !pin(from) {
                return;
            }
            let mut throw = 0;
            for _ in 0..BATCHES {
                let started = Instant::now();
                for _ in 0..ROUNDS {
                    ball.store(throw + 1, Ordering::Release); // partner: the other side's `catch`
                    throw += 2;
                    if !catch(throw) {
                        return;
                    }
                }
                batches.push(started.elapsed().as_nanos() as f64 / (2 * ROUNDS) as f64);
            }
        });
    });
    batches.sort_by(f64::total_cmp);
    let enough = batches.len() >= BATCHES / 3;
    batches.get(batches.len() / 2).copied().filter(|_| enough)
}

fn pin(core: usize) -> bool {
    /// As many as the kernel's mask has, which `core_affinity` takes on trust.
    const CORES: usize = 1024;
    core < CORES && core_affinity::set_for_current(CoreId { id: core })
}

/// Whether the cores that a pinned run takes are near each other: it takes the first ones.
pub(super) fn tell_distances(cores: &[usize], distances: &[Distance]) -> Found {
    const ABOUT: &str = "core distance";
    /// Beyond this a line does not stay in one cache.
    const NEAR: f64 = 120.0;
    if cores.len() < 2 {
        return Found::unknown(ABOUT, "there is only one core");
    }
    let measured = || distances.iter().filter_map(|of| Some((of, of.one_way_ns?)));
    let nearest = measured().min_by(|a, b| a.1.total_cmp(&b.1));
    let farthest = measured().max_by(|a, b| a.1.total_cmp(&b.1));
    let first = measured().find(|(of, _)| (of.from, of.to) == (cores[0], cores[1]));
    let (Some((best, nearest)), Some((_, farthest)), Some((_, first))) = (nearest, farthest, first)
    else {
        return Found::unknown(ABOUT, "two threads did not get to run at the same time");
    };
    let is = match distances {
        [_] => format!("{first:.0} ns one way between {} and {}", cores[0], cores[1]),
        _ => format!(
            "{first:.0} ns one way between {} and {}, which a pinned run takes first; {nearest:.0} to \
             {farthest:.0} ns over all pairs",
            cores[0], cores[1]
        ),
    };
    let costs = "a hop between threads takes about twice as long as the line does, and batches are \
                 moved at a quarter to a half of the rate";
    if first > NEAR.max(nearest * 1.5) && nearest < first {
        let change = format!("start with taskset -c {},{}", best.from, best.to);
        Found::costs(ABOUT, is, costs, change)
    } else if first > NEAR {
        let change = "cores that share a cache (lscpu -e); a virtual machine's host must pin them, and \
                      may move them at any time";
        Found::costs(ABOUT, is, costs, change)
    } else {
        Found::ok(ABOUT, is)
    }
}

/// What was missing on a core while a thread only looked at the clock.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Stolen {
    core: usize,
    watched_ns: u64,
    stolen_ns: u64,
    gaps: u64,
    longest_ns: u64,
}

/// Looks at the clock on all of the first cores at once.
pub(super) fn stolen(cores: &[usize]) -> Vec<Stolen> {
    const LOOKS_FOR: Nanos = Nanos::from_millis(250);
    let clock = RealClock::new();
    let look = |core: usize, clock: &RealClock| {
        if !pin(core) {
            return None;
        }
        let mut hiccups = Hiccups::new();
        let from = clock.now();
        let mut last = from;
        while last.since(from) < LOOKS_FOR {
            hint::spin_loop();
            let now = clock.now();
            hiccups.waited(now.since(last), now);
            last = now;
        }
        let gaps = hiccups.gaps().percentiles();
        Some(Stolen {
            core,
            watched_ns: hiccups.watched().0,
            stolen_ns: hiccups.stolen().0,
            gaps: gaps.count,
            longest_ns: gaps.max,
        })
    };
    thread::scope(|scope| {
        let start = |core: &usize| {
            let (core, clock) = (*core, clock.clone());
            scope.spawn(move || look(core, &clock))
        };
        let threads: Vec<_> = cores.iter().take(CORES_MAX).map(start).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok().flatten()).collect()
    })
}

/// Whether threads that never wait are left alone.
pub(super) fn tell_stolen(cores: &[usize], stolen: &[Stolen]) -> Found {
    const ABOUT: &str = "time stolen";
    let share = |of: &Stolen| of.stolen_ns as f64 * 100.0 / of.watched_ns.max(1) as f64;
    let Some(worst) = stolen.iter().max_by(|a, b| share(a).total_cmp(&share(b))) else {
        return Found::unknown(ABOUT, format!("none of {cores:?} could be had"));
    };
    let longest = stolen.iter().map(|of| of.longest_ns).max().unwrap_or(0);
    let is = format!(
        "up to {:.3} % on core {}, in {} over 1 µs; the longest on all cores took {}",
        share(worst),
        worst.core,
        counted(worst.gaps as usize, "gap", "gaps"),
        Spoken { nanos: longest, unicode: true },
    );
    match share(worst) > 0.05 || longest > 50_000 {
        true => Found::costs(
            ABOUT,
            is,
            "no event is looked at in these gaps: they are the tail of every latency on this machine",
            "see isolation, timer ticks, interrupts, quota and host above",
        ),
        false => Found::ok(ABOUT, is),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[test]
    fn all_pairs_are_measured_in_bounded_time() {
        let cores = engine_pipeline::allowed_cores();
        let distances = distances(&cores);
        let measured = cores.len().min(CORES_MAX);
        assert_eq!(distances.len(), measured * (measured - 1) / 2);
        for of in &distances {
            assert!(of.one_way_ns.is_none_or(|ns| (1.0..1e8).contains(&ns)), "{of:?}");
        }
        let started = Instant::now();
        assert_eq!(bounce(1000, 100_000), None, "cores that nobody has");
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn every_core_is_watched() {
        let cores = engine_pipeline::allowed_cores();
        let stolen = stolen(&cores);
        assert_eq!(stolen.len(), cores.len().min(CORES_MAX));
        for of in &stolen {
            assert!(of.watched_ns >= 250_000_000 && of.stolen_ns <= of.watched_ns, "{of:?}");
        }
    }

    #[track_caller]
    fn check(cores: &[usize], all: &[f64], expected: &Expect) {
        let pairs = cores
            .iter()
            .enumerate()
            .flat_map(|(place, from)| cores[place + 1..].iter().map(move |to| (*from, *to)));
        let distances: Vec<_> = pairs
            .zip(all)
            .map(|((from, to), ns)| Distance {
                from,
                to,
                one_way_ns: Some(*ns).filter(|ns| *ns > 0.0),
            })
            .collect();
        let Found { is, change, .. } = tell_distances(cores, &distances);
        expected.assert_eq(&format!("{is}\n{}\n", change.unwrap_or_default()));
    }

    #[test]
    fn a_nearer_pair_is_named() {
        check(
            &[0],
            &[],
            &expect![[r#"
            there is only one core

        "#]],
        );
        check(
            &[0, 1],
            &[55.0],
            &expect![[r#"
            55 ns one way between 0 and 1

        "#]],
        );
        check(
            &[0, 1],
            &[230.0],
            &expect![[r#"
            230 ns one way between 0 and 1
            cores that share a cache (lscpu -e); a virtual machine's host must pin them, and may move them at any time
        "#]],
        );
        check(
            &[0, 1, 4],
            &[230.0, 60.0, 240.0],
            &expect![[r#"
            230 ns one way between 0 and 1, which a pinned run takes first; 60 to 240 ns over all pairs
            start with taskset -c 0,4
        "#]],
        );
        check(
            &[0, 1],
            &[0.0],
            &expect![[r#"
            two threads did not get to run at the same time

        "#]],
        );
    }

    #[test]
    fn the_worst_core_is_told() {
        let of = |core, stolen_ns, longest_ns| Stolen {
            core,
            watched_ns: 250_000_000,
            stolen_ns,
            gaps: 1,
            longest_ns,
        };
        let told = |stolen: &[Stolen]| tell_stolen(&[0, 1], stolen);
        assert_eq!(told(&[of(0, 9000, 9000)]).verdict, super::super::Verdict::Ok);
        let found = told(&[of(0, 9000, 60_000), of(3, 5_000_000, 40_000)]);
        assert_eq!(
            found.is,
            "up to 2.000 % on core 3, in 1 gap over 1 µs; the longest on all cores took 60 µs"
        );
        assert_eq!(found.verdict, super::super::Verdict::Costs);
        assert_eq!(told(&[]).verdict, super::super::Verdict::Unknown);
    }
}
