//! Finding a registry that talks: addresses in parallel with a stagger, and through a node to the registries it knows.

use super::{Client, Connection};
use crate::pure::base::Address;
use crate::pure::membership::PeerKind;
use crate::pure::protocol::report::PeerRow;
use crate::pure::protocol::{Request, Response};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

/// An address that failed this often is not tried again within one search. A lost connection counts once: it may have
/// been an old one.
const FAILURES_MAX: u32 = 2;

/// One search, over as many connections as one call needs.
#[derive(Debug)]
pub(super) struct Search<'a> {
    client: &'a Client,
    deadline: Instant,
    /// The latest reason of each address, in order of trying.
    tried: Vec<(Address, String)>,
    failures: BTreeMap<Address, u32>,
    /// A node that was found and knows no registry that answers.
    node: Option<Connection>,
}

impl<'a> Search<'a> {
    pub(super) fn new(client: &'a Client, deadline: Instant) -> Self {
        Self {
            client,
            deadline,
            tried: Vec::new(),
            failures: BTreeMap::new(),
            node: None,
        }
    }
    /// What was tried, and why it did not work.
    pub(super) fn tried(&self) -> Vec<(Address, String)> {
        self.tried.clone()
    }
    /// Every address may be tried again.
    pub(super) fn begin_again(&mut self) {
        self.failures.clear();
    }

    /// A connection to a registry, or to any peer; the one in use if it stands. `None` when nothing is left to try.
    pub(super) async fn connection(&mut self, any_peer: bool) -> Option<Connection> {
        let client = self.client;
        let _searching = timeout_at(self.deadline, client.searching().lock()).await.ok()?;
        loop {
            let found = match client.current() {
                Some(current) if self.may_try(current.address()) => current,
                _ => self.race(self.client.addresses()).await?,
            };
            if any_peer || found.peer().kind == PeerKind::Registry {
                client.use_connection(&found);
                return Some(found);
            }
            if let Some(registry) = self.through_node(&found).await {
                client.use_connection(&registry);
                return Some(registry);
            }
            client.leave(&found);
            self.node.get_or_insert_with(|| found.clone());
            self.exclude(
                found.address(),
                "it is a node, and none of the registries that it knows answered",
            );
        }
    }

    /// The node that was found where no registry could be; once, so that a broken one is not asked for ever.
    pub(super) fn take_node(&mut self) -> Option<Connection> {
        self.node.take()
    }

    /// Goes where a peer sends us.
    pub(super) async fn go_to(&mut self, address: &Address) -> Option<Connection> {
        self.client.learn([address.clone()]);
        let connection = self.race(vec![address.clone()]).await?;
        self.client.use_connection(&connection);
        Some(connection)
    }

    /// The connection was lost.
    pub(super) fn lost(&mut self, connection: &Connection, reason: &str) {
        self.client.leave(connection);
        self.note(connection.address(), reason, 1);
    }
    /// Not this one again in this search.
    pub(super) fn exclude(&mut self, address: &Address, reason: &str) {
        self.note(address, reason, FAILURES_MAX);
    }

    /// The first of these that says hello.
    async fn race(&mut self, addresses: Vec<Address>) -> Option<Connection> {
        let mut left: Vec<_> = addresses.into_iter().filter(|address| self.may_try(address)).collect();
        // Those that never failed first.
        left.sort_by_key(|address| self.failures.get(address).copied().unwrap_or(0));
        let mut left = left.into_iter();
        let options = self.client.options();
        let mut opening = JoinSet::new();
        loop {
            if let Some(address) = left.next() {
                let options = options.clone();
                opening.spawn(async move {
                    let opened = Connection::open(&address, &options).await;
                    (address, opened)
                });
            } else if opening.is_empty() {
                return None;
            }
            let stagger = if left.len() == 0 {
                // The deadline below ends the wait.
                Duration::MAX
            } else {
                options.stagger
            };
            let ended = tokio::select! {
                ended = timeout_at(self.deadline, opening.join_next()) => ended,
                () = sleep(stagger) => continue,
            };
            match ended {
                Err(_) => {
                    for address in left {
                        self.note(&address, "no time was left to try it", 0);
                    }
                    return None;
                }
                Ok(Some(Ok((_, Ok(connection))))) => return Some(connection),
                Ok(Some(Ok((address, Err(reason))))) => self.exclude(&address, &reason),
                // A task that panicked has no address to tell; none left is seen above.
                Ok(Some(Err(_)) | None) => {}
            }
        }
    }

    async fn through_node(&mut self, node: &Connection) -> Option<Connection> {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        let limit = remaining.min(self.client.options().connect_timeout);
        let Ok(Response::Peers(rows)) = node.call(Request::Peers, limit).await else {
            return None;
        };
        let registries = registries(rows);
        self.client.learn(registries.iter().cloned());
        self.race(registries).await
    }

    fn may_try(&self, address: &Address) -> bool {
        self.failures
            .get(address)
            .is_none_or(|failures| *failures < FAILURES_MAX)
    }
    fn note(&mut self, address: &Address, reason: &str, failures: u32) {
        *self.failures.entry(address.clone()).or_default() += failures;
        self.tried.retain(|(tried, _)| tried != address);
        self.tried.push((address.clone(), reason.to_owned()));
    }
}

/// The addresses of the registries among these peers, those that live first.
fn registries(mut rows: Vec<PeerRow>) -> Vec<Address> {
    rows.retain(|row| row.kind == PeerKind::Registry);
    rows.sort_by_key(|row| row.state != "alive");
    rows.iter().filter_map(|row| row.address.parse().ok()).collect()
}
