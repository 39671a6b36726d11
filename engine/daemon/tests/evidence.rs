//! What stands behind an alert: its story, its replay from the journal, and why there was none.

mod tapewatch;

use engine_event::{Nanos, RealClock};
use engine_journal::{
    Durable, Grouping, Identity, Reach, RealDisk, Segments, Setup, from_hex, open, read_key,
    recover, side,
};
use expect_test::{Expect, expect};
use serde_json::{Value, json};
use std::fmt::Write;
use tapewatch::{Folder, json_lines};

const S: u64 = 1_000_000_000;
/// 2026-03-02 10:00.
const BEGIN: u64 = 1_772_445_600 * S;

/// A tape of one instrument at a venue.
struct Tape {
    text: String,
    orders: u64,
}

impl Tape {
    /// Ten levels of 40 on each side, one cent apart.
    fn quiet() -> Self {
        let header = "event_at,subject,venue,kind,order_id,side,price,quantity,participant,counterparty,order_type,flags\n";
        let mut tape = Self { text: header.to_string(), orders: 0 };
        tape.row(0, "status,,,,,,,,continuous");
        for level in 0..10 {
            let who = ["ALDER", "BIRCH", "CEDAR"][level as usize % 3];
            tape.enter(0, who, 'B', 9_999 - level, 40);
            tape.enter(0, who, 'S', 10_001 + level, 40);
        }
        tape
    }

    fn row(&mut self, ms: u64, rest: &str) {
        writeln!(self.text, "{},ACME,XTST,{rest}", BEGIN + ms * 1_000_000).unwrap();
    }

    fn enter(&mut self, ms: u64, who: &str, side: char, cents: u32, quantity: u32) -> u64 {
        self.orders += 1;
        let (order, price) = (self.orders, f64::from(cents) / 100.0);
        self.row(ms, &format!("add,{order},{side},{price:.2},{quantity},{who},,,"));
        order
    }

    /// Buys 3 behind five offers of `layer` each, of which all are taken away 2 s after the fill.
    fn layered(&mut self, ms: u64, who: &str, layer: u32) {
        let genuine = self.enter(ms, who, 'B', 10_000, 3);
        let layers: Vec<_> = (0..5)
            .map(|step| self.enter(ms + 100 + u64::from(step), who, 'S', 10_001 + step, layer))
            .collect();
        self.row(ms + 8_000, &format!("execute,{genuine},B,100.00,3,{who},VICTIM,,"));
        for order in layers {
            self.row(ms + 10_000, &format!("delete,{order},S,,,{who},,,"));
        }
    }
}

/// `LOUD` layers with orders that outweigh everybody, `SOFT` with orders that are too small for it.
fn with_tape() -> Folder {
    let mut tape = Tape::quiet();
    tape.layered(60_000, "LOUD", 60);
    tape.layered(160_000, "SOFT", 3);
    tape.row(200_000, "news,1,,,,,,,");
    let folder = Folder::new();
    folder.write("tape.csv", tape.text);
    folder.write("p.toml", "[surveillance.P01]\n[surveillance.P06]\n");
    folder
}

/// The same with a journal, and the id of its alert.
fn with_journal() -> (Folder, String) {
    let folder = with_tape();
    folder.replay("tape.csv --config p.toml --journal j --findings f.jsonl");
    let alerts = folder.run("alerts list j --json").succeeded();
    let id = alerts.json()["id"].as_str().unwrap().to_string();
    (folder, id)
}

/// Hashes of what the patterns are set to are left out.
fn check(folder: &Folder, line: &str, expected: &Expect) {
    let shown = folder.run(line).succeeded().stdout;
    let masked = shown.split_inclusive([' ', '\n', ',']).map(|word| {
        let bare = word.trim_end_matches([' ', '\n', ',']);
        let is_hash = bare.len() == 16 && bare.bytes().all(|digit| digit.is_ascii_hexdigit());
        if is_hash { word.replace(bare, "HASH") } else { word.to_string() }
    });
    expected.assert_eq(&masked.collect::<String>());
}

#[test]
fn an_alert_says_what_held_and_whose_orders_it_is_about() {
    let (folder, _) = with_journal();
    let findings = json_lines(&folder.read("f.jsonl"));
    let alert = findings.iter().find(|line| line["kind"] == "alert").unwrap();
    assert_eq!(alert["conditions"]["dominance"]["value"], 0.75);
    assert_eq!(alert["conditions"]["dominance"]["at_least"], 0.2);
    assert_eq!(alert["exclusions"]["two_sided_refresh"]["at_most"], 0.4);
    assert_eq!(alert["counterfactual"]["condition"], "cancelled_share");
    assert_eq!(alert["counterfactual"]["change"], 0.0);
    assert_eq!(alert["token"], "24-33");
    let features = alert["features"].as_object().unwrap().values();
    let points: f64 = features.map(|feature| feature["contribution"].as_f64().unwrap()).sum();
    assert!((points - alert["score"].as_f64().unwrap()).abs() < 1e-9, "{alert}");
    let orders = alert["orders"].as_array().unwrap();
    assert_eq!(orders.len(), 6);
    let genuine = &orders[0];
    assert_eq!((&genuine["part"], &genuine["side"]), (&"genuine".into(), &"B".into()));
    assert_eq!((&genuine["price"], &genuine["order"]), (&"100.00000000".into(), &21.into()));
}

#[test]
fn its_story_is_told_in_plain_words_with_the_book_as_it_was() {
    let (folder, id) = with_journal();
    check(
        &folder,
        &format!("alerts show {id} j --levels 6"),
        &expect![[r#"
            alert HASH, number 1 of the log, final
            P01, layering or spoofing with a passive fill. Large orders on one side bring a smaller order on the other side its fill, and are then taken away.

            who       LOUD
            where     ACME at XTST
            when      2026-03-02 10:01:00.100000000 to 10:01:10.000000000
            events    24 to 33; raised at 10:01:10.000000000, with event 33
            how grave high; 76 of 100 points; 1 episode
            set to    parameters HASH
            did       entered 5 of 300, cancelled 4 of 240, filled 1 of 3

            what happened
                     23  10:01:00.000000000  genuine    stood      bid         3 at 100.00  order 21
                     24  10:01:00.100000000  deceptive  entered    ask        60 at 100.01  order 22
                     25  10:01:00.101000000  deceptive  entered    ask        60 at 100.02  order 23
                     26  10:01:00.102000000  deceptive  entered    ask        60 at 100.03  order 24
                     27  10:01:00.103000000  deceptive  entered    ask        60 at 100.04  order 25
                     28  10:01:00.104000000  deceptive  entered    ask        60 at 100.05  order 26
                     29  10:01:08.000000000  genuine    filled     bid         3 at 100.00  order 21
                     30  10:01:10.000000000  deceptive  cancelled  ask        60 at 100.01  order 22
                     31  10:01:10.000000000  deceptive  cancelled  ask        60 at 100.02  order 23
                     32  10:01:10.000000000  deceptive  cancelled  ask        60 at 100.03  order 24
                     33  10:01:10.000000000  deceptive  cancelled  ask        60 at 100.04  order 25

            what had to hold, and did
              size_ratio               100  at least 5        95 % to spare   Displayed on the other side, for each unit that was filled.
              dominance               0.75  at least 0.2      73 % to spare   The same as a share of what others show on that side near the touch.
              cancelled_share          0.8  at least 0.8      just enough     How much of them is taken away.
              executed_share             0  at most 0.1       100 % to spare  How much of them trades.
              score                     76  at least 20       74 % to spare   Points, of 100, that the episode reaches.
              episodes                   1  at least 1                        Episodes of the day.

            what would have excused it, and did not
              two_sided_refresh          0  at most 0.4       100 % to spare  How much of the own orders on the filled side went, too: a maker quotes anew.
              maker_ladder               0  at most 0                         A registered maker's ladder, as large on both sides.
              jump_against               0  at most 3         100 % to spare  How far the market had moved against the orders, in usual moves of a second.

            what the score is made of
              size_ratio               100  20.0 points  Displayed on the other side, for each unit that was filled.
              dominance               0.75  20.0 points  The same as a share of what others show on that side near the touch.
              speed                    0.8  16.0 points  How soon the orders went, as a share of the time that they had.
              levels                     5  20.0 points  At how many prices the orders stood.
              move_to_fill               0   0.0 points  How far the mid had moved towards the fill, in usual spreads.
              genuine_hides              0    no weight  The filled order hid its size.

            the smallest change that would have prevented it
              cancelled_share under 0.8: it was 0.8, just enough

            the book before event 24, the first (▒ others, G genuine, D deceptive)
              ask  100.06   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              ask  100.05   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              ask  100.04   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              ask  100.03   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              ask  100.02   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              ask  100.01   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
                   ───────────
              bid  100.00    3  G  genuine 3
              bid   99.99   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              bid   99.98   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              bid   99.97   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              bid   99.96   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              bid   99.95   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒

            the book that event 29 met, on which it turns
              ask  100.06   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              ask  100.05  100  ▒▒▒▒▒▒▒▒▒▒▒▒▒DDDDDDDDDDDDDDDDDDD  deceptive 60
              ask  100.04  100  ▒▒▒▒▒▒▒▒▒▒▒▒▒DDDDDDDDDDDDDDDDDDD  deceptive 60
              ask  100.03  100  ▒▒▒▒▒▒▒▒▒▒▒▒▒DDDDDDDDDDDDDDDDDDD  deceptive 60
              ask  100.02  100  ▒▒▒▒▒▒▒▒▒▒▒▒▒DDDDDDDDDDDDDDDDDDD  deceptive 60
              ask  100.01  100  ▒▒▒▒▒▒▒▒▒▒▒▒▒DDDDDDDDDDDDDDDDDDD  deceptive 60
                   ───────────
              bid  100.00    3  G  genuine 3
              bid   99.99   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              bid   99.98   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              bid   99.97   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              bid   99.96   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              bid   99.95   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒

            the book after event 33, the last
              ask  100.06   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              ask  100.05  100  ▒▒▒▒▒▒▒▒▒▒▒▒▒DDDDDDDDDDDDDDDDDDD  deceptive 60
              ask  100.04   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              ask  100.03   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              ask  100.02   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              ask  100.01   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
                   ───────────
              bid   99.99   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              bid   99.98   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              bid   99.97   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              bid   99.96   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              bid   99.95   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
              bid   99.94   40  ▒▒▒▒▒▒▒▒▒▒▒▒▒
        "#]],
    );
    // From the findings and the tape, without a journal: the same but for the log's number.
    let told = |line: String| folder.run(&line).succeeded().stdout;
    let of_journal = told(format!("alerts show {} j", &id[..5]));
    let of_files = told(format!("alerts show {id} --findings f.jsonl --input tape.csv"));
    let rest = |text: &str| text.split_once('\n').unwrap().1.to_string();
    assert_eq!(rest(&of_files), rest(&of_journal));
}

#[test]
fn the_whole_story_is_json_too() {
    let (folder, id) = with_journal();
    let shown = folder.run(&format!("alerts show {id} j --json")).succeeded();
    let logged = folder.read("f.jsonl");
    let logged = String::from_utf8(logged).unwrap();
    let text = logged.lines().find(|line| line.contains("\"alert\"")).unwrap();
    assert!(shown.stdout.contains(text), "the alert stands in it byte for byte");
    let shown = shown.json();
    assert_eq!((&shown["number"], &shown["state"]), (&1.into(), &"final".into()));
    let events = shown["events"].as_array().unwrap();
    assert_eq!(events.len(), 11);
    assert_eq!((&events[0]["what"], &events[0]["seq"]), (&"stood".into(), &23.into()));
    assert_eq!(events[6]["counterparty"], "VICTIM");
    let books = shown["books"].as_array().unwrap();
    assert_eq!(books.iter().map(|book| &book["after_seq"]).collect::<Vec<_>>(), [23, 28, 33]);
    assert_eq!(books[1]["asks"][0]["deceptive"], "60");
    assert_eq!(books[1]["asks"][0]["quantity"], "100.00000000");
    assert_eq!(books[0]["asks"][0].get("deceptive"), None);
    assert_eq!(shown["did"]["entered"]["times"], 5);
}

#[test]
fn it_is_found_again_byte_for_byte() {
    let (folder, id) = with_journal();
    let told = folder.run(&format!("alerts replay {id} j")).succeeded().stdout;
    assert!(told.starts_with("same, ") && told.contains("33 events from the beginning"), "{told}");
    // The same from a checkpoint in the middle, under a configuration of its own.
    let config = "[[feed]]\npath = \"tape.csv\"\nspeed = \"max\"\n[surveillance.P01]\nsize_ratio_min = 7\n\
                  [surveillance.P06]\n[journal]\nfolder = \"k\"\n";
    folder.write("c.toml", config);
    folder.run("run --config c.toml").succeeded();
    let again = folder.run(&format!("alerts replay {id} k"));
    assert!(again.failed(65).contains("there is no alert"), "other parameters, another id");
    let id = folder.run("alerts list k --json").succeeded().json()["id"].clone();
    let again = folder.run(&format!("alerts replay {} k --json", id.as_str().unwrap()));
    assert_eq!(again.succeeded().json()["same"], true);
    // A replay with a configuration says so in its journal, too.
    folder.replay("tape.csv --config c.toml --journal l");
    folder.run(&format!("alerts replay {} l", id.as_str().unwrap())).succeeded();
}

#[test]
fn a_run_that_began_late_is_found_again_as_late() {
    let folder = with_tape();
    let mut tape = Tape::quiet();
    tape.layered(60_000, "LOUD", 60);
    tape.layered(90_000, "LOUD", 60);
    tape.row(200_000, "news,1,,,,,,,");
    folder.write("tape.csv", tape.text);
    // The second episode is the first that is looked at; else it would have raised nothing.
    folder.replay("tape.csv --config p.toml --from 2026-03-02T10:01:20 --journal late");
    let listed = folder.run("alerts list late --json").succeeded().json();
    let line = format!("alerts replay {} late", listed["id"].as_str().unwrap());
    assert!(folder.run(&line).succeeded().stdout.starts_with("same, "));
    folder.replay("tape.csv --config p.toml --journal whole");
    let whole = folder.run("alerts list whole --json").succeeded().json();
    assert_ne!(whole["id"], listed["id"]);
    assert!(whole["raised_at"].as_u64() < listed["raised_at"].as_u64());
}

/// Writes the alert log anew, with this text in the place of the alert's: well formed, and false.
fn forge(folder: &Folder, text: &str, seq: u64) {
    let info = folder.run("journal info j --json").succeeded().json();
    let journal = from_hex(info["journal"].as_str().unwrap()).unwrap();
    let key = read_key(&folder.path("j/key")).unwrap();
    std::fs::remove_dir_all(folder.path("j/alerts")).unwrap();
    let root = folder.path("j");
    let mut disk = RealDisk::open(Reach::Cache);
    let stream = engine_audit::layout::Stream::Alerts;
    let found = recover(&mut disk, &root, stream).unwrap();
    let setup = Setup {
        stream,
        identity: Identity { journal, key },
        grouping: Grouping::default(),
        segments: Segments::default(),
    };
    let (mut intake, journal) =
        open(RealDisk::open(Reach::Cache), RealClock::new(), &root, setup, found.position);
    let body = [&seq.to_le_bytes(), text.as_bytes()].concat();
    intake.note(side::ALERT, &body, Nanos(1));
    let writer = journal.spawn("forger").unwrap();
    while !intake.close() && !intake.is_over() {}
    writer.join().unwrap();
    let durable: &Durable = intake.durable();
    assert!(durable.is_closed(), "{:?}", durable.failure());
}

#[test]
fn a_log_that_says_something_else_is_told() {
    let (folder, id) = with_journal();
    let logged = folder.run("alerts list j --json").succeeded().json();
    let findings = String::from_utf8(folder.read("f.jsonl")).unwrap();
    let text = findings.lines().find(|line| line.contains("\"alert\"")).unwrap();
    let seq = logged["seq"].as_u64().unwrap();
    forge(&folder, text, seq);
    folder.run(&format!("alerts replay {id} j")).succeeded();
    forge(&folder, &text.replace("\"LOUD\"", "\"SOFT\""), seq);
    folder.run("journal verify j").succeeded();
    let differs = folder.run(&format!("alerts replay {id} j"));
    let told = differs.failed(1);
    assert!(told.contains("differs from byte 105 on: the log has"), "{told}");
    assert!(told.contains("\"participants\":[\"SOFT\"") && told.contains("\"LOUD\""), "{told}");
    forge(&folder, text, seq - 1);
    let as_json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(as_json(text)["seq"], seq);
    forge(&folder, &text.replace("\"seq\":33,", "\"seq\":32,"), seq - 1);
    let missing = folder.run(&format!("alerts replay {id} j"));
    assert_eq!(missing.failed(1), format!("alert {id}: is not found again"));
}

#[test]
fn why_not_names_the_condition_that_failed() {
    let (folder, _) = with_journal();
    let line = |who: &str, at: &str| {
        format!("alerts explain --subject ACME --participant {who} --at {at} --within 15s")
    };
    let soft = line("SOFT", "2026-03-02T10:02:48");
    check(
        &folder,
        &format!("{soft} tape.csv --config p.toml"),
        &expect![[r#"
        SOFT in ACME, 2026-03-02 10:02:33.000000000 to 10:03:03.000000000
        did       entered 6 of 18, cancelled 5 of 15, filled 1 of 3
        alerts    none

        P01, layering or spoofing with a passive fill: considered once, nearest at 10:02:50.000000000, event 45
          failed  dominance             0.0375  at least 0.2      The same as a share of what others show on that side near the touch.
          holds   size_ratio                 5  at least 5        Displayed on the other side, for each unit that was filled.
          holds   cancelled_share          0.8  at least 0.8      How much of them is taken away.
          holds   executed_share             0  at most 0.1       How much of them trades.
          holds   score                     36  at least 20       Points, of 100, that the episode reaches.
          holds   two_sided_refresh          0  at most 0.4       How much of the own orders on the filled side went, too: a maker quotes anew.
          holds   maker_ladder               0  at most 0         A registered maker's ladder, as large on both sides.
          holds   jump_against               0  at most 3         How far the market had moved against the orders, in usual moves of a second.

        P06, quote stuffing: considered 11 times, nearest at 10:02:40.104000000, event 40
          failed  messages_1s                6  at least 500      The most messages within a second.
    "#]],
    );
    let answer = folder.run(&format!("{soft} j --json")).succeeded().json();
    let nearest = &answer["nearest"][0];
    assert_eq!((&nearest["pattern"], &nearest["failed"]), (&"P01".into(), &1.into()));
    let failed = nearest["conditions"].as_array().unwrap();
    let failed: Vec<_> = failed.iter().filter(|condition| condition["holds"] == false).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!((&failed[0]["name"], &failed[0]["at_least"]), (&"dominance".into(), &0.2.into()));
    assert_eq!(answer["alerts"], Value::Array(Vec::new()));

    let loud = folder.run(&format!("{} j --json", line("LOUD", "2026-03-02T10:01:08")));
    let loud = loud.succeeded().json();
    let listed = folder.run("alerts list j --json").succeeded().json();
    assert_eq!(loud["alerts"][0]["id"], listed["id"]);

    let idle = line("VICTIM", "2026-03-02T10:01:08");
    check(
        &folder,
        &format!("{idle} j"),
        &expect![[r#"
        VICTIM in ACME, 2026-03-02 10:00:53.000000000 to 10:01:23.000000000
        did       took 1 of 3
        alerts    none
        patterns  none considered an alert: nothing of it was what any pattern looks for
    "#]],
    );
}

#[test]
fn what_cannot_be_told_is_one_line() {
    let (folder, id) = with_journal();
    let refused = |line: &str, code| folder.run(line).failed(code).to_string();
    assert_eq!(refused("alerts show 77 j", 65), "j: there is no alert 77");
    assert_eq!(refused(&format!("alerts show {id} k"), 65), "k: there is no journal");
    assert_eq!(refused(&format!("alerts replay {id} k"), 65), "k: there is no journal");
    assert!(refused(&format!("alerts show {id}"), 2).contains("required"));
    let explain = "alerts explain --at 2026-03-02T10:01:00 tape.csv";
    let nobody = refused(&format!("{explain} --subject ACME --participant NOBODY"), 65);
    assert_eq!(nobody, "there is no participant NOBODY up to 2026-03-02 10:02:00.000000000");
    let nothing = refused(&format!("{explain} --subject NONE --participant LOUD"), 65);
    assert_eq!(nothing, "there is no subject NONE up to 2026-03-02 10:02:00.000000000");

    // All ids begin with nothing.
    let mut tape = Tape::quiet();
    tape.layered(60_000, "LOUD", 60);
    tape.layered(90_000, "BOLD", 60);
    tape.row(200_000, "news,1,,,,,,,");
    folder.write("two.csv", tape.text);
    folder.replay("two.csv --config p.toml --journal two");
    let ambiguous = folder.run("alerts show  two");
    assert!(ambiguous.failed(65).starts_with("two: 2 alerts begin with "), "{ambiguous:?}");

    let at = folder.read("j/alerts/0000000001.seg").len() - 5000;
    let mut bytes = folder.read("j/alerts/0000000001.seg");
    let text = bytes.windows(6).position(|window| window == b"\"LOUD\"").unwrap_or(at);
    bytes[text + 1] ^= 1;
    folder.write("j/alerts/0000000001.seg", bytes);
    assert!(refused(&format!("alerts replay {id} j"), 65).contains("was durable once"));
}

#[test]
fn a_case_file_can_be_checked_against_the_sealed_journal() {
    let (folder, id) = with_journal();
    let told = folder.run(&format!("alerts export {id} j --out case.json")).succeeded().stdout;
    assert!(told.starts_with("case.json: "), "{told}");
    let case: Value = serde_json::from_slice(&folder.read("case.json")).unwrap();
    assert_eq!(case["alert"]["id"], *id);
    assert_eq!(case["books"].as_array().unwrap().len(), 3);
    assert!(case["configuration"]["parameters"].as_str().unwrap().contains("P01="));
    for (stream, folder_name) in [("journal", "events"), ("log", "alerts")] {
        let segment = &case[stream]["segments"][0];
        let file = segment["file"].as_str().unwrap();
        assert!(file.starts_with(folder_name), "{file}");
        // The block's own hash lies in its header; its last 32 bytes of 128.
        let bytes = folder.read(&format!("j/{file}"));
        let block = &segment["blocks"][0];
        let hash = from_hex::<32>(block["hash"].as_str().unwrap()).unwrap();
        assert!(
            bytes.chunks(4096).any(|page| page.len() >= 128 && page[96..128] == hash),
            "{block}"
        );
        assert_eq!(segment["seal"]["signature"].as_str().unwrap().len(), 128);
    }
    let verified = folder.run("journal verify j --json").succeeded().json();
    assert_eq!(case["journal"]["id"], verified["journal"]);

    folder.run(&format!("alerts export {id} j --out case.md")).succeeded();
    let report = String::from_utf8(folder.read("case.md")).unwrap();
    let shown = folder.run(&format!("alerts show {id} j --levels 20")).succeeded().stdout;
    assert!(report.starts_with(&format!("# Case {id}: P01 in ACME\n")) && report.contains(&shown));
    let wrong = folder.run(&format!("alerts export {id} j --out case.pdf"));
    assert!(wrong.failed(2).contains("is neither .json nor .md"));
}

/// Alerts of several instruments, each found again from the checkpoint before it, with its book on the way.
#[test]
fn any_alert_of_a_day_is_found_again_from_the_checkpoint_before_it() {
    let folder = Folder::new();
    folder.generate("tape", "--messages 40000 --subjects 4 --seed 21 --bursts 6", "tape.csv");
    let config = "[[feed]]\npath = \"tape.csv\"\nspeed = 4000\n[surveillance.P01]\n[surveillance.P06]\n\
                  [journal]\nfolder = \"j\"\ncheckpoint_events = 10000\n\
                  [machine]\ntopology = \"fused\"\n";
    // Slow enough for checkpoints on the way.
    folder.write("c.toml", config);
    folder.run("run --config c.toml").succeeded();
    let checkpoints = folder.path("j/checkpoints").read_dir().unwrap().count();
    assert!(checkpoints > 1, "{checkpoints} checkpoints");
    let listed = json_lines(folder.run("alerts list j --json").succeeded().stdout.as_bytes());
    assert!(listed.len() > 3 && listed.iter().any(|alert| alert["pattern"] == "P06"));
    let mut from_checkpoints = 0;
    for alert in &listed {
        let id = alert["id"].as_str().unwrap();
        let again = folder.run(&format!("alerts replay {id} j --json")).succeeded().json();
        assert_eq!(again["same"], true, "{again}");
        from_checkpoints += usize::from(again["after"].as_u64().unwrap() > 0);
        let shown = folder.run(&format!("alerts show {id} j --json")).succeeded().json();
        let (first, subject) = (&shown["books"][0], alert["subject"].as_str().unwrap());
        let after = first["after_seq"].as_u64().unwrap();
        let line = format!("book j --symbol {subject} --at-seq {after} --levels 8 --json");
        let book = folder.run(&line).succeeded().json();
        for side in ["bids", "asks"] {
            let told = first[side].as_array().unwrap().iter();
            let told: Vec<_> =
                told.map(|of| json!([of["price"], of["quantity"], of["orders"]])).collect();
            assert_eq!(Value::Array(told), book[side], "{side} of {subject} after {after}");
        }
    }
    assert!(from_checkpoints > 0);
}
