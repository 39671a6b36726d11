//! Captures made up: a day of ITCH as it is multicast on two lines, and a short session of IEX.
//!
//! What a line loses, sends twice or out of order follows from the seed, so that a test can say what
//! must come out in the end. Frames go over Ethernet and IPv4, stamps are in nanoseconds.

use super::Random;
use crate::codec::capture::Writer;
use crate::codec::framing::moldudp64::{Builder, PACKET_BYTES_MAX};
use crate::codec::framing::{SessionId, iextp};
use crate::codec::iex::message::{
    AuctionInformation, BuyLevel, Head, OfficialPrice, OperationalHalt, QuoteUpdate,
    RetailInterest, SecurityDirectory, SecurityEvent, SellLevel, ShortSale, SystemEvent,
    TradeBreak, TradeReport, TradingStatus, sale, security,
};
use engine_event::Nanos;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use zerocopy::{Immutable, IntoBytes};

/// How lines treat what is sent on them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weather {
    /// Everything follows from it.
    pub seed: u64,
    /// How many lines there are, 1 to 4.
    pub lines: u8,
    /// How many packets in a thousand are lost, on each lossy line by itself.
    pub loss_in_1000: u32,
    /// How many of the lines lose any: the last ones.
    pub lossy_lines: u8,
    /// How many packets in a thousand come twice.
    pub twice_in_1000: u32,
    /// How long a packet may be on its way, in nanoseconds; packets are 10,000 ns apart.
    pub delay_ns: u32,
}

impl Weather {
    /// Two lines on which nothing happens.
    pub const FINE: Weather = Weather {
        seed: 1,
        lines: 2,
        loss_in_1000: 0,
        lossy_lines: 2,
        twice_in_1000: 0,
        delay_ns: 0,
    };
}

/// Whose session the ITCH capture is.
pub const SESSION: SessionId = *b"SYNTHETIC1";
/// When captures begin: 2024-01-02, 9:00 in New York.
pub const BEGINS: Nanos = Nanos::from_secs(1_704_204_000);
const PACKET_NS: u64 = 10_000;

/// A frame's way: when it comes, on which line, what it carries.
struct Sent {
    at: u64,
    line: u8,
    payload: Vec<u8>,
}

/// Writes the ITCH session `binary_file` (messages behind their lengths) to `out` as pcapng. A packet
/// carries up to `messages_max` messages, by chance.
pub fn itch(
    binary_file: &[u8],
    messages_max: u16,
    weather: Weather,
    out: impl Write,
) -> io::Result<()> {
    let mut random = Random::new(weather.seed);
    let mut packets = Vec::new();
    let mut builder = Builder::new(SESSION, 1, PACKET_BYTES_MAX);
    let mut wanted = 1;
    let mut rest = binary_file;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((message, after)) = after.split_at_checked(length) else { break };
        rest = after;
        if builder.count() == wanted || !builder.push(message) {
            packets.push(builder.take());
            wanted = 1 + random.below(u32::from(messages_max.max(1))) as u16;
            builder.push(message);
        }
    }
    packets.push(builder.take());
    packets.push(builder.end_of_session().to_vec());

    let mut sent = Vec::new();
    for line in 0..weather.lines {
        let is_lossy = line + weather.lossy_lines >= weather.lines;
        for (place, payload) in packets.iter().enumerate() {
            let clock = BEGINS.0 + place as u64 * PACKET_NS + u64::from(line) * 100;
            for _ in 0..1 + u32::from(random.in_1000(weather.twice_in_1000)) {
                let at = clock + u64::from(random.below(weather.delay_ns.max(1)));
                // The session's end comes on each line.
                let is_lost = is_lossy && random.in_1000(weather.loss_in_1000);
                if !is_lost || place + 1 == packets.len() {
                    sent.push(Sent { at, line, payload: payload.clone() });
                }
            }
        }
    }
    sent.sort_by_key(|sent| sent.at);
    let mut writer = Writer::new(out)?;
    for sent in &sent {
        writer.datagram(Nanos(sent.at), source(), group(sent.line), &sent.payload)?;
    }
    writer.into_inner().map(drop)
}

/// The group that a line is sent to: 233.54.12.111, port 26,400 and those after it.
pub fn group(line: u8) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(233, 54, 12, 111 + line).into(), 26_400 + u16::from(line))
}

fn source() -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(10, 0, 0, 1).into(), 26_400)
}

/// Writes a short session of IEX as pcapng: each message type of DEEP, or of TOPS.
pub fn iex(protocol: u16, out: impl Write) -> io::Result<()> {
    let mut session = Session {
        writer: Writer::new(out)?,
        builder: iextp::Builder::new(protocol, 1, 0x4ba0_0000),
        at: BEGINS.0,
    };
    session.send(&[])?;
    session.morning()?;
    match protocol {
        iextp::TOPS => session.quotes()?,
        _ => session.levels()?,
    }
    session.evening()?;
    session.writer.into_inner().map(drop)
}

struct Session<W: Write> {
    writer: Writer<W>,
    builder: iextp::Builder,
    at: u64,
}

const LISTED: [u8; 8] = *b"IEXLX   ";
const TRADED: [u8; 8] = *b"ZVZZT   ";

impl<W: Write> Session<W> {
    fn head(&mut self, kind: u8, detail: u8, symbol: [u8; 8]) -> Head {
        self.at += 1000;
        Head { kind, detail, time: (self.at as i64).into(), symbol }
    }

    fn put(&mut self, message: &(impl IntoBytes + Immutable)) {
        self.builder.push(message.as_bytes());
    }

    fn system(&mut self, event: u8) {
        self.at += 1000;
        self.put(&SystemEvent { kind: b'S', event, time: (self.at as i64).into() });
    }

    /// What was put, and these bytes, as one segment.
    fn send(&mut self, extra: &[u8]) -> io::Result<()> {
        let mut segment = self.builder.take(self.at as i64);
        segment.extend(extra);
        let at = Nanos(self.at + 500);
        self.writer.datagram(at, source(), group(0), &segment)
    }

    fn morning(&mut self) -> io::Result<()> {
        self.system(b'O');
        for (symbol, detail) in [(LISTED, 0), (TRADED, security::TEST)] {
            let head = self.head(SecurityDirectory::LETTER, detail, symbol);
            let (round_lot, adjusted_close) = (100.into(), 100_000.into());
            self.put(&SecurityDirectory { head, round_lot, adjusted_close, luld_tier: 1 });
        }
        self.system(b'S');
        for symbol in [LISTED, TRADED] {
            let head = self.head(TradingStatus::LETTER, b'T', symbol);
            self.put(&TradingStatus { head, reason: *b"    " });
            let head = self.head(OperationalHalt::LETTER, b'N', symbol);
            self.put(&OperationalHalt { head });
            let head = self.head(ShortSale::LETTER, 0, symbol);
            self.put(&ShortSale { head, reason: b' ' });
        }
        let head = self.head(RetailInterest::LETTER, b'A', LISTED);
        self.put(&RetailInterest { head });
        self.system(b'R');
        self.send(&[])
    }

    fn levels(&mut self) -> io::Result<()> {
        let levels: [(u8, u8, u32, i64); 6] = [
            (BuyLevel::LETTER, 1, 500, 99_900),
            (SellLevel::LETTER, 1, 300, 100_100),
            (SellLevel::LETTER, 1, 200, 100_200),
            // An order takes the first level and a part of the second: one event.
            (SellLevel::LETTER, 0, 0, 100_100),
            (SellLevel::LETTER, 1, 150, 100_200),
            (BuyLevel::LETTER, 1, 0, 99_900),
        ];
        for (place, (letter, detail, shares, price)) in levels.into_iter().enumerate() {
            let head = self.head(letter, detail, TRADED);
            self.put(&BuyLevel { head, shares: shares.into(), price: price.into() });
            if place == 3 {
                self.trade(0, 300, 100_100, 1);
            }
        }
        self.send(&[])
    }

    fn quotes(&mut self) -> io::Result<()> {
        for (bid, ask) in [(99_900i64, 100_100i64), (99_900, 0), (0, 100_200)] {
            let head = self.head(QuoteUpdate::LETTER, 0, TRADED);
            let (bid_shares, ask_shares) = (500.into(), 300.into());
            self.put(&QuoteUpdate {
                head,
                bid_shares,
                bid: bid.into(),
                ask: ask.into(),
                ask_shares,
            });
        }
        self.trade(sale::ODD_LOT, 30, 100_100, 1);
        self.send(&[])
    }

    fn trade(&mut self, detail: u8, shares: u32, price: i64, trade: u64) {
        let head = self.head(TradeReport::LETTER, detail, TRADED);
        let (shares, price, trade) = (shares.into(), price.into(), trade.into());
        self.put(&TradeReport { head, shares, price, trade });
    }

    fn evening(&mut self) -> io::Result<()> {
        let head = self.head(OperationalHalt::LETTER, b'O', TRADED);
        self.put(&OperationalHalt { head });
        let head = self.head(TradingStatus::LETTER, b'H', TRADED);
        self.put(&TradingStatus { head, reason: *b"T1  " });
        let head = self.head(OperationalHalt::LETTER, b'N', TRADED);
        self.put(&OperationalHalt { head });
        let head = self.head(ShortSale::LETTER, 1, TRADED);
        self.put(&ShortSale { head, reason: b'A' });
        let head = self.head(TradeBreak::LETTER, 0, TRADED);
        let (shares, price, trade) = (30.into(), 100_100.into(), 1.into());
        self.put(&TradeBreak { head, shares, price, trade });
        let head = self.head(AuctionInformation::LETTER, b'C', LISTED);
        self.put(&AuctionInformation {
            head,
            paired: 1000.into(),
            reference: 100_000.into(),
            indicative: 100_100.into(),
            imbalance: 200.into(),
            side: b'S',
            extension: 0,
            scheduled_s: 1_704_229_200.into(),
            book_clearing: 0.into(),
            collar_reference: 100_000.into(),
            lower_collar: 90_000.into(),
            upper_collar: 110_000.into(),
        });
        self.trade(sale::CROSS, 1000, 100_100, 2);
        let head = self.head(OfficialPrice::LETTER, b'M', LISTED);
        self.put(&OfficialPrice { head, price: 100_100.into() });
        let head = self.head(SecurityEvent::LETTER, b'C', LISTED);
        self.put(&SecurityEvent { head });
        [b'M', b'E', b'C'].into_iter().for_each(|event| self.system(event));
        self.send(&[])?;
        self.send(&[])
    }
}
