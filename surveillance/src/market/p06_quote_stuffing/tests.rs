//! The catalogue's cases; near misses that each miss one condition; what makes alerts uncertain; bounds.

use super::*;
use engine_observer::check::{Trial, survives_restarts};
use engine_observer::event::body::{Execution, Gap, Order, Replacement};
use engine_observer::event::{
    Directory, Flags, OrderId, Price, Quantity, Side, SubjectId, VenueId,
};
use engine_observer::{Roster, Scope};
use proptest::prelude::*;

const STUFFER: u32 = 9;
const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

/// Events in the making: each participant's doings one after the other, sorted by time at the end.
#[derive(Default)]
struct Flow {
    events: Vec<Event>,
    orders: u64,
}

impl Flow {
    /// A quiet market from 1,000 s on: best bid 9,990, best offer 10,010, a few messages a second.
    fn quiet() -> Self {
        let mut flow = Self::default();
        for (side, price) in [(Side::Buy, 9_990), (Side::Sell, 10_010)] {
            flow.add(1_000 * S, Some(1), side, price);
        }
        flow.pairs(Some(2), 1_001 * S, 60, S / 2, 4 * S, 9_950);
        flow
    }

    fn push(&mut self, at: u64, mut event: Event) {
        event.event_at = Nanos(at);
        self.events.push(event);
    }

    fn add(&mut self, at: u64, who: Option<u32>, side: Side, price: i64) -> OrderId {
        self.orders += 1;
        let id = OrderId(self.orders);
        let order = Order::new(id, Price(price), Quantity(10)).owned_by(participant(who));
        self.push(at, Event::new(SubjectId(0), Nanos(0), order).with_flags(Flags::of(side)));
        id
    }

    fn delete(&mut self, at: u64, id: OrderId) {
        self.push(at, Event::new(SubjectId(0), Nanos(0), Order::gone(id)).with_kind(Kind::Delete));
    }

    fn modify(&mut self, at: u64, id: OrderId, quantity: u64) {
        let order = Order::new(id, Price(9_980), Quantity(quantity));
        self.push(at, Event::new(SubjectId(0), Nanos(0), order).with_kind(Kind::Modify));
    }

    fn replace(&mut self, at: u64, old: OrderId) -> OrderId {
        self.orders += 1;
        let new = OrderId(self.orders);
        let body = Replacement { old, new, price: Price(9_980), quantity: Quantity(10) };
        self.push(at, Event::new(SubjectId(0), Nanos(0), body));
        new
    }

    fn fill(&mut self, at: u64, id: OrderId, against: Option<u32>) {
        let body = Execution::new(id, None, Quantity(10)).between(None, participant(against));
        self.push(at, Event::new(SubjectId(0), Nanos(0), body));
    }

    fn phase(&mut self, at: u64, phase: Phase) {
        self.push(at, Event::new(SubjectId(0), Nanos(0), Status::new(phase, b"")));
    }

    fn gap(&mut self, at: u64) {
        self.push(at, Event::new(SubjectId::EVERY, Nanos(0), Gap::new(1, 1, Fault::Missing)));
    }

    /// Orders that enter one after the other and live for so long.
    fn pairs(
        &mut self,
        who: Option<u32>,
        from: u64,
        count: u64,
        every: u64,
        life: u64,
        price: i64,
    ) {
        for n in 0..count {
            let id = self.add(from + n * every, who, Side::Buy, price);
            self.delete(from + n * every + life, id);
        }
    }

    fn sorted(mut self) -> Vec<Event> {
        self.events.sort_by_key(|event| event.event_at);
        self.events
    }

    fn alerts(self, idea: &QuoteStuffing) -> Vec<Alert> {
        self.trial(idea).alerts()
    }

    fn trial(self, idea: &QuoteStuffing) -> Trial {
        Idea::validate(idea).unwrap();
        let mut trial = Trial::new(&Roster::new().with(idea.clone()), Scope::Subject);
        trial.show(self.sorted());
        trial
    }
}

fn participant(number: Option<u32>) -> Option<ParticipantId> {
    number.and_then(ParticipantId::new)
}

/// A burst and its surroundings: by default the catalogue's case that must alert.
#[derive(Clone)]
struct Scene {
    from: u64,
    pairs: u64,
    every: u64,
    life: u64,
    owner: Option<u32>,
    price: i64,
    /// Every so-manieth order trades instead of being cancelled.
    filled: u64,
    /// Every so-manieth order stays.
    staying: u64,
    /// Messages per second of all others, during the burst only.
    others_per_s: u64,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            from: 1_030 * S,
            pairs: 3_000,
            every: 400_000,
            life: 200_000,
            owner: Some(STUFFER),
            price: 9_989,
            filled: u64::MAX,
            staying: u64::MAX,
            others_per_s: 0,
        }
    }
}

impl Scene {
    fn play(&self, flow: &mut Flow) {
        for n in 0..self.pairs {
            let at = self.from + n * self.every;
            let id = flow.add(at, self.owner, Side::Buy, self.price);
            match n + 1 {
                n if n % self.filled == 0 => flow.fill(at + self.life, id, None),
                n if n % self.staying == 0 => {}
                _ => flow.delete(at + self.life, id),
            }
        }
        let others = self.others_per_s * self.pairs * self.every / S / 2;
        for n in 0..others {
            let at = self.from + n * 2 * S / self.others_per_s;
            let id = flow.add(at, Some(100 + n as u32 % 10), Side::Sell, 10_050);
            flow.delete(at + S / self.others_per_s, id);
        }
    }

    fn alerts(&self, idea: &QuoteStuffing) -> Vec<Alert> {
        let mut flow = Flow::quiet();
        self.play(&mut flow);
        flow.alerts(idea)
    }
}

fn default() -> QuoteStuffing {
    QuoteStuffing::default()
}

fn feature(alert: &Alert, name: &str) -> f64 {
    alert.features.iter().find(|feature| feature.name == name).unwrap().value
}

#[test]
fn must_alert_three_thousand_pairs_in_a_quiet_market() {
    let alerts = Scene::default().alerts(&default());
    assert_eq!(alerts.len(), 1);
    let alert = &alerts[0];
    assert_eq!(alert.participants.iter().map(|who| who.0.get()).collect::<Vec<_>>(), [STUFFER]);
    assert_eq!((alert.episodes, alert.severity), (1, Severity::Medium));
    assert!(alert.degraded.is_none());
    assert!(alert.score > 95.0, "{}", alert.score);
    assert_eq!(alert.first_event_at, Nanos(1_030 * S));
    let late = Nanos(1_031 * S + 10 * MS);
    assert!(alert.last_event_at < late, "told while the burst is going on");
    assert_eq!(feature(alert, "burst_messages"), 5_000.0);
    assert!(feature(alert, "life_median_ms") <= 1.6);
}

#[test]
fn other_limits_hold_where_a_rule_says_so() {
    let rule = |subject: Option<&str>, name: &str, value| Rule {
        subject: subject.map(String::from),
        values: [(name.to_string(), value)].into(),
        ..Rule::default()
    };
    let under = |rules| {
        let mut names = Directory::new(4);
        let (subject, _) = names.define("AAPL", Definition::new(VenueId(0), 0, 0)).unwrap();
        let told = *names.definition(subject).unwrap();
        let mut flow = Flow::quiet();
        flow.events.insert(0, Event::new(subject, Nanos(0), told));
        Scene::default().play(&mut flow);
        flow.alerts(&QuoteStuffing { rules, ..default() })
    };
    let usual = under(vec![])[0].parameters;
    assert!(under(vec![rule(Some("AAPL"), "burst_messages_min", 9e6)]).is_empty(), "one burst");
    assert!(under(vec![rule(None, "burst_messages_min", 9e6)]).is_empty());
    assert_eq!(under(vec![rule(Some("IBM"), "burst_messages_min", 9e6)]).len(), 1, "elsewhere");
    let wider = under(vec![rule(Some("AAPL"), "rate_min_per_s", 600.0)]);
    assert_ne!(wider[0].parameters, usual, "an alert tells under which parameters it was raised");
}

#[test]
fn must_not_alert_a_data_release_that_makes_everybody_quick() {
    let mut flow = Flow::quiet();
    for who in 0..40 {
        flow.pairs(
            Some(100 + who),
            1_030 * S + u64::from(who) * 97_000,
            500,
            10 * MS,
            5 * MS,
            9_980,
        );
    }
    assert_eq!(flow.alerts(&default()), []);
}

/// The scene gives no alert; it does once the one condition that it misses is loosened.
fn check_near_miss(scene: &Scene, base: &QuoteStuffing, loosen: impl Fn(&mut QuoteStuffing)) {
    assert_eq!(scene.alerts(base), []);
    let mut loosened = base.clone();
    loosen(&mut loosened);
    assert!(!scene.alerts(&loosened).is_empty(), "it misses more than one condition");
}

#[test]
fn near_miss_some_orders_trade() {
    let scene = Scene { filled: 100, ..Scene::default() };
    check_near_miss(&scene, &default(), |idea| idea.execution_ratio_max = 0.1);
}

#[test]
fn near_miss_some_orders_stay() {
    let scene = Scene { staying: 10, ..Scene::default() };
    check_near_miss(&scene, &default(), |idea| idea.cancel_share_min = 0.8);
}

#[test]
fn near_miss_orders_live_long() {
    let scene = Scene { life: 200 * MS, ..Scene::default() };
    check_near_miss(&scene, &default(), |idea| idea.life_max_ms = 1_000);
}

#[test]
fn near_miss_others_send_more() {
    let scene = Scene { others_per_s: 8_000, ..Scene::default() };
    let base = QuoteStuffing { others_z_max: 1_000.0, prior_rate_per_s: 100.0, ..default() };
    check_near_miss(&scene, &base, |idea| idea.message_share_min = 0.1);
}

#[test]
fn near_miss_others_surge_too() {
    let scene = Scene { others_per_s: 2_000, ..Scene::default() };
    check_near_miss(&scene, &default(), |idea| idea.others_z_max = 1_000.0);
}

#[test]
fn near_miss_one_burst_that_is_not_large() {
    let scene = Scene { pairs: 1_000, ..Scene::default() };
    check_near_miss(&scene, &default(), |idea| idea.bursts_min = 1);
    check_near_miss(&scene, &default(), |idea| idea.burst_messages_min = 1_900);
}

#[test]
fn near_miss_too_slow() {
    let scene = Scene { every: 5 * MS, ..Scene::default() };
    check_near_miss(&scene, &default(), |idea| idea.rate_min_per_s = 100);
}

#[test]
fn near_miss_usual_for_a_busy_instrument() {
    let scene = Scene { every: 1_400_000, ..Scene::default() };
    let busy = QuoteStuffing { prior_rate_per_s: 1_000.0, prior_worth_s: 100_000.0, ..default() };
    check_near_miss(&scene, &busy, |idea| idea.rate_sd_min = 1.0);
}

#[test]
fn near_miss_a_weak_score() {
    let idea = QuoteStuffing { score_min: 99.9, ..default() };
    check_near_miss(&Scene::default(), &idea, |idea| idea.score_min = 90.0);
}

#[test]
fn near_miss_no_continuous_trading() {
    for phase in [Phase::PreOpen, Phase::Auction, Phase::Halt, Phase::Close] {
        let mut flow = Flow::quiet();
        flow.phase(1_029 * S, phase);
        Scene::default().play(&mut flow);
        assert_eq!(flow.alerts(&default()), [], "{phase:?}");
    }
    let mut flow = Flow::quiet();
    flow.phase(1_029 * S, Phase::Continuous);
    Scene::default().play(&mut flow);
    assert_eq!(flow.alerts(&default()).len(), 1, "told first, it is no change");
}

#[test]
fn near_miss_just_after_a_halt() {
    let alerts = |after_s: u64| {
        let mut flow = Flow::quiet();
        flow.phase(1_001 * S, Phase::Halt);
        flow.phase((1_030 - after_s) * S, Phase::Continuous);
        Scene::default().play(&mut flow);
        flow.alerts(&default()).len()
    };
    assert_eq!((alerts(20), alerts(29)), (0, 0));
    assert_eq!(Scene::default().alerts(&default()).len(), 1);
    let mut flow = Flow::quiet();
    flow.phase(1_001 * S, Phase::Halt);
    flow.phase(1_002 * S, Phase::Continuous);
    Scene { from: 1_033 * S, ..Scene::default() }.play(&mut flow);
    assert_eq!(flow.alerts(&default()).len(), 1);
}

#[test]
fn near_miss_the_touch_does_not_flicker() {
    // 40 orders better than the best bid within 2 s, twice: 80 changes of a best price each.
    let play = |price| {
        let mut flow = Flow::quiet();
        for from in [1_030 * S, 1_050 * S] {
            flow.pairs(Some(STUFFER), from, 40, 50 * MS, 5 * MS, price);
        }
        flow
    };
    let alerts = play(9_995).alerts(&default());
    assert_eq!(alerts.len(), 1);
    assert_eq!((alerts[0].episodes, feature(&alerts[0], "messages_1s") < 100.0), (2, true));
    assert_eq!(play(9_989).alerts(&default()), []);
    assert_eq!(play(9_990).alerts(&default()), [], "quantity at the touch is no change");
    let tolerant = QuoteStuffing { touch_changes_min_5s: 100, ..default() };
    assert_eq!(play(9_995).alerts(&tolerant), []);
}

#[test]
fn near_miss_a_mass_cancellation() {
    let mut flow = Flow::quiet();
    for n in 0..6_000 {
        let id = flow.add(1_001 * S + n * 10 * MS, Some(STUFFER), Side::Buy, 9_980);
        flow.delete(1_065 * S + n * 10_000, id);
    }
    assert_eq!(flow.alerts(&default()), []);
}

#[test]
fn an_answer_to_the_burst_is_no_excuse() {
    let scene = Scene { others_per_s: 200, ..Scene::default() };
    assert_eq!(scene.alerts(&default()).len(), 1);
    assert_eq!(scene.alerts(&QuoteStuffing { others_share_min: 0.0, ..default() }), []);
}

#[test]
fn an_order_amended_again_and_again_is_stuffing() {
    let mut modified = Flow::quiet();
    let id = modified.add(1_010 * S, Some(STUFFER), Side::Buy, 9_980);
    (0..6_000).for_each(|n| modified.modify(1_030 * S + n * 200_000, id, 10 + n % 2));
    assert_eq!(modified.alerts(&default()).len(), 1);

    let mut replaced = Flow::quiet();
    let mut id = replaced.add(1_010 * S, Some(STUFFER), Side::Buy, 9_980);
    (0..6_000).for_each(|n| id = replaced.replace(1_030 * S + n * 200_000, id));
    let alerts = replaced.alerts(&default());
    assert_eq!(alerts.len(), 1, "a replacement keeps the owner");
}

#[test]
fn trading_as_the_aggressor_is_trading() {
    let mut flow = Flow::quiet();
    Scene::default().play(&mut flow);
    let resting = flow.add(1_029 * S, Some(1), Side::Sell, 10_011);
    for n in 0..60 {
        let body =
            Execution::new(resting, None, Quantity(0)).between(None, participant(Some(STUFFER)));
        flow.push(1_030 * S + n * 20 * MS, Event::new(SubjectId(0), Nanos(0), body));
    }
    assert_eq!(flow.alerts(&default()), []);
}

fn bursts(count: u64) -> Flow {
    let mut flow = Flow::quiet();
    for n in 0..count {
        Scene { from: (1_030 + 20 * n) * S, pairs: 600, ..Scene::default() }.play(&mut flow);
    }
    flow
}

#[test]
fn bursts_of_a_day_are_one_alert_raised_anew_now_and_then() {
    let told: Vec<_> = bursts(35)
        .alerts(&default())
        .iter()
        .map(|alert| (alert.episodes, alert.severity))
        .collect();
    let (medium, high) = (Severity::Medium, Severity::High);
    assert_eq!(told, [(2, medium), (3, high), (10, high), (30, high)]);
}

#[test]
fn another_day_begins_anew() {
    let mut flow = bursts(1);
    Scene { from: 90_000 * S, pairs: 600, ..Scene::default() }.play(&mut flow);
    assert_eq!(flow.alerts(&default()), []);
}

#[test]
fn what_goes_on_beyond_the_longest_burst_is_the_next_one() {
    let scene = Scene { every: 3 * MS, pairs: 4_000, life: MS, ..Scene::default() };
    let alerts = scene.alerts(&default());
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].episodes, 1, "12 s at 667 a second: 5,000 messages in the first burst");
    let slower = QuoteStuffing { burst_max_s: 4, ..default() };
    assert_eq!(
        scene.alerts(&slower).iter().map(|alert| alert.episodes).collect::<Vec<_>>(),
        [2, 3]
    );
}

#[test]
fn unknown_owners_are_nobody_in_particular() {
    let mut flow = Flow::default();
    Scene { owner: None, ..Scene::default() }.play(&mut flow);
    let alerts = flow.alerts(&default());
    assert_eq!(alerts.len(), 1);
    assert_eq!((alerts[0].degraded, alerts[0].severity), (Degraded::IDENTITY, Severity::Low));
    assert_eq!(alerts[0].participants.iter().count(), 0);
}

#[test]
fn a_stale_book_and_a_gap_degrade() {
    for (gap_at, degraded) in
        [(1_020 * S, Degraded::BOOK), (1_030 * S + 500 * MS, Degraded::BOOK.and(Degraded::GAP))]
    {
        let mut flow = Flow::quiet();
        flow.gap(gap_at);
        Scene::default().play(&mut flow);
        let alerts = flow.alerts(&default());
        assert_eq!(alerts.len(), 1);
        assert_eq!((alerts[0].degraded, alerts[0].severity), (degraded, Severity::Low));
    }
}

#[test]
fn ten_thousand_participants_are_bounded_and_forgetting_is_told() {
    let mut flow = Flow::quiet();
    for who in 0..10_000 {
        flow.pairs(Some(1_000 + who), 1_001 * S + u64::from(who) * 200_000, 1, MS, MS, 9_980);
    }
    Scene::default().play(&mut flow);
    let trial = flow.trial(&default());
    assert!(trial.outbox().faults().of(Fault::Evicted) > 9_000);
    assert_eq!(trial.alerts().len(), 1);
    assert_eq!(trial.alerts()[0].degraded, Degraded::MEMORY);
}

#[test]
fn every_threshold_moves_the_score() {
    let (life, filled, staying) = (10 * MS, 1_000, 200);
    let scene = Scene { life, filled, staying, others_per_s: 120, ..Scene::default() };
    let score = |change: fn(&mut QuoteStuffing, f64), factor: f64| {
        let mut idea = QuoteStuffing { score_min: 0.0, prior_rate_per_s: 50.0, ..default() };
        change(&mut idea, factor);
        scene.alerts(&idea).first().map(|alert| alert.score)
    };
    let changes: [fn(&mut QuoteStuffing, f64); 7] = [
        |idea, factor| idea.rate_min_per_s = (2_000.0 * factor) as u32,
        |idea, factor| idea.life_max_ms = (50.0 * factor) as u64,
        |idea, factor| idea.cancel_share_min = (0.95 * factor).clamp(0.5, 0.98),
        |idea, factor| idea.execution_ratio_max = 0.005 * factor,
        |idea, factor| idea.message_share_min = (0.45 * factor).min(0.99),
        |idea, factor| idea.others_z_max = 5.0 * factor,
        |idea, factor| idea.burst_messages_min = (5_000.0 * factor) as u32,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let scores = [0.5, 1.0, 2.0].map(|factor| score(change, factor));
        assert!(scores[0] != scores[1] || scores[1] != scores[2], "{number}: {scores:?}");
    }
}

/// Numbers that look random and are the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A busy market: 20 participants, market makers among them that cancel nine orders of ten, gusts in
/// which everything is ten times as fast.
fn dense_flow(seed: u64, events: u64) -> Flow {
    let (mut flow, mut dice, mut at) = (Flow::quiet(), Dice(seed), 1_010 * S);
    for n in 0..events {
        let pace = if n / 3_000 % 4 == 3 { 100_000 } else { 1_000_000 };
        at += dice.roll(2 * pace);
        let maker = dice.roll(3) > 0;
        let who = Some(if maker { 2 + dice.roll(2) as u32 } else { 5 + dice.roll(15) as u32 });
        let (side, price) = match dice.roll(2) {
            0 => (Side::Buy, 9_980 + dice.roll(11) as i64),
            _ => (Side::Sell, 10_010 + dice.roll(11) as i64),
        };
        let id = flow.add(at, who, side, price);
        let life = if maker { dice.roll(60 * MS) } else { dice.roll(3 * S) };
        match dice.roll(10) {
            0 => flow.fill(at + life, id, Some(5 + dice.roll(15) as u32)),
            _ => flow.delete(at + life, id),
        }
    }
    flow
}

#[test]
fn a_busy_market_raises_nothing() {
    for seed in 0..5 {
        assert_eq!(dense_flow(seed, 20_000).alerts(&default()), []);
    }
}

#[test]
fn a_burst_within_a_busy_market_is_seen() {
    let mut flow = dense_flow(1, 6_000);
    let scene = Scene { from: 1_013 * S, pairs: 20_000, every: 50_000, ..Scene::default() };
    scene.play(&mut flow);
    let alerts = flow.alerts(&default());
    assert!(!alerts.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn restarts_do_not_show(
        seed in any::<u64>(),
        cuts in prop::collection::vec(any::<usize>(), 1..5),
        owner in prop::option::of(Just(STUFFER)),
    ) {
        let mut flow = dense_flow(seed, 1_500);
        for from in [1_013 * S, 1_030 * S, 1_045 * S] {
            Scene { from, owner, pairs: 700, ..Scene::default() }.play(&mut flow);
        }
        flow.gap(1_031 * S);
        let idea = QuoteStuffing { groups_max: 8, ..default() };
        survives_restarts(&Roster::new().with(idea), &flow.sorted(), &cuts);
    }

    #[test]
    fn nothing_that_comes_makes_it_panic(
        items in prop::collection::vec(
            (0..19_u8, 0..8_u64, 0..4_u32, any::<u8>(), prop_oneof![0..5_000_u64, any::<u64>()]),
            0..400,
        ),
    ) {
        let idea = QuoteStuffing {
            rate_min_per_s: 10, orders_min: 1, bursts_min: 1, groups_max: 3, score_min: 0.0,
            touch_changes_min_5s: 2, ..default()
        };
        let events = items.into_iter().map(|(kind, id, who, flags, at)| {
            let order = Order::new(OrderId(id), Price(at as i64 % 100), Quantity(id))
                .owned_by(participant(Some(who)));
            Event::new(SubjectId(id as u32 % 2), Nanos(at), order)
                .with_kind(Kind::from_number(kind))
                .with_flags(Flags(flags))
        });
        let mut trial = Trial::new(&Roster::new().with(idea), Scope::Subject);
        trial.show(events);
    }
}
