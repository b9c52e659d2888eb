//! What the comparison shows must be what comparing record by record shows, on any forest of histories, however trimmed.

use super::*;
use crate::pure::lineage::Entry;
use crate::pure::membership::Standing;
use crate::pure::registry::contents::{content_rows, log_rows, log_summary, row};
use crate::pure::registry::fixture_log::{Written, forest};
use crate::pure::registry::payload::Payload;
use proptest::prelude::*;
use std::cell::RefCell;
use std::sync::Arc;

fn side(name: &str, log: &Written, standing: Option<Standing>) -> Side {
    Side {
        source: match standing {
            Some(_) => Source::Registry(name.to_owned()),
            None => Source::File(name.to_owned()),
        },
        log: log_summary(&log.database, standing),
    }
}

/// All of it, part by part, as over the wire.
fn rows_of(log: &Written, after: Serial) -> Vec<LogRow> {
    let mut rows: Vec<LogRow> = Vec::new();
    loop {
        let part = log_rows(&log.database, rows.last().map_or(after, |row| row.serial)).rows;
        if part.is_empty() {
            return rows;
        }
        rows.extend(part);
    }
}
fn contents_of(log: &Written) -> Vec<ContentRow> {
    let mut rows: Vec<ContentRow> = Vec::new();
    loop {
        let after = rows.last().map(|row| (row.kind, row.name.clone()));
        let part = content_rows(&log.database, after.as_ref());
        rows.extend(part.rows);
        if !part.more {
            return rows;
        }
    }
}

/// As the command does it.
fn compared(one: &Written, other: &Written) -> Difference {
    let (mut a, mut b) = (
        side("a", one, Some(Standing::Leading)),
        side("b", other, Some(Standing::Refusing)),
    );
    let mut fetched = Fetched::Nothing;
    let mut note = String::new();
    if let Need::Rows(after) = need(&a.log, &b.log) {
        let (ours, theirs) = (rows_of(one, begin(&a.log, after)), rows_of(other, begin(&b.log, after)));
        learn(&mut a.log, &ours);
        learn(&mut b.log, &theirs);
        fetched = Fetched::Rows(ours, theirs);
    }
    if let Need::Contents(why) = need(&a.log, &b.log) {
        (note, fetched) = (why, Fetched::Contents(contents_of(one), contents_of(other)));
    }
    difference(&a, &b, &fetched, note)
}

type Told = BTreeMap<Key, (Change, u64, Vec<Serial>, bool)>;

fn told(side: &SideReport) -> Told {
    let told = side.only_here.iter().map(|item| {
        let key = (item.kind, item.name.clone());
        (key, (item.change, item.revision, item.entries.clone(), item.both))
    });
    told.collect()
}

/// What the entries after the fork did, from their bytes.
fn touched(entries: &[Arc<Entry>]) -> BTreeMap<Key, (Change, u64, Vec<Serial>)> {
    let mut found: BTreeMap<Key, (Change, u64, Vec<Serial>)> = BTreeMap::new();
    for entry in entries {
        let (kind, name, change, revision) = match Payload::of(entry).unwrap() {
            Payload::Reign(_) => continue,
            Payload::PutApplication(put) if put.revision == 1 => (
                ContentKind::Application,
                put.descriptor.name.to_string(),
                Change::Added,
                1,
            ),
            Payload::PutApplication(put) => {
                let name = put.descriptor.name.to_string();
                (ContentKind::Application, name, Change::Changed, put.revision)
            }
            Payload::RemoveApplication(name) => (ContentKind::Application, name.to_string(), Change::Removed, 0),
            Payload::PutObject(record) => (ContentKind::Object, record.id.to_string(), Change::Set, 0),
            Payload::RemoveObject(id) => (ContentKind::Object, id.to_string(), Change::Removed, 0),
            Payload::PutRegistry(record) => (ContentKind::Registry, record.name.to_string(), Change::Set, 0),
            Payload::ForgetRegistry(name) => (ContentKind::Registry, name.to_string(), Change::Removed, 0),
        };
        let item = found.entry((kind, name)).or_insert((change, revision, Vec::new()));
        (item.0, item.1) = (change, revision);
        item.2.push(entry.serial);
    }
    found
}

/// The truth of one side by entries.
fn by_entries(mine: &[Arc<Entry>], others: &[Arc<Entry>]) -> Told {
    let others = touched(others);
    let mine = touched(mine).into_iter();
    mine.map(|(key, (change, revision, entries))| {
        let both = others.contains_key(&key);
        (key, (change, revision, entries, both))
    })
    .collect()
}

/// What a side holds, in bytes that a comparison may not look at.
fn held(log: &Written) -> BTreeMap<Key, (u64, String)> {
    let deployment = log.database.deployment();
    let applications = deployment.applications.iter().map(|(name, record)| {
        let content = format!("{:?}", record.descriptor);
        ((ContentKind::Application, name.to_string()), (record.revision, content))
    });
    let objects = deployment.objects.iter();
    let objects = objects.map(|(id, record)| ((ContentKind::Object, id.to_string()), (0, format!("{record:?}"))));
    let registries = deployment.registries.iter();
    let registries =
        registries.map(|(name, record)| ((ContentKind::Registry, name.to_string()), (0, format!("{record:?}"))));
    applications.chain(objects).chain(registries).collect()
}
fn by_holding(mine: &Written, other: &Written) -> Told {
    let there = held(other);
    let here = held(mine)
        .into_iter()
        .filter(|(key, value)| there.get(key) != Some(value));
    here.map(|(key, (revision, _))| {
        let both = there.contains_key(&key);
        let change = if both { Change::Different } else { Change::Present };
        (key, (change, revision, Vec::new(), both))
    })
    .collect()
}

fn check(one: &Written, other: &Written) -> (Verdict, &'static str) {
    let same = one.entries.iter().zip(&other.entries);
    let fork = same.take_while(|(a, b)| a.digest == b.digest).count();
    let (ours, theirs) = (&one.entries[fork..], &other.entries[fork..]);
    let verdict = match (ours.is_empty(), theirs.is_empty()) {
        (true, true) => Verdict::Same,
        (false, true) => Verdict::Ahead,
        (true, false) => Verdict::Behind,
        (false, false) if fork == 0 => Verdict::Foreign,
        (false, false) => Verdict::Diverged,
    };
    let trimmed = |log: &Written| log.entries.len() > fork && log.database.log_first() > fork as Serial + 1;
    let by_contents = verdict == Verdict::Foreign || (verdict != Verdict::Same && (trimmed(one) || trimmed(other)));

    let found = compared(one, other);
    assert_eq!(found.verdict, verdict, "{found:?}");
    let known = verdict != Verdict::Foreign;
    assert_eq!(found.fork, known.then_some(fork as Serial), "{found:?}");
    assert_eq!(found.basis, if by_contents { "contents" } else { "log" }, "{found:?}");
    assert_eq!(found.note.is_empty(), !by_contents, "{found:?}");
    let truth = if by_contents {
        [by_holding(one, other), by_holding(other, one)]
    } else {
        [by_entries(ours, theirs), by_entries(theirs, ours)]
    };
    assert_eq!([told(&found.sides[0]), told(&found.sides[1])], truth, "{found:?}");
    for (report, entries) in found.sides.iter().zip([ours, theirs]).filter(|_| known) {
        let updates = entries
            .iter()
            .map(|entry| row(entry))
            .filter(|row| change(row).is_some());
        assert_eq!(report.entries, entries.len() as u64);
        assert_eq!(report.updates, updates.count() as u64);
    }
    assert_eq!(found.next.is_empty(), verdict == Verdict::Same, "{found:?}");
    (verdict, found.basis)
}

#[test]
fn rows_are_the_record_by_record_truth() {
    let updates = proptest::collection::vec(any::<u8>(), 0..9);
    let steps = proptest::collection::vec((any::<u8>(), any::<u8>(), updates), 1..6);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let seen = RefCell::new(BTreeMap::<String, u64>::new());
    let outcome = runner.run(&steps, |steps| {
        let logs = forest(&steps);
        for one in &logs {
            for other in &logs {
                let (verdict, basis) = check(one, other);
                *seen.borrow_mut().entry(format!("{verdict:?} by {basis}")).or_default() += 1;
            }
        }
        Ok(())
    });
    outcome.unwrap();
    let seen = seen.into_inner();
    assert_eq!(seen.len(), 8, "every verdict by each basis that it can have: {seen:?}");
}

fn two(keep: u64) -> (Written, Written) {
    let mut one = Written::founded(5, keep);
    one.reign(1, 1);
    (0..20).for_each(|what| one.update(what * 8));
    let mut other = one.prefix(15, keep);
    other.reign(2, 2);
    other.update(9);
    (one, other)
}

#[test]
fn damage_at_the_fork_is_found_by_the_rows() {
    let (one, other) = two(100);
    let (mut a, mut b) = (side("a", &one, None), side("b", &other, None));
    let Need::Rows(after) = need(&a.log, &b.log) else {
        panic!("entries tell")
    };
    let mut ours = rows_of(&one, after);
    ours[0].digest.0[4] ^= 1;
    learn(&mut a.log, &ours);
    learn(&mut b.log, &rows_of(&other, after));
    assert!(matches!(need(&a.log, &b.log), Need::Contents(why) if why.contains("entry 15")));
    let found = difference(&a, &b, &Fetched::Contents(Vec::new(), Vec::new()), "damage".to_owned());
    assert_eq!((found.verdict, found.damage), (Verdict::Corrupt, Some(15)));
    assert!(found.next[0].commands[0].starts_with("floe db verify a"), "{found:?}");
}

#[test]
fn each_choice_has_complete_commands() {
    let (one, other) = two(100);
    let shorter = one.prefix(15, 100);
    let leading = Some(Standing::Leading);
    let refusing = Some(Standing::Refusing);
    let commands = |one: &Side, other: &Side| {
        let steps = difference(one, other, &Fetched::Nothing, String::new()).next;
        steps
            .into_iter()
            .map(|step| step.commands.join("; "))
            .collect::<Vec<_>>()
    };
    let init =
        |to, from| format!("floe registry init {to} --from {from}; or: restart {to} with --initdb-from-replica {from}");
    let table = [
        (
            "diverged, a leads",
            (&one, leading),
            (&other, refusing),
            vec![init("b", "a"), format!("floe registry promote b; {}", init("a", "b"))],
        ),
        (
            "a leads and has more",
            (&one, leading),
            (&shorter, refusing),
            vec![
                "floe registry show b".to_owned(),
                format!("floe registry promote b; {}", init("a", "b")),
            ],
        ),
        (
            "b leads, a has more",
            (&one, refusing),
            (&shorter, leading),
            vec!["floe registry promote a".to_owned(), init("a", "b")],
        ),
        ("the same", (&one, leading), (&one, refusing), vec![]),
    ];
    for (what, (one, ours), (other, theirs), wanted) in table {
        assert_eq!(
            commands(&side("a", one, ours), &side("b", other, theirs)),
            wanted,
            "{what}"
        );
    }
    let kept = commands(&side("r1", &one, leading), &side("/d/old.replaced", &other, None));
    assert_eq!(kept.len(), 1, "a file follows nobody: {kept:?}");
    assert!(kept[0].starts_with("floe db dump /d/old.replaced --output"), "{kept:?}");
}

#[test]
fn an_empty_surplus_asks_for_no_choice() {
    let (one, _) = two(100);
    let mut other = one.prefix(100, 100);
    other.reign(7, 7);
    let found = difference(
        &side("a", &one, Some(Standing::Leading)),
        &side("b", &other, Some(Standing::Detached)),
        &Fetched::Rows(Vec::new(), rows_of(&other, 20)),
        String::new(),
    );
    assert_eq!(
        (found.verdict, found.sides[1].entries, found.sides[1].updates),
        (Verdict::Behind, 1, 0)
    );
    assert!(found.summary.contains("b has no update"), "{}", found.summary);
    assert!(found.next[0].goal.starts_with("nothing"), "{found:?}");
}

#[test]
fn parts_are_bounded_and_complete() {
    let mut log = Written::founded(5, 5000);
    log.reign(1, 1);
    for _ in 0..2500 {
        log.update(7);
    }
    assert_eq!(
        log_rows(&log.database, 0).rows.len(),
        crate::pure::registry::contents::ROWS_MAX
    );
    let serials: Vec<Serial> = rows_of(&log, 3).iter().map(|row| row.serial).collect();
    assert_eq!(serials, (4..=2501).collect::<Vec<_>>());
    assert!(log_rows(&log.database, u64::MAX).rows.is_empty());
}
