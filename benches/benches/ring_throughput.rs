//! How many 64-byte messages a second pass from one core to another?
//!
//! First to one consumer, then to three that all see everything. The three share the second core,
//! polled in turn by one thread, for every contestant alike. Every contestant writes its messages
//! in place, waits for room for a whole batch, and reads at most [`READ_AT_ONCE`] at a time.

#![forbid(unsafe_code)]

use benches::{Contest, Cores, Options, Results, Target, tell};
use disruptor::BusySpin;
use std::hint::spin_loop;

const CAPACITY: usize = 4096;
const READ_AT_ONCE: usize = 256;
const CONSUMERS: usize = 3;

/// One cache line, as an event is.
#[derive(Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Message([u64; 8]);

impl Message {
    fn numbered(number: u64) -> Self {
        Self([number; 8])
    }
}

/// What a consumer makes of the messages it sees, to prove that it saw them all.
#[derive(Default)]
struct Tally {
    count: u64,
    sum: u64,
}

impl Tally {
    #[inline(always)]
    fn add(&mut self, message: &Message) {
        self.count += 1;
        self.sum += message.0[7];
    }
}

fn main() {
    let options = Options::from_args();
    let cores = Cores::pair_or_exit();
    let rounds = options.choose(9, 1);
    let mut results = Vec::new();
    for batch in [1, 16, 32] {
        let game = Game { cores, batch, messages: options.choose(4_000_000, 20_000) };
        results.push(to_one(game, rounds));
    }
    for batch in [1, 16] {
        let game = Game { cores, batch, messages: options.choose(2_000_000, 20_000) };
        results.push(to_three(game, rounds));
    }
    tell(options, "ring_throughput", "million messages a second", &results);
}

/// The batch size at which targets are stated: what a feed typically has ready at once.
const TYPICAL: usize = 16;

fn to_one(game: Game, rounds: usize) -> Results {
    let results = Contest::new(format!("one to one, batches of {}", game.batch))
        .peer("rtrb chunks", move || rtrb_chunks::<1>(game))
        .peer("rtrb push, pop", move || rtrb_single(game))
        .ours("engine-ring spsc", move || spsc(game))
        .ours("engine-ring broadcast, 1 consumer", move || broadcast::<1>(game, false))
        .peer("disruptor poller", move || disruptor_one(game))
        .play(rounds);
    match game.batch {
        TYPICAL => results.target("engine-ring spsc", Target::at_least(0.95, &["rtrb chunks"])),
        _ => results,
    }
}

fn to_three(game: Game, rounds: usize) -> Results {
    const PEERS: &[&str] = &["disruptor multicast", "3 x rtrb chunks"];
    let results = Contest::new(format!("one to three, batches of {}", game.batch))
        .peer("disruptor multicast", move || disruptor_three(game))
        .peer("3 x rtrb chunks", move || rtrb_chunks::<CONSUMERS>(game))
        .ours("engine-ring broadcast", move || broadcast::<CONSUMERS>(game, false))
        .ours("engine-ring broadcast, idle tap", move || broadcast::<CONSUMERS>(game, true))
        .play(rounds);
    match game.batch {
        TYPICAL => results.target("engine-ring broadcast", Target::at_least(0.95, PEERS)),
        _ => results,
    }
}

#[derive(Clone, Copy)]
struct Game {
    cores: Cores,
    batch: usize,
    messages: u64,
}

impl Game {
    /// One core sends, batch by batch from the number given; the other polls until each of `N`
    /// tallies is complete. Returns million messages a second, each counted once.
    ///
    /// Each side moves to its thread's own stack: side by side on ours they would share lines.
    fn play<const N: usize>(
        self,
        mut send: impl FnMut(u64) + Send,
        mut poll: impl FnMut(&mut [Tally; N]) + Send,
    ) -> Vec<f64> {
        let duel = self.cores.duel(
            move || (0..self.messages).step_by(self.batch).for_each(&mut send),
            move || {
                let mut tallies: [Tally; N] = std::array::from_fn(|_| Tally::default());
                while tallies.iter().any(|tally| tally.count < self.messages) {
                    poll(&mut tallies);
                }
                tallies
            },
        );
        let expected: u64 = (0..self.messages).sum();
        duel.target.iter().for_each(|tally| assert_eq!(tally.sum, expected, "a message was lost"));
        vec![self.messages as f64 / duel.took.as_secs_f64() / 1e6]
    }
}

fn rtrb_single(game: Game) -> Vec<f64> {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<Message>::new(CAPACITY);
    game.play::<1>(
        move |first| {
            for number in first..first + game.batch as u64 {
                while producer.push(Message::numbered(number)).is_err() {
                    spin_loop();
                }
            }
        },
        move |[tally]| match consumer.pop() {
            Ok(message) => tally.add(&message),
            Err(_) => spin_loop(),
        },
    )
}

fn rtrb_chunks<const N: usize>(game: Game) -> Vec<f64> {
    let (mut producers, mut consumers): (Vec<_>, Vec<_>) =
        (0..N).map(|_| rtrb::RingBuffer::<Message>::new(CAPACITY)).unzip();
    game.play::<N>(
        move |first| {
            for producer in &mut producers {
                let chunk = loop {
                    match producer.write_chunk_uninit(game.batch) {
                        Ok(chunk) => break chunk,
                        Err(_) => spin_loop(),
                    }
                };
                chunk.fill_from_iter((first..).take(game.batch).map(Message::numbered));
            }
        },
        move |tallies| {
            for (tally, consumer) in tallies.iter_mut().zip(&mut consumers) {
                let ready = consumer.slots().min(READ_AT_ONCE);
                if ready == 0 {
                    spin_loop();
                    continue;
                }
                let chunk = consumer.read_chunk(ready).expect("so many are ready");
                let (run, rest) = chunk.as_slices();
                run.iter().chain(rest).for_each(|message| tally.add(message));
                chunk.commit_all();
            }
        },
    )
}

fn spsc(game: Game) -> Vec<f64> {
    let (mut producer, mut consumer) = engine_ring::spsc::<Message>(CAPACITY);
    game.play::<1>(
        move |first| {
            while !producer.has_room(game.batch) {
                spin_loop();
            }
            let messages = (first..).take(game.batch).map(Message::numbered);
            producer.push_iter(game.batch, messages);
        },
        move |[tally]| {
            if consumer.drain(READ_AT_ONCE, |message| tally.add(message)) == 0 {
                spin_loop();
            }
        },
    )
}

fn broadcast<const N: usize>(game: Game, tapped: bool) -> Vec<f64> {
    let (mut producer, mut consumers) = engine_ring::broadcast::<Message>(CAPACITY, N);
    let _idle = tapped.then(|| producer.tap());
    game.play::<N>(
        move |first| {
            while !producer.has_room(game.batch) {
                spin_loop();
            }
            producer.push_iter(game.batch, (first..).take(game.batch).map(Message::numbered));
            producer.publish();
        },
        move |tallies| {
            for (tally, consumer) in tallies.iter_mut().zip(&mut consumers) {
                if consumer.poll(READ_AT_ONCE, |message| tally.add(message)) == 0 {
                    spin_loop();
                }
            }
        },
    )
}

fn disruptor_one(game: Game) -> Vec<f64> {
    let builder = disruptor::build_single_producer(CAPACITY, Message::default, BusySpin);
    let (mut poller, builder) = builder.new_event_poller();
    let mut producer = builder.build();
    game.play::<1>(
        move |first| disruptor_send(&mut producer, first, game.batch),
        move |[tally]| match poller.take(READ_AT_ONCE as u64) {
            Ok(mut messages) => (&mut messages).for_each(|message| tally.add(message)),
            Err(_) => spin_loop(),
        },
    )
}

fn disruptor_three(game: Game) -> Vec<f64> {
    let builder = disruptor::build_single_producer(CAPACITY, Message::default, BusySpin);
    let (first, builder) = builder.new_event_poller();
    let (second, builder) = builder.new_event_poller();
    let (third, builder) = builder.new_event_poller();
    let mut pollers = [first, second, third];
    let mut producer = builder.build();
    game.play::<CONSUMERS>(
        move |first| disruptor_send(&mut producer, first, game.batch),
        move |tallies| {
            for (tally, poller) in tallies.iter_mut().zip(&mut pollers) {
                match poller.take(READ_AT_ONCE as u64) {
                    Ok(mut messages) => (&mut messages).for_each(|message| tally.add(message)),
                    Err(_) => spin_loop(),
                }
            }
        },
    )
}

fn disruptor_send(producer: &mut impl disruptor::Producer<Message>, first: u64, batch: usize) {
    loop {
        let sent = producer.try_batch_publish(batch, |slots| {
            for (slot, number) in slots.zip(first..) {
                *slot = Message::numbered(number);
            }
        });
        match sent {
            Ok(_) => return,
            Err(_) => spin_loop(),
        }
    }
}
