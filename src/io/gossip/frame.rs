//! The clear part of a gossip packet. What follows it is chunk data, sealed or plain.
//!
//! ```text
//! magic(2) version(1) kind(1) key(1) grid(8) sender(8) to(7 or 19)   the header: authenticated in a sealed packet
//! nonce(24)                                                           sealed packets only
//! generation(8) counter(8) index(1) count(1) data                     sealed together with the data
//! tag(16)                                                             sealed packets only
//! ```
//! Integers are big-endian. `counter` counts packets of one sender, so the chunks of one message carry consecutive ones.

use super::tally::Reason;
use crate::pure::base::{GridName, InstanceId};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Longest packet, in bytes: below every usual path MTU, so that the network need not fragment.
pub(super) const PACKET_BYTES_MAX: usize = 1_200;
/// Longest header, nonce, counters and tag, in bytes.
pub(super) const OVERHEAD_BYTES_MAX: usize = 40 + 24 + COUNTERS_BYTES + 16;
/// Generation, counter, index and count, in bytes.
const COUNTERS_BYTES: usize = 18;
const MAGIC: [u8; 2] = *b"fG";
const VERSION: u8 = 1;

/// Who sent a packet, to whom, and how it is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The key that seals it; `None` for a plain packet.
    pub(super) key: Option<u8>,
    /// The grid, digested.
    pub(super) grid: u64,
    /// The sender's data folder and address, digested.
    pub(super) sender: u64,
    /// The address that it was sent to.
    pub(super) to: SocketAddr,
}

/// Which packet of its sender it is, and which part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counters {
    /// The sender's boot counter.
    pub(super) generation: u64,
    /// Counts the sender's packets from 1.
    pub(super) counter: u64,
    /// The chunk's place, from 0.
    pub(super) index: u8,
    /// How many chunks make the message.
    pub(super) count: u8,
}

/// A grid's name in eight bytes.
pub(super) fn grid_tag(grid: &GridName) -> u64 {
    let digest = blake3::hash(grid.as_str().as_bytes());
    first_eight(digest.as_bytes())
}

/// A data folder at an address, in eight bytes: a copied folder that runs elsewhere is another sender.
pub(super) fn sender_tag(instance: InstanceId, advertise: SocketAddr) -> u64 {
    let text = format!("{instance} {advertise}");
    first_eight(blake3::hash(text.as_bytes()).as_bytes())
}

/// The address as others write it: IPv4 also where the socket says IPv6.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Header {
    /// Appends the header.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.push(VERSION);
        out.push(u8::from(self.key.is_some()));
        out.push(self.key.unwrap_or(0));
        out.extend_from_slice(&self.grid.to_be_bytes());
        out.extend_from_slice(&self.sender.to_be_bytes());
        match self.to.ip() {
            IpAddr::V4(ip) => {
                out.push(4);
                out.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                out.push(6);
                out.extend_from_slice(&ip.octets());
            }
        }
        out.extend_from_slice(&self.to.port().to_be_bytes());
    }

    /// The header of a packet, its own bytes, and what follows them.
    pub(super) fn read(packet: &[u8]) -> Result<(Self, &[u8], &[u8]), Reason> {
        if packet.len() > PACKET_BYTES_MAX {
            return Err(Reason::Size);
        }
        let rest = packet.strip_prefix(&MAGIC).ok_or(Reason::Frame)?;
        let ([version, kind, key], rest) = take(rest)?;
        if version != VERSION || kind > 1 {
            return Err(Reason::Frame);
        }
        let (grid, rest) = take(rest)?;
        let (sender, rest) = take(rest)?;
        let ([family], rest) = take(rest)?;
        let (ip, rest) = match family {
            4 => take(rest).map(|(octets, rest)| (IpAddr::from(Ipv4Addr::from(octets)), rest))?,
            6 => take::<16>(rest).map(|(octets, rest)| (IpAddr::from(Ipv6Addr::from(octets)), rest))?,
            _ => return Err(Reason::Frame),
        };
        let (port, rest) = take(rest)?;
        let header = Self {
            key: (kind == 1).then_some(key),
            grid: u64::from_be_bytes(grid),
            sender: u64::from_be_bytes(sender),
            to: SocketAddr::new(ip, u16::from_be_bytes(port)),
        };
        let own = packet.get(..packet.len() - rest.len()).unwrap_or_default();
        Ok((header, own, rest))
    }
}

impl Counters {
    /// Appends the counters.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.generation.to_be_bytes());
        out.extend_from_slice(&self.counter.to_be_bytes());
        out.extend_from_slice(&[self.index, self.count]);
    }

    /// The counters, and the data behind them.
    pub(super) fn read(body: &[u8]) -> Result<(Self, &[u8]), Reason> {
        let (generation, rest) = take(body)?;
        let (counter, rest) = take(rest)?;
        let ([index, count], data) = take(rest)?;
        let counters = Self {
            generation: u64::from_be_bytes(generation),
            counter: u64::from_be_bytes(counter),
            index,
            count,
        };
        Ok((counters, data))
    }
}

/// The first `N` bytes, and the rest.
pub(super) fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), Reason> {
    let (first, rest) = bytes.split_first_chunk().ok_or(Reason::Frame)?;
    Ok((*first, rest))
}

fn first_eight(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_counters_survive_and_fit() {
        for (key, to) in [
            (None, "127.0.0.1:1"),
            (Some(9), "[2001:db8::1]:65535"),
            (Some(0), "10.0.0.1:7"),
        ] {
            let header = Header {
                key,
                grid: grid_tag(&"shop".parse().unwrap()),
                sender: sender_tag(InstanceId::from_bits(5), ([10, 0, 0, 1], 1).into()),
                to: to.parse().unwrap(),
            };
            let counters = Counters {
                generation: 3,
                counter: u64::MAX,
                index: 4,
                count: 5,
            };
            let mut packet = Vec::new();
            header.write(&mut packet);
            let length = packet.len();
            counters.write(&mut packet);
            assert!(packet.len() + 24 + 16 <= OVERHEAD_BYTES_MAX);
            packet.extend_from_slice(b"data");
            let (read, own, rest) = Header::read(&packet).unwrap();
            assert_eq!((read, own.len()), (header, length));
            assert_eq!(Counters::read(rest).unwrap(), (counters, b"data".as_slice()));
            for cut in 0..length {
                assert_eq!(Header::read(&packet[..cut]), Err(Reason::Frame), "cut at {cut}");
            }
        }
        assert_eq!(Header::read(&[0; PACKET_BYTES_MAX + 1]), Err(Reason::Size));
    }
}
