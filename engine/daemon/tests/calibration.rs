//! What is usual, learned and used; and what another value of a parameter would gain and lose.

mod tapewatch;

use expect_test::expect;
use serde_json::{Value, json};
use std::fmt::Write;
use tapewatch::{Folder, json_lines};

const S: u64 = 1_000_000_000;
/// A midnight.
const MIDNIGHT: u64 = 1_704_153_600 * S;
const HEADER: &str = "event_at,subject,venue,kind,order_id,side,price,quantity,participant,counterparty,order_type,flags\n";

/// A tape in the making: rows in any order.
#[derive(Default)]
struct Tape {
    rows: Vec<(u64, String)>,
    orders: u64,
}

impl Tape {
    fn row(&mut self, at: u64, rest: &str) {
        self.rows.push((at, format!("XYZ,XNAS,{rest}")));
    }

    fn enter(&mut self, at: u64, who: &str, side: char, ticks: i64, quantity: u64) -> u64 {
        self.orders += 1;
        let (id, price) = (self.orders, ticks as f64 / 100.0);
        self.row(at, &format!("add,{id},{side},{price},{quantity},{who},,limit,"));
        id
    }

    fn cancel(&mut self, at: u64, who: &str, order: u64) {
        self.row(at, &format!("delete,{order},,,,{who},,,"));
    }

    fn fill(&mut self, at: u64, order: u64, ticks: i64, quantity: u64, (who, by): (&str, &str)) {
        let price = ticks as f64 / 100.0;
        self.row(at, &format!("execute,{order},,{price},{quantity},{who},{by},,"));
    }

    /// Ten levels of 40 on both sides, a tick apart.
    fn stand(&mut self, at: u64) {
        for level in 0..10 {
            self.enter(at, "M1", 'B', 9_999 - level, 40);
            self.enter(at, "M2", 'S', 10_001 + level, 40);
        }
    }

    /// Buys 3 behind five layers, which are taken away two seconds after; three times, a minute apart.
    fn layered(&mut self, from: u64, who: &str, layer: u64) {
        for minute in 0..3 {
            let at = from + minute * 60 * S;
            let genuine = self.enter(at, who, 'B', 10_000, 3);
            let layers: Vec<_> =
                (0..5).map(|step| self.enter(at + S, who, 'S', 10_001 + step, layer)).collect();
            self.fill(at + 8 * S, genuine, 10_000, 3, (who, "V"));
            layers.into_iter().for_each(|order| self.cancel(at + 10 * S, who, order));
        }
    }

    fn text(mut self) -> String {
        self.rows.sort_by_key(|(at, _)| *at);
        let mut text = HEADER.to_string();
        for (at, row) in self.rows {
            let _ = writeln!(text, "{},{row}", MIDNIGHT + at);
        }
        text
    }
}

/// A hundred large layers, sixty small ones: a quarter of what others show, and less than a sixth.
fn two_layerers() -> String {
    let mut tape = Tape::default();
    tape.stand(0);
    tape.layered(100 * S, "LARGE", 20);
    tape.layered(1_000 * S, "SMALL", 12);
    tape.text()
}

fn labels() -> String {
    let label = |name: &str, who: &str, from: u64| {
        let (first, last) = (MIDNIGHT + from * S, MIDNIGHT + (from + 130) * S);
        format!(
            r#"{{"label":"{name}","pattern":"P01","class":"positive","case":"layers","severity":1.0,"subject":"XYZ","participants":["{who}"],"episodes":3,"first_at":{first},"last_at":{last},"decided_at":[{last}]}}"#
        )
    };
    [label("P01-0001", "LARGE", 100), label("P01-0002", "SMALL", 1_000)].join("\n")
}

fn layering() -> Folder {
    let folder = Folder::new();
    folder.write("t.csv", two_layerers());
    folder.write("l.jsonl", labels());
    folder
}

#[test]
fn a_sweep_tells_what_a_change_would_gain_and_lose() {
    let folder = layering();
    let line = "score --sweep P01.dominance_min=0.1,0.2,0.3 --tape t.csv --labels l.jsonl";
    let told = folder.run(line).succeeded().stdout;
    expect![[r#"
        P01.dominance_min, now 0.2: 2 labels, 92 order events
                       recall                       precision                    near misses    background per 10,000
          0.2 now      0.500 [0.00, 1.00] 1/2       1.000 [1.00, 1.00] 1/1       –              0: 0.000 [0.000, 326.087]
          0.1          1.000 [1.00, 1.00] 2/2       1.000 [1.00, 1.00] 2/2       –              0: 0.000 [0.000, 326.087]
          0.2          0.500 [0.00, 1.00] 1/2       1.000 [1.00, 1.00] 1/1       –              0: 0.000 [0.000, 326.087]
          0.3          0.000 [0.00, 0.00] 0/2       –                            –              0: 0.000 [0.000, 326.087]
          0.1 instead of 0.2
            finds     P01-0002: positive layers, severity 1
            appears   P01 175b809d124e7d14: SMALL in XYZ, 2024-01-02 00:18:50.000000000, positive of P01-0002
          0.2 instead of 0.2
            changes nothing
          0.3 instead of 0.2
            loses     P01-0001: positive layers, severity 1
            vanishes  P01 9f5fd0d4e9ec589e: LARGE in XYZ, 2024-01-02 00:03:50.000000000, positive of P01-0001
    "#]].assert_eq(&told);
}

/// Ids of the alerts that a replay finds with this value, of one account.
fn replayed(folder: &Folder, dominance: f64, who: &str) -> Vec<String> {
    folder.write("c.toml", format!("[surveillance.P01]\ndominance_min = {dominance}\n"));
    folder.run("replay t.csv --config c.toml --findings f.jsonl").succeeded();
    let lines = String::from_utf8(folder.read("f.jsonl")).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let own = lines.filter(|line| line["kind"] == "alert" && line["participants"][0] == who);
    own.map(|line| line["id"].as_str().unwrap().to_string()).collect()
}

#[test]
fn a_sweep_finds_what_a_replay_finds() {
    let folder = layering();
    let line = "score --sweep P01.dominance_min=0.1,0.3 --tape t.csv --labels l.jsonl --json";
    let told = folder.run(line).succeeded().json();
    let values = &told["sweeps"][0]["values"];
    let ids = |alerts: &Value| -> Vec<String> {
        let all = alerts.as_array().unwrap().iter();
        all.map(|alert| alert["id"].as_str().unwrap().to_string()).collect()
    };
    assert_eq!(ids(&values[0]["appeared"]), replayed(&folder, 0.1, "SMALL"));
    assert_eq!(ids(&values[1]["vanished"]), replayed(&folder, 0.2, "LARGE"));
    assert_eq!(replayed(&folder, 0.3, "LARGE"), Vec::<String>::new());
    assert_eq!(
        (&values[0]["found"][0], &values[1]["lost"][0]),
        (&"P01-0002".into(), &"P01-0001".into())
    );
    let now = &told["sweeps"][0]["present"]["figures"]["recall"];
    assert_eq!((&now["hits"], &now["of"]), (&1.into(), &2.into()));
}

#[test]
fn a_sweep_begins_from_a_configuration() {
    let folder = layering();
    folder.write("c.toml", "[surveillance.P01]\ndominance_min = 0.1\nepisodes_min = 4\n");
    let line = "score --tape t.csv --labels l.jsonl --config c.toml --json --sweep";
    let told = folder.run(&format!("{line} P01.episodes_min=3")).succeeded().json();
    let sweep = &told["sweeps"][0];
    assert_eq!(sweep["present"]["value"], 4.0);
    assert_eq!(sweep["values"][0]["found"], serde_json::json!(["P01-0001", "P01-0002"]));
}

#[test]
fn what_is_wrong_with_a_sweep_is_told_in_a_line() {
    let folder = layering();
    folder.write("c.toml", "[surveillance.P01]\n");
    let sweep = |what: &str| {
        let ran = folder.run(&format!("score --tape t.csv --labels l.jsonl --sweep {what}"));
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        format!("{}exit {}\n", ran.stderr, ran.code.unwrap())
    };
    let all = [
        "P01.dominance_min=1000",
        "P01.dominance=0.1",
        "P01.episodes_min=2.5",
        "P01.dominance_min=much",
        "P01=0.1",
        "P19.score_min=1 --config c.toml",
    ];
    expect![[r#"
        tapewatch: --sweep P01.dominance_min=1000: dominance_min = 1000, wanted 0.01 to 100
        exit 2
        tapewatch: --sweep P01.dominance=0.1: unknown field `dominance`, expected one of `size_ratio_min`, `dominance_min`, `dominance_at_once`, `layers_age_max_s`, `window_s`, `cancelled_share_min`, `executed_share_max`, `same_side_ratio_max`, `ladder_imbalance_max`, `jump_sigmas_max`, `settle_ms`, `anonymous`, `chance_max`, `episodes_min`, `score_min`, `where`; did you mean `dominance_min`?
        exit 2
        tapewatch: --sweep P01.episodes_min=2.5: invalid type: floating point `2.5`, expected a whole number
        exit 2
        tapewatch: invalid value 'P01.dominance_min=much' for '--sweep <P01.PARAMETER=A,B>': "much" is no number (see --help)
        exit 2
        tapewatch: invalid value 'P01=0.1' for '--sweep <P01.PARAMETER=A,B>': a sweep is written P01.PARAMETER=0.1,0.2 (see --help)
        exit 2
        tapewatch: --sweep P19.score_min=1: there is no "P19"; there are: P01
        exit 2
    "#]].assert_eq(&all.map(sweep).concat());
}

/// An hour in which the mid goes up by two ticks and down again, second by second.
fn to_and_fro() -> String {
    let mut tape = Tape::default();
    tape.stand(0);
    for second in 1..3_600 {
        let at = second * S;
        match second % 2 {
            1 => {
                for step in 1..=4 {
                    tape.enter(at, "M3", 'B', 9_999 + step.min(1), 10 * step as u64);
                }
            }
            _ => (0..4).for_each(|back| {
                let order = tape.orders - back;
                tape.cancel(at, "M3", order);
            }),
        }
    }
    tape.text()
}

#[test]
fn what_is_usual_is_learned_and_read_again() {
    let folder = Folder::new();
    folder.write("t.csv", to_and_fro());
    folder.check("calibrate t.csv --out usual.json", &expect![[r#"
        14,417 events: what is usual in 1 instruments, 4 quarters of an hour, up to 1 days each, is in usual.json
        exit 0
    "#]]);
    let usual: Value = serde_json::from_slice(&folder.read("usual.json")).unwrap();
    let of = &usual["instruments"][0];
    assert_eq!((&of["subject"], &of["venue"]), (&"XYZ".into(), &"XNAS".into()));
    expect![[r#"{"days":1,"events_per_s":4.0,"from":"00:15:00","move_1s":0.005,"orders":{"q10":10.06632959,"q25":10.06632959,"q50":20.13265919,"q90":40.26531839,"q99":40.26531839},"seconds":900.0,"spread":0.015,"trades":null,"volume_per_s":0.0}"#]].assert_eq(&serde_json::to_string(&of["buckets"][1]).unwrap());

    let usual = folder.replay("t.csv --usual usual.json");
    assert_eq!(usual["books_digest"], folder.replay("t.csv")["books_digest"]);
    folder.write("c.toml", "[surveillance]\nusual = \"usual.json\"\n[surveillance.P01]\n");
    folder.run("check --config c.toml").succeeded();
    let parameters = |config: &str| {
        folder.write("c.toml", config);
        let told = folder.run("check --config c.toml --json").succeeded().json();
        told.to_string()
    };
    let with = parameters("[surveillance]\nusual = \"usual.json\"\n[surveillance.P01]\n");
    assert_ne!(with, parameters("[surveillance.P01]\n"), "the rates are parameters");
}

#[test]
fn alerts_that_were_judged_by_usual_rates_are_found_again() {
    let folder = Folder::new();
    folder.run("generate case coscia --out t.csv --labels l.jsonl").succeeded();
    folder.run("calibrate t.csv --out usual.json").succeeded();
    folder.replay("t.csv --usual usual.json --journal j");
    let alerts = json_lines(folder.run("alerts list j --json").succeeded().stdout.as_bytes());
    assert!(!alerts.is_empty());
    for alert in alerts {
        let again = format!("alerts replay {} j --json", alert["id"].as_str().unwrap());
        assert_eq!(folder.run(&again).succeeded().json()["same"], true);
    }
}

#[test]
fn a_corporate_action_makes_what_is_found_that_day_less_certain() {
    let folder = Folder::new();
    folder.run("generate case coscia --out t.csv --labels l.jsonl").succeeded();
    let found = |date: &str| {
        let action = format!("{{ subject = \"BRNX1\", date = \"{date}\" }}");
        let config =
            format!("[surveillance]\ncorporate_actions = [{action}]\n[surveillance.P01]\n");
        folder.write("c.toml", config);
        folder.replay("t.csv --config c.toml --findings f.jsonl");
        let alerts = json_lines(&folder.read("f.jsonl"));
        let first = alerts.into_iter().find(|finding| finding["kind"] == "alert").unwrap();
        (first["degraded"].clone(), first["severity"].clone())
    };
    assert_eq!(found("2011-09-20"), (json!(["corporate_action"]), json!("medium")));
    assert_eq!(found("2011-09-21"), (json!([]), json!("high")));
    let check = |actions: &str| {
        folder.write("c.toml", format!("[surveillance]\ncorporate_actions = {actions}\n"));
        let ran = folder.run("check --config c.toml");
        format!("{}exit {}\n", ran.stderr, ran.code.unwrap())
    };
    let all = ["[{ subject = \"X\", date = \"2011-13-01\" }]", "[{ day = 1 }]", "7"].map(check);
    expect![[r#"
        tapewatch: c.toml:2:21: a date is written YYYY-MM-DD
        exit 78
        tapewatch: c.toml:2:24: unknown field `day`, expected one of `subject`, `venue`, `date`
        exit 78
        tapewatch: c.toml:2:21: invalid type: integer `7`, expected a sequence
        exit 78
    "#]]
    .assert_eq(&all.concat());
}

#[test]
fn rates_that_cannot_be_used_are_told_with_their_place() {
    let folder = Folder::new();
    folder.write("t.csv", HEADER);
    folder.write("broken.json", "{\"version\": 1,\n \"bucket_s\": }");
    folder.write("old.json", r#"{"version":0,"bucket_s":900,"instruments":[]}"#);
    let check = |usual: &str| {
        folder.write("c.toml", format!("[surveillance]\nusual = {usual}\n[surveillance.P01]\n"));
        let ran = folder.run("check --config c.toml");
        format!("{}exit {}\n", ran.stderr, ran.code.unwrap())
    };
    let all = [r#""nowhere.json""#, r#""broken.json""#, r#""old.json""#, "7"].map(check);
    expect![[r#"
        tapewatch: c.toml:2:9: nowhere.json: No such file or directory (os error 2)
        exit 78
        tapewatch: c.toml:2:9: broken.json: expected value at line 2 column 14
        exit 78
        tapewatch: c.toml:2:9: old.json: usual rates have version 1 and bucket_s 900, not 0 and 900
        exit 78
        tapewatch: c.toml:2:9: invalid type: integer `7`, expected text in quotes
        exit 78
    "#]]
    .assert_eq(&all.concat());
    folder.check(
        "replay t.csv --usual broken.json",
        &expect![[r#"
        tapewatch: broken.json: expected value at line 2 column 14
        exit 78
    "#]],
    );
    folder.check(
        "calibrate t.csv --out t.csv",
        &expect![[r#"
        tapewatch: t.csv: the rates would overwrite the input
        exit 2
    "#]],
    );
}

#[test]
fn the_patterns_are_listed_with_their_parameters() {
    let folder = Folder::new();
    let all = folder.run("patterns").succeeded().stdout;
    assert!(all.contains("P01            layering or spoofing with a passive fill\n"), "{all}");
    let one = folder.run("patterns P01").succeeded().stdout;
    let shown: Vec<_> = one.lines().take(5).collect();
    expect![[r#"
        P01  layering or spoofing with a passive fill
        Large orders on one side bring a smaller order on the other side its fill, and are then taken away.

          size_ratio_min               5 ×          1 to 1000, judgement
                                       Displayed on the other side, for each unit that was filled."#]].assert_eq(&shown.join("\n"));
    let json = folder.run("patterns --json").succeeded().json();
    let patterns = json["patterns"].as_array().unwrap();
    for pattern in patterns {
        let is_told = |part: &str| pattern[part].as_str().is_some_and(|words| !words.is_empty());
        assert!(is_told("title") && is_told("sentence"), "{pattern}");
        let watches = ["canary", "silent_feed"].map(|name| pattern["name"] == name).contains(&true);
        assert!(watches || !pattern["parameters"].as_array().unwrap().is_empty(), "{pattern}");
    }
    let unknown = folder.run("patterns P1");
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.starts_with("tapewatch: there is no pattern \"P1\"; there are: P01, "));
}
