//! Every interleaving, within bounds, of small models; and the canary that proves they would tell.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p engine-ring --release --test loom
//! RUSTFLAGS="--cfg loom --cfg planted_bug" cargo test -p engine-ring --release --test loom
//! ```
//!
//! Each model is one function. The first command runs it on the real code. The second plants, in
//! one test for each, a single mistake in the code under the same model, and the test passes only
//! if the model fails.

#![cfg(loom)]

use engine_ring::{broadcast, broadcast::Tap, latest};
use loom::thread;

/// Two words, so that there is something to tear: each record is `[n, n]`.
type Pair = [u64; 2];

/// How often in one run a thread may be interrupted where it did not ask for it.
const PREEMPTIONS_MAX: usize = 4;

fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS_MAX);
    builder.check(model);
}

/// Three records through two slots: the consumer sees each once, in order, never one that is being
/// overwritten, and then that nothing will follow.
fn gated_consumer_sees_all_in_order() {
    explore(|| {
        let (mut producer, mut consumers) = broadcast::<Pair>(2, 1);
        let mut consumer = consumers.remove(0);
        let reader = thread::spawn(move || {
            let mut seen = Vec::new();
            while !consumer.is_drained() {
                if consumer.poll(2, |record| seen.push(*record)) == 0 {
                    thread::yield_now();
                }
            }
            assert_eq!(seen, [[1, 1], [2, 2], [3, 3]]);
        });
        for n in 1..=3 {
            while producer.push([n, n]).is_err() {
                thread::yield_now();
            }
            producer.publish();
        }
        drop(producer);
        reader.join().unwrap();
    });
}

/// A batch is published whole or not at all, to both consumers.
fn batch_is_seen_whole() {
    explore(|| {
        let (mut producer, consumers) = broadcast::<Pair>(2, 2);
        let readers: Vec<_> = consumers
            .into_iter()
            .map(|mut consumer| {
                thread::spawn(move || match consumer.readable() {
                    [] => {}
                    seen => assert_eq!(seen, [[1, 1], [2, 2]]),
                })
            })
            .collect();
        assert_eq!(producer.push_slice(&[[1, 1], [2, 2]]), 2);
        producer.publish();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

/// Who sees the ring closed sees everything that was published before.
fn closed_is_seen_after_the_last_record() {
    explore(|| {
        let (mut producer, mut consumers) = broadcast::<Pair>(2, 1);
        let mut consumer = consumers.remove(0);
        let reader = thread::spawn(move || {
            if consumer.is_closed() {
                assert_eq!(consumer.readable(), [[1, 1]]);
            }
        });
        producer.push([1, 1]).unwrap();
        producer.close();
        reader.join().unwrap();
    });
}

/// A consumer that goes while it holds the producer up lets it go on, and not before it is done
/// reading.
fn detached_consumer_gates_no_more() {
    explore(|| {
        let (mut producer, mut consumers) = broadcast::<Pair>(1, 1);
        let mut consumer = consumers.remove(0);
        producer.push([1, 1]).unwrap();
        producer.publish();
        let reader = thread::spawn(move || {
            assert_eq!(consumer.readable(), [[1, 1]]);
        });
        while producer.push([2, 2]).is_err() {
            thread::yield_now();
        }
        assert_eq!(producer.attached(), 0);
        reader.join().unwrap();
    });
}

fn poll_untorn(tap: &mut Tap<Pair>, last: &mut u64) {
    let mut shown = 0;
    let tapped = tap.poll(2, |[n, same]| {
        assert_eq!(n, same, "a torn record");
        assert!(n > last, "out of order");
        (*last, shown) = (*n, shown + 1);
    });
    assert_eq!(tapped.read, shown);
}

/// A tap that is lapped shows only whole records, in order.
fn tap_never_shows_a_torn_record() {
    explore(|| {
        let (mut producer, _) = broadcast::<Pair>(1, 0);
        let mut tap = producer.tap();
        producer.push([1, 1]).unwrap();
        producer.publish();
        let reader = thread::spawn(move || poll_untorn(&mut tap, &mut 0));
        for n in 2..=3 {
            producer.push([n, n]).unwrap();
            producer.publish();
        }
        reader.join().unwrap();
    });
}

/// A tap that is made late may read what was written plainly before it existed, and what is being
/// overwritten word by word since.
fn tap_may_come_late() {
    explore(|| {
        let (mut producer, _) = broadcast::<Pair>(2, 0);
        producer.push([1, 1]).unwrap(); // written plainly, and not yet published
        let mut tap = producer.tap();
        let reader = thread::spawn(move || poll_untorn(&mut tap, &mut 0));
        producer.push([2, 2]).unwrap();
        producer.publish();
        producer.push([3, 3]).unwrap();
        reader.join().unwrap();
    });
}

/// What a tap shows and what it missed add up to what was published, once it is drained.
#[cfg_attr(planted_bug, expect(dead_code, reason = "no mistake of ours would break it alone"))]
fn tap_accounts_for_every_record() {
    explore(|| {
        let (mut producer, _) = broadcast::<Pair>(1, 0);
        let mut tap = producer.tap();
        let reader = thread::spawn(move || {
            let mut accounted = 0;
            while !tap.is_drained() {
                let tapped = tap.poll(1, |_| ());
                accounted += tapped.read as u64 + tapped.missed;
                thread::yield_now();
            }
            assert_eq!(accounted, 2);
        });
        for n in 1..=2 {
            producer.push([n, n]).unwrap();
            producer.publish();
        }
        drop(producer);
        reader.join().unwrap();
    });
}

/// A reader of the latest value never sees half of one and half of another, nor goes back in time.
fn latest_is_never_torn() {
    explore(|| {
        let (mut writer, reader) = latest::<Pair>([1, 1]);
        let reading = thread::spawn(move || {
            let mut last = 0;
            for _ in 0..2 {
                if let Some([n, same]) = reader.try_read() {
                    assert_eq!(n, same, "a torn value");
                    assert!(n >= last, "an older value");
                    last = n;
                }
            }
        });
        writer.write(&[2, 2]);
        writer.write(&[3, 3]);
        reading.join().unwrap();
    });
}

#[cfg(not(planted_bug))]
mod real {
    macro_rules! explore_all {
        ($($model:ident),* $(,)?) => {$(
            #[test]
            fn $model() {
                super::$model();
            }
        )*};
    }

    explore_all!(
        gated_consumer_sees_all_in_order,
        batch_is_seen_whole,
        closed_is_seen_after_the_last_record,
        detached_consumer_gates_no_more,
        tap_never_shows_a_torn_record,
        tap_may_come_late,
        tap_accounts_for_every_record,
        latest_is_never_torn,
    );
}

#[cfg(planted_bug)]
mod canary {
    use engine_ring::planted::{Bug, plant};
    use std::panic::catch_unwind;

    /// The model holds as it is, and no longer once the bug is planted.
    fn check(bug: Bug, model: fn()) {
        model();
        plant(bug);
        assert!(catch_unwind(model).is_err(), "loom did not catch {bug:?}");
    }

    macro_rules! catch_all {
        ($($test:ident: $bug:ident breaks $model:ident),* $(,)?) => {$(
            #[test]
            fn $test() {
                check(Bug::$bug, super::$model);
            }
        )*};
    }

    catch_all!(
        publish_relaxed: PublishRelaxed breaks gated_consumer_sees_all_in_order,
        publish_relaxed_in_batches: PublishRelaxed breaks batch_is_seen_whole,
        advance_relaxed: AdvanceRelaxed breaks gated_consumer_sees_all_in_order,
        gate_skipped: GateSkipped breaks gated_consumer_sees_all_in_order,
        detach_relaxed: DetachRelaxed breaks detached_consumer_gates_no_more,
        close_relaxed: CloseRelaxed breaks closed_is_seen_after_the_last_record,
        tap_unnoticed: TapUnnoticed breaks tap_may_come_late,
        claim_unfenced: ClaimUnfenced breaks tap_never_shows_a_torn_record,
        check_unfenced: CheckUnfenced breaks tap_never_shows_a_torn_record,
        write_unfenced: WriteUnfenced breaks latest_is_never_torn,
        read_unfenced: ReadUnfenced breaks latest_is_never_torn,
    );
}
