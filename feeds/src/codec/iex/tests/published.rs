//! The bytes that IEX prints beside its message formats, and what it says that they mean.
//!
//! Sources: the examples of *DEEP Specification* 1.08 and *TOPS Specification* 1.66, one of each message
//! type, and of *IEX-TP Specification* 1.25, a segment with two messages and a heartbeat. The printed
//! times of the examples of 2016 are New York's; the bytes hold UTC, as the text says.

use super::*;
use zerocopy::FromBytes;

fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks_exact(2).map(byte).collect()
}

/// The examples of both specifications, in the order of DEEP's.
const MESSAGES: [&str; 14] = [
    "53 45 00a09997e93db614",
    "44 80 0020897b5a1fb614 5a49455854202020 64000000 241d0f0000000000 01",
    "48 48 ac63c02096866d14 5a49455854202020 54312020",
    "49 41 ac63c02096866d14 5a49455854202020",
    "4f 4f ac63c02096866d14 5a49455854202020",
    "50 01 ac63c02096866d14 5a49455854202020 41",
    "45 4f 00f0302a5b25b614 5a49455854202020",
    "38 01 ac63c02096866d14 5a49455854202020 e4250000 241d0f0000000000",
    "35 01 ac63c02096866d14 5a49455854202020 e4250000 241d0f0000000000",
    "54 00 c3dff705a2866d14 5a49455854202020 64000000 241d0f0000000000 968f060000000000",
    "58 51 00f0302a5b25b614 5a49455854202020 241d0f0000000000",
    "42 00 b28fa5a0ab866d14 5a49455854202020 64000000 241d0f0000000000 968f060000000000",
    "41 43 ddc7f09a1a3ab614 5a49455854202020 a0860100 241d0f0000000000 181f0f0000000000 \
     10270000 42 00 80e6f458 0c210f0000000000 c01c0f0000000000 a4990d0000000000 dc9f100000000000",
    "51 00 ac63c02096866d14 5a49455854202020 e4250000 241d0f0000000000 ec1d0f0000000000 e8030000",
];

/// A message as the specification tells it beside its bytes.
fn told(bytes: &[u8]) -> String {
    let head = |of: &Head| {
        let (kind, symbol) = (char::from(of.kind), Quoted(of.symbol.trim_ascii_end()));
        format!("{kind} {:#04x} at {} of {symbol}", of.detail, of.time)
    };
    match Message::view(bytes).unwrap() {
        Message::SystemEvent(m) => format!("S {:#04x} at {}", m.event, m.time),
        Message::SecurityDirectory(m) => {
            let (lot, close, tier) = (m.round_lot, m.adjusted_close, m.luld_tier);
            format!("{}: round lot {lot}, close {close}, tier {tier}", head(&m.head))
        }
        Message::TradingStatus(m) => format!("{}: {}", head(&m.head), Quoted(&m.reason)),
        Message::RetailInterest(m) => head(&m.head),
        Message::OperationalHalt(m) => head(&m.head),
        Message::SecurityEvent(m) => head(&m.head),
        Message::ShortSale(m) => format!("{}: {}", head(&m.head), Quoted(&[m.reason])),
        Message::BuyLevel(m) => format!("{}: {} at {}", head(&m.head), m.shares, m.price),
        Message::SellLevel(m) => format!("{}: {} at {}", head(&m.head), m.shares, m.price),
        Message::TradeReport(m) => {
            format!("{}: {} at {}, trade {}", head(&m.head), m.shares, m.price, m.trade)
        }
        Message::TradeBreak(m) => {
            format!("{}: {} at {}, trade {}", head(&m.head), m.shares, m.price, m.trade)
        }
        Message::OfficialPrice(m) => format!("{}: {}", head(&m.head), m.price),
        Message::QuoteUpdate(m) => {
            let (bid, ask) = (m.bid, m.ask);
            format!("{}: {} at {bid}, {} at {ask}", head(&m.head), m.bid_shares, m.ask_shares)
        }
        Message::AuctionInformation(m) => format!(
            "{}: {} paired at {}, clears at {}, {} left on {}, put off {}, due {}, book clears at {}, \
             collar {} from {} to {}",
            head(&m.head),
            m.paired,
            m.reference,
            m.indicative,
            m.imbalance,
            Quoted(&[m.side]),
            m.extension,
            m.scheduled_s,
            m.book_clearing,
            m.collar_reference,
            m.lower_collar,
            m.upper_collar,
        ),
        Message::Unknown(letter) => format!("unknown {letter}"),
    }
}

#[test]
fn each_example_has_its_fields_and_its_length() {
    let messages = MESSAGES.map(hex);
    let mut letters: Vec<_> = messages.iter().map(|message| message[0]).collect();
    let mut all = LETTERS.to_vec();
    letters.sort_unstable();
    all.sort_unstable();
    assert_eq!(letters, all, "there is an example of each type");
    let mut lines = String::new();
    for message in &messages {
        assert_eq!(Message::length(message[0]), Some(message.len()));
        assert!(Message::view(&message[..message.len() - 1]).is_none());
        lines.push_str(&told(message));
        lines.push('\n');
    }
    expect![[r#"
        S 0x45 at 1492448400000000000
        D 0x80 at 1492414800000000000 of "ZIEXT": round lot 100, close 990500, tier 1
        H 0x48 at 1471980632572715948 of "ZIEXT": "T1  "
        I 0x41 at 1471980632572715948 of "ZIEXT"
        O 0x4f at 1471980632572715948 of "ZIEXT"
        P 0x01 at 1471980632572715948 of "ZIEXT": "A"
        E 0x4f at 1492421400000000000 of "ZIEXT"
        8 0x01 at 1471980632572715948 of "ZIEXT": 9700 at 990500
        5 0x01 at 1471980632572715948 of "ZIEXT": 9700 at 990500
        T 0x00 at 1471980683662974915 of "ZIEXT": 100 at 990500, trade 429974
        X 0x51 at 1492421400000000000 of "ZIEXT": 990500
        B 0x00 at 1471980724912754610 of "ZIEXT": 100 at 990500, trade 429974
        A 0x43 at 1492444212462929885 of "ZIEXT": 100000 paired at 990500, clears at 991000, 10000 left on "B", put off 0, due 1492444800, book clears at 991500, collar 990400 from 891300 to 1089500
        Q 0x00 at 1471980632572715948 of "ZIEXT": 9700 at 990500, 1000 at 990700
    "#]].assert_eq(&lines);
}

#[test]
fn the_examples_become_events() {
    let messages = MESSAGES.map(hex);
    // The directory's entry first; the examples are of different days.
    let (system, rest) = messages.split_first().unwrap();
    let messages: Vec<&[u8]> = rest.iter().chain([system]).map(Vec::as_slice).collect();
    let decoded = read(&capture(&messages, &[]));
    assert_eq!((decoded.tally.messages, decoded.tally.unknown), (14, 0));
    let wrong: Vec<_> = decoded.tally.faults.iter().map(|(fault, _)| fault).collect();
    assert_eq!(wrong, [Fault::TimeBackwards]);
    expect![[r#"
        Define of ZIEXT at 1492414800000000000 {} Definition { tick: Price(100), lot: Quantity(1), venue: VenueId(0), price_scale: 4, quantity_scale: 0, venue_tag: [189, 5, 79, 254], tag: [188, 116, 234, 45, 182, 231, 236, 8] }
        Status of ZIEXT at 1471980632572715948 {} Status { phase: 4, code: [72, 84, 49, 0, 0, 0, 0], price: None }
        Status of ZIEXT at 1471980632572715948 {} Status { phase: 4, code: [79, 79, 0, 0, 0, 0, 0], price: None }
        Status of ZIEXT at 1471980632572715948 {} Status { phase: 4, code: [80, 49, 65, 0, 0, 0, 0], price: None }
        Status of ZIEXT at 1492421400000000000 {} Status { phase: 4, code: [69, 79, 0, 0, 0, 0, 0], price: None }
        Level of ZIEXT at 1471980632572715948 {"last", "buy"} Level { price: Price(990500), quantity: Quantity(9700), orders: 0 }
        Level of ZIEXT at 1471980632572715948 {"last", "sell"} Level { price: Price(990500), quantity: Quantity(9700), orders: 0 }
        Trade of ZIEXT at 1471980683662974915 {} Print { trade_id: 429974, price: Some(Price(990500)), quantity: Quantity(100), participant: 0, counterparty: 0 }
        Auction of ZIEXT at 1492421400000000000 {} Indication { indicative: Some(Price(990500)), reference: None, paired: Quantity(0), imbalance: 0 }
        Break of ZIEXT at 1471980724912754610 {} Print { trade_id: 429974, price: Some(Price(990500)), quantity: Quantity(100), participant: 0, counterparty: 0 }
        Auction of ZIEXT at 1492444212462929885 {} Indication { indicative: Some(Price(991000)), reference: Some(Price(990500)), paired: Quantity(100000), imbalance: 10000 }
        Quote of ZIEXT at 1471980632572715948 {"last"} Quote { bid: Some(Price(990500)), bid_quantity: Quantity(9700), ask: Some(Price(990700)), ask_quantity: Quantity(1000) }
        Status of * at 1492448400000000000 {} Status { phase: 5, code: [69, 0, 0, 0, 0, 0, 0], price: None }
    "#]].assert_eq(&decoded.lines());
}

/// A trade and a level of DEEP in one segment.
const SEGMENT: &str = "01 00 0480 01000000 00008742 4800 0200 8ca6210000000000 cac3000000000000 \
    ec45c22096866d14 \
    2600 54 00 ac63c02096866d14 5a49455854202020 64000000 241d0f0000000000 968f060000000000 \
    1e00 38 01 ac63c02096866d14 5a49455854202020 e4250000 241d0f0000000000";

/// A heartbeat, as the answer to a request for lost messages prints it.
const HEARTBEAT: &str = "01 00 0480 01000000 00008742 0000 0000 8ca6210000000000 cac3000000000000 \
    ec45c22096866d14";

#[test]
fn the_example_segment_is_read_and_written() {
    let bytes = hex(SEGMENT);
    let segment = iextp::view(&bytes).unwrap();
    assert_eq!((segment.first, segment.count, segment.next()), (50_122, 2, 50_124));
    let messages: Vec<_> = segment.messages.iter().map(told).collect();
    expect![[r#"
        T 0x00 at 1471980632572715948 of "ZIEXT": 100 at 990500, trade 429974
        8 0x01 at 1471980632572715948 of "ZIEXT": 9700 at 990500"#]]
    .assert_eq(&messages.join("\n"));

    let (header, payload) = iextp::Header::ref_from_prefix(&bytes).unwrap();
    assert_eq!((header.version, header.protocol.get()), (1, iextp::DEEP));
    assert_eq!((header.channel.get(), header.session.get()), (1, 0x4287_0000));
    assert_eq!((usize::from(header.payload_length), header.count.get()), (payload.len(), 2));
    assert_eq!((header.stream_offset.get(), header.first.get()), (2_205_324, 50_122));
    assert_eq!(header.sent_at.get(), 1_471_980_632_572_839_404);

    let mut builder = iextp::Builder::starting(*header);
    segment.messages.iter().for_each(|message| assert!(builder.push(message)));
    assert_eq!(builder.take(header.sent_at.get()), bytes);
}

#[test]
fn the_example_heartbeat_tells_what_comes_next() {
    let bytes = hex(HEARTBEAT);
    let beat = iextp::view(&bytes).unwrap();
    assert_eq!((beat.first, beat.count, beat.messages.iter().count()), (50_122, 0, 0));
}

#[test]
fn a_capture_of_the_example_segment_tells_its_trade_and_its_level() {
    let mut writer = Writer::new(Vec::new()).unwrap();
    for (payload, after) in [(SEGMENT, 0), (SEGMENT, 1), (HEARTBEAT, 2)] {
        let at = Nanos(1_471_980_632_572_900_000 + after);
        writer.datagram(at, group(5), group(0), &hex(payload)).unwrap();
    }
    let bytes = writer.into_inner().unwrap();
    assert_eq!(detect(&bytes), Some(Format::IexPcap));
    let decoded = read(&bytes);
    assert_eq!((decoded.tally.messages, decoded.tally.unknown), (2, 0), "the copy is told once");
    expect![[r#"
        Gap of * at 1471980632572900002 {} Gap { first: 1, count: 50121, reason: 4 }
        Define of ZIEXT at 1471980632572715948 {} Definition { tick: Price(100), lot: Quantity(1), venue: VenueId(0), price_scale: 4, quantity_scale: 0, venue_tag: [189, 5, 79, 254], tag: [188, 116, 234, 45, 182, 231, 236, 8] }
        Gap of ZIEXT at 1471980632572715948 {} Gap { first: 3, count: 1, reason: 8 }
        Trade of ZIEXT at 1471980632572715948 {} Print { trade_id: 429974, price: Some(Price(990500)), quantity: Quantity(100), participant: 0, counterparty: 0 }
        Level of ZIEXT at 1471980632572715948 {"last", "buy"} Level { price: Price(990500), quantity: Quantity(9700), orders: 0 }
    "#]].assert_eq(&decoded.lines());
}
