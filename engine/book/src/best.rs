//! The best of both sides as a book keeps it, and what of it differs from before.

use crate::{Quote, Touch};
use engine_event::{Price, Quantity};

/// The price and quantity of a best level; a quantity of 0 where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Best {
    pub(crate) price: Price,
    pub(crate) quantity: Quantity,
}

impl Best {
    pub(crate) const NONE: Best = Best { price: Price(0), quantity: Quantity(0) };

    #[inline]
    pub(crate) fn is_there(self) -> bool {
        self.quantity.0 > 0
    }

    /// In what it differs from what was. Told without a branch: it is anybody's guess.
    #[inline(always)]
    pub(crate) fn differs(self, was: Best) -> Differs {
        let price = (self.price != was.price) | (self.is_there() != was.is_there());
        Differs { any: price | (self.quantity != was.quantity), price }
    }
}

/// What is not the same any more: anything, and the price; a side that appears or empties counts.
pub(crate) struct Differs {
    pub(crate) any: bool,
    pub(crate) price: bool,
}

/// The best of both sides as a book keeps it, bid first: a price and a quantity, which is 0 where there
/// is none, and how many orders that is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Before {
    pub(crate) best: [Best; 2],
    pub(crate) orders: [u32; 2],
}

impl Before {
    pub(crate) const NONE: Before = Before { best: [Best::NONE; 2], orders: [0; 2] };

    #[inline]
    pub(crate) fn touch(&self) -> Touch {
        let quote = |side: usize| {
            let (Best { price, quantity }, orders) = (self.best[side], self.orders[side]);
            (quantity.0 > 0).then_some(Quote { price, quantity, orders })
        };
        Touch { bid: quote(0), ask: quote(1) }
    }
}

impl From<Touch> for Before {
    fn from(touch: Touch) -> Self {
        let mut before = Before::NONE;
        for (side, quote) in [touch.bid, touch.ask].into_iter().enumerate() {
            if let Some(Quote { price, quantity, orders }) = quote {
                before.best[side] = Best { price, quantity };
                before.orders[side] = orders;
            }
        }
        before
    }
}
