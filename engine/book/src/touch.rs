//! The best of both sides, and the numbers that follow from it.

use engine_event::{Price, Quantity, Side};

/// A level as the market shows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Quote {
    /// Its price.
    pub price: Price,
    /// All that is displayed at it.
    pub quantity: Quantity,
    /// How many displayed orders that is; 0 where the feed tells levels or quotes and not that.
    pub orders: u32,
}

/// The best bid and the best offer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Touch {
    /// The highest bid, if there is a bid.
    pub bid: Option<Quote>,
    /// The lowest offer, if there is one.
    pub ask: Option<Quote>,
}

impl Touch {
    /// The best of one side.
    #[inline]
    pub fn of(&self, side: Side) -> Option<Quote> {
        match side {
            Side::Buy => self.bid,
            Side::Sell => self.ask,
        }
    }

    /// Both sides, where both are there.
    #[inline]
    pub fn both(&self) -> Option<(Quote, Quote)> {
        self.bid.zip(self.ask)
    }

    /// Whether the bid is at the offer (locked) or above it.
    #[inline]
    pub fn is_crossed(&self) -> bool {
        self.both().is_some_and(|(bid, ask)| bid.price >= ask.price)
    }

    /// Offer less bid: negative when crossed. Exact, because books refuse prices outside ±2^62.
    #[inline]
    pub fn spread(&self) -> Option<i64> {
        self.both().map(|(bid, ask)| ask.price.0 - bid.price.0)
    }

    /// Bid plus offer: twice the mid, so that it stays a whole number of price units.
    #[inline]
    pub fn mid2(&self) -> Option<i64> {
        self.both().map(|(bid, ask)| bid.price.0 + ask.price.0)
    }

    /// The quantities at the best bid and the best offer.
    #[inline]
    pub fn imbalance(&self) -> Option<(Quantity, Quantity)> {
        self.both().map(|(bid, ask)| (bid.quantity, ask.quantity))
    }

    /// The mid weighted by the opposite side's quantity: it leans towards the side that is about to
    /// give way.
    #[inline]
    pub fn microprice(&self) -> Option<Microprice> {
        let (bid, ask) = self.both()?;
        let (bid_quantity, ask_quantity) = (bid.quantity.0, ask.quantity.0);
        Some(Microprice {
            numerator: i128::from(bid.price.0) * i128::from(ask_quantity)
                + i128::from(ask.price.0) * i128::from(bid_quantity),
            denominator: u128::from(bid_quantity) + u128::from(ask_quantity),
        })
    }

    /// What came to the bid less what came to the offer since `before`, one event or group earlier: the
    /// order-flow imbalance of Cont, Kukanov and Stoikov (2014). A better price counts with all that is
    /// displayed at it, a worse one with all that stood before it, the same price with the difference; a
    /// side that was empty is worse than any price. Exact for every touch of a book.
    #[inline]
    pub fn order_flow_imbalance(&self, before: &Touch) -> i128 {
        let came = |is: Option<Quote>, was: Option<Quote>, is_worse: fn(Price, Price) -> bool| {
            let quantity = |of: Option<Quote>| of.map_or(0, |of| i128::from(of.quantity.0));
            match (is, was) {
                (Some(now), Some(then)) if is_worse(now.price, then.price) => -quantity(was),
                (Some(now), Some(then)) if is_worse(then.price, now.price) => quantity(is),
                _ => quantity(is) - quantity(was),
            }
        };
        came(self.bid, before.bid, |a, b| a < b) - came(self.ask, before.ask, |a, b| a > b)
    }
}

/// The microprice as the exact fraction that it is: compare two of them by cross-multiplying their
/// parts, or take the nearest floating-point number for statistics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Microprice {
    /// bid · ask quantity + ask · bid quantity. Within 128 bits for every touch of a book.
    pub numerator: i128,
    /// Both quantities together; never 0.
    pub denominator: u128,
}

impl Microprice {
    /// The nearest floating-point number, in price units.
    #[inline]
    pub fn to_f64(self) -> f64 {
        // The same numbers, without a call each, as long as 64 bits hold them.
        match (i64::try_from(self.numerator), i64::try_from(self.denominator)) {
            (Ok(numerator), Ok(denominator)) => numerator as f64 / denominator as f64,
            _ => self.numerator as f64 / self.denominator as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote(price: i64, quantity: u64) -> Option<Quote> {
        Some(Quote { price: Price(price), quantity: Quantity(quantity), orders: 1 })
    }

    #[test]
    fn what_follows_from_a_touch() {
        let touch = Touch { bid: quote(99, 30), ask: quote(102, 10) };
        assert_eq!(touch.spread(), Some(3));
        assert_eq!(touch.mid2(), Some(201));
        assert_eq!(touch.imbalance(), Some((Quantity(30), Quantity(10))));
        let microprice = touch.microprice().unwrap();
        assert_eq!((microprice.numerator, microprice.denominator), (4050, 40));
        assert_eq!(microprice.to_f64(), 101.25);
        assert!(!touch.is_crossed());
    }

    #[test]
    fn one_side_alone_has_no_middle() {
        let touch = Touch { bid: quote(99, 30), ask: None };
        assert_eq!((touch.spread(), touch.mid2(), touch.microprice()), (None, None, None));
        assert!(!touch.is_crossed());
    }

    #[test]
    fn the_widest_touch_overflows_nothing() {
        let (lowest, highest) = (-(1 << 62), (1 << 62) - 1);
        for (bid, ask) in
            [(lowest, highest), (highest, lowest), (lowest, lowest), (highest, highest)]
        {
            let touch = Touch { bid: quote(bid, u64::MAX), ask: quote(ask, u64::MAX) };
            assert_eq!(touch.spread().map(i128::from), Some(i128::from(ask) - i128::from(bid)));
            assert_eq!(touch.mid2().map(i128::from), Some(i128::from(ask) + i128::from(bid)));
            assert!(touch.microprice().is_some());
        }
    }

    #[test]
    fn order_flow_counts_what_came_to_either_side() {
        let before = Touch { bid: quote(99, 30), ask: quote(102, 10) };
        let after = |bid, ask| Touch { bid, ask }.order_flow_imbalance(&before);
        assert_eq!(after(quote(99, 30), quote(102, 10)), 0);
        assert_eq!(after(quote(99, 45), quote(102, 10)), 15);
        assert_eq!(after(quote(99, 30), quote(102, 45)), -35);
        assert_eq!(after(quote(100, 7), quote(102, 10)), 7, "a better bid");
        assert_eq!(after(quote(98, 7), quote(102, 10)), -30, "a worse bid");
        assert_eq!(after(quote(99, 30), quote(101, 7)), -7, "a better offer");
        assert_eq!(after(quote(99, 30), quote(103, 7)), 10, "a worse offer");
        assert_eq!(after(None, quote(102, 10)), -30);
        assert_eq!(before.order_flow_imbalance(&Touch::default()), 20);
        let all = Touch { bid: quote(1, u64::MAX), ask: None };
        let none = Touch { bid: None, ask: quote(1, u64::MAX) };
        assert_eq!(all.order_flow_imbalance(&none), 2 * i128::from(u64::MAX));
    }
}
