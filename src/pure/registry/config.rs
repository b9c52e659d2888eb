//! How a registry was started.

use super::initialisation::Initdb;
use crate::pure::allocation::{Allocator, Random};
use crate::pure::base::{Address, GridName};
use crate::pure::lineage::rules::Rules;
use crate::pure::lineage::sight::Sight;
use crate::pure::membership::{PeerCard, Role};
use std::sync::Arc;
use std::time::Duration;

/// How a registry was started.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who and where it is.
    pub card: PeerCard,
    /// The grid.
    pub grid: GridName,
    /// The role that the configuration gives.
    pub role: Role,
    /// `--promote`: lead, whatever the role was before.
    pub promote: bool,
    /// `--accept-loss`.
    pub accept_loss: bool,
    /// `--force`.
    pub force: bool,
    /// `--readonly`: look first, lead and follow nobody.
    pub readonly: bool,
    /// `--alone`: lead although too few others are in sight.
    pub alone: bool,
    /// How many of the other registries a master must be in contact with.
    pub sight: Sight,
    /// Lead only when completeness is proven.
    pub require_proof: bool,
    /// `--initdb-from-replica`: before anything else, take the database of another registry.
    pub initdb: Option<Initdb>,
    /// Registries that must have an update on disk before it is acknowledged, this one included. At least 1.
    pub min_copies: u64,
    /// How long an update waits for attached replicas.
    pub copy_deadline: Duration,
    /// How long a survey waits for silent peers.
    pub discovery_window: Duration,
    /// Log entries kept.
    pub log_keep: u64,
    /// Where to look for peers.
    pub locator: Vec<Address>,
    /// Who chooses what a session is given.
    pub allocator: Arc<dyn Allocator>,
    /// All of them, but in a test.
    pub rules: Rules,
}

impl Config {
    /// A replica with every default of the configuration, that looks for peers nowhere.
    pub fn new(card: PeerCard, grid: GridName) -> Self {
        Self {
            card,
            grid,
            role: Role::Replica,
            promote: false,
            accept_loss: false,
            force: false,
            readonly: false,
            alone: false,
            sight: Sight::default(),
            require_proof: false,
            initdb: None,
            min_copies: 1,
            copy_deadline: Duration::from_secs(2),
            discovery_window: Duration::from_secs(3),
            log_keep: 10_000,
            locator: Vec::new(),
            allocator: Arc::new(Random),
            rules: Rules::default(),
        }
    }
}
