//! What each pattern is, in a sentence that a reader of alerts understands; and what its conditions say.

/// A pattern in words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct About {
    /// Its name in findings and configuration.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What somebody does who does it.
    pub sentence: &'static str,
}

/// What a pattern is; none where there is no such pattern.
pub fn about(name: &str) -> Option<&'static About> {
    ABOUT.iter().find(|about| about.name == name)
}

/// What a condition, an excuse or a feature measures, where its name does not say enough. A pattern's own
/// parameters say it better: see [`parameters_of`](crate::parameters_of).
pub fn about_condition(name: &str) -> Option<&'static str> {
    CONDITIONS.iter().find(|(own, _)| *own == name).map(|(_, says)| *says)
}

const fn of(name: &'static str, title: &'static str, sentence: &'static str) -> About {
    About { name, title, sentence }
}

#[rustfmt::skip]
const ABOUT: [About; 27] = [
    of("P01", "layering or spoofing with a passive fill",
       "Large orders on one side bring a smaller order on the other side its fill, and are then taken away."),
    of("P02", "dynamic layering",
       "A wall of orders is moved along with the price, so that it always presses and never trades."),
    of("P03", "flip spoofing",
       "A large resting order disappears, and at once the same person trades against those who had joined it."),
    of("P04", "orders without intention to execute",
       "Orders that are too large to be overlooked flash up and vanish, again and again, without trading."),
    of("P05", "spoofing by two accounts",
       "One account shows the orders that mislead, and another one takes the fill that they bring."),
    of("P06", "quote stuffing",
       "So many orders are entered and taken back at once that others are slowed or confused."),
    of("P07", "momentum ignition",
       "Somebody starts a move, waits until others follow it, and then trades out against them."),
    of("P08", "smoking",
       "A quote that draws slow traders is made worse just before their orders arrive."),
    of("P09", "ping orders",
       "Small orders search for hidden liquidity, and a large one takes what they found."),
    of("P10", "phishing",
       "A small trade makes somebody reveal an order, and a larger one exploits what was learned."),
    of("P11", "advancing the bid",
       "The best price is improved again and again, with little, to move it."),
    of("P12", "inside-quote lure",
       "A small quote inside the best draws others to join it, and is turned against them."),
    of("P13", "excessive spread",
       "The spread is held wide by the one who makes the market."),
    of("P14", "floor or ceiling",
       "Orders or trades keep the price from passing a level that matters to somebody."),
    of("P15", "marking the close",
       "Trades or orders just before the close move the closing price."),
    of("P16", "marking the open",
       "Trades or orders at the opening move the opening price."),
    of("P17", "auction price manipulation",
       "Large orders move an auction's indicative price and are taken away just before it is decided."),
    of("P18", "manipulation of a fixing",
       "Trades press on the price while a benchmark, a settlement or a barrier is decided by it."),
    of("P19", "wash trade",
       "Somebody trades with themselves: neither the owner nor the risk changes."),
    of("P20", "wash ring",
       "Several parties pass an asset round until all of them hold what they held before."),
    of("P21", "improper matched orders",
       "A purchase and a sale are entered together, of the same size and price, to meet each other."),
    of("P22", "painting the tape",
       "Trades are printed to make it look as if there were interest, or a move of the price."),
    of("P35", "dominance, impact and reversal",
       "Somebody dominates the trading, the price moves with them, and comes back when they stop."),
    of("P36", "bypassing safeguards",
       "Orders are entered so that the venue's price bands and limits do not stop them."),
    of("P37", "disorderly algorithm",
       "An algorithm is out of control: it repeats itself, floods the venue, or trades without sense."),
    of("P38", "unexecuted-order ratio",
       "Far more is entered, changed and cancelled than the venue allows for what is traded."),
    of("mean_threshold", "mean out of bounds",
       "The mean of a device's readings has left its bounds, or what is usual for it."),
];

const CONDITIONS: [(&str, &str); 15] = [
    ("score", "Points, of 100, that the episode reaches."),
    ("episodes", "Episodes of the day."),
    (
        "two_sided_refresh",
        "How much of the own orders on the filled side went, too: a maker quotes anew.",
    ),
    ("maker_ladder", "A registered maker's ladder, as large on both sides."),
    (
        "jump_against",
        "How far the market had moved against the orders, in usual moves of a second.",
    ),
    ("speed", "How soon the orders went, as a share of the time that they had."),
    ("levels", "At how many prices the orders stood."),
    ("move_to_fill", "How far the mid had moved towards the fill, in usual spreads."),
    ("genuine_hides", "The filled order hid its size."),
    ("messages_1s", "The most messages within a second."),
    ("touch_changes_5s", "The most changes of a best price within five seconds."),
    ("life_median_ms", "Median life of what was taken back, in milliseconds."),
    ("others_z", "Deviations above the usual rate that the others' messages reach."),
    ("others_share", "The others' share of the messages, under which their haste excuses nobody."),
    ("burst_messages", "Messages in the burst."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_told_in_a_sentence() {
        for name in crate::names() {
            let about = about(name).unwrap_or_else(|| panic!("nothing is said about {name}"));
            assert!(about.sentence.ends_with('.'), "{name}");
        }
        assert_eq!(about("P99"), None);
        assert!(about_condition("two_sided_refresh").is_some_and(|says| says.contains("maker")));
    }
}
