//! From the core's questions to records for a plugin, and from its answers back.

use super::lane::Lost;
use super::wire::{Call, Candidate, Lease, Lesson, Reply, Request, Said, Waiter};
use crate::io::clock;
use crate::pure::allocation::{
    Activity, Answer, Choice, Held, Judged, News, NewsKind, Offer, Purpose, Question, Scene, SessionId,
    Waiter as Waits, Wish,
};
use crate::pure::base::Time;
use floe_plugin_sdk::abi;
use floe_plugin_sdk::random::hash;
use std::collections::BTreeMap;
use std::time::Duration;

type Ask<'a> = &'a mut dyn FnMut(&Call<'_>) -> Result<Reply, Lost>;

fn millis(time: Time) -> u64 {
    time.as_micros() / 1000
}

/// What has to be learned: all that is held, if `anew`, else what happened.
fn lesson<'a>(all: Option<&'a [Held]>, news: &'a [News], scene: &Scene<'_>) -> Lesson<'a> {
    let (now, wall) = (millis(scene.now), clock::wall());
    let since = |held: &Held| now.saturating_sub(u64::try_from(wall.0.saturating_sub(held.since.0)).unwrap_or(0));
    let lease = |held: &'a Held| Lease {
        number: held.lease,
        candidate: &held.resource,
        session: held.session.map_or(0, SessionId::number),
        since_ms: since(held),
        now_ms: now,
        principal: &held.actor,
        kind: &held.kind,
        zone: &held.zone,
        node: &held.node,
    };
    let news = news.iter().map(|news| {
        let kind = match news.kind {
            NewsKind::Granted => abi::EVENT_ALLOCATED,
            NewsKind::Released => abi::EVENT_RELEASED,
            NewsKind::Queued => abi::EVENT_QUEUED,
            NewsKind::Left => abi::EVENT_DEQUEUED,
        };
        (kind, millis(news.at), lease(&news.about))
    });
    Lesson {
        news: if all.is_some() { Vec::new() } else { news.collect() },
        all: all.map(|all| all.iter().map(lease).collect()),
    }
}

/// Asks which candidate.
pub(super) fn decide(
    question: &Question<'_>,
    news: &[News],
    anew: bool,
    deadline: Duration,
    ask: Ask<'_>,
) -> Result<Reply, Lost> {
    let all = anew.then(|| question.scene.held());
    let attributes = wanted(question.wish);
    let request = Request {
        op: match question.purpose {
            Purpose::Allocate => abi::OP_ALLOCATE,
            Purpose::Probe => abi::OP_PROBE,
        },
        now_ms: millis(question.scene.now),
        seed: question.seed,
        session: question.session.id.number(),
        principal: &question.session.actor,
        kind: kind(question.wish),
        wait_ms: question
            .wait
            .map_or(-1, |wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)),
        deadline_us: u32::try_from(deadline.as_micros()).unwrap_or(u32::MAX),
        held: held_ids(question.held.iter().map(|lease| lease.resource.as_str())),
        attributes,
        want: 1,
    };
    let candidates = question.candidates.iter().map(|offer| {
        let held = question.held.iter().any(|lease| lease.server == *offer.server());
        candidate(offer, held)
    });
    ask(&Call::Decide {
        lesson: lesson(all.as_deref(), news, &question.scene),
        request,
        candidates: candidates.collect(),
    })
}

fn held_ids<'a>(names: impl Iterator<Item = &'a str>) -> Vec<u64> {
    let mut ids: Vec<u64> = names.map(|name| hash(name).max(1)).collect();
    ids.sort_unstable();
    ids
}

fn kind(wish: &Wish) -> &str {
    match wish {
        Wish::Id(_) => "",
        Wish::Type { kind, .. } => kind,
    }
}

fn wanted(wish: &Wish) -> Vec<(&str, &str)> {
    match wish {
        Wish::Id(_) => Vec::new(),
        Wish::Type { attributes, .. } => texts(attributes),
    }
}

fn texts(attributes: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    attributes
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect()
}

fn candidate<'a>(offer: &'a Offer<'_>, held: bool) -> Candidate<'a> {
    let age = |age: Duration| u32::try_from(age.as_millis()).unwrap_or(abi::AGE_UNKNOWN - 1);
    Candidate {
        name: offer.id().as_str(),
        node: offer.node.as_str(),
        zone: offer.zone(),
        kind: &offer.record.kind,
        state: match offer.activity {
            Activity::Unknown => abi::STATE_UNKNOWN,
            Activity::Active => abi::STATE_ACTIVE,
            Activity::Inactive => abi::STATE_INACTIVE,
            Activity::Starting => abi::STATE_STARTING,
            Activity::Stopping => abi::STATE_STOPPING,
        },
        flags: if held { abi::CANDIDATE_HELD } else { 0 },
        loads: offer.load.map_or([f32::NAN; 3], |load| load.averages),
        load_age_ms: offer.load.map_or(abi::AGE_UNKNOWN, |load| age(load.age)),
        capacity: 1,
        in_use: 0,
        pending: 0,
        priority: 0,
        attributes: texts(&offer.record.attributes),
    }
}

/// The choice in an answer; `None` where it has no opinion.
pub(super) fn decided(said: Said, question: &Question<'_>, by: &str) -> Result<Option<Choice>, String> {
    let Said::Decided {
        code,
        text,
        chosen,
        retry_after_ms,
        verdicts,
    } = said
    else {
        return Err("it answered another question".to_owned());
    };
    let count = question.candidates.len();
    if verdicts.len() != count {
        return Err(format!("{} verdicts for {count} candidates", verdicts.len()));
    }
    let answer = match (code, chosen.first()) {
        (abi::OK, Some(place)) => {
            let place = usize::try_from(*place).unwrap_or(usize::MAX);
            match verdicts.get(place) {
                Some((_, abi::CODE_ELIGIBLE)) => Answer::Take(place),
                Some(_) => return Err(format!("it chose place {place}, which it rejected")),
                None => return Err(format!("it chose place {place} of {count}")),
            }
        }
        // None of them: as if nothing was free.
        (abi::OK, None) => Answer::Defer { again: None },
        (abi::DEFER, _) => Answer::Defer {
            again: (retry_after_ms > 0).then(|| Duration::from_millis(retry_after_ms)),
        },
        (abi::DENY, _) => Answer::Deny,
        _ => return Ok(None),
    };
    let judged = verdicts.into_iter().map(|(score, code)| match code {
        abi::CODE_ELIGIBLE => Judged::Eligible(score),
        code => Judged::Rejected(rejection(code)),
    });
    let reason = match (answer, text.is_empty()) {
        (Answer::Defer { .. }, true) => "none of the candidates will do".to_owned(),
        _ => text.chars().filter(|c| !c.is_control()).collect(),
    };
    Ok(Some(Choice {
        answer,
        by: by.to_owned(),
        instead: String::new(),
        reason,
        judged: judged.collect(),
    }))
}

/// Why a candidate was rejected, for people.
fn rejection(code: u32) -> String {
    let word = match code {
        abi::CODE_FULL => "full",
        abi::CODE_DRAINING => "draining",
        abi::CODE_CORDONED => "cordoned",
        abi::CODE_ZONE => "zone",
        abi::CODE_LOAD => "load",
        abi::CODE_QUOTA => "quota",
        abi::CODE_ATTRIBUTE => "attribute",
        abi::CODE_STALE => "stale",
        other => return format!("code {other:#x}"),
    };
    word.to_owned()
}

/// Asks who is served first.
pub(super) fn order(
    waiters: &[Waits<'_>],
    scene: &Scene<'_>,
    news: &[News],
    anew: bool,
    deadline: Duration,
    ask: Ask<'_>,
) -> Result<Reply, Lost> {
    let all = anew.then(|| scene.held());
    let waiters = waiters.iter().map(|waiter| Waiter {
        request: Request {
            op: abi::OP_ALLOCATE,
            now_ms: millis(scene.now),
            seed: waiter.waiting.place,
            session: waiter.session.id.number(),
            principal: &waiter.session.actor,
            kind: kind(&waiter.waiting.wish),
            wait_ms: -1,
            deadline_us: u32::try_from(deadline.as_micros()).unwrap_or(u32::MAX),
            held: held_ids(
                scene
                    .allocations
                    .leases_of(waiter.session.id)
                    .map(|lease| lease.resource.as_str()),
            ),
            attributes: wanted(&waiter.waiting.wish),
            want: 1,
        },
        since_ms: millis(waiter.since),
        passed: waiter.passed,
    });
    ask(&Call::Order {
        lesson: lesson(all.as_deref(), news, scene),
        waiters: waiters.collect(),
    })
}

/// The order in an answer; `None` where it has no opinion.
pub(super) fn ordered(said: Said, count: usize) -> Result<Option<Vec<usize>>, String> {
    let Said::Ordered { places } = said else {
        return Err("it answered another question".to_owned());
    };
    if places.is_empty() {
        return Ok(None);
    }
    let places: Vec<usize> = places
        .into_iter()
        .map(|place| usize::try_from(place).unwrap_or(usize::MAX))
        .collect();
    floe_plugin_sdk::harness::check_keys(&places, count)?;
    Ok(Some(places))
}
