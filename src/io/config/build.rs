//! From values in shape to the typed configuration: names, addresses, and what does not go together.

use super::fault::{Fault, Origin};
use super::layers::Values;
use super::schema::{self, Preset};
use super::sections::{Config, Format, Gossip, Http, Kind, Log, Node, OnStop, Peer, Registry};
use super::shape::Shaped;
use crate::pure::base::Address;
use crate::pure::membership::{PeerKind, Role};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// Builds the configuration. `None` exactly when `faults` holds something afterwards.
pub(super) fn build(
    values: &Values,
    whole: &Origin,
    wanted: Option<PeerKind>,
    faults: &mut Vec<Fault>,
) -> Option<Config> {
    let mut builder = Builder { values, whole, faults };
    let grid = builder.parse("grid");
    let peer = builder.peer();
    let http = builder.http();
    let gossip = builder.gossip();
    let kind = builder.kind(wanted, peer.as_ref().map(|peer| &peer.advertise));
    let log = builder.log();
    builder.check_exposure();
    faults.is_empty().then_some(())?;
    Some(Config {
        grid: grid?,
        peer: peer?,
        http,
        gossip: gossip?,
        kind: kind?,
        log: log?,
    })
}

struct Builder<'a> {
    values: &'a Values,
    /// The file as a whole: where a missing key would have stood.
    whole: &'a Origin,
    faults: &'a mut Vec<Fault>,
}

impl Builder<'_> {
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

    fn gossip(&mut self) -> Option<Gossip> {
        let key_file = self.text("gossip.key_file").map(PathBuf::from);
        if let Some(reason) = key_file.as_deref().and_then(key_file_fault) {
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
        registry.map(Kind::Registry).or(node.map(Kind::Node))
    }

    fn registry(&mut self) -> Option<Registry> {
        let role = self.text("registry.role").map(|role| match role.as_str() {
            "master" => Role::Master,
            _ => Role::Replica,
        });
        Some(Registry {
            role: role?,
            min_copies: self.count("registry.min_copies")?,
            copy_deadline: self.duration("registry.copy_deadline")?,
            discovery_window: self.duration("registry.discovery_window")?,
            log_keep: self.count("registry.log_keep")?,
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
        })
    }

    fn log(&mut self) -> Option<Log> {
        let level = self.text("log.level")?;
        if let Some(reason) = level.split(',').find_map(level_fault) {
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
        for path in ["peer.listen", "http.listen"] {
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

    /// The value of a key. A missing one that is required is a fault; a bad one has its fault already.
    fn get(&mut self, path: &'static str) -> Option<Shaped> {
        if let Some((value, _)) = self.values.get(path) {
            return value.clone();
        }
        if let Some(key) = schema::find(path).filter(|key| key.preset == Preset::Required) {
            let message = format!("missing: {}", key.help);
            self.faults.push(Fault::new(self.whole.clone(), path, message));
        }
        None
    }
    fn text(&mut self, path: &'static str) -> Option<String> {
        match self.get(path)? {
            Shaped::Text(text) => Some(text),
            _ => None,
        }
    }
    fn count(&mut self, path: &'static str) -> Option<u64> {
        match self.get(path)? {
            Shaped::Count(number) => Some(number),
            _ => None,
        }
    }
    fn duration(&mut self, path: &'static str) -> Option<Duration> {
        match self.get(path)? {
            Shaped::Duration(span) => Some(span),
            _ => None,
        }
    }
    fn switch(&mut self, path: &'static str) -> Option<bool> {
        match self.get(path)? {
            Shaped::Switch(switch) => Some(switch),
            _ => None,
        }
    }
    fn parse<T: FromStr<Err: std::fmt::Display>>(&mut self, path: &'static str) -> Option<T> {
        let text = self.text(path)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let origin = self.origin(path);
                self.faults.push(Fault::new(origin, path, error.to_string()));
                None
            }
        }
    }
    fn origin(&self, path: &str) -> Origin {
        self.values
            .get(path)
            .map_or_else(|| self.whole.clone(), |(_, origin)| origin.clone())
    }
}

/// Why a key file is no good: absent, or open to people whom it does not concern.
fn key_file_fault(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let shown = path.display();
    match std::fs::metadata(path) {
        Err(error) => Some(format!("failed to look at {shown}: {error}")),
        Ok(metadata) if !metadata.is_file() => Some(format!("{shown} is no file")),
        Ok(metadata) if metadata.permissions().mode() & 0o027 != 0 => Some(format!(
            "{shown} has mode {:04o}: a key must be closed to others and not writable by its group; chmod 0600 {shown}",
            metadata.permissions().mode() & 0o7777
        )),
        Ok(_) => None,
    }
}

/// Why one directive of `log.level` is no good. The filter itself would take `inof` for the name of a module.
fn level_fault(directive: &str) -> Option<String> {
    let (module, level) = directive.trim().rsplit_once('=').unwrap_or(("floe", directive.trim()));
    let known = ["off", "error", "warn", "info", "debug", "trace"].contains(&level);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    if known && !module.is_empty() && module.chars().all(plain) {
        return None;
    }
    Some(format!(
        "{directive:?} is neither off, error, warn, info, debug or trace nor MODULE=LEVEL"
    ))
}
