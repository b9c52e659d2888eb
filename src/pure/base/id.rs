//! Newtypes for every identity. Past this file no bare `String` or `u128` names a thing.
//!
//! Names are checked where they enter (parse, deserialisation), so a held name is always valid.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use super::limits::{NAME_BYTES_MAX, PEER_NAME_BYTES_MAX};

/// Why a name was refused; the text says which rule it breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {name:?} {fault}")]
pub struct NameError {
    kind: &'static str,
    name: String,
    fault: &'static str,
}

/// `[A-Za-z0-9._-]`, 1 to 255 bytes, starts with a letter or digit (design, section 12).
fn check_name(kind: &'static str, name: &str) -> Result<(), NameError> {
    let fault = |fault| {
        Err(NameError {
            kind,
            name: name.chars().take(64).collect(),
            fault,
        })
    };
    if name.is_empty() {
        return fault("is empty");
    }
    if name.len() > NAME_BYTES_MAX {
        return fault("is longer than 255 bytes");
    }
    if !name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    {
        return fault("may hold only letters, digits, '.', '_' and '-'");
    }
    if !name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric) {
        return fault("must start with a letter or a digit");
    }
    Ok(())
}

/// `[a-z0-9-]`, 1 to 32 bytes, starts with a letter or digit: short, because every gossip digest carries it.
fn check_peer_name(kind: &'static str, name: &str) -> Result<(), NameError> {
    let fault = |fault| {
        Err(NameError {
            kind,
            name: name.chars().take(64).collect(),
            fault,
        })
    };
    if name.is_empty() {
        return fault("is empty");
    }
    if name.len() > PEER_NAME_BYTES_MAX {
        return fault("is longer than 32 bytes");
    }
    if !name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        return fault("may hold only small letters, digits and '-'");
    }
    if name.starts_with('-') {
        return fault("must start with a letter or a digit");
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                $check($kind, text)?;
                Ok(Self(text.into()))
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type!(
    /// The name of a grid: all peers with one name and one database.
    GridName, "grid name", check_peer_name
);
name_type!(
    /// The name of a peer, registry or node.
    PeerName, "peer name", check_peer_name
);
name_type!(
    /// The name of an application.
    ApplicationName, "application name", check_name
);
name_type!(
    /// The id of a server, unique in the grid.
    ServerId, "server id", check_name
);
name_type!(
    /// The id of an adapter, unique in the grid together with group ids.
    AdapterId, "adapter id", check_name
);
name_type!(
    /// The id of a replica group.
    GroupId, "group id", check_name
);
name_type!(
    /// The id of a well-known object.
    ObjectId, "object id", check_name
);

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// From 128 random bits, drawn by the shell.
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }
            /// The 16 bytes, big-endian.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }
            /// The first eight hexadecimal digits, for people.
            pub fn short(self) -> String {
                format!("{:08x}", self.0 >> 96)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.short())
            }
        }
        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                let bits = (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok()).flatten();
                bits.map(Self).ok_or(NameError {
                    kind: stringify!($name),
                    name: text.chars().take(64).collect(),
                    fault: "must be 32 hexadecimal digits",
                })
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_bytes(&self.to_bytes())
                }
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
                } else {
                    deserializer.deserialize_bytes(BitsVisitor).map(|bits| Self(bits))
                }
            }
        }
    };
}

struct BitsVisitor;
impl serde::de::Visitor<'_> for BitsVisitor {
    type Value = u128;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("16 bytes")
    }
    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<u128, E> {
        <[u8; 16]>::try_from(bytes)
            .map(u128::from_be_bytes)
            .ok()
            .ok_or_else(|| E::invalid_length(bytes.len(), &self))
    }
}

random_id!(
    /// Names one reign: two reigns of one number are told apart by it.
    EpochId
);
random_id!(
    /// Names one database for ever: drawn when a master founds a grid.
    DatabaseId
);
random_id!(
    /// Names one data folder of a peer: drawn at its first start.
    InstanceId
);
random_id!(
    /// Names one start of one process: a running process is found again by it.
    RunId
);
random_id!(
    /// Names one update; a retry carries the same id and is applied once.
    RequestId
);
random_id!(
    /// Names a process that registers adapters at run time: only it renews them.
    RegistrantId
);
random_id!(
    /// What the owner of a session knows and nobody else: whoever presents it speaks for the session. Its debug form shows a
    /// quarter of it, its text all.
    Secret
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_where_they_enter() {
        for good in ["a", "web-1.http", "9", &"x".repeat(255)] {
            assert!(good.parse::<ServerId>().is_ok(), "{good}");
        }
        for bad in ["", ".a", "-a", "a b", "a/b", "ä", "a\0", &"x".repeat(256)] {
            assert!(bad.parse::<ServerId>().is_err(), "{bad}");
        }
        for bad in ["", "-a", "A", "a.b", "a_b", &"x".repeat(33)] {
            assert!(bad.parse::<PeerName>().is_err(), "{bad}");
        }
        let error = "a b".parse::<ServerId>().unwrap_err().to_string();
        assert_eq!(
            error,
            "server id \"a b\" may hold only letters, digits, '.', '_' and '-'"
        );
    }

    #[test]
    fn ids_survive_text() {
        let id = EpochId::from_bits(0x1234_5678_9abc_def0);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("xyz".parse::<EpochId>().is_err());
    }
}
