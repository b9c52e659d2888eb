//! An operator's order to promote this registry, while it is carried out.

use super::effect::ReplyTo;
use crate::pure::base::{PeerName, Time};
use crate::pure::lineage::Epoch;
use crate::pure::protocol::report::PromotionReport;
use std::collections::BTreeSet;

/// The order and how far it has come.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// Who waits for the outcome; nobody after a restart.
    pub(super) to: Vec<ReplyTo>,
    pub(super) dry_run: bool,
    pub(super) accept_loss: bool,
    pub(super) force: bool,
    pub(super) stage: Stage,
    /// It asked around by itself when the order came, and goes on with that when the order comes to nothing.
    pub(super) asked_around: bool,
    /// What is told about it so far.
    pub(super) report: PromotionReport,
}

impl Order {
    /// After a restart: promises were asked for already, and nobody waits for the outcome.
    pub(super) fn resumed(name: &PeerName) -> Self {
        let registry = name.to_string();
        Self {
            to: Vec::new(),
            dry_run: false,
            accept_loss: false,
            force: false,
            stage: Stage::Promising,
            asked_around: true,
            report: PromotionReport {
                registry,
                ..PromotionReport::default()
            },
        }
    }
}

/// How far an order has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Asks around, without promises; goes on following meanwhile.
    Asking {
        /// Peers that have not answered.
        waiting: BTreeSet<PeerName>,
        until: Time,
    },
    /// The master was asked to stop writing and to hand over.
    HandingOver {
        master: PeerName,
        epoch: Epoch,
        until: Time,
    },
    /// A candidate: see the seat.
    Promising,
    /// Reigns; the reign's first entry and those who promised are awaited.
    Settling { until: Time },
}

/// A reign that was handed over, until its successor claims.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandedOver {
    /// What the successor drew, as far as is known.
    pub(super) epoch: Epoch,
    /// It said so itself; else another peer had promised it already, and was heard first.
    pub(super) own_word: bool,
    pub(super) since: Time,
}
