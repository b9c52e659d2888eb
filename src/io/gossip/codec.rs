//! Messages to packets and back: everything between chitchat's bytes and the socket, without either.
//!
//! Out: compress, split, seal. In, cheapest check first: rate, header, grid, seal, destination, replay, join, inflate,
//! validate. One packet can fail each step; it is then dropped, and nothing of it stays.

use super::chunk::{self, Reassembly};
use super::frame::{self, Counters, Header};
use super::rate::Rates;
use super::roster::{MESSAGE_BYTES_MAX, Roster};
use super::seal::{Ring, Seen};
use super::settings::Settings;
use super::tally::{Reason, Tally};
use super::validate::{self, Checked, Rules};
use super::zip::{Deflater, Inflater};
use crate::pure::base::{InstanceId, Time};
use chitchat::ChitchatId;
use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Local addresses that are remembered as such, where the socket listens on all of them.
const LOCAL_MAX: usize = 16;

/// One peer's side of the packet format. It outlives chitchat's breakdowns, so that its memory of packets does.
pub(super) struct Codec {
    ring: Ring,
    grid: u64,
    sender: u64,
    generation: u64,
    counter: u64,
    here: Here,
    rates: Rates,
    seen: Seen,
    reassembly: Reassembly,
    /// Who chitchat knows.
    pub(super) roster: Roster,
    /// Who we are.
    pub(super) rules: Rules,
    deflater: Deflater,
    /// For messages, and for the deltas in them.
    messages: Inflater,
    deltas: Inflater,
    tally: Arc<Tally>,
}

impl Codec {
    /// The codec of a peer whose socket is bound to `bound`. Fails only without memory for the compression.
    pub(super) fn new(
        settings: &Settings,
        instance: InstanceId,
        bound: SocketAddr,
        tally: Arc<Tally>,
    ) -> std::io::Result<Self> {
        let own = ChitchatId::new(settings.name.as_str(), settings.generation, settings.advertise);
        Ok(Self {
            ring: Ring::new(&settings.keys, settings.grid.clone()),
            grid: frame::grid_tag(&settings.grid),
            sender: frame::sender_tag(instance, settings.advertise),
            generation: settings.generation,
            counter: 0,
            here: Here {
                advertise: frame::canonical(settings.advertise),
                bound: frame::canonical(bound),
                local: BTreeSet::new(),
            },
            rates: Rates::default(),
            seen: Seen::default(),
            reassembly: Reassembly::default(),
            roster: Roster::default(),
            rules: Rules {
                grid: settings.grid.clone(),
                own,
                heartbeat: 0,
            },
            deflater: Deflater::new()?,
            messages: Inflater::new()?,
            deltas: Inflater::new()?,
            tally,
        })
    }

    /// The packets of a message. `dice` are fresh random bits for the nonces.
    pub(super) fn pack(&mut self, dice: u128, to: SocketAddr, message: &[u8]) -> Result<Vec<Vec<u8>>, Reason> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(Reason::Unsent);
        }
        let small = self.deflater.deflate(message)?;
        self.wrap(dice, to, &small)
    }

    /// The packets of a message that is compressed.
    fn wrap(&mut self, dice: u128, to: SocketAddr, small: &[u8]) -> Result<Vec<Vec<u8>>, Reason> {
        let chunks = chunk::split(small).ok_or(Reason::Unsent)?;
        let header = Header {
            key: self.ring.sealing(),
            grid: self.grid,
            sender: self.sender,
            to: frame::canonical(to),
        };
        let mut packets = Vec::with_capacity(chunks.len());
        for (index, count, data) in chunks {
            self.counter += 1;
            let counters = Counters {
                generation: self.generation,
                counter: self.counter,
                index,
                count,
            };
            let mut packet = Vec::with_capacity(frame::PACKET_BYTES_MAX);
            header.write(&mut packet);
            let mut body = Vec::with_capacity(frame::PACKET_BYTES_MAX);
            counters.write(&mut body);
            body.extend_from_slice(data);
            if header.key.is_some() {
                let sealed = self.ring.seal(&packet, nonce(dice, self.counter), &body)?;
                packet.extend_from_slice(&sealed);
            } else {
                packet.extend_from_slice(&body);
            }
            debug_assert!(packet.len() <= frame::PACKET_BYTES_MAX);
            packets.push(packet);
        }
        Ok(packets)
    }

    /// Takes one packet; the message when it is the last one missing.
    pub(super) fn unpack(&mut self, now: Time, source: SocketAddr, packet: &[u8]) -> Result<Option<Checked>, Reason> {
        self.rates.accept(now, source, packet.len())?;
        let (header, clear, rest) = Header::read(packet)?;
        if header.grid != self.grid {
            return Err(Reason::Grid);
        }
        if header.sender == self.sender {
            return Err(Reason::Own);
        }
        let body = self.ring.open(header.key, clear, rest)?;
        if !self.here.is_ours(header.to) {
            return Err(Reason::Destination);
        }
        let (counters, data) = Counters::read(&body)?;
        if header.key.is_some() {
            self.seen
                .accept(now, header.sender, counters.generation, counters.counter)?;
        }
        let joined = self.reassembly.accept(now, source, counters, data);
        for _ in 0..self.reassembly.take_lost() {
            self.tally.reject(Reason::Incomplete);
        }
        joined?.map(|message| self.read(&message)).transpose()
    }

    fn read(&mut self, compressed: &[u8]) -> Result<Checked, Reason> {
        let message = self.messages.inflate(compressed)?;
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(Reason::Inflate);
        }
        let checked = validate::check(message, &self.rules, &mut self.roster, &mut self.deltas)?;
        for _ in 0..checked.refused {
            self.tally.reject(Reason::Full);
        }
        Ok(checked)
    }
}
impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec")
            .field("ring", &self.ring)
            .finish_non_exhaustive()
    }
}

/// Never the same twice under one key: random for each message, counted within.
fn nonce(dice: u128, counter: u64) -> [u8; 24] {
    let mut nonce = [0; 24];
    let bytes = dice.to_be_bytes().into_iter().chain(counter.to_be_bytes());
    nonce.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    nonce
}

/// The addresses that are ours. A packet says where it was sent to, so that one to somebody else cannot be replayed to us.
#[derive(Debug)]
struct Here {
    advertise: SocketAddr,
    bound: SocketAddr,
    local: BTreeSet<IpAddr>,
}
impl Here {
    fn is_ours(&mut self, to: SocketAddr) -> bool {
        if to == self.advertise || to == self.bound {
            return true;
        }
        if to.port() != self.bound.port() || !self.bound.ip().is_unspecified() {
            return false;
        }
        if self.local.contains(&to.ip()) {
            return true;
        }
        // Only an address of this machine can be bound; asked once for each, behind the seal and the rate.
        let local = std::net::UdpSocket::bind((to.ip(), 0)).is_ok();
        if local && self.local.len() < LOCAL_MAX {
            self.local.insert(to.ip());
        }
        local
    }
}

#[cfg(test)]
#[path = "codec_test.rs"]
mod tests;
