//! Addresses as values: `host:port`, checked, never resolved here.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// `host:port`. The host is a name or a literal address (IPv6 in brackets); nothing here resolves it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    host: String,
    port: u16,
}

/// Why an address was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("address {text:?} {fault}")]
pub struct AddressError {
    text: String,
    fault: &'static str,
}

impl Address {
    /// An address of its two parts.
    ///
    /// # Errors
    /// As [`FromStr`].
    pub fn new(host: &str, port: u16) -> Result<Self, AddressError> {
        format!("{host}:{port}").parse()
    }
    /// The host part, brackets of IPv6 included.
    pub fn host(&self) -> &str {
        &self.host
    }
    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
    /// The same host with another port.
    pub fn with_port(&self, port: u16) -> Self {
        Self {
            host: self.host.clone(),
            port,
        }
    }
    /// True for `127.0.0.0/8`, `[::1]` and `localhost`: reachable from this machine only.
    pub fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
    /// True for `0.0.0.0` and `[::]`: fine to listen on, useless to tell others.
    pub fn is_unspecified(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_unspecified())
    }
}

impl FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let fault = |fault| AddressError {
            text: text.chars().take(80).collect(),
            fault,
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(|| fault("wants HOST:PORT"))?;
        let port = port
            .parse()
            .ok()
            .ok_or_else(|| fault("wants a port from 0 to 65535 behind the colon"))?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        if bracketed {
            let inner = host.get(1..host.len() - 1).unwrap_or_default();
            inner
                .parse::<std::net::Ipv6Addr>()
                .ok()
                .ok_or_else(|| fault("holds no IPv6 address in its brackets"))?;
        } else if host.is_empty() || host.len() > 253 {
            return Err(fault("wants a host of 1 to 253 bytes"));
        } else if !host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        {
            return Err(fault(
                "has a host with characters that no host has (IPv6 goes in brackets)",
            ));
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}
impl TryFrom<String> for Address {
    type Error = AddressError;
    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}
impl From<Address> for String {
    fn from(address: Address) -> String {
        address.to_string()
    }
}
impl From<std::net::SocketAddr> for Address {
    fn from(address: std::net::SocketAddr) -> Self {
        let host = match address.ip() {
            std::net::IpAddr::V4(ip) => ip.to_string(),
            std::net::IpAddr::V6(ip) => format!("[{ip}]"),
        };
        Self {
            host,
            port: address.port(),
        }
    }
}
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Longest URI of an endpoint, in bytes.
pub const URI_BYTES_MAX: usize = 2048;

/// The host and the port of `scheme://host[:port][/...]`; `None` where it names no port, and then the address has port 1.
///
/// # Errors
/// What is wrong with it, to be read after "endpoint ...".
pub fn place_of_uri(uri: &str) -> Result<(Address, Option<u16>), &'static str> {
    let wanted = "is no URI: write SCHEME://HOST, SCHEME://HOST:PORT or either with /...";
    if uri.len() > URI_BYTES_MAX {
        return Err("is longer than 2048 bytes");
    }
    let (scheme, rest) = uri.split_once("://").ok_or(wanted)?;
    let scheme_letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(scheme_letters) {
        return Err(wanted);
    }
    if !uri.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("holds a blank or another character that no URI has");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let has_port = host
        .rfind(':')
        .is_some_and(|colon| host.rfind(']').is_none_or(|end| colon > end));
    // The address type knows what a host is; a host alone borrows a port for the question.
    let text = if has_port { host.to_owned() } else { format!("{host}:1") };
    let address: Address = text.parse().map_err(|_error| "has no valid HOST or HOST:PORT")?;
    if address.port() == 0 {
        return Err("has port 0: name a port and write ${port.NAME}, the node chooses one");
    }
    let port = has_port.then(|| address.port());
    Ok((address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_parse_or_say_why_not() {
        for good in ["127.0.0.1:7401", "[::1]:0", "host.example:65535"] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in ["", "a", ":1", "a:65536", "a:-1", "::1:80", "a b:1", "[x]:1"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
        assert!("127.0.0.9:1".parse::<Address>().unwrap().is_loopback());
        assert!(!"10.0.0.1:1".parse::<Address>().unwrap().is_loopback());
    }
}
