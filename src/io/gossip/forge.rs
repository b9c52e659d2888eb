//! chitchat messages put together by hand, good and bad ones, for tests.

use chitchat::{ChitchatId, Serializable};

/// One operation of a delta.
#[derive(Clone, Debug)]
pub(in crate::io::gossip) enum Op {
    /// Identity, collected, from.
    Node(ChitchatId, u64, u64),
    /// Key, value, version, status.
    Set(String, String, u64, u8),
    /// Max version.
    Max(u64),
}

/// Identity, heartbeat, collected, max version.
pub(in crate::io::gossip) type Entry = (ChitchatId, u64, u64, u64);

pub(in crate::io::gossip) fn id(name: &str, generation: u64) -> ChitchatId {
    ChitchatId::new(name, generation, ([127, 0, 0, 1], 7_401).into())
}

pub(in crate::io::gossip) fn syn(entries: &[Entry], grid: &str) -> Vec<u8> {
    let mut out = header(0);
    digest(&mut out, entries);
    grid.serialize(&mut out);
    out
}

pub(in crate::io::gossip) fn syn_ack(entries: &[Entry], ops: &[Op]) -> Vec<u8> {
    let mut out = header(1);
    digest(&mut out, entries);
    out.extend(plain_delta(ops));
    out
}

pub(in crate::io::gossip) fn ack(ops: &[Op]) -> Vec<u8> {
    [header(2), plain_delta(ops)].concat()
}

pub(in crate::io::gossip) fn header(kind: u8) -> Vec<u8> {
    let mut out = 45_139_u16.to_le_bytes().to_vec();
    out.extend([0, kind]);
    out
}

fn digest(out: &mut Vec<u8>, entries: &[Entry]) {
    u16::try_from(entries.len()).unwrap().serialize(out);
    for (id, heartbeat, collected, version) in entries {
        id.serialize(out);
        for number in [heartbeat, collected, version] {
            number.serialize(out);
        }
    }
}

/// The operations in blocks that are not compressed.
fn plain_delta(ops: &[Op]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for op in ops {
        match op {
            Op::Node(id, collected, from) => {
                bytes.push(0);
                id.serialize(&mut bytes);
                collected.serialize(&mut bytes);
                from.serialize(&mut bytes);
            }
            Op::Set(key, value, version, status) => {
                bytes.push(1);
                key.serialize(&mut bytes);
                value.serialize(&mut bytes);
                version.serialize(&mut bytes);
                bytes.push(*status);
            }
            Op::Max(version) => {
                bytes.push(2);
                version.serialize(&mut bytes);
            }
        }
    }
    let mut out = Vec::new();
    for block in bytes.chunks(16_384) {
        out.push(2);
        u16::try_from(block.len()).unwrap().serialize(&mut out);
        out.extend_from_slice(block);
    }
    out.push(0);
    out
}
