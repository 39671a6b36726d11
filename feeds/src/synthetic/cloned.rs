//! One stock's recorded order flow as if many stocks had it: LOBSTER's message file, or orders of one
//! instrument in DBN, becomes a day of ITCH 5.0, for benches that ask what real traffic costs.
//!
//! Every stock has the recording's messages in its order and at its pace, but is at another place of it
//! than the others: side by side, the same bursts would come again and again, and be guessed. Ids of
//! orders and trades are handed out as the venue does it, ascending over all stocks. At the end of the
//! recording what rests is deleted, and it begins again, as often as it takes.
//!
//! A recording begins in the middle of things, and LOBSTER's shows only what happened near the touch. So
//! what it tells of orders that it never showed is left out; and an order that rests where a later one
//! is entered on the other side must have left unseen: it is deleted before. Executions of hidden orders
//! become trades of orders that are not displayed. Of a cross LOBSTER does not tell the kind: left out.
//! DBN tells beside its trades what became of the orders, as cancellations: that is what is repeated.

use super::Flow;
use super::itch::{Day, named};
use crate::codec::itch50::message::{
    AddOrder, CancelOrder, DeleteOrder, ExecuteOrder, Head, ReplaceOrder, Trade, TradingAction,
};
use crate::codec::{Codec, CodecError, Dbn, Lobster};
use crate::{Format, Options, detect};
use engine_event::body::{Definition, Execution, Order, Phase, Print, Status};
use engine_event::{Directory, Event, Flags, Kind, MaybePrice, Side};
use engine_pipeline::Tally;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::io::{self, Write};

/// How much of the recording each stock is later than the one before it, of 2^32 parts, round and round:
/// the golden section, which lies evenly however many there are.
const APART: u32 = 2_654_435_769;
/// From the end of the recording to its beginning again.
const PAUSE_NS: u64 = 1_000_000;

/// A stock's recorded flow, made such that it can be repeated: it begins and ends with an empty book.
#[derive(Clone, Debug)]
pub struct Recording {
    acts: Vec<Act>,
    /// How many orders rest at most: as many places are needed to keep their ids.
    places: usize,
    span_ns: u64,
    left_out: u64,
    unseen: u64,
}

#[derive(Clone, Copy, Debug)]
struct Act {
    /// Since the recording's first message.
    time: u64,
    what: What,
}

/// What happens, to which order: each has a place that no other has while it rests.
#[derive(Clone, Copy, Debug)]
enum What {
    Add { place: u32, side: Side, shares: u32, price: u32 },
    Cancel { place: u32, shares: u32 },
    Delete { place: u32 },
    Replace { place: u32, shares: u32, price: u32 },
    Execute { place: u32, shares: u32 },
    Trade { side: Side, shares: u32, price: u32 },
    Phase { state: u8 },
}

impl Recording {
    /// From what a file holds: lines of LOBSTER's, or records of DBN's. Of several instruments' flow
    /// it would make one.
    pub fn read(content: &[u8]) -> io::Result<Self> {
        let events = match detect(content) {
            // Snapshots of DBN are stamped by clocks that are said to be wrong: that is no fault here.
            Some(Format::Dbn) => events(&mut Dbn::new(&Options::default()), content),
            _ => {
                let options = Options { strict: true, ..Options::default() };
                events(&mut Lobster::new(&options), content)
            }
        };
        let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        let mut lap = Lap::default();
        for event in &events.map_err(|error| invalid(error.to_string()))? {
            lap.take(event);
        }
        let recording = lap.end();
        if recording.acts.is_empty() {
            return Err(invalid("no message of it can be repeated".to_owned()));
        }
        Ok(recording)
    }

    /// How many messages a stock has until the recording begins again.
    pub fn messages(&self) -> u64 {
        self.acts.len() as u64
    }

    /// How many lines told of orders that were never shown, or nothing that ITCH could tell.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many orders must have left without a word of it.
    pub fn left_unseen(&self) -> u64 {
        self.unseen
    }

    /// Writes a day of so many messages about so many stocks to `out`, with a frame of its own around
    /// them. Returns how many it wrote: as many as were asked for, but never less than that frame.
    pub fn generate(&self, messages: u64, stocks: usize, out: impl Write) -> io::Result<u64> {
        let stocks = stocks.clamp(1, 60_000);
        let mut day = Day::new(stocks, out);
        day.before(false)?;
        let end = messages.saturating_sub(day.written.saturating_add(Day::<Vec<u8>>::END));
        let clock = self.clock(end, stocks);
        let late: Vec<_> = (0..stocks).map(|stock| self.late(stock)).collect();
        let begins = |stock: usize| Reverse((clock.at(0, late[stock], 0), stock, 0, 0));
        let mut turns: BinaryHeap<_> = (0..stocks).map(begins).collect();
        let mut ids = Ids { orders: vec![0; stocks * self.places], last: 0, trades: 0 };
        for _ in 0..end {
            let Some(Reverse((time, stock, lap, place))) = turns.pop() else { break };
            let own = stock * self.places;
            ids.write(self.acts[place].what, stock, own, time, &mut day)?;
            let (lap, place) =
                if place + 1 < self.acts.len() { (lap, place + 1) } else { (lap + 1, 0) };
            let time = clock.at(lap, late[stock], self.acts[place].time);
            turns.push(Reverse((time, stock, lap, place)));
        }
        day.close()?;
        day.end()
    }

    /// How late a stock is: the recording's time at its place.
    fn late(&self, stock: usize) -> u64 {
        let part = u64::from((stock as u32).wrapping_mul(APART));
        self.acts[((part * self.messages()) >> u32::BITS) as usize].time
    }

    /// Times as recorded, or all of them closer together where the day would be too short.
    fn clock(&self, messages: u64, stocks: usize) -> Clock {
        // One begun, and one by which stocks are apart.
        let laps = messages / (self.messages() * stocks as u64) + 2;
        let lap_ns = self.span_ns + PAUSE_NS;
        let needed = u128::from(laps) * u128::from(lap_ns);
        Clock { lap_ns, needed: needed.max(u128::from(Flow::CLOSE - Flow::OPEN)) }
    }
}

/// When what happens.
struct Clock {
    lap_ns: u64,
    /// What would be needed from the day's opening to its close.
    needed: u128,
}

impl Clock {
    fn at(&self, lap: u64, late: u64, time: u64) -> u64 {
        let since = u128::from(lap) * u128::from(self.lap_ns) + u128::from(late + time);
        // Below the day's length, since nothing is later than what is needed.
        Flow::OPEN + (since * u128::from(Flow::CLOSE - Flow::OPEN) / self.needed) as u64
    }
}

/// The ids that were handed out.
struct Ids {
    /// Of the orders that rest, by stock and place.
    orders: Vec<u64>,
    last: u64,
    trades: u64,
}

impl Ids {
    fn write(
        &mut self,
        what: What,
        stock: usize,
        own: usize,
        time: u64,
        day: &mut Day<impl Write>,
    ) -> io::Result<()> {
        let (locate, name) = named(stock);
        let head = |letter| Head::new(letter, locate, time);
        let letter = |side| if side == Side::Buy { b'B' } else { b'S' };
        let mut trade = || {
            self.trades += 1;
            self.trades.into()
        };
        match what {
            What::Add { place, side, shares, price } => {
                self.last += 1;
                self.orders[own + place as usize] = self.last;
                day.put(&AddOrder {
                    head: head(AddOrder::LETTER),
                    order: self.last.into(),
                    side: letter(side),
                    shares: shares.into(),
                    stock: name,
                    price: price.into(),
                })
            }
            What::Cancel { place, shares } => day.put(&CancelOrder {
                head: head(CancelOrder::LETTER),
                order: self.orders[own + place as usize].into(),
                shares: shares.into(),
            }),
            What::Delete { place } => day.put(&DeleteOrder {
                head: head(DeleteOrder::LETTER),
                order: self.orders[own + place as usize].into(),
            }),
            What::Replace { place, shares, price } => {
                self.last += 1;
                let old = &mut self.orders[own + place as usize];
                let old = std::mem::replace(old, self.last);
                day.put(&ReplaceOrder {
                    head: head(ReplaceOrder::LETTER),
                    old: old.into(),
                    new: self.last.into(),
                    shares: shares.into(),
                    price: price.into(),
                })
            }
            What::Execute { place, shares } => day.put(&ExecuteOrder {
                head: head(ExecuteOrder::LETTER),
                order: self.orders[own + place as usize].into(),
                shares: shares.into(),
                trade: trade(),
            }),
            What::Trade { side, shares, price } => day.put(&Trade {
                head: head(Trade::LETTER),
                order: 0.into(),
                side: letter(side),
                shares: shares.into(),
                stock: name,
                price: price.into(),
                trade: trade(),
            }),
            What::Phase { state } => day.put(&TradingAction {
                head: head(TradingAction::LETTER),
                stock: name,
                state,
                reserved: b' ',
                reason: *b"    ",
            }),
        }
    }
}

/// All that a codec makes of what a file holds.
fn events(codec: &mut impl Codec, mut content: &[u8]) -> Result<Vec<Event>, CodecError> {
    let (mut names, mut tally) = (Directory::new(1), Tally::default());
    let mut events = Vec::new();
    while !content.is_empty() {
        let read = codec.decode(content, true, &mut names, &mut events, &mut tally)?;
        content = &content[read..];
    }
    Ok(events)
}

/// An order while it rests.
#[derive(Clone, Copy, Debug)]
struct Resting {
    place: u32,
    side: Side,
    price: u32,
    shares: u32,
}

/// The recording while it is read.
#[derive(Debug, Default)]
struct Lap {
    acts: Vec<Act>,
    first: Option<u64>,
    last: u64,
    resting: BTreeMap<u64, Resting>,
    /// What rests by price, bids and offers.
    prices: [BTreeSet<(u32, u64)>; 2],
    free: Vec<u32>,
    places: u32,
    /// How many places prices have.
    scale: u8,
    left_out: u64,
    unseen: u64,
}

impl Lap {
    fn take(&mut self, event: &Event) {
        match event.kind() {
            Kind::Define => self.scale = event.body::<Definition>().price_scale,
            Kind::Clear => self.clear(),
            _ => {
                let at = event.event_at.0;
                let since = at.saturating_sub(*self.first.get_or_insert(at));
                self.last = self.last.max(since);
                if self.told(event).is_none() {
                    self.left_out += 1;
                }
            }
        }
    }

    /// Takes an event if it can have happened to what rests.
    fn told(&mut self, event: &Event) -> Option<()> {
        match event.kind() {
            Kind::Add => {
                let order: Order = event.body();
                let (shares, price) = (small(order.quantity.0)?, self.price(order.price)?);
                self.add(order.id.0, event.side()?, shares, price)?;
            }
            Kind::Reduce => {
                let order: Order = event.body();
                let (place, is_gone) = self.take_off(order.id.0, order.quantity.0)?;
                let shares = small(order.quantity.0)?;
                self.act(if is_gone {
                    What::Delete { place }
                } else {
                    What::Cancel { place, shares }
                });
            }
            Kind::Modify => {
                let order: Order = event.body();
                let (shares, price) = (small(order.quantity.0)?, self.price(order.price)?);
                self.modify(order.id.0, shares, price)?;
            }
            Kind::Delete => {
                let order: Order = event.body();
                self.delete(order.id.0)?;
            }
            Kind::Execute => {
                let execution: Execution = event.body();
                let (place, _) = self.take_off(execution.id.0, execution.quantity.0)?;
                self.act(What::Execute { place, shares: small(execution.quantity.0)? });
            }
            Kind::Trade if event.flags.has(Flags::HIDDEN) => {
                let print: Print = event.body();
                let (shares, price) = (small(print.quantity.0)?, self.price(print.price)?);
                self.act(What::Trade { side: event.side()?, shares, price });
            }
            Kind::Status => {
                let status: Status = event.body();
                let state = match status.phase() {
                    Phase::Halt => b'H',
                    Phase::Auction => b'Q',
                    Phase::Continuous => b'T',
                    _ => return None,
                };
                self.act(What::Phase { state });
            }
            _ => return None,
        }
        Some(())
    }

    /// A price as ITCH writes it, with four places.
    fn price(&self, told: MaybePrice) -> Option<u32> {
        const PLACES: u8 = 4;
        let finer = 10_i64.checked_pow(u32::from(self.scale.checked_sub(PLACES)?))?;
        let price = told.get()?.0;
        (price % finer == 0).then(|| u32::try_from(price / finer).ok())?
    }

    fn act(&mut self, what: What) {
        self.acts.push(Act { time: self.last, what });
    }

    fn add(&mut self, id: u64, side: Side, shares: u32, price: u32) -> Option<()> {
        if self.resting.contains_key(&id) {
            return None;
        }
        self.make_way(side, price)?;
        let place = self.free.pop().unwrap_or(self.places);
        self.places = self.places.max(place + 1);
        self.resting.insert(id, Resting { place, side, price, shares });
        self.prices[side as usize].insert((price, id));
        self.act(What::Add { place, side, shares, price });
        Some(())
    }

    /// An order that only gets smaller keeps its turn; any other change is a new order at NASDAQ.
    fn modify(&mut self, id: u64, shares: u32, price: u32) -> Option<()> {
        let old = *self.resting.get(&id)?;
        if price == old.price && shares < old.shares {
            let less = old.shares - shares;
            self.take_off(id, u64::from(less))?;
            self.act(What::Cancel { place: old.place, shares: less });
            return Some(());
        }
        self.make_way(old.side, price)?;
        self.resting.insert(id, Resting { price, shares, ..old });
        self.prices[old.side as usize].remove(&(old.price, id));
        self.prices[old.side as usize].insert((price, id));
        self.act(What::Replace { place: old.place, shares, price });
        Some(())
    }

    /// Deletes what must have left before an order could rest there.
    fn make_way(&mut self, side: Side, price: u32) -> Option<()> {
        while let Some(gone) = self.in_the_way(side, price) {
            self.unseen += 1;
            self.delete(gone)?;
        }
        Some(())
    }

    /// An order of the other side that an order at `price` would trade with.
    fn in_the_way(&self, side: Side, price: u32) -> Option<u64> {
        let others = &self.prices[side.opposite() as usize];
        let (best, id) = match side {
            Side::Buy => others.first()?,
            Side::Sell => others.last()?,
        };
        let crosses = if side == Side::Buy { *best <= price } else { *best >= price };
        crosses.then_some(*id)
    }

    /// Takes shares off an order, which leaves with the last of them. Returns its place, and whether it
    /// has left.
    fn take_off(&mut self, id: u64, shares: u64) -> Option<(u32, bool)> {
        let resting = self.resting.get_mut(&id)?;
        resting.shares = resting.shares.checked_sub(small(shares)?)?;
        let (place, is_gone) = (resting.place, resting.shares == 0);
        if is_gone {
            self.forget(id);
        }
        Some((place, is_gone))
    }

    fn delete(&mut self, id: u64) -> Option<()> {
        let place = self.forget(id)?;
        self.act(What::Delete { place });
        Some(())
    }

    fn forget(&mut self, id: u64) -> Option<u32> {
        let Resting { place, side, price, .. } = self.resting.remove(&id)?;
        self.prices[side as usize].remove(&(price, id));
        self.free.push(place);
        Some(place)
    }

    /// Deletes what rests.
    fn clear(&mut self) {
        while let Some((id, _)) = self.resting.first_key_value() {
            self.delete(*id);
        }
    }

    fn end(mut self) -> Recording {
        self.clear();
        Recording {
            acts: self.acts,
            places: self.places as usize,
            span_ns: self.last,
            left_out: self.left_out,
            unseen: self.unseen,
        }
    }
}

/// Of shares, as many as ITCH can tell: more than none.
fn small(shares: u64) -> Option<u32> {
    u32::try_from(shares).ok().filter(|shares| *shares > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Itch50;
    use crate::codec::testing::decode;
    use crate::synthetic::{dbn, lobster};
    use engine_event::body::Replacement;
    use expect_test::expect;
    use std::collections::HashMap;

    fn recording(text: &str) -> Recording {
        Recording::read(text.as_bytes()).unwrap()
    }

    fn day(recording: &Recording, messages: u64, stocks: usize) -> Vec<Event> {
        let mut bytes = Vec::new();
        assert_eq!(recording.generate(messages, stocks, &mut bytes).unwrap(), messages);
        let strict = Options { strict: true, ..Options::default() };
        let decoded = decode(&mut Itch50::new(&strict), &bytes);
        assert_eq!((decoded.error, decoded.tally.messages), (None, messages));
        decoded.events
    }

    #[test]
    fn what_can_have_happened_is_repeated() {
        let recording = recording(
            "34200.1,3,7,10,5853200,1\n\
             34200.2,1,8,100,5853200,1\n\
             34200.3,1,9,50,5853400,-1\n\
             34200.4,2,8,30,5853200,1\n\
             34200.5,5,0,20,5853250,-1\n\
             34200.6,4,9,50,5853400,-1\n\
             34200.7,4,9,50,5853400,-1\n\
             34200.8,6,-1,50,5853400,-1\n\
             34200.9,1,10,50,5853100,-1\n",
        );
        let acts = recording.acts.iter().map(|act| format!("{} {:?}\n", act.time, act.what));
        expect![[r#"
            100000000 Add { place: 0, side: Buy, shares: 100, price: 5853200 }
            200000000 Add { place: 1, side: Sell, shares: 50, price: 5853400 }
            300000000 Cancel { place: 0, shares: 30 }
            400000000 Trade { side: Sell, shares: 20, price: 5853250 }
            500000000 Execute { place: 1, shares: 50 }
            800000000 Delete { place: 0 }
            800000000 Add { place: 0, side: Sell, shares: 50, price: 5853100 }
            800000000 Delete { place: 0 }
        "#]]
        .assert_eq(&acts.collect::<String>());
        // The deletion of 7, the second execution of 9, the cross; and 8 stood in the way of 10.
        assert_eq!((recording.left_out(), recording.left_unseen()), (3, 1));
    }

    #[test]
    fn nothing_that_could_be_repeated_is_told() {
        let nothing = Recording::read(b"34200.1,3,7,10,5853200,1\n").unwrap_err();
        assert_eq!(nothing.to_string(), "no message of it can be repeated");
        let broken = Recording::read(b"34200.1,3,7,10,5853200,1\nhello\n").unwrap_err();
        assert!(broken.to_string().starts_with("line 2 (byte 25)"), "{broken}");
    }

    #[test]
    fn every_stock_repeats_lobster_in_a_world_that_is_possible() {
        let mut text = Vec::new();
        lobster::generate(3_000, 5, &mut text).unwrap();
        // From the middle on, so that there are orders that were never shown.
        let middle = text.len() / 3;
        let line = text[middle..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let recording = Recording::read(&text[middle + line..]).unwrap();
        assert!(recording.left_out() > 10 && recording.messages() > 1_000);
        is_possible(&recording);
    }

    #[test]
    fn every_stock_repeats_dbn_in_a_world_that_is_possible() {
        let mut bytes = Vec::new();
        dbn::generate(3_000, 5, 1, &mut bytes).unwrap();
        let recording = Recording::read(&bytes).unwrap();
        let replaced = |act: &&Act| matches!(act.what, What::Replace { .. });
        assert!(recording.acts.iter().filter(replaced).count() > 50);
        is_possible(&recording);
    }

    /// Orders of all stocks are told by ids that ascend, none is touched that does not rest, nothing
    /// crosses, and between two laps a stock's book is empty.
    fn is_possible(recording: &Recording) {
        const STOCKS: usize = 7;
        let (laps, frame) = (3, 2 * STOCKS as u64 + 6);
        let messages = laps * recording.messages() * STOCKS as u64 + frame;
        let mut books: HashMap<u64, (u32, Side, i64, u64)> = HashMap::new();
        let (mut last_id, mut last_at, mut empty) = (0, 0, 0);
        for event in day(recording, messages, STOCKS) {
            assert!(last_at <= event.event_at.0, "{event:?}");
            last_at = event.event_at.0;
            let stock = event.subject.0;
            match event.kind() {
                Kind::Add | Kind::Replace => {
                    let (new, side, price, quantity) = if event.kind() == Kind::Add {
                        let Order { id, price, quantity, .. } = event.body();
                        (id, event.side().unwrap(), price.get().unwrap(), quantity)
                    } else {
                        let Replacement { old, new, price, quantity } = event.body();
                        (new, books.remove(&old.0).expect("it rests").1, price, quantity)
                    };
                    assert_eq!(new.0, last_id + 1);
                    last_id += 1;
                    let crosses = |(of, other, at, _): &(u32, Side, i64, u64)| {
                        let beyond =
                            if side == Side::Buy { *at <= price.0 } else { *at >= price.0 };
                        *of == stock && *other != side && beyond
                    };
                    assert!(!books.values().any(crosses), "{event:?}");
                    books.insert(last_id, (stock, side, price.0, quantity.0));
                }
                Kind::Reduce | Kind::Execute => {
                    let (id, quantity) = match event.kind() {
                        Kind::Reduce => {
                            let order: Order = event.body();
                            (order.id.0, order.quantity.0)
                        }
                        _ => {
                            let execution: Execution = event.body();
                            (execution.id.0, execution.quantity.0)
                        }
                    };
                    let resting = books.get_mut(&id).expect("it rests");
                    assert_eq!(resting.0, stock);
                    resting.3 = resting.3.checked_sub(quantity).expect("no more than rests");
                    if resting.3 == 0 {
                        books.remove(&id);
                    }
                }
                Kind::Delete => {
                    let order: Order = event.body();
                    assert_eq!(books.remove(&order.id.0).expect("it rests").0, stock);
                }
                _ => continue,
            }
            empty += u64::from(books.values().all(|resting| resting.0 != stock));
        }
        assert!(empty >= (laps - 1) * STOCKS as u64, "{empty}");
    }
}
