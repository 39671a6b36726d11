//! What does a message of MDP 3.0 cost to decode?
//!
//! A generated session lies in memory as a capture of one line. The yardstick is a loop over the same
//! packets that finds each message and reads its template only. A message of a book has two to three
//! entries on average, and each entry becomes an event.

#![forbid(unsafe_code)]

use benches::{Contest, Options, Overwritten, ns_each, tell, time};
use engine_event::Directory;
use engine_pipeline::Tally;
use feeds::codec::capture::{Records, Step, network};
use feeds::codec::sbe::Schema;
use feeds::codec::{Codec, Mdp3Pcap};
use feeds::synthetic::mdp3;

fn main() {
    let options = Options::from_args();
    let rounds = options.choose(15, 1);
    let settings = mdp3::Settings {
        messages: options.choose(500_000, 10_000),
        instruments: 20,
        lines: 1,
        snapshot_every: 50_000,
        ..mdp3::Settings::default()
    };
    let mut one = Vec::new();
    mdp3::generate(settings, &Schema::own(), &mut one, |_| {}).expect("memory takes any bytes");
    let mut two = Vec::new();
    let settings = mdp3::Settings { lines: 2, ..settings };
    mdp3::generate(settings, &Schema::own(), &mut two, |_| {}).expect("memory takes any bytes");

    let contest = Contest::new("MDP 3.0, a message")
        .peer("packets, messages and templates only", || floor(&one))
        .ours("by levels", || ours(false, &one))
        .ours("by orders", || ours(true, &one))
        .ours("by levels, lines A and B", || ours(false, &two))
        .play(rounds);
    tell(options, "mdp3", "ns", &[contest]);
}

fn ours(by_order: bool, mut bytes: &[u8]) -> Vec<f64> {
    let mut codec = Mdp3Pcap::new(&feeds::Options { by_order, ..feeds::Options::default() });
    let (mut names, mut tally) = (Directory::new(1_000), Tally::default());
    let mut sink = Overwritten::default();
    let spent = time(|| {
        while !bytes.is_empty() {
            let read = codec.decode(bytes, true, &mut names, &mut sink, &mut tally);
            bytes = &bytes[read.expect("a session is valid")..];
        }
    });
    assert_eq!(tally.faults.total(), 0);
    ns_each(spent, tally.messages)
}

fn floor(bytes: &[u8]) -> Vec<f64> {
    let mut by_template = [0_u64; 256];
    let spent = time(|| {
        let (mut records, mut rest) = (Records::default(), bytes);
        while let Ok(step) = records.step(rest) {
            let taken = match step {
                Step::Packet(packet, taken) => {
                    if let network::Content::Udp(udp) = network::content(packet.link, packet.bytes)
                    {
                        let mut messages = &udp.payload[12..];
                        while let [low, high, _, _, template, ..] = *messages {
                            by_template[usize::from(template)] += 1;
                            messages = &messages[usize::from(u16::from_le_bytes([low, high]))..];
                        }
                    }
                    taken
                }
                Step::Unreadable(taken) | Step::Other(taken) => taken,
                Step::More => break,
            };
            rest = &rest[taken..];
        }
    });
    ns_each(spent, by_template.iter().sum())
}
