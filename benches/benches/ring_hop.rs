//! How long does one 64-byte message take from one core to another?
//!
//! Two pinned threads play ping-pong over two rings; half a round trip is one hop. The yardstick is
//! a bare cache line that bounces between the same cores in the same rounds: no message can be
//! faster, and the distance between cores changes by itself on virtual machines.
//!
//! Nobody pauses while waiting: a PAUSE takes about half as long as a hop, so that its rhythm, and
//! not the ring, would decide who arrives a pause too late.

#![forbid(unsafe_code)]

use benches::{Contest, Cores, Options, Target, tell};
use disruptor::{BusySpin, Polling, Producer as _};
use hdrhistogram::Histogram;
use quanta::Instant;
use std::sync::atomic::{AtomicU64, Ordering};

const CAPACITY: usize = 1024;

/// One cache line, as an event is.
#[derive(Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Message([u64; 8]);

fn main() {
    let options = Options::from_args();
    let cores = Cores::pair_or_exit();
    let hops = options.choose(50_000, 500);
    let game = Game { cores, hops };

    let title = "one hop of 64 bytes between two cores,";
    let results = Contest::with_columns(title, &["p50", "p99"])
        .peer("bare line bounce", || bounce(game))
        .ours("engine-ring broadcast, 1 consumer", || broadcast(game))
        .ours("engine-ring spsc", || spsc(game))
        .peer("rtrb", || rtrb(game))
        .peer("disruptor poller", || disruptor(game))
        .peer("crossbeam-channel", || crossbeam(game))
        .play(options.choose(11, 1))
        .target("engine-ring broadcast, 1 consumer", Target::at_most(2.5, &["bare line bounce"]));
    tell(options, "ring_hop", "ns", &[results]);
}

#[derive(Clone, Copy)]
struct Game {
    cores: Cores,
    hops: u64,
}

impl Game {
    /// Plays: one side sends and waits, the other waits and answers. Returns p50 and p99 of a hop.
    ///
    /// Each side moves to its thread's own stack: side by side on ours they would share lines.
    fn play(
        self,
        mut ping: impl FnMut(u64) + Send,
        mut await_pong: impl FnMut() -> u64 + Send,
        mut await_ping: impl FnMut() -> u64 + Send,
        mut pong: impl FnMut(u64) + Send,
    ) -> Vec<f64> {
        let duel = self.cores.duel(
            move || {
                let mut round_trips = Histogram::<u64>::new(3).expect("three digits are allowed");
                let mut last = 0;
                let mut start = Instant::now();
                for number in 1..=self.hops {
                    ping(number);
                    last = await_pong();
                    let end = Instant::now();
                    round_trips.saturating_record((end - start).as_nanos() as u64);
                    start = end;
                }
                (round_trips, last)
            },
            move || (0..self.hops).for_each(|_| pong(await_ping())),
        );
        let (round_trips, last) = duel.source;
        assert_eq!(last, self.hops, "the last message made it there and back");
        [0.50, 0.99].map(|q| round_trips.value_at_quantile(q) as f64 / 2.0).to_vec()
    }
}

fn bounce(game: Game) -> Vec<f64> {
    #[derive(Default)]
    #[repr(align(128))]
    struct Line(AtomicU64);

    let line = &Line::default();
    // An odd value is on its way there, an even one on its way back.
    let wait = |parity: u64| loop {
        let value = line.0.load(Ordering::Acquire);
        if value % 2 == parity && value > 0 {
            return value / 2;
        }
    };
    game.play(
        |number| line.0.store(2 * number + 1, Ordering::Release),
        move || wait(0),
        move || wait(1),
        |number| line.0.store(2 * number, Ordering::Release),
    )
}

fn broadcast(game: Game) -> Vec<f64> {
    let link = || {
        let (mut producer, mut consumers) = engine_ring::broadcast::<Message>(CAPACITY, 1);
        let mut consumer = consumers.remove(0);
        let send = move |number| {
            while producer.push(Message([number; 8])).is_err() {}
            producer.publish();
        };
        let receive = move || {
            let mut number = 0;
            while consumer.poll(1, |message| number = message.0[7]) == 0 {}
            number
        };
        (send, receive)
    };
    let ((ping, await_ping), (pong, await_pong)) = (link(), link());
    game.play(ping, await_pong, await_ping, pong)
}

fn spsc(game: Game) -> Vec<f64> {
    let link = || {
        let (mut producer, mut consumer) = engine_ring::spsc::<Message>(CAPACITY);
        let send = move |number| {
            while producer.push(Message([number; 8])).is_err() {}
        };
        let receive = move || loop {
            if let Some(message) = consumer.pop() {
                return message.0[7];
            }
        };
        (send, receive)
    };
    let ((ping, await_ping), (pong, await_pong)) = (link(), link());
    game.play(ping, await_pong, await_ping, pong)
}

fn rtrb(game: Game) -> Vec<f64> {
    let link = || {
        let (mut producer, mut consumer) = rtrb::RingBuffer::<Message>::new(CAPACITY);
        let send = move |number| {
            while producer.push(Message([number; 8])).is_err() {}
        };
        let receive = move || loop {
            if let Ok(message) = consumer.pop() {
                return message.0[7];
            }
        };
        (send, receive)
    };
    let ((ping, await_ping), (pong, await_pong)) = (link(), link());
    game.play(ping, await_pong, await_ping, pong)
}

fn disruptor(game: Game) -> Vec<f64> {
    let link = || {
        let builder = disruptor::build_single_producer(CAPACITY, Message::default, BusySpin);
        let (mut poller, builder) = builder.new_event_poller();
        let mut producer = builder.build();
        let send = move |number| {
            while producer.try_publish(|slot| *slot = Message([number; 8])).is_err() {}
        };
        let receive = move || loop {
            match poller.take(1) {
                Ok(mut messages) => return (&mut messages).map(|m| m.0[7]).last().unwrap_or(0),
                Err(Polling::NoEvents | Polling::Shutdown) => {}
            }
        };
        (send, receive)
    };
    let ((ping, await_ping), (pong, await_pong)) = (link(), link());
    game.play(ping, await_pong, await_ping, pong)
}

fn crossbeam(game: Game) -> Vec<f64> {
    let link = || {
        let (sender, receiver) = crossbeam_channel::bounded::<Message>(CAPACITY);
        let send = move |number| {
            while sender.try_send(Message([number; 8])).is_err() {}
        };
        let receive = move || loop {
            if let Ok(message) = receiver.try_recv() {
                return message.0[7];
            }
        };
        (send, receive)
    };
    let ((ping, await_ping), (pong, await_pong)) = (link(), link());
    game.play(ping, await_pong, await_ping, pong)
}
