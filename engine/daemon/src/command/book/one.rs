//! One book as it stands at the end, or at the wanted time, and what follows from it.

use super::Tape;
use crate::cli::Book;
use crate::failure::Failure;
use crate::output::{Wide, print};
use anyhow::anyhow;
use engine_book::bands::{Bands, Depth};
use engine_book::recent::RecentTouches;
use engine_book::{BookView, Form, Quote, Resting, Touch};
use engine_event::body::Attributes;
use engine_event::{OrderId, Quantity, Side, SubjectId};
use serde_json::{Value, json};
use std::fmt::Write;

pub(super) fn run(tape: &mut Tape, symbol: &str, arguments: &Book) -> Result<(), Failure> {
    let mut near = Near::new(arguments)?;
    tape.run(|event, change, tape| {
        if near.is_followed() && near.is_about(event.subject, symbol, tape) {
            let Some(book) = tape.book(near.subject.expect("it was found")) else {
                return Ok(());
            };
            if let Some(bands) = &mut near.bands {
                bands.follow(change, &book);
            }
            if let Some(touches) = &mut near.touches {
                touches.follow(event, change, book.touch());
            }
        }
        Ok(())
    })?;
    let shown = Shown { tape, symbol, book: tape.find(symbol)?, near };
    let order = arguments.order.map(|id| shown.order(OrderId(id))).transpose()?;
    if arguments.json {
        return print(format_args!("{}\n", shown.json(arguments.levels, order.as_ref())));
    }
    print(shown.text(arguments.levels, order.as_ref()))
}

/// What is kept up event by event, where it is asked for.
struct Near {
    bands: Option<Bands>,
    touches: Option<RecentTouches>,
    subject: Option<SubjectId>,
}

impl Near {
    fn new(arguments: &Book) -> Result<Self, Failure> {
        let widths = Some(&arguments.bands).filter(|bands| !bands.is_empty());
        let bands = widths.map(|bands| Bands::new(bands)).transpose();
        let bands = bands.map_err(|wrong| Failure::usage(anyhow!("--bands: {wrong}")))?;
        let touches = arguments.touches.map(|most| RecentTouches::new(most as usize));
        Ok(Self { bands, touches, subject: None })
    }

    fn is_followed(&self) -> bool {
        self.bands.is_some() || self.touches.is_some()
    }

    fn is_about(&mut self, subject: SubjectId, symbol: &str, tape: &Tape) -> bool {
        if self.subject.is_none() {
            self.subject = tape.names.find(symbol);
        }
        self.subject.is_some_and(|own| [own, SubjectId::EVERY].contains(&subject))
    }
}

struct Shown<'a> {
    tape: &'a Tape,
    symbol: &'a str,
    book: BookView<'a>,
    near: Near,
}

/// An order and its place.
struct Placed {
    order: Resting,
    /// None for orders that are not displayed: nobody knows who stands before them.
    place: Option<engine_book::Place>,
}

impl Shown<'_> {
    fn order(&self, id: OrderId) -> Result<Placed, Failure> {
        let order = self.book.order(id).ok_or_else(|| match self.book.form() {
            Some(Form::Levels | Form::Touch) => {
                anyhow!("the book of {} is told without orders", self.symbol)
            }
            _ => anyhow!("there is no order {id} in the book of {}", self.symbol),
        })?;
        Ok(Placed { order: *order, place: self.book.queue_position(id) })
    }

    fn levels(&self, side: Side, levels: usize) -> Vec<(String, String, u32)> {
        let show = |level: Quote| {
            let (price, quantity) = self.quote(level);
            (price, quantity, level.orders)
        };
        self.book.levels(side).take(levels).map(show).collect()
    }

    fn quote(&self, of: Quote) -> (String, String) {
        let subject = self.book.subject();
        (self.tape.price(subject, of.price), self.tape.quantity(subject, of.quantity))
    }

    fn scales(&self) -> (u32, u32) {
        let definition = self.tape.names.definition(self.book.subject());
        definition.map_or((0, 0), |of| (of.price_scale.into(), of.quantity_scale.into()))
    }

    fn json(&self, levels: usize, order: Option<&Placed>) -> Value {
        let stale = self.book.stale().map(
            |of| json!({"since_seq": of.since_seq, "since_at": of.since_at.0, "reason": of.reason.word()}),
        );
        let (bids, asks) = (self.levels(Side::Buy, levels), self.levels(Side::Sell, levels));
        let mut shown = json!({
            "subject": self.symbol, "at": self.tape.last_at.0, "seq": self.tape.seq, "stale": stale,
            "phase": format!("{:?}", self.book.phase()).to_lowercase(), "bids": bids, "asks": asks,
            "touch": self.touch_json(levels), "hidden_orders": self.book.hidden().count(),
        });
        if let Some(of) = order {
            shown["order"] = self.order_json(of);
        }
        if let Some(bands) = &self.near.bands {
            let band = |(place, width): (usize, &u32)| {
                let side = |side| self.depth_json(bands.depth(side, place));
                json!({"basis_points": width, "bid": side(Side::Buy), "ask": side(Side::Sell)})
            };
            shown["bands"] = bands.basis_points().iter().enumerate().map(band).collect();
        }
        if let Some(touches) = &self.near.touches {
            let touch = |of: &engine_book::recent::TouchAt| {
                let quote = |side: Option<Quote>| side.map(|quote| self.quote(quote));
                let Touch { bid, ask } = of.touch;
                json!({"seq": of.seq, "at": of.at.0, "bid": quote(bid), "ask": quote(ask)})
            };
            shown["touches"] = touches.iter().map(touch).collect();
        }
        shown
    }

    /// What follows from the touch and from the levels that are shown.
    fn touch_json(&self, levels: usize) -> Value {
        let (price_scale, quantity_scale) = self.scales();
        let touch = self.book.touch();
        let spread = touch.spread().map(|spread| Wide { units: spread.into(), scale: price_scale });
        // Twice the mid in whole units is five times that in tenths.
        let mid = touch
            .mid2()
            .map(|mid2| Wide { units: i128::from(mid2) * 5, scale: price_scale + 1 }.to_string());
        let microprice = touch.microprice().map(|of| of.to_f64() / 10f64.powi(price_scale as i32));
        let (bids, asks) = self.book.imbalance_over(levels);
        let sums = [bids, asks].map(|sum| Wide::sum(sum, quantity_scale).to_string());
        let surplus = if bids >= asks { (bids - asks) as f64 } else { -((asks - bids) as f64) };
        let imbalance = (bids + asks > 0).then(|| surplus / (bids + asks) as f64);
        json!({
            "spread": spread.map(|spread| spread.to_string()), "mid": mid, "microprice": microprice,
            "depth": sums, "depth_imbalance": imbalance,
        })
    }

    fn order_json(&self, Placed { order, place }: &Placed) -> Value {
        let subject = self.book.subject();
        let quantity = |quantity: Quantity| self.tape.quantity(subject, quantity);
        let of = |attribute| order.attributes.has(attribute);
        let who = order.participant.and_then(|who| self.tape.names.participants.name(who));
        json!({
            "id": order.id.0, "side": order.side.letter().to_string(),
            "price": self.tape.price(subject, order.price), "remaining": quantity(order.remaining),
            "entered_at": order.entered_at.0, "entered_seq": order.entered_seq, "participant": who,
            "hidden": of(Attributes::HIDDEN), "iceberg": of(Attributes::ICEBERG),
            "depth": place.map(|_| self.book.depth_of(order.side, order.price)),
            "orders_ahead": place.map(|place| place.orders_ahead),
            "quantity_ahead": place.map(|place| quantity(place.quantity_ahead)),
        })
    }

    fn depth_json(&self, Depth { levels, quantity, notional }: Depth) -> Value {
        let (price_scale, quantity_scale) = self.scales();
        let scale = price_scale + quantity_scale;
        json!({
            "levels": levels, "quantity": Wide::sum(quantity, quantity_scale).to_string(),
            "notional": notional.map(|units| Wide { units, scale }.to_string()),
        })
    }

    fn text(&self, levels: usize, order: Option<&Placed>) -> String {
        let mut text = String::new();
        self.write(levels, order, &mut text).expect("a string takes any text");
        text
    }

    fn write(&self, levels: usize, order: Option<&Placed>, to: &mut String) -> std::fmt::Result {
        let Self { tape, symbol, book, near } = self;
        writeln!(to, "{symbol} at {} (event {}), {:?}", tape.last_at, tape.seq, book.phase())?;
        if let Some(stale) = book.stale() {
            let (seq, at) = (stale.since_seq, stale.since_at);
            writeln!(to, "uncertain since event {seq} ({at}): {}", stale.reason)?;
        }
        writeln!(
            to,
            "{:>8} {:>14} {:>14} | {:<14} {:<14} {:<8}",
            "orders", "quantity", "bid", "ask", "quantity", "orders"
        )?;
        let (bids, asks) = (self.levels(Side::Buy, levels), self.levels(Side::Sell, levels));
        for level in 0..bids.len().max(asks.len()) {
            let (price, quantity, orders) = level_text(&bids, level);
            write!(to, "{orders:>8} {quantity:>14} {price:>14} | ")?;
            let (price, quantity, orders) = level_text(&asks, level);
            writeln!(to, "{price:<14} {quantity:<14} {orders:<8}")?;
        }
        if let Some(of) = order {
            self.write_order(of, to)?;
        }
        if let Some(bands) = &near.bands {
            for (place, width) in bands.basis_points().iter().enumerate() {
                let [bid, ask] = [Side::Buy, Side::Sell].map(|side| bands.depth(side, place));
                let quantity = |of: Depth| Wide::sum(of.quantity, self.scales().1);
                let (bid_levels, bid) = (bid.levels, quantity(bid));
                let (ask_levels, ask) = (ask.levels, quantity(ask));
                writeln!(
                    to,
                    "within {width} bp: bid {bid} at {bid_levels} levels, ask {ask} at {ask_levels} levels"
                )?;
            }
        }
        for of in near.touches.iter().flat_map(RecentTouches::iter) {
            let quote = |side: Option<Quote>| match side.map(|quote| self.quote(quote)) {
                Some((price, quantity)) => format!("{quantity} at {price}"),
                None => "none".to_owned(),
            };
            let Touch { bid, ask } = of.touch;
            writeln!(to, "event {} ({}): bid {}, ask {}", of.seq, of.at, quote(bid), quote(ask))?;
        }
        Ok(())
    }

    fn write_order(&self, Placed { order, place }: &Placed, to: &mut String) -> std::fmt::Result {
        let subject = self.book.subject();
        let quantity = |quantity: Quantity| self.tape.quantity(subject, quantity);
        let (side, id) = (if order.side == Side::Buy { "bid" } else { "ask" }, order.id);
        let price = self.tape.price(subject, order.price);
        write!(to, "order {id}: {side}, {} at {price}, ", quantity(order.remaining))?;
        match place {
            Some(place) => {
                let ahead = quantity(place.quantity_ahead);
                writeln!(to, "{ahead} in {} orders before it", place.orders_ahead)
            }
            None => writeln!(to, "not displayed"),
        }
    }
}

fn level_text(levels: &[(String, String, u32)], at: usize) -> (&str, &str, String) {
    levels.get(at).map_or(("", "", String::new()), |(price, quantity, orders)| {
        (price, quantity, orders.to_string())
    })
}
