//! A flow that keeps as many orders live as are wanted, about as many stocks.

use feeds::codec::itch50::message::{
    AddOrder, CancelOrder, DeleteOrder, ExecuteOrder, Head, ReplaceOrder, StockDirectory,
};
use feeds::synthetic::{Flow, Random, symbol};
use std::io::{self, Write};
use zerocopy::{Immutable, IntoBytes};

/// A day of ITCH 5.0 without its frame: the stocks, then as many orders as are to be live, then steps
/// that keep them as many.
///
/// Every stock, and every live order, is as likely as any other to be next. That is the worst that a
/// book can be asked for: in the market most of what happens is about the few stocks and the few orders
/// that were touched a moment ago.
#[derive(Clone, Copy, Debug)]
pub struct Steady {
    /// How many stocks there are.
    pub stocks: usize,
    /// How many orders are live.
    pub live: usize,
    /// How many messages come once they are.
    pub steps: u64,
}

#[derive(Clone, Copy)]
struct Live {
    id: u64,
    stock: u32,
    shares: u32,
    is_bid: bool,
}

struct Writer<'a, W: Write> {
    out: &'a mut W,
    random: Random,
    live: Vec<Live>,
    stocks: usize,
    /// How many prices a side of a book has, or somewhat fewer.
    width: f64,
    orders: u64,
    trades: u64,
    written: u64,
}

impl Steady {
    /// How many messages there are before the steps.
    #[must_use]
    pub fn early(self) -> u64 {
        (self.stocks + self.live) as u64
    }

    /// Writes it. Returns how many messages that are.
    ///
    /// # Errors
    /// If `out` cannot be written to.
    pub fn write(self, out: &mut impl Write) -> io::Result<u64> {
        let Self { stocks, live, steps } = self;
        // Deeper books are wider books, from a few prices to a thousand.
        let width = (live / stocks / 16).clamp(16, 1024) as f64;
        let live = Vec::with_capacity(live);
        let random = Random::new(1);
        let mut writer =
            Writer { out, random, live, stocks, width, orders: 0, trades: 0, written: 0 };
        for stock in 0..stocks {
            writer.directory(stock)?;
        }
        while writer.written < self.early() {
            writer.add()?;
        }
        while writer.written < self.early() + steps {
            writer.step(self.live)?;
        }
        Ok(writer.written)
    }
}

impl<W: Write> Writer<'_, W> {
    fn put(&mut self, message: &(impl IntoBytes + Immutable)) -> io::Result<()> {
        let bytes = message.as_bytes();
        self.out.write_all(&(bytes.len() as u16).to_be_bytes())?;
        self.out.write_all(bytes)?;
        self.written += 1;
        Ok(())
    }

    fn head(&self, letter: u8, stock: u32) -> Head {
        Head::new(letter, stock as u16 + 1, Flow::OPEN + self.written * 100)
    }

    fn directory(&mut self, stock: usize) -> io::Result<()> {
        let name = name(stock as u32);
        self.put(&StockDirectory {
            head: self.head(StockDirectory::LETTER, stock as u32),
            stock: name,
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

    /// Nearer to the middle of the book is likelier.
    fn price(&mut self, is_bid: bool) -> u32 {
        let share = self.random.unit();
        let away = (share * share * self.width) as u32 * 100;
        if is_bid { 1_000_000 - away } else { 1_000_100 + away }
    }

    fn add(&mut self) -> io::Result<()> {
        self.orders += 1;
        let stock = self.random.place(self.stocks) as u32;
        let is_bid = self.random.bits() & 1 == 0;
        let order = Live { id: self.orders, stock, shares: 100, is_bid };
        self.live.push(order);
        let price = self.price(is_bid);
        self.put(&AddOrder {
            head: self.head(AddOrder::LETTER, stock),
            order: order.id.into(),
            side: if is_bid { b'B' } else { b'S' },
            shares: order.shares.into(),
            stock: name(stock),
            price: price.into(),
        })
    }

    /// Adds where one is missing, or else takes one away; a few are only changed.
    fn step(&mut self, wanted: usize) -> io::Result<()> {
        if self.live.len() < wanted {
            return self.add();
        }
        let place = self.random.place(self.live.len());
        let order = self.live[place];
        match self.random.below(100) {
            0..8 => {
                self.orders += 1;
                self.live[place].id = self.orders;
                let price = self.price(order.is_bid);
                self.put(&ReplaceOrder {
                    head: self.head(ReplaceOrder::LETTER, order.stock),
                    old: order.id.into(),
                    new: self.orders.into(),
                    shares: order.shares.into(),
                    price: price.into(),
                })
            }
            8..12 if order.shares > 1 => {
                self.live[place].shares -= 1;
                self.put(&CancelOrder {
                    head: self.head(CancelOrder::LETTER, order.stock),
                    order: order.id.into(),
                    shares: 1.into(),
                })
            }
            12..22 => {
                self.live.swap_remove(place);
                self.trades += 1;
                self.put(&ExecuteOrder {
                    head: self.head(ExecuteOrder::LETTER, order.stock),
                    order: order.id.into(),
                    shares: order.shares.into(),
                    trade: self.trades.into(),
                })
            }
            _ => {
                self.live.swap_remove(place);
                let head = self.head(DeleteOrder::LETTER, order.stock);
                self.put(&DeleteOrder { head, order: order.id.into() })
            }
        }
    }
}

fn name(stock: u32) -> [u8; 8] {
    let mut name = *b"        ";
    name[..4].copy_from_slice(symbol(stock as usize).as_bytes());
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Session;
    use engine_book::{Books, Bounds};

    #[test]
    fn as_many_are_live_as_are_wanted_and_nothing_is_at_fault() {
        let flow = Steady { stocks: 10, live: 500, steps: 20_000 };
        let session = Session::steady(flow);
        assert_eq!(session.messages(), flow.early() + flow.steps);
        let mut books = Books::new(Bounds::default());
        for event in session.events() {
            let change = books.apply(&event);
            assert_eq!(change.fault, None, "{event:?}");
        }
        assert!((499..=500).contains(&books.orders_live()), "{}", books.orders_live());
    }
}
