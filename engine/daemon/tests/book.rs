//! `tapewatch book`: one order's place, what stands near the touch, and the best over all venues.

mod tapewatch;

use expect_test::expect;
use serde_json::json;
use tapewatch::Folder;

const HEAD: &str = "event_at,subject,venue,kind,order_id,side,price,quantity,participant,\
                    counterparty,order_type,flags\n";

/// A stock at one venue: three bids at the best price, one of them an iceberg; one order is hidden.
const ONE: &str = "1,ACME,SYNX,add,1,B,100.00,10,P1,,,
2,ACME,SYNX,add,2,B,100.00,20.5,P2,,,iceberg
3,ACME,SYNX,add,3,B,100.00,5,P1,,,
4,ACME,SYNX,add,4,B,99.50,40,P3,,,
5,ACME,SYNX,add,5,S,101.00,7,P3,,,
6,ACME,SYNX,add,6,S,102.25,8,P3,,,
7,ACME,SYNX,add,7,S,100.50,500,P4,,,hidden
8,ACME,SYNX,reduce,1,,,4,,,,
";

fn with_one() -> Folder {
    let folder = Folder::new();
    folder.write("one.csv", format!("{HEAD}{ONE}"));
    folder
}

#[test]
fn where_an_order_stands() {
    let folder = with_one();
    let order = |id: u64| {
        let line = format!("book one.csv --symbol ACME --json --order {id}");
        folder.run(&line).succeeded().json()["order"].clone()
    };
    let third = json!({
        "id": 3, "side": "B", "price": "100.00000000", "remaining": "5.00000000", "entered_at": 3,
        "entered_seq": 4, "participant": "P1", "hidden": false, "iceberg": false, "depth": 0,
        "orders_ahead": 2, "quantity_ahead": "26.50000000",
    });
    assert_eq!(order(3), third);
    let second = order(2);
    assert_eq!(
        (&second["iceberg"], &second["quantity_ahead"]),
        (&true.into(), &"6.00000000".into())
    );
    assert_eq!((&order(4)["depth"], &order(4)["orders_ahead"]), (&1.into(), &0.into()));
    let hidden = order(7);
    assert_eq!((&hidden["hidden"], &hidden["orders_ahead"]), (&true.into(), &json!(null)));
    let told = folder.run("book one.csv --symbol ACME --order 3 --levels 1").succeeded().stdout;
    assert!(told.ends_with(
        "order 3: bid, 5.00000000 at 100.00000000, 26.50000000 in 2 orders before it\n"
    ));

    folder.check(
        "book one.csv --symbol ACME --order 9",
        &expect![[r#"
        tapewatch: there is no order 9 in the book of ACME
        exit 1
    "#]],
    );
    folder.generate("mdp3", "--messages 200 --subjects 1", "day.pcapng");
    folder.check(
        "book day.pcapng --symbol AAAAH4 --order 9",
        &expect![[r#"
        tapewatch: the book of AAAAH4 is told without orders
        exit 1
    "#]],
    );
}

#[test]
fn what_follows_from_the_touch() {
    let folder = with_one();
    let book = folder.run("book one.csv --symbol ACME --json").succeeded().json();
    let microprice = book["touch"]["microprice"].as_f64().unwrap();
    assert!((microprice - (100.0 * 7.0 + 101.0 * 31.5) / 38.5).abs() < 1e-9, "{microprice}");
    // (71.5 − 15) / 86.5 over all levels.
    let expected = json!({
        "spread": "1.00000000", "mid": "100.500000000", "microprice": microprice,
        "depth": ["71.50000000", "15.00000000"], "depth_imbalance": 56.5 / 86.5,
    });
    assert_eq!(book["touch"], expected);
    assert_eq!(book["hidden_orders"], 1);
    let at_best = folder.run("book one.csv --symbol ACME --json --levels 1").succeeded().json();
    assert_eq!(at_best["touch"]["depth"], json!(["31.50000000", "7.00000000"]));
}

#[test]
fn what_stands_near_the_touch_and_how_it_came_there() {
    let folder = with_one();
    let line = "book one.csv --symbol ACME --json --bands 10,50,200 --touches 2";
    let book = folder.run(line).succeeded().json();
    let side = |levels: u32, quantity: &str, notional: &str| json!({"levels": levels, "quantity": quantity, "notional": notional});
    let near = side(1, "31.50000000", "3150.0000000000000000");
    let far = side(2, "71.50000000", "7130.0000000000000000");
    let ask = side(1, "7.00000000", "707.0000000000000000");
    let wide = side(2, "15.00000000", "1525.0000000000000000");
    let bands = json!([
        {"basis_points": 10, "bid": near, "ask": ask},
        {"basis_points": 50, "bid": far, "ask": ask},
        {"basis_points": 200, "bid": far, "ask": wide},
    ]);
    assert_eq!(book["bands"], bands);
    let quote = |price: &str, quantity: &str| json!([price, quantity]);
    let offer = quote("101.00000000", "7.00000000");
    let touches = json!([
        {"seq": 6, "at": 5, "bid": quote("100.00000000", "35.50000000"), "ask": offer},
        {"seq": 9, "at": 8, "bid": quote("100.00000000", "31.50000000"), "ask": offer},
    ]);
    assert_eq!(book["touches"], touches);
    let told =
        folder.run("book one.csv --symbol ACME --levels 0 --bands 50 --touches 1").succeeded();
    expect![[r#"
        ACME at 8 (event 9), Unknown
          orders       quantity            bid | ask            quantity       orders  
        within 50 bp: bid 71.50000000 at 2 levels, ask 7.00000000 at 1 levels
        event 9 (8): bid 31.50000000 at 100.00000000, ask 7.00000000 at 101.00000000
    "#]]
    .assert_eq(&told.stdout);
    folder.run("book one.csv --symbol ACME --bands 50,10").failed(2);
    folder.run("book one.csv --symbol ACME --bands 1,2,3,4,5,6,7,8,9").failed(2);
}

/// The same stock at a second and a third venue, in a file of its own.
const ELSEWHERE: &str = "1,ACME,BATS,add,1,B,99.75,3,,,,
3,ACME,BATS,modify,1,,100.00,3,,,,
4,OTHER,BATS,add,9,B,500,1,,,,
6,ACME,EDGX,add,1,S,100.00,2,,,,
9,ACME,EDGX,add,2,S,99.99,1,,,,
10,ACME,EDGX,status,,,,,,,,halt
11,ACME,BATS,delete,77,,,,,,,
";

#[test]
fn the_best_over_all_venues() {
    let folder = with_one();
    folder.write("elsewhere.csv", format!("{HEAD}{ELSEWHERE}"));
    let book = "book one.csv elsewhere.csv --symbol ACME --consolidated";
    folder.run(&format!("{book} --csv best.csv")).succeeded();
    let rows = String::from_utf8(folder.read("best.csv")).unwrap().replace(".00000000", "");
    expect![[r#"
        at,seq,bid,bid_quantity,bid_venues,ask,ask_quantity,ask_venues,standing
        1,2,100,10,SYNX,,,,one-sided
        2,5,100,30.50000000,SYNX,,,,one-sided
        3,6,100,35.50000000,SYNX,,,,one-sided
        3,7,100,38.50000000,SYNX|BATS,,,,one-sided
        5,9,100,38.50000000,SYNX|BATS,101,7,SYNX,apart
        6,12,100,38.50000000,SYNX|BATS,100,2,EDGX,locked
        8,14,100,34.50000000,SYNX|BATS,100,2,EDGX,locked
        9,15,100,34.50000000,SYNX|BATS,99.99000000,1,EDGX,crossed
        10,16,100,34.50000000,SYNX|BATS,101,7,SYNX,apart
        11,17,100,31.50000000,SYNX,101,7,SYNX,apart
    "#]]
    .assert_eq(&rows);
    let at = |at: u64| folder.run(&format!("{book} --json --at {at}")).succeeded().json();
    let best = at(9);
    assert_eq!((&best["standing"], &best["ask"]["venues"]), (&"crossed".into(), &json!(["EDGX"])));
    assert_eq!(best["bid"]["venues"], json!(["SYNX", "BATS"]));
    let last = at(11);
    let away: Vec<_> = last["venues"].as_array().unwrap().iter().map(|of| &of["away"]).collect();
    assert_eq!(away, [&json!(null), &"stale".into(), &"halt".into()]);
    assert_eq!(last["venues"][1]["subject"], "ACME@BATS");
    assert_eq!(last["venues"][1]["bid"], json!(["100.00000000", "3.00000000"]));
    expect![[r#"
        ACME at 11 (event 17), apart
        bid      31.50000000 at 100.00000000 (SYNX)
        ask      7.00000000 at 101.00000000 (SYNX)
        away     BATS (stale)
        away     EDGX (halt)
    "#]]
    .assert_eq(&folder.run(book).succeeded().stdout);

    let one = folder.run("book one.csv elsewhere.csv --symbol ACME@BATS --json").succeeded().json();
    assert_eq!(one["bids"], json!([["100.00000000", "3.00000000", 1]]));
    folder.check(
        "book one.csv --symbol NONE --consolidated",
        &expect![[r#"
        tapewatch: there is no book of NONE at any venue
        exit 1
    "#]],
    );
    folder.run("book one.csv --consolidated").failed(2);
}

/// Prices of four and of eight decimal places meet.
#[test]
fn venues_of_different_formats_keep_their_books() {
    let folder = Folder::new();
    folder.generate("itch", "--messages 3000 --subjects 2 --seed 4", "07302026.itch");
    let noon = "--symbol AAAA --json --at 2026-07-30T12:00:00";
    let alone = folder.run(&format!("book 07302026.itch {noon}")).succeeded().json();
    let bid: f64 = alone["bids"][0][0].as_str().unwrap().parse().unwrap();
    let row = format!("1,AAAA,BATS,add,1,B,{bid:.2},0.5,,,,\n");
    folder.write("tape.csv", format!("{HEAD}{row}"));
    let both = format!("book 07302026.itch tape.csv {noon}");
    let book = folder.run(&both).succeeded().json();
    assert_eq!(book["bids"], alone["bids"]);
    let best = folder.run(&format!("{both} --consolidated")).succeeded().json();
    assert_eq!(best["venues"].as_array().unwrap().len(), 2, "{best}");
    let quantity = format!("{}.50000000", alone["bids"][0][1].as_str().unwrap());
    assert_eq!(best["bid"]["quantity"], quantity, "{best}");
    // That NASDAQ closes in the evening says nothing of the other venue.
    let evening = "book 07302026.itch tape.csv --symbol AAAA --consolidated --json";
    let best = folder.run(evening).succeeded().json();
    let away: Vec<_> = best["venues"].as_array().unwrap().iter().map(|of| &of["away"]).collect();
    assert_eq!(away, [&json!("close"), &json!(null)]);
    assert_eq!((&best["bid"]["venues"], &best["ask"]), (&json!(["BATS"]), &json!(null)));
    let summary = folder.replay("07302026.itch tape.csv");
    assert_eq!(summary["books"]["open"], 3);
    assert_eq!(summary["faults"], json!({}));
}
