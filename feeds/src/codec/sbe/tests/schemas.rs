//! What a schema says counts, and what is wrong with one is told.

use super::super::plan::{Plan, Role};
use super::{own_schema, session};
use crate::Options;
use crate::codec::Mdp3Pcap;
use crate::codec::sbe::{OWN_SCHEMA, Schema};
use crate::codec::testing::decode;
use crate::synthetic::mdp3::{Settings, generate};
use expect_test::{Expect, expect};
use std::sync::Arc;

#[test]
fn our_own_has_what_is_needed() {
    let plan = Plan::new(&own_schema()).unwrap();
    let role = |id| match plan.template(id).map(|template| &template.role) {
        Some(Role::Book(..)) => "book",
        Some(Role::Orders(..)) => "orders",
        Some(Role::Trades(..)) => "trades",
        Some(Role::Numbered(..)) => "numbered",
        Some(Role::Snapshot(_)) => "snapshot",
        Some(Role::OrderSnapshot(_)) => "order snapshot",
        Some(Role::Status(..)) => "status",
        Some(Role::Definition(_)) => "definition",
        Some(Role::Reset(_)) => "reset",
        Some(Role::Idle) => "idle",
        None => "unknown",
    };
    let roles: Vec<String> = (0..100)
        .filter(|id| role(*id) != "unknown")
        .map(|id| format!("{id} {}", role(id)))
        .collect();
    expect!["4 reset, 12 idle, 30 status, 37 numbered, 46 book, 47 orders, 48 trades, 49 numbered, 50 numbered, 51 numbered, 52 snapshot, 53 order snapshot, 54 definition, 55 definition, 56 definition"]
        .assert_eq(&roles.join(", "));
}

/// The same messages with all fields in the opposite order, the number of entries before their length,
/// and another number of the schema. Nothing is longer, so that packets end at the same messages.
fn moved() -> Schema {
    let number = "<type name=\"numInGroup\" primitiveType=\"uint8\"/>";
    let length = "<type name=\"blockLength\" primitiveType=\"uint16\"/>";
    let (head, groups) = OWN_SCHEMA.split_once("<composite name=\"groupSize\">").unwrap();
    let groups = groups.replacen(number, "", 1).replacen(length, &(number.to_owned() + length), 1);
    let text = format!("{head}<composite name=\"groupSize\">{groups}")
        .replace("id=\"1\" version=\"9\"", "id=\"77\" version=\"2\"");
    let mut schema = Schema::read(&text).unwrap();
    for message in &mut schema.messages {
        let fields = message.groups.iter_mut().map(|group| &mut group.fields);
        for fields in fields.chain([&mut message.fields]) {
            let mut at = 0;
            for field in fields.iter_mut().rev() {
                field.offset = at;
                at += field.size;
            }
        }
    }
    schema
}

#[test]
fn fields_are_where_the_schema_says() {
    let settings = Settings { messages: 1000, ..Settings::default() };
    let (usual, _) = session(settings);
    let mut other = Vec::new();
    generate(settings, &moved(), &mut other, |_| {}).unwrap();
    assert_ne!(usual, other);
    let plan = Arc::new(Plan::new(&moved()).unwrap());
    let usual = decode(&mut Mdp3Pcap::new(&Options::default()), &usual);
    let by_its_own = decode(&mut Mdp3Pcap::with_plan(&Options::default(), plan), &other);
    assert!(usual.lines() == by_its_own.lines());
    assert_eq!(usual.tally.by_type, by_its_own.tally.by_type);
    let by_ours = decode(&mut Mdp3Pcap::new(&Options::default()), &other);
    assert!(by_ours.events.is_empty());
}

#[track_caller]
#[allow(clippy::needless_pass_by_value, reason = "an expectation is written where it is given")]
fn refused(text: &str, expected: Expect) {
    let told = Schema::read(text).and_then(|schema| Plan::new(&schema));
    expected.assert_eq(&told.unwrap_err().to_string());
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let with = |before: &str, after: &str| {
        assert!(OWN_SCHEMA.contains(before), "{before}");
        OWN_SCHEMA.replacen(before, after, 1)
    };
    refused("", expect!["line 1, column 1: not XML: the document does not have a root node"]);
    refused("<a/>", expect!["line 1, column 1: expected messageSchema, found a"]);
    refused(
        "<messageSchema id=\"1\">\n<types>",
        expect!["line 1, column 1: not XML: the root node was opened but never closed"],
    );
    refused(
        &with("littleEndian", "bigEndian"),
        expect![[r#"line 7, column 1: byteOrder "bigEndian" is not read, expected littleEndian"#]],
    );
    refused(
        &with("primitiveType=\"int64\"", "primitiveType=\"int63\""),
        expect![[r#"line 25, column 7: primitiveType "int63" does not exist"#]],
    );
    refused(
        &with("<type name=\"u8\"", "<ref name=\"u8\""),
        expect!["line 9, column 5: ref is not read, expected type, composite, enum or set"],
    );
    refused(
        &with("id=\"83\" type=\"u32\" offset=\"16\"", "id=\"83\" type=\"u32\" offset=\"15\""),
        expect!["line 125, column 7: offset 15 lies in the field before, which ends at 16"],
    );
    refused(
        &with("id=\"1023\"", "id=\"1024\""),
        expect![
            "line 118, column 3: message MDIncrementalRefreshBook46 (id 46): expected a field with id 1023"
        ],
    );
    refused(
        &with(
            "\"MDUpdateAction\" id=\"279\" type=\"update-action\" offset=\"25\"",
            "\"MDUpdateAction\" id=\"279\" type=\"letters-3\" offset=\"25\"",
        ),
        expect!["line 129, column 7: offset 26 lies in the field before, which ends at 28"],
    );
    refused(
        &with("blockLength=\"59\"", "blockLength=\"5\""),
        expect!["line 194, column 3: blockLength 5 is less than its fields' 35 bytes"],
    );
    refused(
        &with("constant\">-9", "constant\">-10"),
        expect![
            "line 152, column 3: message MDIncrementalRefreshTradeSummary48 (id 48): field MDEntryPx (id 270) is Decimal(I64, -10), expected a decimal with an exponent from -9 to 0"
        ],
    );
    refused(
        &with(
            "<message name=\"AdminHeartbeat12\" id=\"12\"",
            "<message name=\"AdminHeartbeat12\" id=\"4\"",
        ),
        expect!["line 97, column 3: there are two messages with id 4"],
    );
    refused(
        &with("id=\"46\"", "id=\"146\"").replace("id=\"47\"", "id=\"147\""),
        expect![
            "line 1, column 1: expected a template of an incremental book refresh (46, 64, 32, 47 or 43)"
        ],
    );
}

#[test]
fn what_is_wrong_is_told_in_one_line_whatever_the_words() {
    let name = format!("two&#10;lines{}", "x".repeat(1000));
    let text = OWN_SCHEMA.replace("type=\"letters-3\" offset=\"0\"", &format!("type=\"{name}\""));
    let told = Schema::read(&text).unwrap_err().to_string();
    assert!(told.contains("type two lines") && told.len() < 400, "{told}");
    let broken = OWN_SCHEMA.replace("offset=\"0\"/>", "offset=\"0\"/\n >");
    let told = Schema::read(&broken).unwrap_err().to_string();
    assert!(told.contains("not XML") && !told.contains('\n'), "{told}");
}

#[test]
fn size_and_depth_are_bounded() {
    let deep = "<a>".repeat(150_000) + &"</a>".repeat(150_000);
    assert!(Schema::read(&deep).is_err());
    let many = format!("<messageSchema id=\"1\">{}</messageSchema>", "<a/>".repeat(300_000));
    assert!(Schema::read(&many).unwrap_err().to_string().contains("nodes limit"));
    let long = " ".repeat(5 << 20);
    assert!(Schema::read(&long).unwrap_err().to_string().contains("expected at most"));
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bb\">]><messageSchema/>";
    assert!(Schema::read(bomb).is_err());
}
