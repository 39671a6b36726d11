//! One file per abuse, fraud or anomaly pattern.
//!
//! | name | file | finds | of |
//! |---|---|---|---|
//! | `P06` | [`market::p06_quote_stuffing`] | quote stuffing | instruments |
//! | `mean_threshold` | [`iot::mean_threshold`] | means out of bounds or out of the ordinary | devices |
//!
//! A pattern is a plain value whose public fields are its parameters ([`Idea`]); [`add_to`] makes one
//! from its name and whatever holds the parameters. A further pattern is a file here, a row in the table,
//! its name in [`names`] and an arm in [`add_to`]. What several patterns need stands beside them:
//! `window` (sums over the last seconds), `baseline` (what is usual), `recent` (a bounded table).
#![forbid(unsafe_code)]

mod baseline;
pub mod iot;
pub mod market;
mod recent;
mod window;

pub use engine_observer::idea::{Idea, Invalid, Refused};
pub use iot::MeanThreshold;
pub use market::QuoteStuffing;

use engine_observer::{Roster, idea};
use serde::Deserializer;

/// Every pattern by name.
pub fn names() -> &'static [&'static str] {
    &[QuoteStuffing::NAME, MeanThreshold::NAME]
}

/// Adds the pattern of this name to the roster, with its parameters as they stand in the configuration.
/// What is not given has its default; what is not understood is an error.
pub fn add_to<'de, D: Deserializer<'de>>(
    roster: &mut Roster,
    name: &str,
    parameters: D,
) -> Result<(), Refused<D::Error>> {
    match name {
        QuoteStuffing::NAME => idea::add::<QuoteStuffing, D>(roster, parameters),
        MeanThreshold::NAME => idea::add::<MeanThreshold, D>(roster, parameters),
        _ => Err(Refused::Unknown { name: name.to_string(), known: names() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use serde::de::value::{Error, MapDeserializer};

    fn check(name: &str, parameters: &[(&str, u32)], expected: &Expect) {
        let mut roster = Roster::new();
        let parameters: MapDeserializer<'_, _, Error> =
            MapDeserializer::new(parameters.iter().copied());
        let answer = match add_to(&mut roster, name, parameters) {
            Ok(()) => roster.all().iter().map(|one| one.parameters().to_string()).collect(),
            Err(refused) => refused.to_string(),
        };
        expected.assert_eq(&answer);
    }

    #[test]
    fn every_name_has_a_pattern_with_valid_defaults() {
        check(
            "P06",
            &[("bursts_min", 3)],
            &expect![
                "P06 rate_min_per_s=500 rate_sd_min=20 touch_changes_min_5s=60 cancel_share_min=0.95 execution_ratio_max=0.005 life_max_ms=50 message_share_min=0.5 others_z_max=5 others_share_min=0.1 orders_min=30 burst_max_s=10 bursts_min=3 burst_messages_min=5000 settle_s=30 usual_span_s=900 prior_rate_per_s=20 prior_worth_s=60 score_min=60 groups_max=256"
            ],
        );
        check(
            "mean_threshold",
            &[("window_s", 10)],
            &expect![
                "mean_threshold window_s=10 lateness_s=0 low=none high=none z_max=6 windows_min=10 usual_span_windows=1440 sd_share_min=0.001 metrics_max=64"
            ],
        );
    }

    #[test]
    fn the_hash_in_findings_covers_every_parameter() {
        for name in names() {
            let mut roster = Roster::new();
            let none: MapDeserializer<'_, _, Error> = MapDeserializer::new([("?", 0)].into_iter());
            let refused = add_to(&mut roster, name, none).unwrap_err().to_string();
            let understood = refused.matches('`').count() / 2 - 1;
            let nothing: MapDeserializer<'_, _, Error> =
                MapDeserializer::new(std::iter::empty::<(&str, u32)>());
            add_to(&mut roster, name, nothing).unwrap();
            let hashed = roster.all()[0].parameters().to_string().matches('=').count();
            assert_eq!(hashed, understood, "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        check("P99", &[], &expect![[r#"there is no "P99"; there are: P06, mean_threshold"#]]);
        check(
            "P06",
            &[("rate_min", 1)],
            &expect![
                "unknown field `rate_min`, expected one of `rate_min_per_s`, `rate_sd_min`, `touch_changes_min_5s`, `cancel_share_min`, `execution_ratio_max`, `life_max_ms`, `message_share_min`, `others_z_max`, `others_share_min`, `orders_min`, `burst_max_s`, `bursts_min`, `burst_messages_min`, `settle_s`, `usual_span_s`, `prior_rate_per_s`, `prior_worth_s`, `score_min`, `groups_max`"
            ],
        );
        check("P06", &[("bursts_min", 0)], &expect!["bursts_min = 0, wanted 1 to 1000"]);
        check("mean_threshold", &[("z_max", 0)], &expect!["z_max = 0, wanted 0.5 to 1000000"]);
    }
}
