//! What does a message cost to decode?
//!
//! All of a generated session lies in memory. Our codecs write each event over an older one, as into
//! a ring whose readers have gone by. ITCH has two yardsticks: a loop that looks only at each length
//! and type, which nobody can do without, and the parser `itch5`, whose handler adds up the fields of
//! the messages that books need, so that it must read what we read.

#![forbid(unsafe_code)]

use benches::{Contest, Options, Overwritten, ns_each, tell, time};
use engine_event::Directory;
use engine_pipeline::Tally;
use feeds::codec::{Codec, Itch50, Lobster, Tape};
use feeds::synthetic::{itch, lobster, tape};
use itch5::messages as theirs;
use itch5::{MessageHandler, Parser};
use std::hint::black_box;
use std::ops::ControlFlow;

fn main() {
    let options = Options::from_args();
    let rounds = options.choose(15, 1);
    let (messages, lines) = (options.choose(1_000_000, 20_000), options.choose(500_000, 20_000));
    let [mut day, mut lobster_day, mut tape_day] = [const { Vec::new() }; 3];
    itch::generate(messages, 1, 200, &mut day).expect("memory takes any bytes");
    lobster::generate(lines, 1, &mut lobster_day).expect("memory takes any bytes");
    let settings = tape::Settings { lines, ..tape::Settings::default() };
    tape::generate(settings, &mut tape_day).expect("memory takes any bytes");

    let itch = Contest::new("ITCH 5.0, a message")
        .peer("lengths and types only", || floor(&day, messages))
        .peer("itch5", || itch5(&day, messages))
        .ours("our codec", || ours(Itch50::new, &day))
        .play(rounds);
    let csv = Contest::new("text, a line")
        .ours("LOBSTER", || ours(Lobster::new, &lobster_day))
        .ours("tape", || ours(Tape::new, &tape_day))
        .play(rounds);
    tell(options, "decode", "ns", &[itch, csv]);
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
