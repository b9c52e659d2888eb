//! The scenarios of the system that floe replaces, for activation (S-ACT), deployment (S-DEP), updates (S-UPD) and updates
//! without restart (S-NRU), replica groups (S-RG) and look-ups (S-SIM): where each is held on real processes, or why it means nothing here. Those of
//! allocation (S-ALL) are about who gets what when, which the core decides alone: they are held there, but for the storm.
//!
//! A file holds a scenario where it names it, as `S-ACT-01` in a comment or as `s_act_01` in a test's name, where further
//! numbers may follow: `s_act_01_02_03`. What a file says of itself at its head does not count.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Where a scenario is held.
enum Held {
    /// In these files below `tests/it`.
    In(&'static [&'static str]),
    /// Nowhere, for this reason.
    Not(&'static str),
}
use Held::{In, Not};

const ACTIVATION: &[&str] = &["daemons/activation.rs"];
const DEPLOYMENT: &[&str] = &["daemons/deployment.rs"];
const REDEPLOYMENT: &[&str] = &["daemons/redeployment.rs"];
const UPDATES: &[&str] = &["daemons/updates.rs"];
const MOVES: &[&str] = &["daemons/moves.rs"];
const FINDING: &[&str] = &["daemons/finding.rs"];
const CORE_ALLOCATION: &[&str] = &["../../src/pure/registry/handle/allocate_test.rs"];

/// How many scenarios each family has.
const FAMILIES: [(&str, u32); 7] = [
    ("ACT", 12),
    ("DEP", 7),
    ("UPD", 12),
    ("NRU", 7),
    ("RG", 15),
    ("SIM", 4),
    ("ALL", 28),
];

const SCENARIOS: &[(&str, Held)] = &[
    ("S-ALL-01", In(CORE_ALLOCATION)),
    ("S-ALL-02", In(CORE_ALLOCATION)),
    ("S-ALL-03", In(CORE_ALLOCATION)),
    ("S-ALL-04", In(CORE_ALLOCATION)),
    ("S-ALL-05", In(CORE_ALLOCATION)),
    ("S-ALL-06", In(CORE_ALLOCATION)),
    ("S-ALL-07", In(CORE_ALLOCATION)),
    ("S-ALL-08", In(CORE_ALLOCATION)),
    ("S-ALL-09", In(CORE_ALLOCATION)),
    ("S-ALL-10", In(CORE_ALLOCATION)),
    ("S-ALL-11", In(CORE_ALLOCATION)),
    ("S-ALL-12", In(CORE_ALLOCATION)),
    ("S-ALL-13", In(CORE_ALLOCATION)),
    ("S-ALL-14", In(CORE_ALLOCATION)),
    ("S-ALL-15", In(CORE_ALLOCATION)),
    ("S-ALL-16", In(CORE_ALLOCATION)),
    ("S-ALL-17", In(CORE_ALLOCATION)),
    ("S-ALL-18", In(CORE_ALLOCATION)),
    ("S-ALL-19", In(CORE_ALLOCATION)),
    ("S-ALL-20", In(CORE_ALLOCATION)),
    ("S-ALL-21", In(CORE_ALLOCATION)),
    ("S-ALL-22", In(CORE_ALLOCATION)),
    ("S-ALL-23", In(CORE_ALLOCATION)),
    ("S-ALL-24", In(CORE_ALLOCATION)),
    ("S-ALL-25", In(CORE_ALLOCATION)),
    ("S-ALL-26", In(CORE_ALLOCATION)),
    (
        "S-ALL-27",
        Not("routed calls: floe hands out addresses and tokens, no calls pass through it"),
    ),
    ("S-ALL-28", In(&["daemons/allocation.rs"])),
    ("S-ACT-01", In(ACTIVATION)),
    ("S-ACT-02", In(ACTIVATION)),
    ("S-ACT-03", In(ACTIVATION)),
    ("S-ACT-04", In(&["daemons/session_servers.rs"])),
    ("S-ACT-05", In(ACTIVATION)),
    ("S-ACT-06", In(ACTIVATION)),
    ("S-ACT-07", In(ACTIVATION)),
    ("S-ACT-08", In(ACTIVATION)),
    ("S-ACT-09", In(ACTIVATION)),
    ("S-ACT-10", In(ACTIVATION)),
    ("S-ACT-11", In(ACTIVATION)),
    ("S-ACT-12", In(DEPLOYMENT)),
    ("S-DEP-01", In(DEPLOYMENT)),
    ("S-DEP-02", In(DEPLOYMENT)),
    ("S-DEP-03", In(DEPLOYMENT)),
    ("S-DEP-04", In(DEPLOYMENT)),
    ("S-DEP-05", In(REDEPLOYMENT)),
    ("S-DEP-06", In(DEPLOYMENT)),
    ("S-DEP-07", In(&["daemons/craft.rs", "daemons/deployment.rs"])),
    ("S-UPD-01", In(&["daemons/updates.rs", "daemons/redeployment.rs"])),
    ("S-UPD-02", In(REDEPLOYMENT)),
    ("S-UPD-03", In(REDEPLOYMENT)),
    ("S-UPD-04", In(REDEPLOYMENT)),
    ("S-UPD-05", In(REDEPLOYMENT)),
    (
        "S-UPD-06",
        Not(
            "a service inside a host server is a server of its own here: it is added and removed as one, and has no order",
        ),
    ),
    ("S-UPD-07", In(REDEPLOYMENT)),
    ("S-UPD-08", In(UPDATES)),
    ("S-UPD-09", In(REDEPLOYMENT)),
    ("S-UPD-10", In(REDEPLOYMENT)),
    ("S-UPD-11", In(MOVES)),
    ("S-UPD-12", In(MOVES)),
    ("S-NRU-01", In(UPDATES)),
    ("S-NRU-02", In(UPDATES)),
    ("S-NRU-03", In(REDEPLOYMENT)),
    ("S-NRU-04", In(REDEPLOYMENT)),
    ("S-NRU-05", In(UPDATES)),
    ("S-NRU-06", In(&["daemons/updates.rs", "daemons/redeployment.rs"])),
    (
        "S-NRU-07",
        Not(
            "a service inside a host server is a server of its own here: S-NRU-01 to S-NRU-06 hold for it as for any other",
        ),
    ),
    ("S-RG-01", In(FINDING)),
    ("S-RG-02", In(FINDING)),
    ("S-RG-03", In(FINDING)),
    ("S-RG-04", In(FINDING)),
    ("S-RG-05", In(FINDING)),
    (
        "S-RG-06",
        Not(
            "filters are plugins of the registry there; here a policy comes as a plugin with allocation, which is not there yet",
        ),
    ),
    (
        "S-RG-07",
        Not("as S-RG-06; an unknown policy is refused when the application is applied"),
    ),
    ("S-RG-08", Not("as S-RG-06")),
    ("S-RG-09", In(FINDING)),
    ("S-RG-10", In(FINDING)),
    ("S-RG-11", In(FINDING)),
    (
        "S-RG-12",
        Not(
            "a group has members of its own application only, so none goes before its users: validation refuses a member of an unknown group (S-DEP-05)",
        ),
    ),
    ("S-RG-13", Not("encodings are a matter of Ice's own protocol")),
    ("S-RG-14", In(FINDING)),
    ("S-RG-15", In(FINDING)),
    ("S-SIM-01", In(FINDING)),
    (
        "S-SIM-02",
        Not("there is no discovery by multicast: any peer of the locator list leads to all others"),
    ),
    ("S-SIM-03", In(FINDING)),
    ("S-SIM-04", In(FINDING)),
];

/// Every id that a text names; of `s_act_01_02` each number counts.
fn named(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (family, _) in FAMILIES {
        for (prefix, mark) in [
            (format!("S-{family}-"), '-'),
            (format!("s_{}_", family.to_lowercase()), '_'),
        ] {
            for (at, _) in text.match_indices(&prefix) {
                let rest = text.get(at + prefix.len()..).unwrap_or_default();
                let numbers = rest.split(mark).map_while(|part| {
                    let digits = part.get(..2)?;
                    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
                    is_number.then_some((digits, part.len() == 2))
                });
                for (number, goes_on) in numbers {
                    found.insert(format!("S-{family}-{number}"));
                    if mark == '-' || !goes_on {
                        break;
                    }
                }
            }
        }
    }
    found
}

/// A file without its head.
fn body(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("//!"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_scenario_is_held_or_has_a_reason_not_to_be() {
    let mut faults = Vec::new();
    let listed: Vec<&str> = SCENARIOS.iter().map(|(id, _)| *id).collect();
    let all = FAMILIES
        .iter()
        .flat_map(|(family, count)| (1..=*count).map(move |number| format!("S-{family}-{number:02}")));
    let all: Vec<String> = all.collect();
    for id in &all {
        if listed.iter().filter(|one| *one == id).count() != 1 {
            faults.push(format!(
                "{id}: write one line for it into SCENARIOS in tests/it/scenarios.rs"
            ));
        }
    }
    for id in listed.iter().filter(|id| !all.iter().any(|one| one == *id)) {
        faults.push(format!(
            "{id}: there is no such scenario; mend its line in tests/it/scenarios.rs"
        ));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for (id, held) in SCENARIOS {
        let files = match held {
            In([]) => {
                faults.push(format!(
                    "{id}: name the file whose test holds it, or give the reason why none does"
                ));
                continue;
            }
            In(files) => *files,
            Not(reason) => {
                if reason.trim().is_empty() {
                    faults.push(format!("{id}: say why it does not apply"));
                }
                continue;
            }
        };
        for file in files {
            match fs::read_to_string(folder.join(file)) {
                Err(error) => faults.push(format!(
                    "{id}: tests/it/{file} cannot be read ({error}); name the file that holds it now"
                )),
                Ok(text) if !named(&body(&text)).contains(*id) => faults.push(format!(
                    "{id}: tests/it/{file} does not name it; write {id} beside the lines that hold it, or name another file"
                )),
                Ok(_) => (),
            }
        }
    }
    assert!(faults.is_empty(), "scenarios without a test:\n{}", faults.join("\n"));
}

#[test]
fn ids_are_found_in_comments_and_names() {
    let text = "// S-ACT-01: x; S-DEP-07.\nfn s_act_10_11_x() fn s_upd_2_x() s_nru_03_04_s_nru_06_y S-UPD-1 s_dep_05";
    let expected = [
        "S-ACT-01", "S-ACT-10", "S-ACT-11", "S-DEP-05", "S-DEP-07", "S-NRU-03", "S-NRU-04", "S-NRU-06",
    ];
    assert_eq!(named(text).into_iter().collect::<Vec<_>>(), expected);
}
