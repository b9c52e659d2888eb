//! A registry core for unit tests, with peers that say what the test lets them say.

use super::effect::{Effect, Image};
use super::event::Event;
use super::{Config, Database, Registry, ReplyTo};
use crate::pure::base::{Address, GridName, InstanceId, Moment, PeerName, Time, WallTime};
use crate::pure::membership::{Identity, PeerCard, PeerKind, Role};
use crate::pure::protocol::{Message, Request, Response};
use std::time::Duration;

/// A registry and its clock.
pub(crate) struct Bench {
    pub(crate) registry: Registry,
    now: u64,
}

pub(crate) fn peer(name: &str) -> PeerName {
    name.parse().unwrap()
}
fn address(name: &str) -> Address {
    let port = 7400 + name.bytes().map(u16::from).sum::<u16>();
    Address::new("127.0.0.1", port).unwrap()
}
pub(crate) fn card(name: &str) -> PeerCard {
    PeerCard {
        name: peer(name),
        kind: if name.starts_with('n') {
            PeerKind::Node
        } else {
            PeerKind::Registry
        },
        instance: InstanceId::from_bits(name.bytes().map(u128::from).sum()),
        generation: 1,
        address: address(name),
        http: None,
    }
}

impl Bench {
    /// Fresh, started, alone.
    pub(crate) fn start(name: &str, role: Role) -> Self {
        Self::start_with(name, |config| config.role = role)
    }
    /// The same, started as `change` says.
    pub(crate) fn start_with(name: &str, change: impl FnOnce(&mut Config)) -> Self {
        let database = Database::restore(Image::default()).unwrap();
        let mut bench = Self::of(name, Role::Replica, database, |config, _| change(config));
        bench.event(Event::Started);
        bench
    }
    /// With a past, and not started yet.
    pub(crate) fn of(
        name: &str,
        role: Role,
        database: Database,
        change: impl FnOnce(&mut Config, &mut Identity),
    ) -> Self {
        let card = card(name);
        let grid: GridName = "test".parse().unwrap();
        let mut identity = Identity::new(grid.clone(), card.name.clone(), card.kind, card.instance);
        let mut config = Config::new(card, grid);
        config.role = role;
        change(&mut config, &mut identity);
        Self {
            registry: Registry::new(config, identity, database, Vec::new()),
            now: 0,
        }
    }
    /// So much time passes.
    pub(crate) fn wait(&mut self, time: Duration) -> Vec<Effect> {
        self.now += u64::try_from(time.as_micros()).unwrap();
        self.event(Event::Wake)
    }
    pub(crate) fn event(&mut self, event: Event) -> Vec<Effect> {
        self.now += 1000;
        let moment = Moment {
            now: Time::from_micros(self.now),
            wall: WallTime(1),
            dice: u128::from(self.now) << 70 | u128::from(self.now),
        };
        let effects = self.registry.handle(event, &moment);
        self.registry.check();
        effects
    }
    pub(crate) fn link(&mut self, name: &str) -> Vec<Effect> {
        self.event(Event::Linked { card: card(name) })
    }
    pub(crate) fn says(&mut self, name: &str, message: Message) -> Vec<Effect> {
        self.event(Event::Message {
            from: peer(name),
            message: Box::new(message),
        })
    }
    /// The answer to a client's request; there must be one at once.
    pub(crate) fn ask(&mut self, request: Request) -> Response {
        let effects = self.event(Event::Request {
            to: ReplyTo(self.now),
            actor: "test".to_owned(),
            deadline: Duration::from_secs(1),
            request: Box::new(request),
        });
        let reply = effects.into_iter().find_map(|effect| match effect {
            Effect::Reply { response, .. } => Some(response),
            _ => None,
        });
        reply.expect("an answer at once")
    }
    /// What this registry tells of itself.
    pub(crate) fn status(&self) -> crate::pure::protocol::Status {
        self.registry.status()
    }
}
