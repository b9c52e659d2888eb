//! Clients with sessions, and promise 7: what one of them believes to hold, no other one is given.
//!
//! A client believes in its session until a time to live after it sent the last renewal that was answered, and in a lease
//! until it gives it back, its session is over, or a renewal's answer does not name it.

use super::workload;
use super::world::{Checked, World};
use floe::pure::allocation::{Token, Wish};
use floe::pure::base::{PeerName, RequestId, Secret};
use floe::pure::protocol::allocation::Allocate;
use floe::pure::protocol::{ErrorCode, ReplyTo, Request, Response};
use std::collections::BTreeMap;

/// The time to live of every session, in milliseconds.
const TTL: u64 = 10_000;
const CLIENTS: usize = 3;

/// What a client has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// To open its session, or to renew it.
    Live,
    /// For a resource.
    Take,
    /// Something whose answer changes nothing.
    Other,
}

#[derive(Clone, Debug)]
struct Asked {
    client: usize,
    secret: Secret,
    /// When, in microseconds.
    sent: u64,
    what: What,
}

/// One client.
#[derive(Clone, Debug, Default)]
struct Leaser {
    secret: Option<Secret>,
    /// Until when it believes in its session, in microseconds.
    until: u64,
    /// What it believes to hold, with tokens, and since when.
    holds: BTreeMap<String, (Token, u64)>,
}

/// All clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Leasers {
    pub(super) on: bool,
    clients: Vec<Leaser>,
    asked: BTreeMap<ReplyTo, Asked>,
    /// The highest token that was ever heard of for a resource.
    tokens: BTreeMap<String, Token>,
    /// How often something was given.
    pub(super) given: usize,
}

/// Resources are deployed, and clients come.
pub(super) fn begin(world: &mut World) -> Checked {
    let nodes = world.nodes().map(|index| world.peers[index].card.name.clone());
    let nodes: Vec<PeerName> = nodes.collect();
    let request = RequestId::from_bits(world.chance.bits());
    world.deploy(0, workload::hall(&nodes), request)?;
    world.leasers.on = true;
    world.leasers.clients = vec![Leaser::default(); CLIENTS];
    Ok(())
}

/// One client does something.
pub(super) fn act(world: &mut World) -> Checked {
    let up: Vec<usize> = world.registries().filter(|index| world.is_up(*index)).collect();
    if up.is_empty() {
        return Ok(());
    }
    let (index, client) = (world.chance.pick(&up), world.chance.index(CLIENTS));
    let (now, fresh) = (world.now, Secret::from_bits(world.chance.bits()));
    let leaser = &mut world.leasers.clients[client];
    let Some(secret) = leaser.secret.filter(|_| leaser.until > now) else {
        *leaser = Leaser {
            secret: Some(fresh),
            ..Leaser::default()
        };
        let (name, ttl_ms) = ("leaser".to_owned(), TTL);
        let open = Request::OpenSession {
            secret: fresh,
            name,
            ttl_ms,
        };
        return ask(world, index, (client, fresh, What::Live), open);
    };
    match world.chance.below(10) {
        0..4 => ask(
            world,
            index,
            (client, secret, What::Live),
            Request::RenewSession { secret },
        ),
        4..8 => {
            let allocate = Allocate {
                secret,
                wish: Wish::Type {
                    kind: "thing".to_owned(),
                    attributes: BTreeMap::new(),
                },
                timeout_ms: world.chance.pick(&[Some(0), Some(2_000), None]),
                request: RequestId::from_bits(world.chance.bits()),
            };
            ask(
                world,
                index,
                (client, secret, What::Take),
                Request::Allocate(Box::new(allocate)),
            )
        }
        8 => {
            // It believes in it no more, whatever comes of the release.
            let Some((resource, _)) = world.leasers.clients[client].holds.pop_first() else {
                return Ok(());
            };
            let (resource, token) = (resource.parse().expect("an id"), None);
            let release = Request::Release {
                secret,
                resource,
                token,
            };
            ask(world, index, (client, secret, What::Other), release)
        }
        _ => {
            world.leasers.clients[client] = Leaser::default();
            ask(
                world,
                index,
                (client, secret, What::Other),
                Request::CloseSession { secret },
            )
        }
    }
}

fn ask(world: &mut World, index: usize, (client, secret, what): (usize, Secret, What), request: Request) -> Checked {
    let asked = Asked {
        client,
        secret,
        sent: world.now,
        what,
    };
    // Before it is asked: the answer may come at once.
    let to = world.next_ticket();
    world.leasers.asked.insert(to, asked);
    world.ask(index, None, request).map(|_| ())
}

impl Leasers {
    /// A client hears an answer.
    pub(super) fn answered(&mut self, now: u64, to: ReplyTo, response: &Response) -> Checked {
        let Some(asked) = self.asked.remove(&to) else {
            return Ok(());
        };
        let Some(leaser) = self.clients.get_mut(asked.client) else {
            return Ok(());
        };
        if leaser.secret != Some(asked.secret) {
            return Ok(());
        }
        match response {
            Response::Session(report) if asked.what == What::Live => {
                leaser.until = leaser.until.max(asked.sent + TTL * 1000);
                let named = |resource: &String, token: &Token| {
                    report
                        .held
                        .iter()
                        .any(|held| held.0 == *resource && held.1 == token.to_string())
                };
                leaser
                    .holds
                    .retain(|resource, (token, since)| *since >= asked.sent || named(resource, token));
            }
            Response::Failed(failure) if failure.code == ErrorCode::NotFound && asked.what == What::Live => {
                *leaser = Leaser::default();
            }
            Response::Allocated(lease) if leaser.until > now => {
                let token: Token = lease.token.parse().expect("a token");
                leaser.holds.insert(lease.resource.clone(), (token, now));
                self.given += 1;
                return self.is_nobody_elses(now, asked.client, &lease.resource, token);
            }
            _ => {}
        }
        Ok(())
    }

    fn is_nobody_elses(&mut self, now: u64, client: usize, resource: &str, token: Token) -> Checked {
        let others = self
            .clients
            .iter()
            .enumerate()
            .filter(|(other, leaser)| *other != client && leaser.until > now);
        for (other, leaser) in others {
            if let Some((theirs, _)) = leaser.holds.get(resource) {
                return Err(format!(
                    "promise 7: {resource} is given to client {client} with token {token}, and client {other} holds it with token {theirs}"
                ));
            }
        }
        let last = self.tokens.entry(resource.to_owned()).or_insert(token);
        if token < *last {
            return Err(format!(
                "promise 7: {resource} is given with token {token} after {last}"
            ));
        }
        *last = token;
        Ok(())
    }
}
