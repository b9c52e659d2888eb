//! What every daemon stands on: its data folder, its identity, its ports. All of it is had before anything is said, so a
//! daemon that cannot run ends without a trace in the grid.

use super::failure::Failure;
use crate::io::config::Config;
use crate::io::gossip::{Gossip, Key, Settings};
use crate::io::store::{Folder, IdentityFile, Owner, remembered};
use crate::pure::base::Address;
use crate::pure::membership::{Change, Identity, PeerCard, Record, Remembered, Target};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

/// How often a port is tried that must be free for TCP and for UDP at once, when the system may choose it.
const PORT_TRIES: usize = 32;

/// The ground.
#[derive(Debug)]
pub struct Ground {
    /// The data folder, locked.
    pub folder: Folder,
    /// The identity file; shared with gossip, which counts a start of its own after a break-down.
    pub identity: SharedIdentity,
    /// Who this peer is and where, with the ports that it really has.
    pub card: PeerCard,
    /// Where control connections come in.
    pub control: TcpListener,
    /// Where gossip comes in, on the same port number.
    pub gossip: std::net::UdpSocket,
    /// Where HTTP comes in.
    pub http: Option<TcpListener>,
    /// Peers that were met before.
    pub remembered: Vec<Remembered>,
}

impl Ground {
    /// Takes all of it, or nothing.
    ///
    /// # Errors
    /// [`Failure`] with the exit codes 73, 75, 77 for the folder and 1 for the ports.
    pub async fn take(config: &Config) -> Result<Self, Failure> {
        let data = &config.peer.data;
        let command = std::env::args().collect::<Vec<_>>().join(" ");
        let opening = || format!("open the data folder {}", data.display());
        let folder = Folder::open(data, &command).map_err(|error| Failure::new(opening(), error.exit_code(), error))?;
        let owner = Owner {
            grid: config.grid.clone(),
            name: config.peer.name.clone(),
            kind: config.kind.of(),
        };
        let file = IdentityFile::load_or_create(&folder, &owner);
        let mut file = file.map_err(|error| Failure::new(opening(), error.exit_code(), error))?;
        let identity = file
            .count_start()
            .map_err(|error| Failure::new(opening(), error.exit_code(), error))?;
        let (control, gossip) = bind_pair(&config.peer.listen).await?;
        let http = match &config.http {
            Some(http) => Some(bind_http(&http.listen).await?),
            None => None,
        };
        let port = control
            .local_addr()
            .map_err(Failure::at("read the own address"))?
            .port();
        let listen_port = config.peer.listen.port();
        let advertise = &config.peer.advertise;
        let address = if advertise.port() == 0 || advertise.port() == listen_port {
            advertise.with_port(port)
        } else {
            advertise.clone()
        };
        let http_address = match &http {
            Some(listener) => Some(public_http(listener, advertise).map_err(Failure::at("read the own HTTP address"))?),
            None => None,
        };
        let card = PeerCard {
            name: config.peer.name.clone(),
            kind: config.kind.of(),
            instance: identity.instance,
            generation: identity.generation,
            address,
            http: http_address,
        };
        let remembered = remembered::load(&folder.remembered());
        Ok(Self {
            folder,
            identity: SharedIdentity(Arc::new(Mutex::new(file))),
            card,
            control,
            gossip,
            http,
            remembered,
        })
    }
}

/// The identity file, shared between the loop and gossip's supervisor.
#[derive(Clone, Debug)]
pub struct SharedIdentity(Arc<Mutex<IdentityFile>>);

impl SharedIdentity {
    /// What the file holds.
    pub fn get(&self) -> Identity {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).identity().clone()
    }
    /// Saves what the core decided; the boot counter stays the file's own, gossip may have raised it.
    ///
    /// # Errors
    /// The disk failed: the process must end.
    pub fn save(&self, identity: &Identity) -> Result<(), Failure> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = file.identity().generation.max(identity.generation);
        let identity = Identity {
            generation,
            ..identity.clone()
        };
        file.save(&identity).map_err(Failure::at("save the identity"))
    }
    /// A boot counter that is on disk. When the disk fails, the one in memory goes on: gossip is a hint.
    fn next_generation(&self) -> u64 {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fallback = file.identity().generation.saturating_add(1);
        file.count_start().map_or(fallback, |identity| identity.generation)
    }
}

/// Starts gossip on its socket.
///
/// # Errors
/// A key file that cannot be read or understood, or a socket that will not do.
pub async fn start_gossip(
    config: &Config,
    card: &PeerCard,
    socket: std::net::UdpSocket,
    identity: &SharedIdentity,
    first: Record,
) -> Result<(Gossip, mpsc::Receiver<Vec<Change>>), Failure> {
    let keys = match &config.gossip.key_file {
        Some(file) => read_keys(file)?,
        None => Vec::new(),
    };
    let advertise = resolve(&card.address).await;
    let advertise = advertise.ok_or_else(|| {
        Failure::new(
            "start gossip",
            78,
            format!(
                "peer.advertise = {:?} is no address that can be resolved",
                card.address.to_string()
            ),
        )
    })?;
    let mut settings = Settings::new(config.grid.clone(), card.name.clone(), card.generation, advertise, keys);
    settings.interval = config.gossip.interval;
    let (sender, changes) = mpsc::channel(64);
    let identity = identity.clone();
    let gossip = Gossip::start(socket, settings, first, sender, move || identity.next_generation()).await;
    Ok((gossip.map_err(Failure::at("start gossip"))?, changes))
}

/// Lets gossip greet the latest targets, in a task of its own: a host name that resolves slowly must not hold the loop up.
/// The task ends with the sender.
pub fn greet(gossip: Arc<Gossip>) -> watch::Sender<Vec<Target>> {
    let (sender, mut targets) = watch::channel(Vec::new());
    tokio::spawn(async move {
        while targets.changed().await.is_ok() {
            let latest: Vec<Target> = targets.borrow_and_update().clone();
            let mut addresses = Vec::new();
            for target in latest {
                addresses.extend(resolve(&target.address).await);
            }
            gossip.meet(addresses);
        }
    });
    sender
}

fn read_keys(file: &Path) -> Result<Vec<Key>, Failure> {
    let step = || format!("read the gossip keys in {}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| Failure::new(step(), 78, error))?;
    Key::parse(&text).map_err(|error| Failure::new(step(), 78, error))
}

/// A host and port as an address: literal at once, a name by the system's resolver.
async fn resolve(address: &Address) -> Option<SocketAddr> {
    let text = address.to_string();
    if let Ok(literal) = text.parse() {
        return Some(literal);
    }
    let found = tokio::time::timeout(std::time::Duration::from_secs(2), tokio::net::lookup_host(text)).await;
    found.ok()?.ok()?.next()
}

/// TCP and UDP on one port number.
pub(super) async fn bind_pair(listen: &Address) -> Result<(TcpListener, std::net::UdpSocket), Failure> {
    let mut last = None;
    for _ in 0..if listen.port() == 0 { PORT_TRIES } else { 1 } {
        let tcp = TcpListener::bind(listen.to_string()).await;
        let tcp = tcp.map_err(|error| Failure::new(format!("listen on tcp {listen}"), 1, error))?;
        let address = tcp.local_addr().map_err(Failure::at("read the own address"))?;
        match std::net::UdpSocket::bind(address) {
            Ok(udp) => return Ok((tcp, udp)),
            Err(error) => last = Some(Failure::new(format!("listen on udp {address}"), 1, error)),
        }
    }
    Err(last.unwrap_or_else(|| Failure::new(format!("listen on {listen}"), 1, "no port is free for both tcp and udp")))
}

async fn bind_http(listen: &Address) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(listen.to_string()).await;
    listener.map_err(|error| Failure::new(format!("listen on http {listen}"), 1, error))
}

/// The HTTP address that others reach: a listener on all addresses is told with the advertised host.
fn public_http(listener: &TcpListener, advertise: &Address) -> std::io::Result<Address> {
    let local = Address::from(listener.local_addr()?);
    Ok(if local.is_unspecified() {
        advertise.with_port(local.port())
    } else {
        local
    })
}
