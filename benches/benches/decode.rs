//! What does a message cost to decode?
//!
//! All of a generated session lies in memory. Our codecs write each event over an older one, as into
//! a ring whose readers have gone by.
//!
//! ITCH has two floors: a loop that looks only at each length and type, which nobody can do without, and
//! one that besides adds up every field that books need, from where the specification puts it. Peers are
//! the parsers `itch5`, whose handler adds up the same fields, and `itchy`, whose messages are counted.
//! Ours makes an event of 64 bytes of each message, and keeps count of types and times. Further peers are
//! programs that read the same file; `{messages}` stands for how many it holds:
//!
//! ```text
//! cargo bench -p benches --bench decode -- --peer "CppTrader=/path/to/it {file} {messages}"
//! ```

#![forbid(unsafe_code)]

use benches::{Contest, Options, Overwritten, Rival, Target, ns_each, tell, time};
use engine_event::Directory;
use engine_pipeline::Tally;
use feeds::codec::{Codec, Itch50, Lobster, Tape, itch50};
use feeds::synthetic::{itch, lobster, tape};
use itch5::messages as theirs;
use itch5::{MessageHandler, Parser};
use std::hint::black_box;
use std::ops::ControlFlow;

const WALK: &str = "lengths and types";
const FIELDS: &str = "fields of books, added up";

fn main() {
    let (options, settings) = Options::with_settings(&["--peer"]);
    let rivals: Vec<_> = settings.iter().map(|(_, text)| Rival::new(text)).collect();
    let rounds = options.choose(15, 1);
    let (messages, lines) = (options.choose(1_000_000, 20_000), options.choose(500_000, 20_000));
    let [mut day, mut lobster_day, mut tape_day] = [const { Vec::new() }; 3];
    itch::generate(messages, 1, 200, &mut day).expect("memory takes any bytes");
    // `itchy` does not know the newest types; they are rare.
    let (day, messages) = without(&day, b"OhJ");
    lobster::generate(lines, 1, &mut lobster_day).expect("memory takes any bytes");
    let settings = tape::Settings { lines, ..tape::Settings::default() };
    tape::generate(settings, &mut tape_day).expect("memory takes any bytes");

    let itch = Contest::new("ITCH 5.0, a message")
        .peer(WALK, || floor(&day, messages))
        .ours("our frames, and their types", || frames(&day, messages))
        .peer(FIELDS, || fields(&day, messages))
        .peer("fields of books, in 64 bytes", || stored(&day, messages))
        .peer("itch5", || itch5(&day, messages))
        .peer("itchy", || itchy(&day, messages))
        .ours("our codec, into events", || ours(Itch50::new, &day))
        .play(rounds)
        .target("our frames, and their types", Target::at_most(1.2, &[WALK]))
        .target("our codec, into events", Target::at_most(1.5, &[FIELDS]));
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), &day).expect("there is room for it");
    let mut handlers = Contest::new("ITCH 5.0, a message, against parsers")
        .peer("itchy", || itchy(&day, messages))
        .ours("our codec", || ours(Itch50::new, &day));
    for rival in &rivals {
        handlers = handlers.peer(rival.name, || rival.run(file.path(), messages));
    }
    let mut handlers = handlers.play(rounds).target("our codec", Target::at_most(0.6, &["itchy"]));
    if rivals.iter().any(|rival| rival.name == "CppTrader") {
        handlers = handlers.target("our codec", Target::at_most(0.7, &["CppTrader"]));
    }
    let csv = Contest::new("text, a line")
        .ours("LOBSTER", || ours(Lobster::new, &lobster_day))
        .ours("tape", || ours(Tape::new, &tape_day))
        .play(rounds);
    tell(options, "decode", "ns", &[itch, handlers, csv]);
}

fn ours<C: Codec>(codec: fn(&feeds::Options) -> C, mut bytes: &[u8]) -> Vec<f64> {
    let options = feeds::Options { subject: Some("AAPL".into()), ..feeds::Options::default() };
    let mut codec = codec(&options);
    let (mut names, mut tally) = (Directory::new(1_000), Tally::default());
    let mut sink = Overwritten::default();
    let spent = time(|| {
        while !bytes.is_empty() {
            let read = codec.decode(bytes, true, &mut names, &mut sink, &mut tally);
            bytes = &bytes[read.expect("a session is valid")..];
        }
    });
    ns_each(spent, tally.messages)
}

fn floor(mut bytes: &[u8], messages: u64) -> Vec<f64> {
    let mut by_type = [0_u64; 256];
    let spent = time(|| {
        while let [high, low, kind, ..] = *bytes {
            by_type[usize::from(kind)] += 1;
            bytes = &bytes[2 + usize::from(u16::from_be_bytes([high, low]))..];
        }
    });
    assert_eq!(by_type.iter().sum::<u64>(), messages);
    ns_each(spent, messages)
}

/// The session without messages of these types, and how many are left.
fn without(bytes: &[u8], types: &[u8]) -> (Vec<u8>, u64) {
    let mut left = Vec::with_capacity(bytes.len());
    let kept = itch50::frames(bytes).filter(|message| !types.contains(&message[0]));
    let count = kept.map(|message| {
        left.extend((message.len() as u16).to_be_bytes());
        left.extend(message);
    });
    let count = count.count() as u64;
    (left, count)
}

fn frames(bytes: &[u8], messages: u64) -> Vec<f64> {
    let mut by_type = [0_u64; 256];
    let spent = time(|| {
        for message in itch50::frames(bytes) {
            by_type[usize::from(message[0])] += 1;
        }
    });
    assert_eq!(by_type.iter().sum::<u64>(), messages);
    ns_each(spent, messages)
}

/// Every field that a book needs, read from its place and added up.
fn fields(bytes: &[u8], messages: u64) -> Vec<f64> {
    let mut sum = 0_u64;
    let spent = each(bytes, messages, |_, head, body| {
        sum = body.into_iter().fold(sum ^ head, u64::wrapping_add);
    });
    black_box(sum);
    spent
}

/// The same, written over one of 256 records of a cache line.
fn stored(bytes: &[u8], messages: u64) -> Vec<f64> {
    let mut records = vec![[0_u64; 8]; 256];
    let mut next = 0_usize;
    let spent = each(bytes, messages, |kind, head, [a, b, c, d]| {
        records[next % 256] = [next as u64, head, head, u64::from(kind), a, b, c, d];
        next += 1;
    });
    black_box(records);
    spent
}

#[inline(always)]
fn each(mut bytes: &[u8], messages: u64, mut take: impl FnMut(u8, u64, [u64; 4])) -> Vec<f64> {
    #[inline(always)]
    fn number<const N: usize>(message: &[u8], at: usize) -> u64 {
        let field: [u8; N] = message[at..at + N].try_into().expect("the message is long enough");
        field.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }
    let mut count = 0_u64;
    let spent = time(|| {
        while let [high, low, rest @ ..] = bytes {
            let (m, after) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            let head = number::<2>(m, 1).wrapping_add(number::<6>(m, 5));
            let body = match m[0] {
                b'A' | b'F' => {
                    [number::<8>(m, 11), u64::from(m[19]), number::<4>(m, 20), number::<4>(m, 32)]
                }
                b'E' => [number::<8>(m, 11), number::<4>(m, 19), 0, 0],
                b'C' => {
                    [number::<8>(m, 11), number::<4>(m, 19), u64::from(m[31]), number::<4>(m, 32)]
                }
                b'X' => [number::<8>(m, 11), number::<4>(m, 19), 0, 0],
                b'D' => [number::<8>(m, 11), 0, 0, 0],
                b'U' => {
                    [number::<8>(m, 11), number::<8>(m, 19), number::<4>(m, 27), number::<4>(m, 31)]
                }
                b'P' => [number::<4>(m, 20), number::<4>(m, 32), number::<8>(m, 36), 0],
                _ => [0; 4],
            };
            take(m[0], head, body);
            count += 1;
            bytes = after;
        }
    });
    assert_eq!(count, messages);
    ns_each(spent, messages)
}

fn itchy(bytes: &[u8], messages: u64) -> Vec<f64> {
    let (mut count, mut sum) = (0_u64, 0_u64);
    let spent = time(|| {
        for message in itchy::MessageStream::from_reader(bytes) {
            let message = message.expect("a session is valid");
            sum = sum.wrapping_add(message.timestamp + u64::from(message.stock_locate));
            count += 1;
        }
    });
    black_box(sum);
    assert_eq!(count, messages);
    ns_each(spent, messages)
}

fn itch5(bytes: &[u8], messages: u64) -> Vec<f64> {
    let mut sum = Sum(0);
    let spent = time(|| Parser::new(bytes).parse_stream(&mut sum).expect("a session is valid"));
    black_box(sum.0);
    ns_each(spent, messages)
}

/// Of every field that a book needs.
struct Sum(u64);

macro_rules! add_up {
    ($($on:ident($message:ident) => |$m:ident| [$($field:expr),+];)*) => {
        impl MessageHandler for Sum {
            $(fn $on(&mut self, $m: &theirs::$message) -> ControlFlow<()> {
                self.0 ^= $m.timestamp().to_u64() + u64::from($m.stock_locate());
                $(self.0 = self.0.wrapping_add(u64::from($field));)+
                ControlFlow::Continue(())
            })*
        }
    };
}

add_up! {
    on_add_order_no_mpid_attribution(AddOrderNoMPIDAttribution) => |m|
        [m.order_reference_number(), m.shares(), m.price().into_u32(),
         is_bid(&m.buy_sell_indicator())];
    on_add_order_with_mpid_attribution(AddOrderWithMPIDAttribution) => |m|
        [m.order_reference_number(), m.shares(), m.price().into_u32(),
         is_bid(&m.buy_sell_indicator())];
    on_order_executed(OrderExecuted) => |m| [m.order_reference_number(), m.executed_shares()];
    on_order_executed_with_price(OrderExecutedWithPrice) => |m|
        [m.order_reference_number(), m.executed_shares(), m.execution_price().into_u32()];
    on_order_cancel(OrderCancel) => |m| [m.order_reference_number(), m.cancelled_shares()];
    on_order_delete(OrderDelete) => |m| [m.order_reference_number()];
    on_order_replace(OrderReplace) => |m|
        [m.original_order_reference_number(), m.new_order_reference_number(), m.shares(),
         m.price().into_u32()];
    on_trade(Trade) => |m| [m.match_number(), m.shares(), m.price().into_u32()];
}

fn is_bid(side: &theirs::BuySellIndicator) -> bool {
    matches!(side, theirs::BuySellIndicator::Buy)
}
