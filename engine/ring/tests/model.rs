//! Random operations on one thread, against a model that is obviously right: a queue for each
//! reader.

#![cfg(not(loom))]

use engine_ring::broadcast;
use proptest::prelude::*;
use std::collections::VecDeque;

const CAPACITY: usize = 8;
const CONSUMERS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    Push,
    PushSlice(usize),
    Publish,
    Poll { consumer: usize, max: usize },
    Advance { consumer: usize, count: usize },
    PollTap { max: usize },
    Detach { consumer: usize },
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let consumer = 0..CONSUMERS;
    let few = 0..CAPACITY + 2;
    prop_oneof![
        8 => Just(Step::Push),
        4 => few.clone().prop_map(Step::PushSlice),
        8 => Just(Step::Publish),
        8 => (consumer.clone(), few.clone()).prop_map(|(consumer, max)| Step::Poll { consumer, max }),
        6 => (consumer.clone(), few.clone())
            .prop_map(|(consumer, count)| Step::Advance { consumer, count }),
        4 => few.prop_map(|max| Step::PollTap { max }),
        1 => consumer.prop_map(|consumer| Step::Detach { consumer }),
        1 => Just(Step::Close),
    ]
}

/// What the ring should do: the producer numbers its records from 0.
#[derive(Default)]
struct Model {
    pushed: u64,
    published: u64,
    /// Pushed but not consumed, for each consumer that is attached.
    queues: [Option<VecDeque<u64>>; CONSUMERS],
    tap_next: u64,
    closed: bool,
}

impl Model {
    fn room(&self) -> usize {
        let fullest = self.queues.iter().flatten().map(VecDeque::len).max().unwrap_or(0);
        if self.closed { 0 } else { CAPACITY - fullest }
    }

    fn push(&mut self, count: usize) {
        for _ in 0..count {
            self.queues.iter_mut().flatten().for_each(|queue| queue.push_back(self.pushed));
            self.pushed += 1;
        }
    }

    /// The records that this consumer may see, or `None` if it is gone.
    fn visible(&self, consumer: usize) -> Option<Vec<u64>> {
        let queue = self.queues[consumer].as_ref()?;
        Some(queue.iter().copied().filter(|record| *record < self.published).collect())
    }

    fn consume(&mut self, consumer: usize, count: usize) {
        self.queues[consumer].as_mut().expect("attached").drain(..count);
    }
}

fn check(steps: &[Step]) {
    let (mut producer, consumers) = broadcast::<u64>(CAPACITY, CONSUMERS);
    let mut consumers: Vec<_> = consumers.into_iter().map(Some).collect();
    let mut tap = producer.tap();
    let mut model = Model { queues: [const { Some(VecDeque::new()) }; 3], ..Model::default() };

    for step in steps {
        match *step {
            Step::Push => {
                let fits = model.room() > 0;
                assert_eq!(producer.push(model.pushed).is_ok(), fits);
                model.push(usize::from(fits));
            }
            Step::PushSlice(count) => {
                let fits = count.min(model.room());
                let records: Vec<u64> = (model.pushed..).take(count).collect();
                assert_eq!(producer.has_room(count), fits == count);
                assert_eq!(producer.push_slice(&records), fits);
                model.push(fits);
            }
            Step::Publish => {
                producer.publish();
                model.published = model.pushed;
            }
            Step::Poll { consumer, max } => {
                let Some(visible) = model.visible(consumer) else { continue };
                let mut seen = Vec::new();
                let ring = consumers[consumer].as_mut().expect("attached");
                let read = ring.poll(max, |record| seen.push(*record));
                // It may know of fewer than there are, but never of none while there are some.
                assert_eq!(seen, visible[..read]);
                assert!(read <= max && (read > 0 || visible.is_empty() || max == 0));
                model.consume(consumer, read);
            }
            Step::Advance { consumer, count } => {
                let Some(visible) = model.visible(consumer) else { continue };
                let ring = consumers[consumer].as_mut().expect("attached");
                let readable = ring.readable();
                assert_eq!(readable, &visible[..readable.len()]);
                assert_eq!(readable.is_empty(), visible.is_empty());
                let count = count.min(readable.len());
                ring.advance(count);
                model.consume(consumer, count);
            }
            Step::PollTap { max } => {
                let mut seen = Vec::new();
                let tapped = tap.poll(max, |record| seen.push(*record));
                let start = model.tap_next + tapped.missed;
                assert_eq!(seen, (start..start + tapped.read as u64).collect::<Vec<_>>());
                model.tap_next = start + tapped.read as u64;
                assert_eq!(tap.position(), model.tap_next);
                assert!(model.tap_next <= model.published);
            }
            Step::Detach { consumer } => {
                consumers[consumer] = None;
                model.queues[consumer] = None;
            }
            Step::Close => {
                producer.close();
                model.published = model.pushed;
                model.closed = true;
            }
        }
        let attached = model.queues.iter().flatten().count();
        assert_eq!((producer.position(), producer.published()), (model.pushed, model.published));
        assert_eq!((producer.attached(), producer.room() > 0), (attached, model.room() > 0));
        for (consumer, ring) in consumers.iter().enumerate() {
            let Some(ring) = ring else { continue };
            let unread = model.visible(consumer).expect("attached").len();
            assert_eq!((ring.len(), ring.is_closed()), (unread, model.closed));
            assert_eq!(ring.is_drained(), model.closed && unread == 0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 8 } else { 1000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn broadcast_does_what_a_queue_per_reader_does(
        steps in prop::collection::vec(step(), 0..if cfg!(miri) { 40 } else { 200 }),
    ) {
        check(&steps);
    }
}
