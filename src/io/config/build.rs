//! From values in shape to the typed configuration: names, addresses, and what does not go together.

use super::allocation::Allocation;
use super::checks;
use super::fault::{Fault, Origin};
use super::getters::Getters;
use super::layers::Values;
use super::sections::{Config, Dns, Format, Gossip, Http, Kind, Log, Node, OnStop, Peer, Registry};
use super::shape::Shaped;
use crate::pure::allocation::allocator::{BUILT_IN, built_in};
use crate::pure::base::Address;
use crate::pure::lineage::sight::Sight;
use crate::pure::membership::{PeerKind, Role};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Builds the configuration. `None` exactly when `faults` holds something afterwards.
pub(super) fn build(
    values: &Values,
    whole: &Origin,
    wanted: Option<PeerKind>,
    faults: &mut Vec<Fault>,
) -> Option<Config> {
    let mut getters = Getters { values, whole, faults };
    let grid = getters.parse("grid");
    let peer = getters.peer();
    let http = getters.http();
    let dns = getters.dns();
    let gossip = getters.gossip();
    let kind = getters.kind(wanted, peer.as_ref().map(|peer| &peer.advertise));
    let log = getters.log();
    getters.check_exposure();
    faults.is_empty().then_some(())?;
    Some(Config {
        grid: grid?,
        peer: peer?,
        http,
        dns,
        gossip: gossip?,
        kind: kind?,
        log: log?,
    })
}

impl Getters<'_> {
    fn peer(&mut self) -> Option<Peer> {
        let name = self.parse("peer.name");
        let listen: Option<Address> = self.parse("peer.listen");
        let advertise = self.advertise(listen.as_ref());
        let data = self.text("peer.data").map(PathBuf::from);
        let locator = self.locator();
        Some(Peer {
            name: name?,
            listen: listen?,
            advertise: advertise?,
            data: data?,
            locator: locator?,
        })
    }

    fn advertise(&mut self, listen: Option<&Address>) -> Option<Address> {
        let Some(written) = self.values.get("peer.advertise") else {
            let listen = listen?;
            if listen.is_unspecified() {
                let origin = self.origin("peer.listen");
                let message = format!("missing: {listen} tells other peers nothing; write an address that they reach");
                self.faults.push(Fault::new(origin, "peer.advertise", message));
                return None;
            }
            return Some(listen.clone());
        };
        let origin = written.1.clone();
        let advertise: Address = self.parse("peer.advertise")?;
        let message = if advertise.is_unspecified() {
            format!("{advertise} tells other peers nothing; write an address that they reach")
        } else if advertise.port() == 0 && listen.is_some_and(|listen| listen.port() != 0) {
            "port 0 is only for a peer that listens on port 0".to_owned()
        } else {
            return Some(advertise);
        };
        self.faults.push(Fault::new(origin, "peer.advertise", message));
        None
    }

    fn locator(&mut self) -> Option<Vec<Address>> {
        let (Some(Shaped::List(items)), origin) = self.values.get("peer.locator")? else {
            return None;
        };
        let mut addresses = Vec::new();
        for item in items {
            match item.parse::<Address>() {
                Ok(address) if address.port() == 0 => {
                    let message = format!("{address}: nobody answers on port 0");
                    self.faults.push(Fault::new(origin.clone(), "peer.locator", message));
                }
                Ok(address) => addresses.push(address),
                Err(error) => self
                    .faults
                    .push(Fault::new(origin.clone(), "peer.locator", error.to_string())),
            }
        }
        (addresses.len() == items.len()).then_some(addresses)
    }

    fn http(&mut self) -> Option<Http> {
        if let Some(origin) = self.values.sections.get("http")
            && self.values.get("http.listen").is_none()
        {
            let message = "missing: write it, or leave [http] out to serve no HTTP";
            self.faults.push(Fault::new(origin.clone(), "http.listen", message));
        }
        self.parse("http.listen").map(|listen| Http { listen })
    }

    fn dns(&mut self) -> Option<Dns> {
        if let Some(origin) = self.values.sections.get("dns") {
            let fault = if self.values.sections.contains_key("node") {
                Some("a node answers no DNS: ask a registry, and leave [dns] out here")
            } else if self.values.get("dns.listen").is_none() {
                Some("missing: write it, or leave [dns] out to answer no DNS")
            } else {
                None
            };
            let fault = fault.map(|message| Fault::new(origin.clone(), "dns.listen", message));
            self.faults.extend(fault);
        }
        let ttl = self.duration("dns.ttl");
        let listen = self.parse("dns.listen")?;
        ttl.map(|ttl| Dns { listen, ttl })
    }

    fn gossip(&mut self) -> Option<Gossip> {
        let key_file = self.text("gossip.key_file").map(PathBuf::from);
        if let Some(reason) = key_file.as_deref().and_then(checks::key_file) {
            let origin = self.origin("gossip.key_file");
            self.faults.push(Fault::new(origin, "gossip.key_file", reason));
        }
        Some(Gossip {
            interval: self.duration("gossip.interval")?,
            key_file,
            insecure: self.switch("gossip.insecure")?,
        })
    }

    fn kind(&mut self, wanted: Option<PeerKind>, advertise: Option<&Address>) -> Option<Kind> {
        let opened = |section| self.values.sections.get(section).cloned();
        let (registry, node) = (opened("registry"), opened("node"));
        let mut refuse = |origin: &Origin, key: &str, message: String| {
            self.faults.push(Fault::new(origin.clone(), key, message));
        };
        match (&registry, &node, wanted) {
            (Some(here), Some(there), _) => refuse(
                there,
                "node",
                format!("a peer is a registry or a node: [registry] is here too ({here})"),
            ),
            (None, None, Some(PeerKind::Registry)) => {
                refuse(
                    self.whole,
                    "registry",
                    "missing: a registry needs a section [registry], even an empty one".to_owned(),
                );
            }
            (None, None, Some(PeerKind::Node)) => {
                refuse(
                    self.whole,
                    "node",
                    "missing: a node needs a section [node], even an empty one".to_owned(),
                );
            }
            (None, None, None) => {
                refuse(
                    self.whole,
                    "",
                    "wants a section [registry] or [node], even an empty one".to_owned(),
                );
            }
            (Some(here), None, Some(PeerKind::Node)) => refuse(
                here,
                "registry",
                "this peer is a registry: start it with `floe registry run`, or write [node] instead".to_owned(),
            ),
            (None, Some(here), Some(PeerKind::Registry)) => refuse(
                here,
                "node",
                "this peer is a node: start it with `floe node run`, or write [registry] instead".to_owned(),
            ),
            _ => {}
        }
        let registry = registry.and_then(|_| self.registry());
        let node = node.and_then(|_| self.node(advertise));
        if let Some(origin) = self.values.sections.get("allocation").filter(|_| node.is_some()) {
            let message = "a node allocates nothing: a registry does, leave [allocation] out here";
            self.faults.push(Fault::new(origin.clone(), "allocation", message));
        }
        registry.map(Kind::Registry).or(node.map(Kind::Node))
    }

    fn registry(&mut self) -> Option<Registry> {
        let role = self.text("registry.role").map(|role| match role.as_str() {
            "master" => Role::Master,
            _ => Role::Replica,
        });
        let allocation = self.allocation();
        Some(Registry {
            role: role?,
            allocation: allocation?,
            min_copies: self.count("registry.min_copies")?,
            copy_deadline: self.duration("registry.copy_deadline")?,
            discovery_window: self.duration("registry.discovery_window")?,
            log_keep: self.count("registry.log_keep")?,
            require_proof: self.text("registry.promote_requires")? == "proven",
            sight: match self.text("registry.sight")?.as_str() {
                "any" => Sight::Any,
                "off" => Sight::Off,
                _ => Sight::Majority,
            },
        })
    }

    fn allocation(&mut self) -> Option<Allocation> {
        let plugins = match self.get("allocation.plugin") {
            Some(Shaped::Plugins(plugins)) => plugins,
            // Which there are is not known, so nothing is said of a policy that is not among them.
            _ if self.values.get("allocation.plugin").is_some() => return None,
            _ => BTreeMap::new(),
        };
        let policy = self.text("allocation.policy")?;
        if built_in(&policy).is_none() && !plugins.contains_key(&policy) {
            let known = plugins.keys().map(String::as_str).chain(BUILT_IN);
            let message = format!(
                "{policy:?} is no built-in and there is no [allocation.plugin.{policy}]; known are {}",
                known.collect::<Vec<_>>().join(", ")
            );
            let origin = self.origin("allocation.policy");
            self.faults.push(Fault::new(origin, "allocation.policy", message));
            return None;
        }
        Some(Allocation {
            policy,
            fallback: self.text("allocation.fallback")?,
            deadline: self.duration("allocation.deadline")?,
            shadow: u32::try_from(self.count("allocation.shadow")?).unwrap_or(u32::MAX),
            plugins,
        })
    }

    fn node(&mut self, advertise: Option<&Address>) -> Option<Node> {
        let host = if self.values.get("node.host").is_some() {
            self.text("node.host")
        } else {
            advertise.map(|address| address.host().to_owned())
        };
        let on_stop = self.text("node.on_stop").map(|word| match word.as_str() {
            "stop" => OnStop::Stop,
            _ => OnStop::Leave,
        });
        Some(Node {
            host: host?,
            on_stop: on_stop?,
            labels: match self.get("node.labels") {
                Some(Shaped::Labels(labels)) => labels,
                _ => BTreeMap::new(),
            },
            load_factor: match self.get("node.load_factor") {
                Some(Shaped::Ratio(thousandths)) => Some(thousandths),
                _ => None,
            },
            user: self.values.get("node.user").and_then(|_| self.text("node.user")),
            allow_root: self.switch("node.allow_root")?,
        })
    }

    fn log(&mut self) -> Option<Log> {
        let level = self.text("log.level")?;
        if let Some(reason) = level.split(',').find_map(checks::level) {
            let origin = self.origin("log.level");
            self.faults.push(Fault::new(origin, "log.level", reason));
            return None;
        }
        let format = match self.text("log.format")?.as_str() {
            "json" => Format::Json,
            _ => Format::Text,
        };
        Some(Log { level, format })
    }

    /// There is no TLS yet: what is reachable from elsewhere must be wanted in writing.
    fn check_exposure(&mut self) {
        if self.switch("gossip.insecure") != Some(false) {
            return;
        }
        for path in ["peer.listen", "http.listen", "dns.listen"] {
            let Some((Some(Shaped::Text(text)), origin)) = self.values.get(path) else {
                continue;
            };
            let open = text.parse::<Address>().is_ok_and(|address| !address.is_loopback());
            if open {
                let message = format!(
                    "{text} is not loopback and there is no TLS: anybody who reaches it could command this peer; \
                     listen on loopback, or accept that with gossip.insecure = true"
                );
                self.faults.push(Fault::new(origin.clone(), path, message));
            }
        }
    }
}
