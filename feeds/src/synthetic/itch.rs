//! The order flow as an ITCH 5.0 BinaryFILE: a whole day, from the first system event to the last.

use super::truth::Truth;
use super::{Act, Flow, Settings, Step, symbol};
use crate::codec::itch50::message::{
    AddOrder, AddOrderAttributed, AuctionCollar, BreakerLevels, BrokenTrade, CancelOrder,
    CrossTrade, DeleteOrder, DirectListing, ExecuteOrder, ExecuteOrderAt, Head, Imbalance,
    IpoQuoting, OperationalHalt, ParticipantPosition, RegSho, ReplaceOrder, RetailInterest,
    StockDirectory, SystemEvent, Trade, TradingAction,
};
use engine_event::Side;
use std::io::{self, BufWriter, Write};
use zerocopy::{Immutable, IntoBytes};

/// How many stocks NASDAQ has on a day, roughly.
pub const STOCKS: usize = 8000;

const MPIDS: [&[u8; 4]; 8] =
    [b"GSCO", b"MSCO", b"CITD", b"VIRT", b"JANE", b"UBSS", b"BARD", b"NITE"];
const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3600 * SECOND;
/// From how many messages on a day has those that are rare.
const WHOLE_DAY: u64 = 2000;
/// System events before and after the orders.
const MESSAGES_MIN: u64 = 8;

/// The same day, and besides what its books must be at the end, by the generator's own plain bookkeeping:
/// a row for each stock in the layout of `tapewatch book --all`.
pub fn generate_with_truth(
    messages: u64,
    seed: u64,
    stocks: usize,
    out: impl Write,
    mut truth: impl Write,
) -> io::Result<u64> {
    let mut books = Truth::new();
    let written = write_day(messages, seed, stocks, out, |step| books.take(step))?;
    books.write(stocks_of(messages.max(MESSAGES_MIN), stocks), &mut truth)?;
    Ok(written)
}

/// How many stocks a day of so many messages has.
fn stocks_of(messages: u64, stocks: usize) -> usize {
    stocks.min(60_000).min((messages / 8) as usize).max(1)
}

/// Writes a day of `messages` messages (at least 8) about `stocks` stocks (at most an eighth as many
/// as messages) to `out`. Returns how many it wrote: as many as were asked for.
pub fn generate(messages: u64, seed: u64, stocks: usize, out: impl Write) -> io::Result<u64> {
    write_day(messages, seed, stocks, out, |_| ())
}

fn write_day(
    messages: u64,
    seed: u64,
    stocks: usize,
    out: impl Write,
    mut show: impl FnMut(&Step),
) -> io::Result<u64> {
    let messages = messages.max(MESSAGES_MIN);
    let stocks = stocks_of(messages, stocks);
    let mut day = Day::new(stocks, out);
    day.before(messages >= WHOLE_DAY)?;
    let after = day.after_length(messages);
    let steps = messages - day.written - after;
    let settings = Settings { steps, seed, stocks, accounts: 1, renumber: true };
    let mut flow = Flow::new(settings);
    for step in flow.by_ref() {
        day.step(&step)?;
        show(&step);
    }
    day.close()?;
    day.crosses(messages, &mut flow)?;
    day.end()
}

/// A day being written: the frame that each has, and what happens in it.
pub(super) struct Day<W: Write> {
    out: BufWriter<W>,
    pub(super) written: u64,
    stocks: usize,
}

impl<W: Write> Day<W> {
    /// How many messages [`close`](Self::close) and [`end`](Self::end) will write.
    pub(super) const END: u64 = 3;

    pub(super) fn new(stocks: usize, out: W) -> Self {
        Self { out: BufWriter::with_capacity(1 << 20, out), written: 0, stocks }
    }

    pub(super) fn put(&mut self, message: &(impl IntoBytes + Immutable)) -> io::Result<()> {
        let bytes = message.as_bytes();
        self.out.write_all(&(bytes.len() as u16).to_be_bytes())?;
        self.out.write_all(bytes)?;
        self.written += 1;
        Ok(())
    }

    fn system(&mut self, time: u64, code: u8) -> io::Result<()> {
        self.put(&SystemEvent { head: Head::new(SystemEvent::LETTER, 0, time), code })
    }

    /// Everything up to the opening bell, with what few stocks have if `rare`.
    pub(super) fn before(&mut self, rare: bool) -> io::Result<()> {
        let mut time = 3 * HOUR;
        self.system(time, b'O')?;
        for stock in 0..self.stocks {
            time += 1000;
            self.directory(stock, time)?;
        }
        for stock in 0..self.stocks {
            time += 1000;
            self.action(stock, time, b'T')?;
        }
        self.system(4 * HOUR, b'S')?;
        if rare {
            self.rare(9 * HOUR)?;
        }
        self.system(Flow::OPEN, b'Q')
    }

    /// A little of each message that few stocks have.
    fn rare(&mut self, time: u64) -> io::Result<()> {
        let (locate, stock) = named(self.stocks - 1);
        let head = |letter| Head::new(letter, locate, time);
        self.put(&BreakerLevels {
            head: Head::new(BreakerLevels::LETTER, 0, time),
            level_1: (4_650 * 100_000_000).into(),
            level_2: (4_350 * 100_000_000).into(),
            level_3: (4_000 * 100_000_000).into(),
        })?;
        self.put(&RegSho { head: head(RegSho::LETTER), stock, action: b'0' })?;
        self.put(&ParticipantPosition {
            head: head(ParticipantPosition::LETTER),
            mpid: *MPIDS[0],
            stock,
            primary: b'Y',
            mode: b'N',
            state: b'A',
        })?;
        self.put(&IpoQuoting {
            head: head(IpoQuoting::LETTER),
            stock,
            release_s: 34_500.into(),
            qualifier: b'A',
            price: 200_000.into(),
        })?;
        self.put(&AuctionCollar {
            head: head(AuctionCollar::LETTER),
            stock,
            reference: 200_000.into(),
            upper: 210_000.into(),
            lower: 190_000.into(),
            extension: 0.into(),
        })?;
        self.put(&RetailInterest { head: head(RetailInterest::LETTER), stock, interest: b'N' })?;
        self.put(&DirectListing {
            head: head(DirectListing::LETTER),
            stock,
            eligible: b'N',
            lowest: 180_000.into(),
            highest: 220_000.into(),
            near: 200_000.into(),
            near_time: time.into(),
            lower_collar: 190_000.into(),
            upper_collar: 210_000.into(),
        })?;
        for action in [b'H', b'T'] {
            let head = head(OperationalHalt::LETTER);
            self.put(&OperationalHalt { head, stock, market: b'Q', action })?;
        }
        for state in [b'H', b'Q', b'T'] {
            self.action(self.stocks - 1, time, state)?;
        }
        self.put(&Imbalance {
            head: head(Imbalance::LETTER),
            paired: 10_000.into(),
            imbalance: 500.into(),
            direction: b'S',
            stock,
            far: 199_000.into(),
            near: 199_500.into(),
            reference: 200_000.into(),
            cross: b'O',
            variation: b'L',
        })
    }

    fn directory(&mut self, stock: usize, time: u64) -> io::Result<()> {
        let (locate, stock) = named(stock);
        self.put(&StockDirectory {
            head: Head::new(StockDirectory::LETTER, locate, time),
            stock,
            market_category: b'Q',
            financial_status: b'N',
            round_lot: 100.into(),
            round_lots_only: b'N',
            classification: b'C',
            sub_type: *b"Z ",
            authenticity: b'P',
            short_sale_threshold: b'N',
            ipo: b'N',
            luld_tier: b'1',
            etp: b'N',
            etp_leverage: 0.into(),
            inverse: b'N',
        })
    }

    pub(super) fn action(&mut self, stock: usize, time: u64, state: u8) -> io::Result<()> {
        let (locate, stock) = named(stock);
        let head = Head::new(TradingAction::LETTER, locate, time);
        let reason = if state == b'T' { *b"    " } else { *b"T1  " };
        self.put(&TradingAction { head, stock, state, reserved: b' ', reason })
    }

    fn step(&mut self, step: &Step) -> io::Result<()> {
        let (locate, stock) = named(step.stock);
        let head = |letter| Head::new(letter, locate, step.time);
        let side = if step.side == Side::Buy { b'B' } else { b'S' };
        match step.act {
            // Few orders say whose they are: those of market makers' quotes.
            Act::Add(order) if order.id % 32 == 0 => self.put(&AddOrderAttributed {
                head: head(AddOrderAttributed::LETTER),
                order: order.id.into(),
                side,
                shares: order.shares.into(),
                stock,
                price: (order.price * 100).into(),
                attribution: *MPIDS[(order.id / 32) as usize % MPIDS.len()],
            }),
            Act::Add(order) => self.put(&AddOrder {
                head: head(AddOrder::LETTER),
                order: order.id.into(),
                side,
                shares: order.shares.into(),
                stock,
                price: (order.price * 100).into(),
            }),
            Act::Reduce(order, less) => self.put(&CancelOrder {
                head: head(CancelOrder::LETTER),
                order: order.id.into(),
                shares: less.into(),
            }),
            Act::Delete(order) => {
                self.put(&DeleteOrder { head: head(DeleteOrder::LETTER), order: order.id.into() })
            }
            Act::Replace(old, new) => self.put(&ReplaceOrder {
                head: head(ReplaceOrder::LETTER),
                old: old.id.into(),
                new: new.id.into(),
                shares: new.shares.into(),
                price: (new.price * 100).into(),
            }),
            Act::Execute { order, shares, trade, price: None, .. } => self.put(&ExecuteOrder {
                head: head(ExecuteOrder::LETTER),
                order: order.id.into(),
                shares: shares.into(),
                trade: trade.into(),
            }),
            Act::Execute { order, shares, trade, price: Some(price), .. } => {
                self.put(&ExecuteOrderAt {
                    head: head(ExecuteOrderAt::LETTER),
                    order: order.id.into(),
                    shares: shares.into(),
                    trade: trade.into(),
                    printable: if trade % 8 == 0 { b'N' } else { b'Y' },
                    price: (price * 100).into(),
                })
            }
            Act::Trade { price, shares, trade } => self.put(&Trade {
                head: head(Trade::LETTER),
                order: 0.into(),
                side,
                shares: shares.into(),
                stock,
                price: (price * 100).into(),
                trade: trade.into(),
            }),
        }
    }

    fn crossed(&self, messages: u64) -> usize {
        if messages >= WHOLE_DAY { self.stocks.min(100) } else { 0 }
    }

    /// How many messages there will be after the last step.
    fn after_length(&self, messages: u64) -> u64 {
        Self::END + self.crossed(messages) as u64 + u64::from(messages >= WHOLE_DAY)
    }

    pub(super) fn close(&mut self) -> io::Result<()> {
        self.system(Flow::CLOSE, b'M')
    }

    /// The closing crosses, and a trade taken back.
    fn crosses(&mut self, messages: u64, flow: &mut Flow) -> io::Result<()> {
        for stock in 0..self.crossed(messages) {
            let (line, (locate, name)) = (flow.line(stock), named(stock));
            self.put(&CrossTrade {
                head: Head::new(CrossTrade::LETTER, locate, Flow::CLOSE + SECOND),
                shares: if stock % 10 == 9 { 0 } else { 1000 * (1 + stock as u64) }.into(),
                stock: name,
                price: (line * 100).into(),
                trade: flow.spare_trade().into(),
                cross: b'C',
            })?;
        }
        if messages >= WHOLE_DAY {
            let head = Head::new(BrokenTrade::LETTER, 1, Flow::CLOSE + 2 * SECOND);
            self.put(&BrokenTrade { head, trade: 1.into() })?;
        }
        Ok(())
    }

    /// The end of the day. Returns how many messages the whole of it has.
    pub(super) fn end(mut self) -> io::Result<u64> {
        self.system(20 * HOUR, b'E')?;
        self.system(20 * HOUR + 300 * SECOND, b'C')?;
        self.out.flush()?;
        Ok(self.written)
    }
}

/// A stock's locate code and symbol as messages carry them.
#[inline]
pub(super) fn named(stock: usize) -> (u16, [u8; 8]) {
    let letter = |place: u32| b'A' + (stock / 26usize.pow(place) % 26) as u8;
    let name = [letter(3), letter(2), letter(1), letter(0), b' ', b' ', b' ', b' '];
    debug_assert_eq!(&name[..4], symbol(stock).as_bytes());
    (stock as u16 + 1, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing::decode;
    use crate::codec::{Itch50, itch50::message::LETTERS};
    use crate::{Format, Options, detect};

    #[test]
    fn a_day_is_valid_and_whole() {
        let mut bytes = Vec::new();
        assert_eq!(generate(20_000, 1, 50, &mut bytes).unwrap(), 20_000);
        assert_eq!(detect(&bytes[..4096]), Some(Format::Itch50));
        let strict = Options { strict: true, ..Options::default() };
        let decoded = decode(&mut Itch50::new(&strict), &bytes);
        assert_eq!(decoded.error, None);
        assert_eq!(decoded.tally.messages, 20_000);
        let absent: Vec<_> = LETTERS
            .iter()
            .filter(|letter| decoded.tally.by_type[usize::from(**letter)] == 0)
            .map(|letter| char::from(*letter))
            .collect();
        assert_eq!(absent, ['W'], "no market-wide halt on a normal day");
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let day = |seed| {
            let mut bytes = Vec::new();
            generate(3000, seed, 10, &mut bytes).unwrap();
            bytes
        };
        assert_eq!(day(1), day(1));
        assert_ne!(day(1), day(2));
    }

    #[test]
    fn short_days_have_as_many_messages_as_asked() {
        for messages in [8, 9, 100, 1999, 2000, 2001] {
            let mut bytes = Vec::new();
            assert_eq!(generate(messages, 1, STOCKS, &mut bytes).unwrap(), messages);
        }
    }
}
