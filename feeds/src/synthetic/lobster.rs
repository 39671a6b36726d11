//! The order flow of one stock as LOBSTER's message file, from empty books on.

use super::{Act, Flow, Settings};
use engine_event::Side;
use std::io::{self, BufWriter, Write};

/// Writes `lines` lines to `out`. In the middle of the day trading halts for a moment.
pub fn generate(lines: u64, seed: u64, out: impl Write) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let settings = Settings { steps: lines, seed, stocks: 1, accounts: 1, renumber: true };
    let mut flow = Flow::new(settings);
    let mut left = lines;
    let mut halted = lines < 10;
    while left > 0
        && let Some(step) = flow.next()
    {
        let direction = if step.side == Side::Buy { 1 } else { -1 };
        let mut line = |kind: u8, id: u64, shares: u32, cents: u32| {
            if left == 0 {
                return Ok(());
            }
            left -= 1;
            let (seconds, nanos) = (step.time / 1_000_000_000, step.time % 1_000_000_000);
            let price = u64::from(cents) * 100;
            writeln!(out, "{seconds}.{nanos:09},{kind},{id},{shares},{price},{direction}")
        };
        match step.act {
            Act::Add(order) => line(1, order.id, order.shares, order.price),
            Act::Reduce(order, less) => line(2, order.id, less, order.price),
            Act::Delete(order) => line(3, order.id, order.shares, order.price),
            // LOBSTER shows a replacement as what it is made of.
            Act::Replace(old, new) => line(3, old.id, old.shares, old.price)
                .and_then(|()| line(1, new.id, new.shares, new.price)),
            Act::Execute { order, shares, price, .. } => {
                line(4, order.id, shares, price.unwrap_or(order.price))
            }
            Act::Trade { price, shares, .. } => line(5, 0, shares, price),
        }?;
        if !halted && left > 2 && left <= lines / 2 {
            halted = true;
            left -= 3;
            for price in [-1, 0, 1] {
                let (seconds, nanos) = (step.time / 1_000_000_000, step.time % 1_000_000_000);
                writeln!(out, "{seconds}.{nanos:09},7,0,0,{price},-1")?;
            }
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Lobster, testing::decode};
    use crate::{Format, Options, detect};

    #[test]
    fn a_day_is_valid_and_has_its_lines() {
        let mut bytes = Vec::new();
        generate(5000, 3, &mut bytes).unwrap();
        assert_eq!(detect(&bytes[..4096]), Some(Format::Lobster));
        let strict = Options { strict: true, ..Options::default() };
        let decoded = decode(&mut Lobster::new(&strict), &bytes);
        assert_eq!(decoded.error, None);
        assert_eq!(decoded.tally.messages, 5000);
        assert_eq!(decoded.events.len(), 5001, "the definition comes on top");
    }
}
