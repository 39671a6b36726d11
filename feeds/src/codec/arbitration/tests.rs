use super::*;
use crate::codec::framing::moldudp64::{self, Builder};
use crate::synthetic::Random;
use proptest::prelude::*;
use std::collections::BTreeSet;

const SESSION: SessionId = *b"TUESDAY   ";
const MS: u64 = 1_000_000;

/// What an arbitration told, a line each.
#[derive(Default)]
struct Told(Vec<String>);

impl Told {
    fn take(&mut self, lines: &mut Arbitration, datagram: &Datagram<'_>) {
        while let Some(delivery) = lines.deliver(datagram) {
            self.0.push(match delivery {
                Delivery::Session(session) => format!("session {}", session.escape_ascii()),
                Delivery::Message { sequence, bytes, .. } => {
                    format!("{sequence}:{}", bytes.escape_ascii())
                }
                Delivery::Gap { first, count } => format!("gap {first}+{count}"),
                Delivery::Ended => "ended".to_owned(),
            });
        }
    }
}

/// Lines under test: packets in, what was told out.
struct Bench {
    lines: Arbitration,
    told: Told,
}

impl Bench {
    fn new(settings: Settings) -> Self {
        Self { lines: Arbitration::new(settings), told: Told::default() }
    }

    fn packet(&mut self, line: Line, packet: &[u8], at: u64) -> &mut Self {
        let datagram = moldudp64::view(packet).unwrap();
        self.lines.receive(line, &datagram, Nanos(at));
        self.told.take(&mut self.lines, &datagram);
        self
    }

    /// Messages `first..first + texts.len()` of the session.
    fn messages(&mut self, line: Line, first: u64, texts: &[&str], at: u64) -> &mut Self {
        self.packet(line, &packet(SESSION, first, texts), at)
    }

    fn tick(&mut self, now: u64) -> &mut Self {
        self.lines.tick(Nanos(now));
        self.told.take(&mut self.lines, &Datagram::NONE);
        self
    }

    fn finish(&mut self) -> &mut Self {
        self.lines.finish();
        self.told.take(&mut self.lines, &Datagram::NONE);
        self
    }

    /// What is asked for again now.
    fn ask(&mut self) -> Option<Request> {
        self.lines.request(self.lines.now())
    }

    /// What was told since the last call.
    fn heard(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told.0)
    }
}

fn packet(session: SessionId, first: u64, texts: &[&str]) -> Vec<u8> {
    let mut builder = Builder::new(session, first, 65_000);
    texts.iter().for_each(|text| assert!(builder.push(text.as_bytes())));
    builder.take()
}

fn end(first: u64) -> [u8; 20] {
    Builder::new(SESSION, first, 1472).end_of_session()
}

#[test]
fn each_message_is_told_once_by_whichever_line_is_first() {
    let mut bench = Bench::new(Settings::default());
    bench.messages(Line::A, 1, &["a", "b"], 0).messages(Line::B, 1, &["a", "b", "c"], 1);
    bench.messages(Line::A, 3, &["c", "d"], 2).packet(Line::A, &end(5), 3);
    bench.packet(Line::B, &end(5), 4);
    assert_eq!(bench.heard(), ["session TUESDAY   ", "1:a", "2:b", "3:c", "4:d", "ended"]);
    let counters = bench.lines.counters();
    assert_eq!((counters.delivered, counters.duplicates, counters.gaps), (4, 3, 0));
    assert_eq!((counters.lines[0].first, counters.lines[1].first), (3, 1));
    assert_eq!((counters.lines[0].datagrams, counters.lines[1].messages), (3, 3));
}

#[test]
fn what_is_ahead_waits_for_what_is_missing() {
    let mut bench = Bench::new(Settings::default());
    bench.messages(Line::A, 1, &["a"], 0).messages(Line::A, 3, &["c"], 1);
    bench.messages(Line::A, 5, &["e"], 2);
    assert_eq!(bench.heard(), ["session TUESDAY   ", "1:a"]);
    bench.messages(Line::B, 2, &["b", "c", "d"], 3);
    assert_eq!(bench.heard(), ["2:b", "3:c", "4:d", "5:e"]);
    let counters = bench.lines.counters();
    assert_eq!((counters.recovered, counters.duplicates, counters.held_max), (2, 1, 2));
}

#[test]
fn an_answer_that_is_not_all_is_followed_by_a_request_for_the_rest() {
    let mut bench = Bench::new(Settings::default());
    bench.messages(Line::A, 1, &["a"], 0).messages(Line::A, 9, &["i"], 1);
    assert_eq!(bench.lines.request_from(2), None, "nothing was asked for yet");
    bench.tick(1 + 2 * MS);
    let asked = |first, count| Some(Request { session: SESSION, first, count });
    assert_eq!(bench.ask(), asked(2, 7));
    bench.messages(Line(2), 2, &["b", "c"], 2 + 2 * MS);
    assert_eq!(bench.lines.request_from(4), asked(4, 5));
    bench.messages(Line::B, 6, &["f"], 3 + 2 * MS);
    bench.messages(Line(2), 4, &["d"], 3 + 2 * MS);
    assert_eq!(bench.lines.request_from(5), asked(5, 1));
    bench.messages(Line(2), 5, &["e"], 4 + 2 * MS);
    assert_eq!(bench.lines.request_from(6), asked(7, 2));
    bench.messages(Line(2), 7, &["g", "h"], 5 + 2 * MS);
    assert_eq!(bench.lines.request_from(9), None, "that was all");
    assert_eq!(bench.heard().len(), 1 + 9);
}

#[test]
fn what_does_not_come_is_asked_for_and_then_declared() {
    let mut bench = Bench::new(Settings::default());
    bench.messages(Line::A, 1, &["a"], 0).messages(Line::A, 4, &["d"], 5);
    bench.messages(Line::B, 6, &["f"], 5);
    bench.heard();
    assert_eq!(bench.ask(), None);
    assert_eq!(bench.lines.wake_at(), Some(Nanos(5 + 2 * MS)));
    bench.tick(5 + 2 * MS);
    let asked = |first, count| Some(Request { session: SESSION, first, count });
    assert_eq!(bench.ask(), asked(2, 2));
    assert_eq!(bench.ask(), asked(5, 1));
    assert_eq!(bench.ask(), None);
    assert_eq!(bench.lines.wake_at(), Some(Nanos(5 + 4 * MS)));
    bench.tick(5 + 4 * MS);
    assert_eq!(bench.ask(), asked(2, 2), "asked again");
    bench.messages(Line(2), 2, &["b"], 5 + 5 * MS);
    assert_eq!(bench.heard(), ["2:b"]);
    bench.tick(4 + 100 * MS);
    assert_eq!(bench.heard(), Vec::<String>::new());
    bench.tick(5 + 100 * MS);
    assert_eq!(bench.heard(), ["gap 3+1", "4:d", "gap 5+1", "6:f"]);
    assert_eq!(bench.lines.wake_at(), None);
    bench.messages(Line::B, 3, &["c", "d"], 5 + 101 * MS);
    let counters = bench.lines.counters();
    assert_eq!((counters.late, counters.duplicates), (1, 1));
    assert_eq!((counters.requests, counters.requested), (3, 5));
    assert_eq!((counters.gaps, counters.declared), (2, 2));
}

#[test]
fn heartbeats_and_the_end_tell_of_what_is_missing() {
    let mut bench = Bench::new(Settings::default());
    bench.messages(Line::A, 1, &["a"], 0).packet(Line::A, &packet(SESSION, 3, &[]), 0);
    bench.tick(100 * MS);
    assert_eq!(bench.heard(), ["session TUESDAY   ", "1:a", "gap 2+1"]);
    bench.packet(Line::B, &end(5), 100 * MS);
    assert_eq!(bench.heard(), Vec::<String>::new());
    bench.finish();
    assert_eq!(bench.heard(), ["gap 3+2", "ended"]);
}

#[test]
fn a_cut_datagram_tells_how_much_it_had() {
    let mut bench = Bench::new(Settings::default());
    let whole = packet(SESSION, 1, &["a", "b", "c"]);
    let cut = moldudp64::view_cut(&whole[..whole.len() - 4]).unwrap();
    bench.lines.receive(Line::A, &cut, Nanos(0));
    bench.told.take(&mut bench.lines, &cut);
    assert_eq!(bench.heard(), ["session TUESDAY   ", "1:a"]);
    bench.finish();
    assert_eq!(bench.heard(), ["gap 2+2"]);
}

#[test]
fn a_full_buffer_ends_the_waiting() {
    let small = Settings { messages_max: 4, ..Settings::default() };
    let mut bench = Bench::new(small);
    bench.messages(Line::A, 1, &["a"], 0).messages(Line::A, 4, &["d", "e"], 0);
    bench.messages(Line::A, 6, &["f", "g"], 0);
    assert_eq!(bench.heard(), ["session TUESDAY   ", "1:a", "gap 2+2", "4:d", "5:e", "6:f", "7:g"]);
    assert_eq!(bench.lines.counters().overruns, 1);
    let narrow = Settings { bytes_max: 10, ..Settings::default() };
    let mut bench = Bench::new(narrow);
    bench.messages(Line::A, 2, &["12345"], 0).messages(Line::A, 4, &["1234567"], 0);
    assert_eq!(bench.heard(), ["session TUESDAY   ", "gap 1+1", "2:12345"]);
    bench.messages(Line::A, 6, &["12345678901"], 0);
    assert_eq!(bench.heard(), ["gap 3+1", "4:1234567", "gap 5+1", "6:12345678901"]);
}

#[test]
fn a_number_far_ahead_is_believed_when_it_is_confirmed() {
    let mut bench = Bench::new(Settings::default());
    let far = 1 << 40;
    bench.messages(Line::A, 1, &["a"], 0).messages(Line::A, far, &["x"], 1);
    bench.messages(Line::B, 1, &["a", "b"], 2).messages(Line::A, 7, &["g"], 2);
    assert_eq!(bench.heard(), ["session TUESDAY   ", "1:a", "2:b"]);
    bench.messages(Line::A, far + 1, &["y", "z"], 3);
    let told = ["gap 3+4", "7:g", "gap 8+1099511627768", "1099511627776:x", "1099511627777:y"];
    assert_eq!(bench.heard()[..5], told);
    assert_eq!(bench.lines.next(), far + 3);
    bench.messages(Line::A, 1 << 50, &["!"], 4).messages(Line::A, far + 3, &["w"], 5).finish();
    assert_eq!(bench.heard(), ["1099511627779:w"], "damage is not believed");
    assert_eq!(bench.lines.counters().doubted, 2);
}

#[test]
fn one_that_joins_late_misses_nothing_that_came() {
    let mut bench = Bench::new(Settings::default());
    bench.messages(Line::A, 1_000_000, &["a"], 0).finish();
    assert_eq!(bench.heard(), ["session TUESDAY   ", "gap 1+999999", "1000000:a"]);
    let mut bench = Bench::new(Settings { first: 999_999, ..Settings::default() });
    bench.messages(Line::A, 1_000_000, &["a"], 0).messages(Line::B, 999_999, &["z"], 0);
    assert_eq!(bench.heard(), ["session TUESDAY   ", "999999:z", "1000000:a"]);
}

#[test]
fn a_new_session_begins_when_the_old_one_was_told() {
    let next = *b"WEDNESDAY ";
    let mut bench = Bench::new(Settings::default());
    bench.messages(Line::A, 1, &["a"], 0).messages(Line::A, 3, &["c"], 0);
    bench.packet(Line::A, &packet(next, 1, &[]), 1);
    bench.messages(Line::B, 1, &["a", "b"], 2);
    assert_eq!(bench.heard(), ["session TUESDAY   ", "1:a", "2:b", "3:c"]);
    bench.packet(Line::A, &packet(next, 1, &["A"]), 3);
    assert_eq!(bench.heard(), ["session WEDNESDAY ", "1:A"]);
    bench.messages(Line::B, 3, &["c", "d"], 4).packet(Line::B, &end(5), 5);
    bench.packet(Line::B, &packet(next, 1, &["A", "B"]), 6).finish();
    assert_eq!(bench.heard(), ["2:B"]);
    assert_eq!(bench.lines.counters().stale, 2);
}

#[test]
fn numbers_do_not_wrap() {
    let mut bench = Bench::new(Settings { first: u64::MAX - 2, ..Settings::default() });
    bench.messages(Line::A, u64::MAX - 2, &["a", "b"], 0);
    assert_eq!(bench.heard().len(), 3);
    let wrapped = Datagram { session: SESSION, first: u64::MAX, count: 2, ..Datagram::NONE };
    bench.lines.receive(Line::A, &wrapped, Nanos(1));
    bench.told.take(&mut bench.lines, &wrapped);
    assert_eq!(bench.lines.counters().malformed, 1);
    bench.packet(Line::A, &end(u64::MAX), 2).finish();
    assert_eq!(bench.heard(), ["ended"]);
}

#[test]
fn the_last_numbers_of_all_are_believed_like_others() {
    let mut bench = Bench::new(Settings::default());
    bench.messages(Line::A, 1, &["a"], 0);
    bench.messages(Line::A, u64::MAX - 2, &["y", "z"], 1).finish();
    let last = u64::MAX - 1;
    assert_eq!(bench.heard()[3..], [format!("{}:y", last - 1), format!("{last}:z")]);
    let next = *b"WEDNESDAY ";
    let far = packet(next, u64::MAX - 2, &["y"]);
    bench.packet(Line::A, &far, 2).packet(Line::B, &far, 2);
    assert_eq!(bench.lines.counters().declared, u64::MAX, "counted as far as numbers go");
}

/// A datagram on its way.
struct Sent {
    at: u64,
    line: Line,
    bytes: Vec<u8>,
}

/// How a line treats what is sent on it.
#[derive(Clone, Copy)]
struct Weather {
    loss_in_1000: u32,
    twice_in_1000: u32,
    /// The most that a datagram is delayed.
    delay_ns: u32,
}

/// What a line brings of messages `1..=count`, cut into datagrams of its own, and which those are.
fn send(
    line: Line,
    count: u64,
    weather: Weather,
    random: &mut Random,
    brought: &mut BTreeSet<u64>,
) -> Vec<Sent> {
    let (mut sent, mut first, mut clock) = (Vec::new(), 1, 0);
    while first <= count {
        let texts: Vec<String> = (first..=count)
            .take(1 + random.place(6))
            .map(|sequence| format!("m{sequence}{}", "x".repeat((sequence % 40) as usize)))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let next = first + texts.len() as u64;
        clock += 1000;
        for _ in 0..1 + u32::from(random.in_1000(weather.twice_in_1000)) {
            if !random.in_1000(weather.loss_in_1000) {
                let at = clock + u64::from(random.below(weather.delay_ns.max(1)));
                sent.push(Sent { at, line, bytes: packet(SESSION, first, &texts) });
                brought.extend(first..next);
            }
        }
        first = next;
    }
    sent
}

/// Sends a session over two lines and holds what is told against what either of them brought.
fn check_lines(seed: u64, count: u64, weather: Weather, settings: Settings) -> Counters {
    let (mut random, mut brought) = (Random::new(seed), BTreeSet::new());
    let mut sent = send(Line::A, count, weather, &mut random, &mut brought);
    sent.extend(send(Line::B, count, weather, &mut random, &mut brought));
    sent.sort_by_key(|sent| sent.at);
    let mut lines = Arbitration::new(settings);
    let (mut told, mut lost, mut next) = (BTreeSet::new(), 0, 1);
    let mut take = |lines: &mut Arbitration, datagram: &Datagram<'_>| {
        while let Some(delivery) = lines.deliver(datagram) {
            match delivery {
                Delivery::Message { sequence, bytes, .. } => {
                    assert_eq!(sequence, next, "seed {seed}");
                    let text = format!("m{sequence}{}", "x".repeat((sequence % 40) as usize));
                    assert_eq!(bytes, text.as_bytes());
                    told.insert(sequence);
                    next += 1;
                }
                Delivery::Gap { first, count } => {
                    assert_eq!(first, next, "seed {seed}");
                    lost += count;
                    next += count;
                }
                Delivery::Session(_) => {}
                Delivery::Ended => assert_eq!(next, count + 1),
            }
        }
    };
    for sent in &sent {
        let datagram = moldudp64::view(&sent.bytes).unwrap();
        lines.receive(sent.line, &datagram, Nanos(sent.at));
        take(&mut lines, &datagram);
        while let Some(request) = lines.request(lines.now()) {
            assert!(request.first >= lines.next() && request.count > 0);
        }
    }
    let end = Builder::new(SESSION, count + 1, 1472).end_of_session();
    let datagram = moldudp64::view(&end).unwrap();
    lines.receive(Line::A, &datagram, Nanos(1 << 40));
    take(&mut lines, &datagram);
    lines.finish();
    take(&mut lines, &Datagram::NONE);
    assert_eq!(told, brought, "seed {seed}");
    assert_eq!(lost, count - told.len() as u64, "seed {seed}");
    let counters = *lines.counters();
    assert_eq!((counters.delivered, counters.declared), (told.len() as u64, lost));
    assert_eq!(counters.late, 0);
    let brought: u64 = counters.lines.iter().map(|line| line.messages).sum();
    assert_eq!(brought, counters.delivered + counters.duplicates, "seed {seed}");
    counters
}

#[test]
fn whichever_line_has_a_message_it_is_told_once_and_in_order() {
    for seed in 0..200 {
        let weather = Weather { loss_in_1000: 300, twice_in_1000: 100, delay_ns: 50_000 };
        let counters = check_lines(seed, 3000, weather, Settings::default());
        assert!(counters.recovered > 0 && counters.duplicates > 0 && counters.declared > 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_the_weather(
        seed in any::<u64>(),
        loss_in_1000 in 0u32..900,
        twice_in_1000 in 0u32..500,
        delay_ns in 0u32..1_000_000,
    ) {
        let weather = Weather { loss_in_1000, twice_in_1000, delay_ns };
        check_lines(seed, 1000, weather, Settings::default());
    }

    /// Hostile datagrams: nothing is told twice or out of order, memory stays within its bounds.
    #[test]
    fn whatever_comes(
        datagrams in prop::collection::vec(
            (0u8..3, 0u8..3, prop_oneof![0u64..60, any::<u64>()], 0u16..9, 0usize..30, 0u64..200 * MS, any::<bool>()),
            1..200,
        ),
        messages_max in 1usize..32,
        bytes_max in 0usize..200,
    ) {
        let settings = Settings { messages_max, bytes_max, ..Settings::default() };
        let mut lines = Arbitration::new(settings);
        let (mut next, mut open) = (settings.first, false);
        let mut take = |lines: &mut Arbitration, datagram: &Datagram<'_>| {
            for _ in 0..100_000 {
                match lines.deliver(datagram) {
                    None => return,
                    Some(Delivery::Session(_)) => (next, open) = (settings.first, true),
                    Some(Delivery::Message { sequence, .. }) => {
                        assert!(open);
                        assert_eq!(sequence, next);
                        next += 1;
                    }
                    Some(Delivery::Gap { first, count }) => {
                        assert!(open && count > 0);
                        assert_eq!(first, next);
                        next += count;
                    }
                    Some(Delivery::Ended) => assert!(open),
                }
            }
            panic!("it goes on for ever");
        };
        for (line, session, first, count, length, at, ends) in datagrams {
            let text = "t".repeat(length);
            let bytes = packet(SESSION, 1, &vec![text.as_str(); usize::from(count)]);
            let mut datagram = moldudp64::view(&bytes).unwrap();
            datagram.session[9] = session;
            (datagram.first, datagram.ends) = (first, ends);
            lines.receive(Line(line), &datagram, Nanos(at));
            take(&mut lines, &datagram);
            let held = lines.counters().held_max;
            prop_assert!(held <= messages_max.max(2).next_power_of_two() as u64);
            while lines.request(lines.now()).is_some() {}
            lines.wake_at();
        }
        lines.finish();
        take(&mut lines, &Datagram::NONE);
    }
}
