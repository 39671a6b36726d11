//! One file per signal, indicator, execution schedule or model.
//!
//! | name | file | finds | scope |
//! |---|---|---|---|
//! | `microprice` | [`microprice`] | `microprice`, `queue_imbalance` | subject |
//! | `event_rate` | [`event_rate`] | `event_rate` | global |
//! | `near_depth` | [`near_depth`] | `near_bid_depth`, `near_ask_depth`, `near_depth_imbalance` | subject |
//! | `order_flow` | [`order_flow`] | `order_flow` | subject |
//!
//! An idea is a plain value whose public fields are its parameters ([`Idea`]); [`add_to`] makes one from
//! its name and whatever holds the parameters. A further idea is a file here, a row in the table, its
//! name in [`names`] and an arm in [`add_to`].
#![forbid(unsafe_code)]

pub mod event_rate;
pub mod microprice;
pub mod near_depth;
pub mod order_flow;

pub use engine_observer::idea::{Idea, Invalid, Refused};
pub use event_rate::EventRate;
pub use microprice::Microprice;
pub use near_depth::NearDepth;
pub use order_flow::OrderFlow;

use engine_observer::{Roster, idea};
use serde::Deserializer;

/// Every idea by name.
pub fn names() -> &'static [&'static str] {
    &[Microprice::NAME, EventRate::NAME, NearDepth::NAME, OrderFlow::NAME]
}

/// Adds the idea of this name to the roster, with its parameters as they stand in the configuration
/// (without the name). What is not given has its default; what is not understood is an error.
pub fn add_to<'de, D: Deserializer<'de>>(
    roster: &mut Roster,
    name: &str,
    parameters: D,
) -> Result<(), Refused<D::Error>> {
    match name {
        Microprice::NAME => idea::add::<Microprice, D>(roster, parameters),
        EventRate::NAME => idea::add::<EventRate, D>(roster, parameters),
        NearDepth::NAME => idea::add::<NearDepth, D>(roster, parameters),
        OrderFlow::NAME => idea::add::<OrderFlow, D>(roster, parameters),
        _ => Err(Refused::Unknown { name: name.to_string(), known: names().to_vec() }),
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
    fn every_name_has_an_idea_with_defaults() {
        for name in names() {
            let mut roster = Roster::new();
            let nothing: MapDeserializer<'_, _, Error> =
                MapDeserializer::new(std::iter::empty::<(&str, u32)>());
            add_to(&mut roster, name, nothing).unwrap();
            assert_eq!(roster.all()[0].name(), *name);
        }
    }

    #[test]
    fn parameters_are_read_by_name() {
        check("event_rate", &[("period_ms", 250)], &expect!["event_rate period_ms=250"]);
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
        check(
            "micropice",
            &[],
            &expect![[
                r#"there is no "micropice"; there are: microprice, event_rate, near_depth, order_flow"#
            ]],
        );
        check(
            "event_rate",
            &[("periodms", 250)],
            &expect!["unknown field `periodms`, expected `period_ms`"],
        );
        check("event_rate", &[("period_ms", 0)], &expect!["period_ms = 0, wanted 1 to 86400000"]);
    }
}
