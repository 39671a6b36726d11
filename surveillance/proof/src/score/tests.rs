use super::*;

const SECOND: u64 = 1_000_000_000;

fn label(
    number: u32,
    pattern: &str,
    class: Class,
    case: &str,
    severity: f64,
    from_s: u64,
) -> Label {
    Label {
        label: format!("{pattern}-{number:04}"),
        pattern: pattern.to_owned(),
        class,
        case: case.to_owned(),
        severity,
        subject: "ACME".to_owned(),
        venue: "SYNX".to_owned(),
        participants: vec![format!("N{number:04}")],
        episodes: 2,
        first_at: Nanos(from_s * SECOND),
        last_at: Nanos((from_s + 100) * SECOND),
        decided_at: vec![Nanos((from_s + 50) * SECOND), Nanos((from_s + 90) * SECOND)],
        seed: 1,
    }
}

fn alert(
    id: &str,
    pattern: &str,
    who: &str,
    raised_s: u64,
    severity: &str,
    episodes: u64,
) -> Alert {
    Alert {
        id: id.to_owned(),
        pattern: pattern.to_owned(),
        subject: "ACME".to_owned(),
        participants: vec![who.to_owned()],
        first_at: Nanos(raised_s * SECOND),
        raised_at: Nanos(raised_s * SECOND),
        severity: severity.to_owned(),
        episodes,
    }
}

fn labels() -> Vec<Label> {
    use Class::{NearMiss, Positive, Void};
    vec![
        label(1, "P01", Positive, "layers", 1.0, 0),
        label(2, "P01", Positive, "layers", 1.0, 1000),
        label(3, "P01", Positive, "layers", 0.5, 2000),
        label(4, "P01", Positive, "mirrored", 0.5, 3000),
        label(5, "P01", NearMiss, "maker", 1.0, 4000),
        label(6, "P01", NearMiss, "maker", 1.0, 5000),
        label(7, "P06", Positive, "burst", 1.0, 6000),
        label(8, "P01", Void, "layers", 1.0, 7000),
    ]
}

fn alerts() -> Vec<Alert> {
    vec![
        alert("a", "P01", "N0001", 52, "high", 1), // found, 2 s after it was decided
        alert("a", "P01", "N0001", 95, "high", 3), // told again
        alert("b", "P01", "N0003", 2155, "high", 1), // found within the grace, 65 s late
        alert("c", "P01", "N0004", 3161, "high", 1), // a second too late: nothing
        alert("d", "P01", "N0005", 4050, "high", 1), // a near miss fires
        alert("e", "P01", "N0007", 6050, "high", 1), // cross-fire
        alert("f", "P01", "N0008", 7050, "high", 1), // about a void campaign
        alert("g", "P01", "A0001", 8000, "high", 4), // background, escalated
        alert("h", "P01", "A0002", 8000, "medium", 4), // background
        alert("i", "P06", "N0007", 6040, "medium", 1), // found, 10 s before it was decided
    ]
}

#[test]
fn figures_are_those_computed_by_hand() {
    let settings = Settings { events: Some(20_000), ..Settings::default() };
    let report = score(&alerts(), &labels(), &settings);
    assert_eq!((report.alerts, report.labels, report.void), (9, 8, 1));
    assert_eq!(report.cross_fire, [("P01".to_owned(), "P06".to_owned(), "burst".to_owned(), 1)]);
    let [p01, p06] = &report.patterns[..] else { panic!("{:?}", report.patterns) };
    let counted = |share: &Share| (share.hits, share.of);
    assert_eq!(counted(&p01.recall), (2, 4));
    let by_severity: Vec<_> =
        p01.by_severity.iter().map(|(severity, share)| (*severity, counted(share))).collect();
    assert_eq!(by_severity, [(1.0, (1, 2)), (0.5, (1, 2))]);
    let by_case: Vec<_> =
        p01.by_case.iter().map(|(case, share)| (&**case, counted(share))).collect();
    assert_eq!(by_case, [("layers", (2, 3)), ("mirrored", (0, 1))]);
    // a and b of a, b, c, d, g, h: e is another pattern's, f counts neither way.
    assert_eq!(counted(&p01.precision), (2, 6));
    assert_eq!(p01.near_misses.len(), 1);
    assert_eq!(counted(&p01.near_misses[0].1), (1, 2));
    assert_eq!((p01.background.alerts, p01.background.escalated), (3, 1));
    assert_eq!(p01.background.per_10_000.unwrap().0, 1.5);
    assert_eq!(p01.background.escalated_per_10_000.unwrap().0, 0.5);
    let delay = p01.delay.unwrap();
    let seconds = [delay.median, delay.p95, delay.max].map(|ns| ns / SECOND as i64);
    assert_eq!(seconds, [2, 65, 65]);
    assert_eq!(
        (&p01.missed[..], &p01.fired[..]),
        (&["P01-0002".into(), "P01-0004".into()][..], &["P01-0005".into()][..])
    );
    assert_eq!((counted(&p06.recall), counted(&p06.precision)), ((1, 1), (1, 1)));
    assert_eq!(p06.delay.unwrap().median, -10 * SECOND as i64);
}

#[test]
fn intervals_hold_the_figure_and_follow_from_the_seed() {
    let settings = Settings { events: Some(20_000), ..Settings::default() };
    let labels: Vec<Label> = (0..100)
        .map(|n| label(n, "P01", Class::Positive, "layers", 1.0, 1000 * u64::from(n)))
        .collect();
    let alerts: Vec<Alert> = (0..80)
        .map(|n| alert(&n.to_string(), "P01", &format!("N{n:04}"), 1000 * n + 60, "high", 1))
        .collect();
    let report = score(&alerts, &labels, &settings);
    let Interval { low, high } = report.patterns[0].recall.range.unwrap();
    // A binomial share of 0.8 in 100 has a standard error of 0.04.
    assert!((0.70..0.74).contains(&low) && (0.86..0.90).contains(&high), "{low} {high}");
    assert_eq!(score(&alerts, &labels, &settings), report);
    let other = Settings { seed: 2, bootstrap: 200, ..settings };
    assert_ne!(score(&alerts, &labels, &other), report);
}

#[test]
fn an_alert_that_rests_on_a_campaign_is_about_it_but_finds_it_only_in_time() {
    let late = |pattern, who, first_s| Alert {
        first_at: Nanos(first_s * SECOND),
        ..alert("k", pattern, who, 9_000, "low", 1)
    };
    let told = |alert| {
        let report = score(&[alert], &labels(), &Settings::default());
        let found: u64 = report.patterns.iter().map(|of| of.recall.hits).sum();
        let background: u64 = report.patterns.iter().map(|of| of.background.alerts).sum();
        let cross_fire: u64 = report.cross_fire.iter().map(|(_, _, _, count)| count).sum();
        (found, background, cross_fire)
    };
    let nothing = (0, 1, 0);
    // N0007's burst is from 6,000 to 6,100 s; a ratio is kept from then on.
    assert_eq!(told(late("P38", "N0007", 6_050)), (0, 0, 1));
    assert_eq!(told(late("P38", "N0007", 6_101)), nothing, "it rests on later events");
    assert_eq!(told(late("P38", "N0009", 6_050)), nothing, "of somebody else");
    assert_eq!(told(late("P06", "N0007", 6_050)), nothing, "its own pattern is late");
    assert_eq!(told(late("P01", "N0005", 4_050)), nothing, "and so is a near miss of it");
}

#[test]
fn nothing_has_no_share() {
    let report = score(&[], &labels()[..1], &Settings::default());
    let figures = &report.patterns[0];
    assert_eq!(figures.recall.value(), Some(0.0));
    assert_eq!((figures.precision.value(), figures.delay), (None, None));
    assert_eq!(figures.background.per_10_000, None);
}

#[test]
fn a_pattern_that_is_decided_late_has_a_longer_grace() {
    assert_eq!((grace_s("P01", 60), grace_s("P15", 60), grace_s("P15", 3600)), (60, 1860, 3600));
}
