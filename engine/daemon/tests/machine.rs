//! `tapewatch check --machine` on whatever machine this is.

mod tapewatch;

use expect_test::expect;
use std::collections::BTreeSet;
use tapewatch::{Folder, keys};

const CONFIG: &str = "[machine]\ntopology = \"fused\"\n";

#[test]
fn any_machine_is_told_and_none_is_a_failure() {
    let told = Folder::new().run("check --machine --json").succeeded().json();
    assert_eq!(keys(&told), ["machine"]);
    let machine = &told["machine"];
    assert_eq!(keys(machine), ["allowed_cores", "distances", "findings", "stolen"]);
    let findings = machine["findings"].as_array().unwrap();
    for found in findings {
        let verdict = found["verdict"].as_str().unwrap();
        assert!(["ok", "costs", "unknown"].contains(&verdict), "{found}");
        assert!(!found["is"].as_str().unwrap().is_empty(), "{found}");
        let advised = found["costs"].is_string() && found["change"].is_string();
        assert_eq!(advised, verdict == "costs", "{found}");
    }
    let about: BTreeSet<_> = findings.iter().map(|of| of["about"].as_str().unwrap()).collect();
    for wanted in ["isolation", "governor", "clock source", "core distance", "time stolen"] {
        assert!(about.contains(wanted), "{wanted} is not among {about:?}");
    }
    let cores = machine["allowed_cores"].as_array().unwrap().len();
    assert_eq!(machine["stolen"].as_array().unwrap().len(), cores.min(16));
}

#[test]
fn a_machine_and_a_configuration_are_told_together() {
    let folder = Folder::new();
    folder.write("a.toml", CONFIG);
    let told = folder.run("check --config a.toml --machine --json").succeeded().json();
    assert_eq!((&told["valid"], told["machine"].is_object()), (&true.into(), true));
    let text = folder.run("check --config a.toml --machine").succeeded().stdout;
    let (config, machine) = text.split_once("\nthis machine\n").expect("one after the other");
    assert!(config.starts_with("a.toml is valid\n"), "{config}");
    assert!(machine.ends_with(" unknown\n"), "{machine}");
    folder.check("check", &expect![[r#"
        tapewatch: the following required arguments were not provided: <--config <CONFIG>|--machine> (see --help)
        exit 2
    "#]]);
    folder.check(
        "check --config none.toml --machine",
        &expect![[r#"
        tapewatch: none.toml: No such file or directory (os error 2)
        exit 78
    "#]],
    );
}
