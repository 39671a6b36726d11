//! One file per abuse, fraud or anomaly pattern.
//!
//! | name | file | finds | of |
//! |---|---|---|---|
//! | `P01`–`P22`, `P35`–`P38` | [`market`], a file each | abuse of a market, by whom | instruments |
//! | `canary` | [`canary`] | patterns that do not answer | patterns |
//! | `silent_feed` | [`silent_feed`] | feeds that tell nothing | feeds |
//! | `mean_threshold` | [`iot::mean_threshold`] | means out of bounds or out of the ordinary | devices |
//!
//! A pattern is a plain value whose public fields are its parameters; [`Plan::add`] makes one from its name
//! and whatever holds the parameters. Patterns about order books sit at one [`Desk`] and share what it
//! knows; the others, and P06, which also runs where nobody is named, are observers of their own
//! ([`Idea`]). A further pattern is a file here and an entry of the desk, or of [`Plan`]. What the others
//! need stands beside them: `window` (sums over the last seconds), `baseline` (what is usual), `recent` (a
//! bounded table).
#![forbid(unsafe_code)]
// A pattern's file is read by people who look behind what is public.
#![allow(rustdoc::private_intra_doc_links)]

mod about;
mod baseline;
pub mod canary;
pub mod desk;
pub mod iot;
pub mod market;
mod recent;
pub mod silent_feed;
mod window;

pub use about::{About, about, about_condition};
pub use canary::Canary;
pub use desk::calendar::CorporateAction;
pub use desk::learner::Learner;
pub use desk::usual::Usual;
pub use desk::{Desk, DeskBounds};
pub use engine_observer::idea::{Idea, Invalid, Refused};
pub use iot::MeanThreshold;
pub use market::QuoteStuffing;
pub use silent_feed::SilentFeed;

use desk::parameters::{Parameter, Parameterised};
use desk::pattern::Pattern;
use desk::rules;
use engine_observer::event::Nanos;
use engine_observer::{Parameters, Roster, idea};
use serde::Deserializer;
use serde::de::DeserializeOwned;

/// Patterns that are to take part, until they are given to a roster: those about order books share a
/// [`Desk`]. Besides, whether somebody watches over patterns and feeds.
#[derive(Clone, Default)]
pub struct Plan {
    desk: Desk,
    others: Roster,
    /// P06, if it is among the others.
    stuffing: Option<QuoteStuffing>,
    canary: Option<Canary>,
    silent_feed: Option<SilentFeed>,
}

/// Reads a pattern's parameters and gives it a seat.
type Read<D, E> = fn(&mut Desk, D) -> Result<(), Refused<E>>;

/// One of the desk's patterns.
struct Entry<'de, D: Deserializer<'de>> {
    name: &'static str,
    parameters: &'static [Parameter],
    read: Read<D, <D as Deserializer<'de>>::Error>,
    usual: fn(&mut Desk),
    of: std::marker::PhantomData<&'de ()>,
}

impl<'de, D: Deserializer<'de>> Entry<'de, D> {
    fn of<P: Pattern + DeserializeOwned>() -> Self {
        Self {
            name: P::NAME,
            parameters: P::PARAMETERS,
            read: |desk, parameters| {
                let pattern = P::deserialize(parameters).map_err(Refused::Unreadable)?;
                rules::check(&pattern)?;
                desk.seat(pattern);
                Ok(())
            },
            usual: |desk| desk.seat(P::default()),
            of: std::marker::PhantomData,
        }
    }

    /// The desk's patterns, in the order of the catalogue.
    fn all() -> Vec<Self> {
        vec![
            Self::of::<market::Layering>(),
            Self::of::<market::DynamicLayering>(),
            Self::of::<market::Flip>(),
            Self::of::<market::NoIntention>(),
            Self::of::<market::Collusion>(),
            Self::of::<market::MomentumIgnition>(),
            Self::of::<market::Smoking>(),
            Self::of::<market::PingOrders>(),
            Self::of::<market::Phishing>(),
            Self::of::<market::AdvancingTheBid>(),
            Self::of::<market::InsideQuoteLure>(),
            Self::of::<market::ExcessiveSpread>(),
            Self::of::<market::FloorOrCeiling>(),
            Self::of::<market::MarkingTheClose>(),
            Self::of::<market::MarkingTheOpen>(),
            Self::of::<market::AuctionPrice>(),
            Self::of::<market::FixingWindow>(),
            Self::of::<market::WashTrade>(),
            Self::of::<market::WashRing>(),
            Self::of::<market::MatchedOrders>(),
            Self::of::<market::Painting>(),
            Self::of::<market::Dominance>(),
            Self::of::<market::Safeguards>(),
            Self::of::<market::Disorderly>(),
            Self::of::<market::OrderRatio>(),
        ]
    }
}

/// Any deserializer, where none is needed.
type Any = serde::de::value::StrDeserializer<'static, serde::de::value::Error>;

/// The desk's patterns by name: those about order books that share a ledger.
pub fn desk_names() -> Vec<&'static str> {
    Entry::<Any>::all().into_iter().map(|entry| entry.name).collect()
}

/// Every pattern by name.
pub fn names() -> Vec<&'static str> {
    let mut names = desk_names();
    names.push(<QuoteStuffing as Idea>::NAME);
    names.sort_unstable();
    names.extend([MeanThreshold::NAME, Canary::NAME, SilentFeed::NAME]);
    names
}

/// The parameters of a pattern about order books; none where there is no such pattern.
pub fn parameters_of(name: &str) -> Option<&'static [Parameter]> {
    if name == <QuoteStuffing as Idea>::NAME {
        return Some(QuoteStuffing::PARAMETERS);
    }
    Entry::<Any>::all().into_iter().find(|entry| entry.name == name).map(|entry| entry.parameters)
}

impl Plan {
    /// Nothing takes part.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every pattern takes part as it usually does. Nobody watches over them.
    pub fn usual() -> Self {
        let mut plan = Self::new();
        plan.add_usual_patterns();
        plan
    }

    /// Every pattern takes part as it usually does, besides what is there.
    pub fn add_usual_patterns(&mut self) {
        Entry::<Any>::all().into_iter().for_each(|entry| (entry.usual)(&mut self.desk));
        self.stuffing = Some(QuoteStuffing::default());
        self.others.add(QuoteStuffing::default());
        self.others.add(MeanThreshold::default());
    }

    /// Whether no pattern takes part.
    pub fn has_no_pattern(&self) -> bool {
        self.desk.is_empty() && self.others.is_empty()
    }

    /// What was not said about the watch over patterns and feeds is as it usually is where feeds are live.
    pub fn watch_as_usual(&mut self) {
        self.canary.get_or_insert_default();
        self.silent_feed.get_or_insert_default();
    }

    /// After how long a live feed is to say that nothing comes.
    pub fn silence(&self) -> Option<Nanos> {
        let watch = self.silent_feed.as_ref().filter(|watch| watch.silence_s > 0)?;
        Some(Nanos::from_secs(watch.silence_s))
    }

    /// The same, but that the desk judges by what is usual at each time of day. What is wrong with the
    /// rates, if so.
    pub fn knowing(mut self, usual: Usual) -> Result<Self, String> {
        self.desk = self.desk.knowing(usual)?;
        Ok(self)
    }

    /// The same, but that the desk's alerts say where a corporate action makes what is usual say little.
    pub fn minding(mut self, actions: Vec<CorporateAction>) -> Self {
        self.desk = self.desk.minding(actions);
        self
    }

    /// The parameters of everything that takes part, by name, as canonical text.
    pub fn parameters(&self) -> Vec<(&'static str, Parameters)> {
        let others = self.others.all();
        let others = others.iter().map(|one| (one.name(), one.parameters()));
        self.desk.parameters_by_pattern().into_iter().chain(others).collect()
    }

    /// One of the desk's patterns takes part as it usually does. Whether there is one of this name.
    pub fn add_usual(&mut self, name: &str) -> bool {
        let entry = Entry::<Any>::all().into_iter().find(|entry| entry.name == name);
        entry.map(|entry| (entry.usual)(&mut self.desk)).is_some()
    }

    /// The desk takes part even without a pattern: it keeps its ledger and its view of the market.
    pub fn desk(self) -> Desk {
        self.desk
    }

    /// Adds the pattern of this name, with its parameters as they stand in the configuration. What is not
    /// given has its default; what is not understood is an error.
    pub fn add<'de, D: Deserializer<'de>>(
        &mut self,
        name: &str,
        parameters: D,
    ) -> Result<(), Refused<D::Error>> {
        match name {
            <QuoteStuffing as Idea>::NAME => {
                let stuffing: QuoteStuffing = idea::read(parameters)?;
                self.stuffing = Some(stuffing.clone());
                self.others.add(stuffing);
                Ok(())
            }
            MeanThreshold::NAME => idea::add::<MeanThreshold, D>(&mut self.others, parameters),
            Canary::NAME => {
                self.canary = Some(idea::read(parameters)?);
                Ok(())
            }
            SilentFeed::NAME => {
                self.silent_feed = Some(idea::read(parameters)?);
                Ok(())
            }
            _ => match Entry::all().into_iter().find(|entry| entry.name == name) {
                Some(entry) => (entry.read)(&mut self.desk, parameters),
                None => Err(Refused::Unknown { name: name.to_string(), known: names() }),
            },
        }
    }

    /// Gives all of them to a roster.
    pub fn join(self, roster: &mut Roster) {
        let canary = self.canary.filter(|canary| canary.every_s > 0);
        let canary = canary.map(|canary| canary.of(&self.desk, self.stuffing));
        roster.append(self.others);
        if !self.desk.is_empty() {
            roster.add(self.desk);
        }
        if let Some(canary) = canary {
            roster.add(canary);
        }
        if let Some(watch) = self.silent_feed.filter(|watch| watch.silence_s > 0) {
            roster.add(watch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use serde::de::value::{Error, MapDeserializer};

    fn planned(
        name: &str,
        parameters: &[(&'static str, u32)],
    ) -> Result<Vec<String>, Refused<Error>> {
        let mut plan = Plan::new();
        let parameters: MapDeserializer<'_, _, Error> =
            MapDeserializer::new(parameters.iter().copied());
        plan.add(name, parameters)?;
        let of_desk = plan.desk.parameters_by_pattern().into_iter();
        let of_desk = of_desk.map(|(_, parameters)| parameters.to_string());
        let mut roster = plan.others.clone();
        Plan { desk: Desk::default(), others: Roster::new(), ..plan.clone() }.join(&mut roster);
        let others = roster.all().into_iter().map(|one| one.parameters().to_string());
        Ok(of_desk.chain(others).collect())
    }

    fn check(name: &str, parameters: &[(&'static str, u32)], expected: &Expect) {
        let answer = match planned(name, parameters) {
            Ok(all) => all.concat(),
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
                "P06 rate_min_per_s=500 rate_sd_min=20 touch_changes_min_5s=60 cancel_share_min=0.95 execution_ratio_max=0.005 life_max_ms=50 message_share_min=0.5 others_z_max=5 others_share_min=0.1 orders_min=30 burst_max_s=10 bursts_min=3 burst_messages_min=5000 settle_s=30 usual_span_s=900 prior_rate_per_s=20 prior_worth_s=60 score_min=60 groups_max=256 where="
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
            let refused = planned(name, &[("?", 0)]).unwrap_err().to_string();
            let understood = refused.matches('`').count() / 2 - 1;
            let hashed = planned(name, &[]).unwrap().concat().replace("pattern=", "");
            assert_eq!(hashed.matches('=').count(), understood, "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        check(
            "P99",
            &[],
            &expect![[
                r#"there is no "P99"; there are: P01, P02, P03, P04, P05, P06, P07, P08, P09, P10, P11, P12, P13, P14, P15, P16, P17, P18, P19, P20, P21, P22, P35, P36, P37, P38, mean_threshold, canary, silent_feed"#
            ]],
        );
        check(
            "P06",
            &[("rate_min", 1)],
            &expect![
                "unknown field `rate_min`, expected one of `rate_min_per_s`, `rate_sd_min`, `touch_changes_min_5s`, `cancel_share_min`, `execution_ratio_max`, `life_max_ms`, `message_share_min`, `others_z_max`, `others_share_min`, `orders_min`, `burst_max_s`, `bursts_min`, `burst_messages_min`, `settle_s`, `usual_span_s`, `prior_rate_per_s`, `prior_worth_s`, `score_min`, `groups_max`, `where`"
            ],
        );
        check("P06", &[("bursts_min", 0)], &expect!["bursts_min = 0, wanted 1 to 1000"]);
        check("mean_threshold", &[("z_max", 0)], &expect!["z_max = 0, wanted 0.5 to 1000000"]);
    }
}
