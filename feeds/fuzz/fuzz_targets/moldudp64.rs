//! Datagrams on two lines, each behind a byte that says which one and how much later, and its length:
//! what is told is in order, told once, and decoded as ITCH without a panic.
#![no_main]

use engine_event::{Directory, Nanos};
use engine_pipeline::Tally;
use feeds::Options;
use feeds::codec::Itch50;
use feeds::codec::arbitration::{Arbitration, Delivery, Line, Settings};
use feeds::codec::framing::{Datagram, moldudp64};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let settings = Settings { messages_max: 64, bytes_max: 4096, ..Settings::default() };
    let (mut lines, mut codec) = (Arbitration::new(settings), Itch50::new(&Options::default()));
    let (mut names, mut tally, mut events) = (Directory::new(9), Tally::default(), Vec::new());
    let mut next = settings.first;
    let mut take = |lines: &mut Arbitration, datagram: &Datagram<'_>| {
        while let Some(delivery) = lines.deliver(datagram) {
            match delivery {
                Delivery::Session(_) => next = settings.first,
                Delivery::Message { sequence, bytes, .. } => {
                    assert_eq!(sequence, next);
                    next += 1;
                    codec
                        .decode_message(bytes, sequence, &mut names, &mut events, &mut tally)
                        .expect("only strict reading ends at a fault");
                    events.clear();
                }
                Delivery::Gap { first, count } => {
                    assert_eq!(first, next);
                    next += count;
                }
                Delivery::Ended => {}
            }
        }
    };
    let (mut rest, mut now) = (bytes, 0);
    while let [head, length, after @ ..] = rest {
        let (packet, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        now += u64::from(head >> 1) * 1_000_000;
        if let Ok(datagram) = moldudp64::view(packet).or_else(|_| moldudp64::view_cut(packet)) {
            lines.receive(Line(head & 1), &datagram, Nanos(now));
            take(&mut lines, &datagram);
        } else {
            lines.tick(Nanos(now));
            take(&mut lines, &Datagram::NONE);
        }
        while lines.request(Nanos(now)).is_some() {}
    }
    lines.finish();
    take(&mut lines, &Datagram::NONE);
});
