//! Sessions of CME's MDP 3.0, made up: an incremental feed on lines that lose packets, definitions, and
//! loops of snapshots, of a few futures.
//!
//! Books are kept by order, and told by levels and by orders at once, as CME does it: the best ten levels
//! in template 46 with the orders that changed them, orders further away in 47, trades in 48. What the
//! books hold after each event is told beside, so that a test knows what must come out.

mod encoder;

use super::Random;
use crate::codec::capture::Writer;
use crate::codec::sbe::Schema;
use Value::{Number, Text};
pub use encoder::{Encoder, Entries, Value};
use engine_event::{Nanos, Side};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};

/// What to make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// How many messages of the incremental feed, at least.
    pub messages: u64,
    /// Everything follows from it.
    pub seed: u64,
    /// How many futures, 1 to 1000.
    pub instruments: u32,
    /// How many lines, 1 or 2.
    pub lines: u8,
    /// How many packets in a thousand each line loses by itself.
    pub loss_in_1000: u32,
    /// From one event to the next.
    pub event_ns: u64,
    /// After how many events all books are told as snapshots.
    pub snapshot_every: u64,
    /// When it begins.
    pub begins: Nanos,
    /// How many futures other channels have before its own: each future is of one channel.
    pub first_instrument: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            messages: 10_000,
            seed: 1,
            instruments: 8,
            lines: 2,
            loss_in_1000: 0,
            event_ns: 20_000,
            snapshot_every: 2000,
            begins: BEGINS,
            first_instrument: 0,
        }
    }
}

/// A level: price, quantity, how many orders.
pub type Rung = (i64, u64, u32);
/// An order: its id, side, price and quantity.
pub type Held = (u64, Side, i64, u64);

/// What a book holds after an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Truth {
    /// Which event: its time.
    pub at: Nanos,
    /// Whose book.
    pub symbol: String,
    /// The best ten bids and offers, the best first.
    pub sides: [Vec<Rung>; 2],
    /// All orders, by id.
    pub orders: Vec<Held>,
}

/// When sessions begin: 2024-01-02, 14:30 UTC.
pub const BEGINS: Nanos = Nanos::from_secs(1_704_205_800);
/// How many levels of a side are told.
pub const DEPTH: usize = 10;
/// The tick, a quarter, with nine decimal places.
pub const TICK: i64 = 250_000_000;
/// The tag of the group of entries, and of that of orders.
const ENTRIES: u32 = 268;
const ORDERS: u32 = 37705;
/// The first future's number.
const SECURITY: i64 = 9000;
const END_OF_EVENT: i64 = 0x80;
const PACKET_BYTES_MAX: usize = 1400;
const ORDERS_PER_CHUNK: usize = 30;

/// Where a line of the incremental feed is sent to: CME's 224.0.31.1 and 224.0.32.1.
pub fn incremental(line: u8) -> SocketAddr {
    let port = 14_310 + 1000 * u16::from(line);
    SocketAddr::new(Ipv4Addr::new(224, 0, 31 + line, 1).into(), port)
}

/// Where the loops of snapshots are sent to, and of definitions.
pub fn loops(last_octet: u8) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(224, 0, 31, last_octet).into(), 14_310)
}

/// The symbol of a future: `AAAAH4` and so on.
pub fn symbol(instrument: usize) -> String {
    format!("{}H4", super::symbol(instrument))
}

/// Writes a session of this schema to `out` as pcapng, and tells the books that an event was about after
/// each event.
pub fn generate(
    settings: Settings,
    schema: &Schema,
    out: impl Write,
    truth: impl FnMut(Truth),
) -> io::Result<()> {
    let books = (0..settings.instruments.clamp(1, 1000)).map(|_| Book::default()).collect();
    let mut session = Session {
        settings,
        encoder: Encoder::new(schema.clone()),
        random: Random::new(settings.seed),
        weather: Random::new(!settings.seed),
        writer: Writer::new(out)?,
        truth,
        books,
        now: settings.begins.0,
        sequence: 1,
        messages: 0,
        next_order: 1,
        next_trade: 1,
        packet: Vec::new(),
    };
    session.run()?;
    session.writer.into_inner().map(drop)
}

#[derive(Clone, Debug, Default)]
struct Book {
    /// By id.
    orders: BTreeMap<u64, (Side, i64, u64)>,
    /// By side and price: quantity and number of orders.
    levels: [BTreeMap<i64, (u64, u32)>; 2],
    number: i64,
}

impl Book {
    /// All levels of a side, the best first.
    fn rungs(&self, side: Side) -> Vec<Rung> {
        let rung = |(price, (quantity, orders)): (&i64, &(u64, u32))| (*price, *quantity, *orders);
        match side {
            Side::Buy => self.levels[0].iter().rev().map(rung).collect(),
            Side::Sell => self.levels[1].iter().map(rung).collect(),
        }
    }

    fn shown(&self, side: Side) -> Vec<Rung> {
        let mut rungs = self.rungs(side);
        rungs.truncate(DEPTH);
        rungs
    }

    fn enter(&mut self, id: u64, side: Side, price: i64, quantity: u64) {
        self.orders.insert(id, (side, price, quantity));
        let level = self.levels[side as usize].entry(price).or_default();
        (level.0, level.1) = (level.0 + quantity, level.1 + 1);
    }

    fn leave(&mut self, id: u64) -> Option<(Side, i64, u64)> {
        let (side, price, quantity) = self.orders.remove(&id)?;
        let levels = &mut self.levels[side as usize];
        let level = levels.get_mut(&price)?;
        (level.0, level.1) = (level.0 - quantity, level.1 - 1);
        if level.1 == 0 {
            levels.remove(&price);
        }
        Some((side, price, quantity))
    }
}

/// What an event's messages hold.
#[derive(Default)]
struct Parts {
    trades: Vec<Vec<Value<'static>>>,
    entries: Vec<Vec<Value<'static>>>,
    orders: Vec<Vec<Value<'static>>>,
    far: Vec<Vec<Value<'static>>>,
}

struct Session<W: Write, T> {
    settings: Settings,
    encoder: Encoder,
    random: Random,
    /// What happens to packets, apart from what they say.
    weather: Random,
    writer: Writer<W>,
    truth: T,
    books: Vec<Book>,
    now: u64,
    sequence: u32,
    messages: u64,
    next_order: u64,
    next_trade: i64,
    packet: Vec<u8>,
}

impl<W: Write, T: FnMut(Truth)> Session<W, T> {
    fn security(&self, instrument: usize) -> i64 {
        SECURITY + i64::from(self.settings.first_instrument) + instrument as i64
    }

    fn symbol(&self, instrument: usize) -> String {
        symbol(self.settings.first_instrument as usize + instrument)
    }

    fn run(&mut self) -> io::Result<()> {
        self.definitions()?;
        for instrument in 0..self.books.len() {
            let root = [
                Number(60, self.now as i64),
                Number(48, self.security(instrument)),
                Number(5799, END_OF_EVENT),
                Number(326, 17),
                Number(327, 0),
            ];
            let message = self.encoder.message(30, &root, &[]);
            self.put(&message)?;
        }
        self.flush()?;
        let mut events = 0;
        while self.messages < self.settings.messages {
            self.now += self.settings.event_ns;
            self.event()?;
            events += 1;
            if events % self.settings.snapshot_every.max(1) == 0 {
                self.flush()?;
                self.snapshots()?;
            }
        }
        self.flush()?;
        // Silence, in which what is still missing is given up, and a last loop.
        self.now += 200_000_000;
        let beat = self.encoder.message(12, &[], &[]);
        self.put(&beat)?;
        self.flush()?;
        self.snapshots()
    }

    fn definitions(&mut self) -> io::Result<()> {
        for instrument in 0..self.books.len() {
            let name = self.symbol(instrument);
            let root = [
                Number(980, i64::from(b'A')),
                Number(1682, 21),
                Text(1151, "ES"),
                Text(6937, "ES"),
                Text(55, &name),
                Number(48, self.security(instrument)),
                Number(969, TICK),
                Number(9787, 10_000_000),
            ];
            let depths = [("GBX", DEPTH as i64), ("GBI", 2)];
            let depths = depths.map(|(kind, depth)| vec![Text(1022, kind), Number(264, depth)]);
            let message = self.encoder.message(54, &root, &[(1141, depths.to_vec())]);
            self.now += 1000;
            self.send(loops(44), instrument as u32 + 1, &message)?;
        }
        Ok(())
    }

    /// One or two books change, and it is told.
    fn event(&mut self) -> io::Result<()> {
        let mut all = vec![Parts::default()];
        let mut touched = vec![self.random.place(self.books.len())];
        if self.random.in_1000(200) {
            touched.push(self.random.place(self.books.len()));
        }
        for &instrument in &touched {
            for _ in 0..1 + self.random.below(3) {
                let parts = all.last_mut().expect("there is one from the beginning");
                self.change(instrument, parts);
                // What comes after an order far away must be told after it.
                if !parts.far.is_empty() {
                    all.push(Parts::default());
                }
            }
        }
        self.tell(all)?;
        touched.dedup();
        for instrument in touched {
            let book = &self.books[instrument];
            let (orders, symbol) = (book.orders.iter(), self.symbol(instrument));
            (self.truth)(Truth {
                at: Nanos(self.now),
                symbol,
                sides: [book.shown(Side::Buy), book.shown(Side::Sell)],
                orders: orders.map(|(id, of)| (*id, of.0, of.1, of.2)).collect(),
            });
        }
        Ok(())
    }

    fn change(&mut self, instrument: usize, parts: &mut Parts) {
        let side = if self.random.in_1000(500) { Side::Buy } else { Side::Sell };
        let there = self.books[instrument].orders.len() as u32;
        let grows = self.random.below(200) >= there.saturating_sub(60);
        match self.random.below(100) {
            0 => self.sweep(instrument, side, usize::MAX, parts),
            1..=6 => {
                let levels = 1 + self.random.place(3);
                self.sweep(instrument, side, levels, parts);
            }
            _ if grows || there == 0 => self.enter(instrument, side, parts),
            choice => {
                let place = self.random.place(there as usize);
                let id = *self.books[instrument].orders.keys().nth(place).expect("it is there");
                self.lessen(instrument, id, choice < 40, parts);
            }
        }
    }

    fn enter(&mut self, instrument: usize, side: Side, parts: &mut Parts) {
        let away = i64::from(self.random.below(16)) + 1;
        let middle = 4000 * 4 + instrument as i64 * 400;
        let price = TICK * if side == Side::Buy { middle - away } else { middle + away };
        let quantity = u64::from(1 + self.random.below(50));
        let id = self.next_order;
        self.next_order += 1;
        let book = &mut self.books[instrument];
        let was_there = book.levels[side as usize].contains_key(&price);
        book.enter(id, side, price, quantity);
        let place = book.rungs(side).iter().position(|rung| rung.0 == price).unwrap_or(0);
        if place >= DEPTH {
            return self.far(instrument, side, id, 0, price, quantity, parts);
        }
        // Where a level is told again, an overlay says the same as a change.
        let change = if self.random.in_1000(100) { 5 } else { 1 };
        let action = if was_there { change } else { 0 };
        self.level(instrument, side, place, action, price, parts);
        order(parts, id, quantity, 0);
    }

    /// An order leaves, or gets a smaller quantity.
    fn lessen(&mut self, instrument: usize, id: u64, leaves: bool, parts: &mut Parts) {
        let book = &mut self.books[instrument];
        let Some(&(side, price, quantity)) = book.orders.get(&id) else { return };
        let left = if leaves { 0 } else { quantity / 2 };
        let before = book.rungs(side);
        let place = before.iter().position(|rung| rung.0 == price).unwrap_or(0);
        book.leave(id);
        if left > 0 {
            book.enter(id, side, price, left);
        }
        let stays = book.levels[side as usize].contains_key(&price);
        let action = if left > 0 { 1 } else { 2 };
        if place >= DEPTH {
            return self.far(instrument, side, id, action, price, left.max(1), parts);
        }
        self.level(instrument, side, place, if stays { 1 } else { 2 }, price, parts);
        order(parts, id, left, action);
        if !stays {
            self.fill_up(instrument, side, before.len(), 1, parts);
        }
    }

    /// The best levels trade away: all of them where there are no more.
    fn sweep(&mut self, instrument: usize, side: Side, levels: usize, parts: &mut Parts) {
        let before = self.books[instrument].rungs(side);
        if before.is_empty() {
            return;
        }
        let gone = &before[..levels.min(before.len())];
        for (price, quantity, orders) in gone {
            parts.trades.push(vec![
                Number(270, *price),
                Number(271, *quantity as i64),
                Number(48, self.security(instrument)),
                Number(346, i64::from(*orders) + 1),
                Number(5797, if side == Side::Buy { 2 } else { 1 }),
                Number(37711, self.next_trade),
            ]);
            self.next_trade += 1;
        }
        let (action, place) = match gone.len() {
            _ if gone.len() == before.len() => (3, 0),
            1 => (2, 0),
            several => (4, several - 1),
        };
        let price = gone[gone.len().min(DEPTH) - 1].0;
        let leave: Vec<u64> = {
            let orders = self.books[instrument].orders.iter();
            let is_gone = |of: &(Side, i64, u64)| of.0 == side && gone.iter().any(|g| g.0 == of.1);
            orders.filter(|(_, of)| is_gone(of)).map(|(id, _)| *id).collect()
        };
        self.level(instrument, side, place, action, price, parts);
        for id in leave {
            self.books[instrument].leave(id);
            order(parts, id, 0, 2);
        }
        if action != 3 {
            self.fill_up(instrument, side, before.len(), gone.len(), parts);
        }
    }

    /// Levels that were too far away are among the best now.
    fn fill_up(&mut self, of: usize, side: Side, before: usize, gone: usize, parts: &mut Parts) {
        let rungs = self.books[of].rungs(side);
        let seen = before.min(DEPTH) - gone;
        for (place, rung) in rungs.iter().enumerate().take(DEPTH).skip(seen) {
            self.level(of, side, place, 0, rung.0, parts);
        }
    }

    /// An entry about the level `place` (from 0), as it is now.
    fn level(
        &mut self,
        instrument: usize,
        side: Side,
        place: usize,
        action: i64,
        price: i64,
        parts: &mut Parts,
    ) {
        let book = &self.books[instrument];
        let of = book.levels[side as usize].get(&price).copied().unwrap_or_default();
        let mut entry = vec![
            Number(270, price),
            Number(48, self.security(instrument)),
            Number(1023, place as i64 + 1),
            Number(279, action),
            Number(269, i64::from(if side == Side::Buy { b'0' } else { b'1' })),
        ];
        if of.1 > 0 {
            entry.extend([Number(271, of.0 as i64), Number(346, i64::from(of.1))]);
        }
        parts.entries.push(entry);
    }

    #[allow(clippy::too_many_arguments, reason = "an order and what happens to it")]
    fn far(
        &self,
        instrument: usize,
        side: Side,
        id: u64,
        action: i64,
        price: i64,
        quantity: u64,
        parts: &mut Parts,
    ) {
        parts.far.push(vec![
            Number(37, id as i64),
            Number(37707, id as i64),
            Number(270, price),
            Number(37706, quantity as i64),
            Number(48, self.security(instrument)),
            Number(279, action),
            Number(269, i64::from(if side == Side::Buy { b'0' } else { b'1' })),
        ]);
    }

    /// Puts an event's messages into packets; the last one says that it is.
    fn tell(&mut self, all: Vec<Parts>) -> io::Result<()> {
        let mut messages: Vec<(u16, Vec<Entries<'static>>)> = Vec::new();
        for parts in all {
            self.frame(parts, &mut messages);
        }
        let count = messages.len();
        for (at, (template, groups)) in messages.into_iter().enumerate() {
            let end = if at + 1 == count { END_OF_EVENT } else { 0 };
            let root = [Number(60, self.now as i64), Number(5799, end)];
            let message = self.encoder.message(template, &root, &groups);
            self.put(&message)?;
            if self.random.in_1000(500) {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn frame(&mut self, parts: Parts, messages: &mut Vec<(u16, Vec<Entries<'static>>)>) {
        let Parts { mut trades, mut entries, orders, far } = parts;
        let first = self.security(0);
        // Running numbers follow the order in which entries are sent.
        for entry in trades.iter_mut().chain(&mut entries) {
            let of = |value: &Value<'_>| match value {
                Number(48, security) => usize::try_from(security - first).ok(),
                _ => None,
            };
            if let Some(instrument) = entry.iter().find_map(of) {
                self.books[instrument].number += 1;
                entry.push(Number(83, self.books[instrument].number));
            }
        }
        for trades in trades.chunks(20) {
            messages.push((48, vec![(ENTRIES, trades.to_vec())]));
        }
        if !entries.is_empty() {
            messages.push((46, vec![(ENTRIES, entries), (ORDERS, orders)]));
        }
        if !far.is_empty() {
            messages.push((47, vec![(ENTRIES, far)]));
        }
    }

    /// All books, as they are after all packets so far.
    fn snapshots(&mut self) -> io::Result<()> {
        let processed = i64::from(self.sequence) - 1;
        let (mut levels, mut chunked) = (1, 1);
        for instrument in 0..self.books.len() {
            let book = &self.books[instrument];
            let head = [
                Number(369, processed),
                Number(911, self.books.len() as i64),
                Number(48, self.security(instrument)),
                Number(60, self.now as i64),
            ];
            let mut root = head.to_vec();
            root.extend([Number(83, book.number), Number(1682, 17)]);
            let mut entries = Vec::new();
            for side in [Side::Buy, Side::Sell] {
                for (place, (price, quantity, orders)) in book.shown(side).into_iter().enumerate() {
                    entries.push(vec![
                        Number(270, price),
                        Number(271, quantity as i64),
                        Number(346, i64::from(orders)),
                        Number(1023, place as i64 + 1),
                        Number(269, i64::from(b"01"[side as usize])),
                    ]);
                }
            }
            let message = self.encoder.message(52, &root, &[(ENTRIES, entries)]);
            let orders: Vec<Held> =
                book.orders.iter().map(|(id, of)| (*id, of.0, of.1, of.2)).collect();
            self.now += 1000;
            self.send(loops(22), levels, &message)?;
            levels += 1;
            let count = orders.len().div_ceil(ORDERS_PER_CHUNK).max(1);
            for chunk in 0..count {
                let orders = orders.iter().skip(chunk * ORDERS_PER_CHUNK).take(ORDERS_PER_CHUNK);
                let entry = |(id, side, price, quantity): &Held| {
                    vec![
                        Number(37, *id as i64),
                        Number(270, *price),
                        Number(37706, *quantity as i64),
                        Number(269, i64::from(b"01"[*side as usize])),
                    ]
                };
                let mut root = head.to_vec();
                root.extend([Number(37709, count as i64), Number(37710, chunk as i64 + 1)]);
                let entries = orders.map(entry).collect();
                let message = self.encoder.message(53, &root, &[(ENTRIES, entries)]);
                self.now += 1000;
                self.send(loops(23), chunked, &message)?;
                chunked += 1;
            }
        }
        Ok(())
    }

    fn put(&mut self, message: &[u8]) -> io::Result<()> {
        if self.packet.len() + message.len() > PACKET_BYTES_MAX {
            self.flush()?;
        }
        self.packet.extend(message);
        self.messages += 1;
        Ok(())
    }

    /// Sends what was put, on each line that does not lose it.
    fn flush(&mut self) -> io::Result<()> {
        if self.packet.is_empty() {
            return Ok(());
        }
        let messages = std::mem::take(&mut self.packet);
        let payload = framed(self.sequence, self.now, &messages);
        self.sequence += 1;
        for line in 0..self.settings.lines.clamp(1, 2) {
            if !self.weather.in_1000(self.settings.loss_in_1000) {
                let at = Nanos(self.now + 500 + 100 * u64::from(line));
                self.writer.datagram(at, source(), incremental(line), &payload)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, target: SocketAddr, sequence: u32, message: &[u8]) -> io::Result<()> {
        let payload = framed(sequence, self.now, message);
        self.writer.datagram(Nanos(self.now + 500), source(), target, &payload)
    }
}

/// A packet: its number, when it was sent, its messages.
pub fn framed(sequence: u32, sent_at: u64, messages: &[u8]) -> Vec<u8> {
    [&sequence.to_le_bytes()[..], &sent_at.to_le_bytes(), messages].concat()
}

/// An order's entry, which refers to the latest level.
fn order(parts: &mut Parts, id: u64, quantity: u64, action: i64) {
    let mut entry = vec![
        Number(37, id as i64),
        Number(37707, id as i64),
        Number(9633, parts.entries.len() as i64),
        Number(37708, action),
    ];
    if quantity > 0 {
        entry.push(Number(37706, quantity as i64));
    }
    parts.orders.push(entry);
}

fn source() -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(10, 0, 0, 1).into(), 14_310)
}
