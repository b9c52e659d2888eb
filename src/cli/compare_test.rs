//! `floe registry compare` against answers put in place of two registries.

use super::Exit;
use super::canned::{Canned, floe, status};
use crate::pure::membership::Standing;
use crate::pure::protocol::Response;
use crate::pure::registry::contents::{content_rows, log_rows, log_summary};
use crate::pure::registry::fixture_log::Written;

/// A log of one reign with two applications, and a later one that forgot the second half of it.
fn two() -> (Written, Written) {
    let mut one = Written::founded(0x77, 100);
    one.reign(1, 1);
    for what in [0, 8, 0, 16, 3] {
        one.update(what);
    }
    let mut other = one.prefix(3, 100);
    other.reign(2, 2);
    other.update(1);
    (one, other)
}

fn canned(answers: impl IntoIterator<Item = Response>) -> Canned {
    Canned::of(answers.into_iter().map(Ok))
}
fn page() -> Response {
    Response::Status(Box::new(status()))
}
fn summary(log: &Written, standing: Standing) -> Response {
    Response::LogSummary(Box::new(log_summary(&log.database, Some(standing))))
}
fn rows(log: &Written, after: u64) -> Response {
    Response::LogRows(log_rows(&log.database, after))
}

#[test]
fn a_divergence_is_told_by_application_with_both_choices() {
    let (one, other) = two();
    let answers = || {
        [
            page(),
            page(),
            summary(&one, Standing::Superseded),
            summary(&other, Standing::Leading),
            rows(&one, 2),
            rows(&other, 2),
        ]
    };
    let said = floe("floe registry compare r1 r2 --exit-code", &canned(answers()));
    assert_eq!((said.exit, said.err.as_str()), (Exit::Differences, ""));
    let lines: Vec<String> = said
        .out
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let wanted = [
        "DIVERGED after entry 3: r1 has 3 updates that r2 lacks, r2 has 1",
        "",
        "only r1 has (superseded at 1.6, entries 4 to 6):",
        "WHAT NAME CHANGE REVISION WHEN BY ENTRIES OTHER SIDE",
        "application app-0 removed - 2023-11-14T22:13:20.005Z ada1@desk 4, 6 changed it too",
        "application app-2 added 1 2023-11-14T22:13:20.004Z ada0@desk 5 -",
        "",
        "only r2 has (leading at 2.5, entries 4 to 5):",
        "WHAT NAME CHANGE REVISION WHEN BY ENTRIES OTHER SIDE",
        "application app-0 changed 2 2023-11-14T22:13:20.004Z ada0@desk 5 changed it too",
        "",
        "to keep what r1 holds: r2 exports what only it has and starts again from r1",
        "floe registry promote r1",
        "floe registry init r2 --from r1",
        "or: restart r2 with --initdb-from-replica r1",
        "",
        "to keep what r2 holds: r1 exports what only it has and starts again from r2",
        "floe registry init r1 --from r2",
        "or: restart r1 with --initdb-from-replica r2",
    ];
    assert_eq!(lines, wanted, "{}", said.out);

    let said = floe("floe registry compare r1 r2 --format json", &canned(answers()));
    assert_eq!(said.exit, Exit::Done, "{}", said.err);
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&json["verdict"], &json["fork"], &json["basis"]),
        (&"diverged".into(), &3.into(), &"log".into())
    );
    assert_eq!(json["sides"][0]["only_here"][0]["entries"], serde_json::json!([4, 6]));
    assert_eq!(json["sides"][1]["only_here"][0]["both"], true);
    assert_eq!(json["next"][1]["commands"][0], "floe registry init r1 --from r2");
}

#[test]
fn a_trimmed_log_is_said_and_its_contents_are_compared() {
    let (one, other) = two();
    let short = one.prefix(6, 2);
    let said = floe(
        "floe registry compare r1 r2",
        &canned([
            page(),
            page(),
            summary(&short, Standing::Superseded),
            summary(&other, Standing::Leading),
            Response::Contents(content_rows(&short.database, None)),
            Response::Contents(content_rows(&other.database, None)),
        ]),
    );
    assert_eq!((said.exit, said.err.as_str()), (Exit::Done, ""));
    assert!(said.out.contains("note: compared by what the two hold"), "{}", said.out);
    assert!(
        said.out.contains("its first entry is 5, the fork is at 3"),
        "{}",
        said.out
    );
    assert!(said.out.contains("application  app-2  only here"), "{}", said.out);
}

#[test]
fn what_moves_while_it_is_read_is_read_again_and_given_up_in_the_end() {
    let (one, other) = two();
    let moved = one.prefix(5, 100);
    let try_once = || {
        [
            summary(&one, Standing::Superseded),
            summary(&other, Standing::Leading),
            // Its log was cut meanwhile.
            rows(&moved, 2),
            rows(&moved, 5),
        ]
    };
    let answers = [page(), page()].into_iter().chain((0..5).flat_map(|_| try_once()));
    let asked = canned(answers);
    let said = floe("floe registry compare r1 r2", &asked);
    assert_eq!(said.exit, Exit::Precondition, "{}", said.err);
    assert!(said.err.contains("changed 5 times"), "{}", said.err);
    assert!(asked.answers.borrow().is_empty());
}

#[test]
fn words_that_name_no_two_registries_are_refused() {
    for (line, answers, exit, told) in [
        ("floe registry compare r1 r1", vec![], Exit::Usage, "are the same"),
        (
            "floe registry compare r1 R2",
            vec![page()],
            Exit::Usage,
            "a path holds a slash",
        ),
        (
            "floe registry compare r9 r1",
            vec![page()],
            Exit::NotFound,
            "there is no registry r9",
        ),
        (
            "floe registry compare src r1",
            vec![page()],
            Exit::NotFound,
            "write ./src",
        ),
        (
            "floe registry compare ./no/such r1",
            vec![],
            Exit::NotFound,
            "there is no ./no/such",
        ),
    ] {
        let said = floe(line, &canned(answers));
        assert_eq!((said.exit, said.out.as_str()), (exit, ""), "{line}: {}", said.err);
        assert!(said.err.contains(told), "{line}: {}", said.err);
    }
}
