//! The plugins of a registry: how they stand, and what a reload made of them.

use super::Exit;
use super::canned::{Answer, Canned, floe, prints, registry, status};
use crate::pure::allocation::PluginReport;
use crate::pure::protocol::{ErrorCode, Failure, Request, Response};

fn fair_share() -> PluginReport {
    PluginReport {
        name: "fair-share".into(),
        policy: true,
        file: "/lib/fair.so".into(),
        isolation: "process".into(),
        state: "active".into(),
        version: "0.1.0".into(),
        digest: "0123456789abcdef0123".into(),
        generation: 3,
        pid: Some(4711),
        asked: 1200,
        faults: 2,
        last_fault: "it was late".into(),
        crashes: 1,
        median_us: Some(38),
        ..PluginReport::default()
    }
}
fn spread(state: &str, reason: &str) -> PluginReport {
    PluginReport {
        name: "spread".into(),
        file: "/lib/spread.so".into(),
        isolation: "thread".into(),
        state: state.into(),
        reason: reason.into(),
        generation: 1,
        ..PluginReport::default()
    }
}
fn newer() -> PluginReport {
    PluginReport {
        generation: 4,
        version: "0.2.0".into(),
        digest: "ffff456789abcdef0123".into(),
        pid: Some(4712),
        ..fair_share()
    }
}
/// What it was stays in use, here on trial.
fn not_replaced() -> PluginReport {
    PluginReport {
        state: "trial".into(),
        reason: "the built-in decides".into(),
        not_loaded: "it is no ELF object".into(),
        ..fair_share()
    }
}
#[expect(clippy::unnecessary_wraps, reason = "an answer among others")]
fn plugins(rows: Vec<PluginReport>) -> Answer {
    Ok(Response::Plugins(rows))
}
/// What a registry's address is found by, and these answers of it.
fn at_a_registry(answers: impl IntoIterator<Item = Answer>) -> Canned {
    let status = Ok(Response::Status(Box::new(status())));
    Canned::of([status].into_iter().chain(answers))
}

#[test]
fn plugins_are_a_table_with_what_is_wrong() {
    prints(
        "floe plugin list",
        Response::Plugins(vec![fair_share(), spread("failed", "there is no such file")]),
        "
PLUGIN      POLICY  STATE   ISOLATION  PID   VERSION  DIGEST        ASKED  FAULTS  MEDIAN  REASON
fair-share  yes     active  process    4711  0.1.0    0123456789ab  1200   2       38 us   last fault: it was late; crashes: 1
spread      -       failed  thread     -     -        -             0      0       -       there is no such file
",
    );
    let said = floe(
        "floe plugin list --format json",
        &Canned::of([plugins(vec![fair_share()])]),
    );
    let rows: Vec<PluginReport> = serde_json::from_str(&said.out).unwrap();
    assert_eq!(rows, [fair_share()]);
}

#[test]
fn without_plugins_it_is_said_who_decides_and_where_that_is_configured() {
    prints(
        "floe plugin list",
        Response::Plugins(vec![]),
        "no plugins: a built-in allocator decides. [allocation] in a registry's configuration names the policy and the plugins\n",
    );
    prints("floe plugin list --format json", Response::Plugins(vec![]), "[]\n");
}

#[test]
fn the_registry_that_is_named_is_asked() {
    let canned = at_a_registry([plugins(vec![])]);
    assert_eq!(floe("floe plugin list r2", &canned).exit, Exit::Done);
    let asked = canned.asked.borrow();
    assert_eq!(asked[1], (Some("127.0.0.1:7402".parse().unwrap()), Request::Plugins));
    assert_eq!(
        floe("floe plugin list r9", &at_a_registry([])).exit,
        Exit::NotFound,
        "there is none"
    );
}

#[test]
fn a_reload_waits_until_nothing_loads_and_tells_before_and_after() {
    let loading = PluginReport {
        state: "loading".into(),
        ..fair_share()
    };
    let other = || spread("loading", "");
    let canned = at_a_registry([
        plugins(vec![fair_share(), other()]),
        plugins(vec![loading.clone(), other()]),
        plugins(vec![loading, other()]),
        plugins(vec![newer(), other()]),
    ]);
    let said = floe("floe plugin reload fair-share --registry r1", &canned);
    assert_eq!(
        (said.exit, said.err.as_str()),
        (Exit::Done, "registry r1 loads fair-share\n"),
        "what is not concerned is not waited for"
    );
    assert_eq!(
        said.out,
        "\
PLUGIN      STATE   GENERATION  VERSION  DIGEST                        REASON
fair-share  active  3 -> 4      0.2.0    0123456789ab -> ffff456789ab
"
    );
    let name = Some("fair-share".to_owned());
    let reload = Request::ReloadPlugins { name };
    let asked = canned.asked();
    assert_eq!(
        asked[1..],
        [Request::Plugins, reload, Request::Plugins, Request::Plugins]
    );
}

/// Without a name it is the one that answers, and from then on no other.
#[test]
fn a_reload_stays_with_one_registry() {
    let canned = Canned::of([
        Ok(Response::Registry(Box::new(registry()))),
        Ok(Response::Status(Box::new(status()))),
        plugins(vec![]),
        plugins(vec![]),
    ]);
    let said = floe("floe plugin reload", &canned);
    assert_eq!(said.exit, Exit::Done, "{}", said.err);
    assert!(said.out.starts_with("no plugins: a built-in"), "{}", said.out);
    let r1 = Some("127.0.0.1:7401".parse().unwrap());
    assert!(canned.asked.borrow()[2..].iter().all(|(at, _)| *at == r1));

    let said = floe(
        "floe plugin reload nope --registry r1",
        &at_a_registry([plugins(vec![]), plugins(vec![])]),
    );
    assert_eq!(said.exit, Exit::NotFound);
    assert!(said.err.contains("registry r1 has no plugin nope"), "{}", said.err);
    let failure = Failure::new(ErrorCode::Precondition, "the configuration cannot be read", "");
    let refused = at_a_registry([plugins(vec![]), Ok(Response::Failed(failure))]);
    assert_eq!(
        floe("floe plugin reload --registry r1", &refused).exit,
        Exit::Precondition
    );
}

#[test]
fn a_reload_that_failed_has_an_exit_code_a_reason_and_what_to_do() {
    let bad = "it wants a newer interface";
    let table = [
        (
            vec![spread("failed", bad)],
            Exit::Failed,
            "not-loaded",
            "failed, it wants",
        ),
        (
            vec![newer(), spread("quarantined", bad)],
            Exit::InPart,
            "in-part",
            "quarantined, it wants",
        ),
        (
            vec![not_replaced()],
            Exit::Failed,
            "not-loaded",
            "generation 3 goes on, what was to replace it failed: it is no ELF object",
        ),
        (
            vec![PluginReport {
                state: "set aside".into(),
                replacing: true,
                ..fair_share()
            }],
            Exit::TimedOut,
            "timed-out",
            "still loads fair-share",
        ),
        (
            vec![newer(), spread("loading", "")],
            Exit::TimedOut,
            "timed-out",
            "still loads spread",
        ),
        (
            vec![
                spread("loading", ""),
                PluginReport {
                    name: "other".into(),
                    ..spread("failed", bad)
                },
            ],
            Exit::InPart,
            "in-part",
            "failed, it wants",
        ),
    ];
    for (after, exit, code, message) in table {
        let polls = (0..10_000).map(|_| plugins(after.clone()));
        let canned = at_a_registry([plugins(vec![fair_share()])].into_iter().chain(polls));
        let said = floe("floe plugin reload --registry r1 --timeout 1ms --format json", &canned);
        let error = said.err.lines().last().unwrap_or_default();
        let value: serde_json::Value = serde_json::from_str(error).unwrap();
        assert_eq!(
            (said.exit, &value["error"]["code"]),
            (exit, &code.into()),
            "{}",
            said.err
        );
        assert!(error.contains(message), "{error}");
        assert!(!value["error"]["hint"].as_str().unwrap().is_empty(), "{error}");
        let rows: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(
            rows.as_array().unwrap().len(),
            after.len(),
            "the rows are told all the same"
        );
    }
    let canned = at_a_registry([plugins(vec![]), plugins(vec![spread("failed", bad)])]);
    let said = floe("floe plugin reload --registry r1", &canned);
    assert_eq!(
        said.err,
        format!(
            "floe: plugin spread of registry r1: failed, {bad}\n\
             hint: `floe plugin check /lib/spread.so` examines it; mend it, then floe plugin reload spread\n"
        )
    );
}
