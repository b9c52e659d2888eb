//! The first frame of each side: what we say, and why we would not talk. Refusals are sentences for the operator of the
//! other side.

use super::settings::Settings;
use crate::pure::base::Address;
use crate::pure::base::limits::HELLO_FRAME_BYTES_MAX;
use crate::pure::membership::PeerCard;
use crate::pure::protocol::hello::{PROTOCOL, PROTOCOL_MIN};
use crate::pure::protocol::{Hello, Who};
use crate::pure::wire::{encode, frame};

/// Longest refusal that we send, in characters: a hello is a small frame.
const REFUSAL_CHARS_MAX: usize = 2_000;

/// Our hello as a frame, with the reason when we will not talk.
pub(super) fn hello(settings: &Settings, refusal: Option<&str>) -> Vec<u8> {
    let hello = Hello {
        protocol: PROTOCOL,
        protocol_min: PROTOCOL_MIN,
        grid: Some(settings.grid.clone()),
        who: Who::Peer(settings.card.clone()),
        refusal: refusal.map(|text| text.chars().take(REFUSAL_CHARS_MAX).collect()),
    };
    frame(&encode(&hello), HELLO_FRAME_BYTES_MAX).expect("names and addresses are bounded, so is a hello")
}

/// Why we will not talk to who says `theirs`, before it is asked which links stand. `remote` is where it speaks from.
pub(super) fn refusal(settings: &Settings, theirs: &Hello, remote: &str) -> Option<String> {
    if theirs.protocol < PROTOCOL_MIN || theirs.protocol_min > PROTOCOL {
        return Some(format!(
            "no common protocol version: {} speaks {PROTOCOL_MIN} to {PROTOCOL}, the other side {} to {}",
            settings.card.name, theirs.protocol_min, theirs.protocol
        ));
    }
    let grid = &settings.grid;
    match (&theirs.grid, &theirs.who) {
        (Some(other), _) if other != grid => {
            return Some(format!(
                "{} belongs to grid {grid}, the other side to grid {other}",
                settings.card.name
            ));
        }
        (None, Who::Peer(card)) => return Some(format!("peer {} names no grid; this is grid {grid}", card.name)),
        _ => {}
    }
    match &theirs.who {
        Who::Peer(card) => own_name(settings, card, remote),
        Who::Client { .. } => None,
    }
}

/// Is it ourselves, or somebody with our name?
fn own_name(settings: &Settings, card: &PeerCard, remote: &str) -> Option<String> {
    if card.instance == settings.card.instance {
        return Some(format!("{} dialled itself", card.name));
    }
    (card.name == settings.card.name).then(|| clash(&settings.card, &settings.card.address.to_string(), card, remote))
}

/// Two data folders under one name: an error of the operator, told with both places.
pub(super) fn clash(live: &PeerCard, live_remote: &str, newcomer: &PeerCard, remote: &str) -> String {
    let place = |address: &Address, remote: &str| {
        let address = address.to_string();
        if address == remote {
            address
        } else {
            format!("{address} (connected from {remote})")
        }
    };
    format!(
        "the peer name {} is taken: instance {} of it lives at {}, instance {} at {} stays out; give one of them another \
         name",
        live.name,
        live.instance.short(),
        place(&live.address, live_remote),
        newcomer.instance.short(),
        place(&newcomer.address, remote),
    )
}
