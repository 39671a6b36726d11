//! Real threads, real races: every record arrives whole, once, in order.

#![cfg(not(loom))]

use engine_ring::{broadcast, latest, spsc};
use std::thread;

const RECORDS: u64 = if cfg!(miri) { 200 } else { 200_000 };
const CAPACITY: usize = if cfg!(miri) { 8 } else { 256 };

/// A record whose eight words say whether they belong together.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Record([u64; 8]);

impl Record {
    fn numbered(n: u64) -> Self {
        Self(std::array::from_fn(|word| n + word as u64))
    }

    fn number(&self) -> u64 {
        assert!(self.0.iter().zip(self.0[0]..).all(|(word, n)| *word == n), "torn: {:?}", self.0);
        self.0[0]
    }
}

/// Publishes all records in batches of 1, 2, … 7, waiting while the ring is full.
fn produce(mut producer: broadcast::Producer<Record>) {
    let mut next = 0;
    while next < RECORDS {
        let batch = (next % 7 + 1).min(RECORDS - next) as usize;
        let pushed = producer.push_iter(batch, (next..).map(Record::numbered)) as u64;
        producer.publish();
        next += pushed;
        if pushed == 0 {
            thread::yield_now();
        }
    }
}

/// Polls until drained and returns how many records came; each must follow the one before.
fn consume(mut consumer: broadcast::Consumer<Record>, max: usize) -> u64 {
    let mut next = 0;
    while !consumer.is_drained() {
        let read = consumer.poll(max, |record| {
            assert_eq!(record.number(), next);
            next += 1;
        });
        if read == 0 {
            thread::yield_now();
        }
    }
    next
}

#[test]
fn every_consumer_sees_every_record_in_order_while_taps_are_lapped() {
    let (mut producer, consumers) = broadcast::<Record>(CAPACITY, 2);
    let taps: Vec<_> = (0..2).map(|_| producer.tap()).collect();
    thread::scope(|scope| {
        for (max, consumer) in [1, CAPACITY].into_iter().zip(consumers) {
            scope.spawn(move || assert_eq!(consume(consumer, max), RECORDS));
        }
        for mut tap in taps {
            scope.spawn(move || {
                let mut next = 0;
                while !tap.is_drained() {
                    let before = next;
                    let mut shown = Vec::new();
                    let tapped = tap.poll(CAPACITY, |record| shown.push(record.number()));
                    next += tapped.missed + tapped.read as u64;
                    assert!(shown.iter().copied().eq(before + tapped.missed..next));
                    thread::yield_now();
                }
                assert_eq!(next, RECORDS, "shown and missed add up");
            });
        }
        scope.spawn(|| produce(producer));
    });
}

#[test]
fn a_producer_that_nobody_gates_laps_its_taps() {
    let (mut producer, _) = broadcast::<Record>(CAPACITY, 0);
    let mut tap = producer.tap();
    thread::scope(|scope| {
        scope.spawn(move || produce(producer));
        let mut accounted = 0;
        while !tap.is_drained() {
            let tapped = tap.poll(3, |record| {
                record.number();
            });
            accounted += tapped.missed + tapped.read as u64;
        }
        assert_eq!(accounted, RECORDS);
    });
}

#[test]
fn a_consumer_that_leaves_halfway_frees_the_others() {
    let (producer, mut consumers) = broadcast::<Record>(CAPACITY, 2);
    let (stays, mut leaves) = (consumers.remove(0), consumers.remove(0));
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(consume(stays, 16), RECORDS));
        scope.spawn(move || {
            while leaves.position() < RECORDS / 2 {
                leaves.poll(5, |_| ());
                thread::yield_now();
            }
        });
        scope.spawn(|| produce(producer));
    });
}

#[test]
fn spsc_hands_over_boxes_in_order() {
    let (mut producer, mut consumer) = spsc::<Box<u64>>(CAPACITY);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut values = (0..RECORDS).map(Box::new).peekable();
            while values.peek().is_some() {
                if producer.push_iter(producer.room().min(5), &mut values) == 0 {
                    thread::yield_now();
                }
            }
        });
        let mut next = 0;
        while !consumer.is_drained() {
            let drained = consumer.drain(7, |value| {
                assert_eq!(**value, next);
                next += 1;
            });
            if drained == 0 {
                thread::yield_now();
            }
        }
        assert_eq!(next, RECORDS);
    });
}

#[test]
fn latest_value_is_whole_and_never_older_than_the_one_before() {
    let (mut writer, reader) = latest(Record::numbered(0));
    thread::scope(|scope| {
        for reader in [reader.clone(), reader] {
            scope.spawn(move || {
                let mut last = 0;
                while last < RECORDS {
                    let number = reader.read().number();
                    assert!(number >= last);
                    last = number;
                }
            });
        }
        for n in 1..=RECORDS {
            writer.write(&Record::numbered(n));
        }
    });
}
