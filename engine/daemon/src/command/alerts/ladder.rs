//! A book as a picture: its levels around the touch, bars by quantity, an alert's own orders marked.

use super::case::Parts;
use crate::output::Short;
use engine_book::{BookView, Quote};
use engine_event::{Directory, OrderId, ParticipantId, Quantity, Side, SubjectId};
use serde_json::{Value, json};
use std::fmt::{self, Write};

/// How wide the longest bar is.
const WIDTH: usize = 32;

/// A part, and the letter that stands for it. The last one is for other orders of the same people.
pub(super) const PARTS: [(&str, char); 5] =
    [("genuine", 'G'), ("deceptive", 'D'), ("victim", 'V'), ("reference", 'R'), ("own", 'O')];

/// A book after an event.
pub(super) struct Picture {
    /// What moment it shows.
    pub(super) when: &'static str,
    /// The event that it is after.
    pub(super) seq: u64,
    /// By side, best first.
    sides: [Vec<Rung>; 2],
    /// Since which event the book is uncertain, and why.
    stale: Option<(u64, String)>,
}

/// A level.
struct Rung {
    price: [String; 2],
    quantity: u64,
    shown: [String; 2],
    orders: u32,
    /// Each order that is displayed, whose it is, and what is left of it.
    standing: Vec<(OrderId, Option<ParticipantId>, u64)>,
    /// By place in [`PARTS`]: how much of it, once they are [marked](Picture::mark).
    parts: [(u64, String); PARTS.len()],
}

impl Picture {
    pub(super) fn of(
        (when, seq): (&'static str, u64),
        book: Option<BookView<'_>>,
        names: &Directory,
        levels: usize,
    ) -> Self {
        let side = |side| {
            let levels = book.iter().flat_map(move |book| book.levels(side).take(levels));
            levels.map(|level| Rung::of(book.as_ref(), (side, level), names)).collect()
        };
        let stale = book.and_then(|book| book.stale());
        let stale = stale.map(|stale| (stale.since_seq, stale.reason.to_string()));
        Self { when, seq, sides: [side(Side::Buy), side(Side::Sell)], stale }
    }

    /// Adds up whose orders stand where.
    pub(super) fn mark(&mut self, parts: &Parts, names: &Directory, subject: SubjectId) {
        for rung in self.sides.iter_mut().flatten() {
            for (order, owner, left) in &rung.standing {
                if let Some(part) = parts.of(*order, *owner) {
                    rung.parts[part].0 += left;
                }
            }
            for (sum, shown) in &mut rung.parts {
                *shown = Short(names.quantity(subject, Quantity(*sum))).to_string();
            }
        }
    }

    fn rungs(&self) -> impl Iterator<Item = &Rung> {
        self.sides.iter().flatten()
    }

    pub(super) fn json(&self) -> Value {
        let rung = |rung: &Rung| {
            let mut shown = json!({
                "price": rung.price[0], "quantity": rung.shown[0], "orders": rung.orders,
            });
            for ((part, _), (sum, text)) in PARTS.iter().zip(&rung.parts) {
                if *sum > 0 {
                    shown[*part] = json!(text);
                }
            }
            shown
        };
        let [bids, asks] =
            self.sides.each_ref().map(|side| side.iter().map(rung).collect::<Vec<_>>());
        let stale = self.stale.as_ref().map(|(seq, why)| json!({"since_seq": seq, "reason": why}));
        json!({"when": self.when, "after_seq": self.seq, "stale": stale, "bids": bids, "asks": asks})
    }
}

/// Pictures of one book, drawn to the same scale.
pub(super) struct Ladders<'a>(pub(super) &'a [Picture]);

impl Ladders<'_> {
    /// What the letters mean, as far as there are any.
    pub(super) fn legend(&self) -> String {
        let mut legend = "▒ others".to_string();
        for (place, (part, letter)) in PARTS.iter().enumerate() {
            if self.0.iter().flat_map(Picture::rungs).any(|rung| rung.parts[place].0 > 0) {
                let part = if *part == "own" { "other orders of theirs" } else { part };
                let _ = write!(legend, ", {letter} {part}");
            }
        }
        legend
    }

    /// Writes one of them.
    pub(super) fn draw(&self, picture: &Picture, to: &mut impl Write) -> fmt::Result {
        let all = || self.0.iter().flat_map(Picture::rungs);
        let most = all().map(|rung| rung.quantity).max().unwrap_or(0);
        let places = all().map(|rung| decimals(&rung.price[1])).max().unwrap_or(0);
        let price = |rung: &Rung| padded(rung.price[1].clone(), places);
        let prices = all().map(|rung| price(rung).len()).max().unwrap_or(0);
        let widths = (prices, all().map(|rung| rung.shown[1].len()).max().unwrap_or(0));
        if let Some((seq, why)) = &picture.stale {
            writeln!(to, "  uncertain since event {seq}: {why}")?;
        }
        let [bids, asks] = &picture.sides;
        if asks.is_empty() {
            writeln!(to, "  no offers")?;
        }
        for rung in asks.iter().rev() {
            rung.draw(("ask", price(rung)), most, widths, to)?;
        }
        writeln!(to, "       {}", "─".repeat(widths.0 + widths.1 + 2))?;
        for rung in bids {
            rung.draw(("bid", price(rung)), most, widths, to)?;
        }
        if bids.is_empty() {
            writeln!(to, "  no bids")?;
        }
        Ok(())
    }
}

impl Rung {
    fn of(book: Option<&BookView<'_>>, (side, level): (Side, Quote), names: &Directory) -> Self {
        let book = book.expect("it has levels");
        let (price, quantity) = (
            names.price(book.subject(), level.price),
            names.quantity(book.subject(), level.quantity),
        );
        let orders = book.orders_at(side, level.price).filter(|order| order.is_displayed());
        Self {
            price: [price.to_string(), Short(price).to_string()],
            quantity: level.quantity.0,
            shown: [quantity.to_string(), Short(quantity).to_string()],
            orders: level.orders,
            standing: orders.map(|of| (of.id, of.participant, of.remaining.0)).collect(),
            parts: Default::default(),
        }
    }

    fn draw(
        &self,
        (side, price): (&str, String),
        most: u64,
        (prices, quantities): (usize, usize),
        to: &mut impl Write,
    ) -> fmt::Result {
        let shown = &self.shown[1];
        let mut line = format!("  {side}  {price:>prices$}  {shown:>quantities$}  ");
        let own: u64 = self.parts.iter().map(|(sum, _)| *sum).sum();
        line.push_str(&"▒".repeat(cells(self.quantity.saturating_sub(own), most)));
        for ((_, letter), (sum, _)) in PARTS.iter().zip(&self.parts) {
            (0..cells(*sum, most)).for_each(|_| line.push(*letter));
        }
        let marked = PARTS.iter().zip(&self.parts).filter(|(_, (sum, _))| *sum > 0);
        for ((part, _), (_, text)) in marked {
            let _ = write!(line, "  {part} {text}");
        }
        writeln!(to, "{}", line.trim_end())
    }
}

/// How many digits stand behind the point.
pub(super) fn decimals(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, behind)| behind.len())
}

/// The same number with so many.
pub(super) fn padded(mut text: String, places: usize) -> String {
    let own = decimals(&text);
    if own == 0 && places > 0 {
        text.push('.');
    }
    (own..places).for_each(|_| text.push('0'));
    text
}

/// How long a bar is: whatever there is can be seen.
fn cells(quantity: u64, most: u64) -> usize {
    if quantity == 0 || most == 0 {
        return 0;
    }
    let cells = (quantity as f64 / most as f64 * WIDTH as f64).round() as usize;
    cells.clamp(1, WIDTH)
}
