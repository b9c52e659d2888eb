//! Reads the pieces of chitchat's messages, each with its bound. The format stands in `validate`.

use super::tally::Reason;
use crate::pure::base::PeerName;
use crate::pure::membership::record::KEY_BYTES_MAX;
use chitchat::ChitchatId;

/// Largest version and heartbeat: a liar must not use up the numbers. At 10,000 a second they last 900 years.
pub(super) const NUMBER_MAX: u64 = 1 << 48;
/// Longest value that is let through, in bytes. Ours are shorter; a later release may have longer ones.
pub(super) const VALUE_BYTES_MAX: usize = 1_024;

/// One operation of a delta, as far as it matters whether it may pass.
#[derive(Debug)]
pub(super) enum Operation {
    /// What follows is about this incarnation.
    Node(ChitchatId),
    /// A key, with its version.
    KeyValue(u64),
    /// No key, only a version.
    MaxVersion(u64),
}

/// What is left to read. Nothing is allocated for what is not there.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Reason> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Reason::Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Reason::Malformed)?;
        self.0 = rest;
        Ok(*bytes)
    }
    pub(super) fn u8(&mut self) -> Result<u8, Reason> {
        self.array::<1>().map(|[byte]| byte)
    }
    pub(super) fn u16(&mut self) -> Result<u16, Reason> {
        self.array().map(u16::from_le_bytes)
    }
    fn u64(&mut self) -> Result<u64, Reason> {
        self.array().map(u64::from_le_bytes)
    }
    /// A version or heartbeat.
    pub(super) fn bounded(&mut self) -> Result<u64, Reason> {
        let number = self.u64()?;
        if number <= NUMBER_MAX {
            Ok(number)
        } else {
            Err(Reason::Version)
        }
    }
    pub(super) fn text(&mut self) -> Result<&'a [u8], Reason> {
        let length = self.u16()?;
        self.bytes(usize::from(length))
    }
    pub(super) fn id(&mut self) -> Result<ChitchatId, Reason> {
        let name = std::str::from_utf8(self.text()?).map_err(|_error| Reason::Identity)?;
        let name: PeerName = name.parse().map_err(|_error| Reason::Identity)?;
        let generation = self.u64()?;
        let ip = match self.u8()? {
            4 => std::net::IpAddr::from(self.array::<4>()?),
            6 => std::net::IpAddr::from(self.array::<16>()?),
            _ => return Err(Reason::Malformed),
        };
        let port = self.u16()?;
        if port == 0 || ip.is_unspecified() || ip.is_multicast() {
            return Err(Reason::Identity);
        }
        Ok(ChitchatId::new(name.as_str(), generation, (ip, port).into()))
    }
    pub(super) fn operation(&mut self) -> Result<Operation, Reason> {
        match self.u8()? {
            0 => {
                let id = self.id()?;
                let (_collected, _from) = (self.bounded()?, self.bounded()?);
                Ok(Operation::Node(id))
            }
            1 => {
                let (key, value) = (self.text()?, self.text()?);
                // chitchat cuts keys after their first byte.
                if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.is_ascii() {
                    return Err(Reason::Value);
                }
                if value.len() > VALUE_BYTES_MAX || std::str::from_utf8(value).is_err() {
                    return Err(Reason::Value);
                }
                let version = self.bounded()?;
                if self.u8()? > 2 {
                    return Err(Reason::Malformed);
                }
                Ok(Operation::KeyValue(version))
            }
            2 => self.bounded().map(Operation::MaxVersion),
            _ => Err(Reason::Malformed),
        }
    }
    /// What was read, beside the bytes that it was read from.
    pub(super) fn spanned<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Reason>,
    ) -> Result<(&'a [u8], T), Reason> {
        let before = self.0;
        let value = read(self)?;
        let bytes = before.get(..before.len() - self.0.len()).unwrap_or_default();
        Ok((bytes, value))
    }
}
