//! A question in, an answer out: which records a name has. Touches no socket.
//!
//! ```text
//! web.shop.floe.             SRV   a record for each active endpoint, in the order of the policy
//!                            A     the addresses of those whose host is an address, AAAA likewise
//! _http._tcp.web.shop.floe.  SRV   the same for endpoints of that scheme only
//! ip-127-0-0-1.shop.floe.    A     what SRV records point to (ip6-... for AAAA)
//! shop.floe.                 SOA NS
//! ```
//!
//! A name that is known and has nothing active has no records (NODATA); an unknown one does not exist (NXDOMAIN).

use crate::pure::base::GridName;
use crate::pure::base::endpoint::place_of_uri;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, NS, SOA, SRV};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// What we take in one datagram, and say that we take: fits into an IPv6 packet on every link.
const PAYLOAD_MAX: u16 = 1232;
/// What a client without EDNS takes in one datagram (RFC 1035).
const PLAIN_MAX: u16 = 512;

/// What is known of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// Its active endpoints, best first; may be empty.
    Known(Vec<String>),
    /// Nobody knows it.
    Unknown,
}

/// The zone of a grid.
#[derive(Clone, Debug)]
pub struct Zone {
    grid: String,
    apex: Name,
    ttl: u32,
    /// Where this server itself is.
    own: IpAddr,
}

/// How a question ended; the label of its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Answered,
    NoData,
    NoSuchName,
    Refused,
    Malformed,
}
impl Outcome {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::NoData => "no-data",
            Self::NoSuchName => "no-such-name",
            Self::Refused => "refused",
            Self::Malformed => "malformed",
        }
    }
}

/// What is asked for below the apex.
struct Asked<'a> {
    /// The scheme that endpoints must have; `None` for all.
    service: Option<String>,
    id: String,
    query: &'a Query,
}

impl Zone {
    /// The zone of a grid. Answers are kept for `ttl` by whoever asks; `own` is where this server listens.
    ///
    /// # Panics
    /// Never: the name of a grid is a label.
    pub fn new(grid: &GridName, ttl: Duration, own: IpAddr) -> Self {
        let grid = grid.to_string();
        let apex = Name::from_labels([grid.as_bytes(), b"floe"]).expect("the name of a grid is a label");
        let ttl = u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX);
        Self { grid, apex, ttl, own }
    }

    /// The answer to a packet of a datagram (`stream`: of a TCP connection); none where there is nobody to answer.
    pub(super) fn answer(
        &self,
        look: &dyn Fn(&str) -> Looked,
        packet: &[u8],
        stream: bool,
    ) -> (Option<Vec<u8>>, Outcome) {
        let Ok(request) = Message::from_vec(packet) else {
            let id = packet
                .first_chunk::<2>()
                .filter(|_| packet.len() >= 12)
                .map(|id| u16::from_be_bytes(*id));
            let refusal = id.map(|id| Message::error_msg(id, OpCode::Query, ResponseCode::FormErr));
            // A response that cannot be read is nobody's question.
            let refusal = refusal.filter(|_| packet.get(2).is_some_and(|flags| flags & 0x80 == 0));
            return (refusal.and_then(|message| message.to_vec().ok()), Outcome::Malformed);
        };
        if request.metadata.message_type != MessageType::Query {
            return (None, Outcome::Malformed);
        }
        let (response, outcome) = self.respond(look, &request);
        let limit = match &request.edns {
            _ if stream => u16::MAX,
            Some(edns) => edns.max_payload().clamp(PLAIN_MAX, PAYLOAD_MAX),
            None => PLAIN_MAX,
        };
        let bytes = response.to_vec().ok().filter(|bytes| bytes.len() <= usize::from(limit));
        // Too much for a datagram: the client comes again by TCP.
        (bytes.or_else(|| response.truncate().to_vec().ok()), outcome)
    }

    fn respond(&self, look: &dyn Fn(&str) -> Looked, request: &Message) -> (Message, Outcome) {
        let mut response = Message::response(request.metadata.id, request.metadata.op_code);
        response.metadata.recursion_desired = request.metadata.recursion_desired;
        if request.edns.is_some() {
            let mut edns = Edns::new();
            edns.set_max_payload(PAYLOAD_MAX);
            response.set_edns(edns);
        }
        let [query] = request.queries.as_slice() else {
            response.metadata.response_code = ResponseCode::FormErr;
            return (response, Outcome::Malformed);
        };
        response.add_query(query.clone());
        if request.metadata.op_code != OpCode::Query {
            response.metadata.response_code = ResponseCode::NotImp;
            return (response, Outcome::Refused);
        }
        let ours = query.query_class() == DNSClass::IN && self.apex.zone_of(query.name());
        // RFC 8482: what ANY means is nobody's business.
        if !ours || query.query_type() == RecordType::ANY || query.query_type() == RecordType::AXFR {
            response.metadata.response_code = ResponseCode::Refused;
            return (response, Outcome::Refused);
        }
        response.metadata.authoritative = true;
        let known = match self.below(query) {
            None => Some(self.apex_records(query)),
            Some(asked) => self.records(look, &asked),
        };
        match known {
            Some((answers, additionals)) if !answers.is_empty() => {
                response.add_answers(answers);
                response.add_additionals(additionals);
                (response, Outcome::Answered)
            }
            known => {
                response.add_authority(self.soa(0));
                if known.is_some() {
                    return (response, Outcome::NoData);
                }
                response.metadata.response_code = ResponseCode::NXDomain;
                (response, Outcome::NoSuchName)
            }
        }
    }

    /// What stands before the apex; `None` for the apex itself.
    fn below<'a>(&self, query: &'a Query) -> Option<Asked<'a>> {
        let labels: Vec<String> = query
            .name()
            .iter()
            .map(|label| String::from_utf8_lossy(label).into_owned())
            .collect();
        let count = labels.len().checked_sub(usize::from(self.apex.num_labels()))?;
        let below = labels.get(..count).filter(|below| !below.is_empty())?;
        let (service, id) = match below {
            [service, transport, id @ ..] if service.starts_with('_') && transport.starts_with('_') => {
                (Some(service.trim_start_matches('_').to_ascii_lowercase()), id)
            }
            id => (None, id),
        };
        let id = id.join(".");
        Some(Asked { service, id, query })
    }

    fn apex_records(&self, query: &Query) -> (Vec<Record>, Vec<Record>) {
        let ns = self.name_of_address(self.own);
        match query.query_type() {
            RecordType::SOA => (vec![self.soa(self.ttl)], Vec::new()),
            RecordType::NS => (
                vec![self.record(&self.apex, RData::NS(NS(ns.clone())))],
                vec![self.record(&ns, address_data(self.own))],
            ),
            _ => (Vec::new(), Vec::new()),
        }
    }

    /// Answers, and what goes along with them; `None` for a name that does not exist.
    fn records(&self, look: &dyn Fn(&str) -> Looked, asked: &Asked<'_>) -> Option<(Vec<Record>, Vec<Record>)> {
        let name = asked.query.name();
        let lower = asked.id.to_ascii_lowercase();
        let looked = match look(&asked.id) {
            Looked::Unknown => look(&lower),
            known @ Looked::Known(_) => known,
        };
        let Looked::Known(endpoints) = looked else {
            let own = address_of_label(&lower).filter(|_| asked.service.is_none())?;
            let wanted = own_type(own) == asked.query.query_type();
            let records = wanted.then(|| self.record(name, address_data(own)));
            return Some((records.into_iter().collect(), Vec::new()));
        };
        let places = endpoints
            .iter()
            .filter_map(|endpoint| place_of(endpoint, asked.service.as_deref()));
        let (mut answers, mut additionals) = (Vec::new(), Vec::new());
        for (priority, (host, port)) in (0_u16..).zip(places) {
            let literal = host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .parse::<IpAddr>()
                .ok();
            match (asked.query.query_type(), literal) {
                (RecordType::SRV, literal) => {
                    let target = match literal {
                        Some(ip) => self.name_of_address(ip),
                        None => absolute(&host)?,
                    };
                    let data = SRV::new(priority, 0, port, target.clone());
                    answers.push(self.record(name, RData::SRV(data)));
                    let address = literal.map(|ip| self.record(&target, address_data(ip)));
                    additionals.extend(address.filter(|record| !additionals.contains(record)));
                }
                (wanted, Some(ip)) if wanted == own_type(ip) => {
                    let record = self.record(name, address_data(ip));
                    if !answers.contains(&record) {
                        answers.push(record);
                    }
                }
                _ => {}
            }
        }
        Some((answers, additionals))
    }

    fn record(&self, name: &Name, data: RData) -> Record {
        Record::from_rdata(name.clone(), self.ttl, data)
    }
    /// With `ttl` 0 for what is not there now and may be in a moment.
    fn soa(&self, ttl: u32) -> Record {
        let (server, mail) = (self.name_of_address(self.own), self.apex.clone());
        let data = SOA::new(server, mail, 1, 60, 60, 60, 0);
        Record::from_rdata(self.apex.clone(), ttl, RData::SOA(data))
    }
    /// A name below the apex that has this address: its records need no memory.
    fn name_of_address(&self, ip: IpAddr) -> Name {
        let label = match ip {
            IpAddr::V4(ip) => format!("ip-{}", ip.to_string().replace('.', "-")),
            IpAddr::V6(ip) => format!("ip6-{:032x}", u128::from(ip)),
        };
        Name::from_labels([label.as_bytes(), self.grid.as_bytes(), b"floe"]).unwrap_or_else(|_| self.apex.clone())
    }
}

fn own_type(ip: IpAddr) -> RecordType {
    if ip.is_ipv4() { RecordType::A } else { RecordType::AAAA }
}

fn address_data(ip: IpAddr) -> RData {
    match ip {
        IpAddr::V4(ip) => RData::A(A(ip)),
        IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
    }
}

fn address_of_label(label: &str) -> Option<IpAddr> {
    if let Some(hex) = label.strip_prefix("ip6-").filter(|hex| hex.len() == 32) {
        return Some(Ipv6Addr::from(u128::from_str_radix(hex, 16).ok()?).into());
    }
    let parts = label.strip_prefix("ip-")?;
    parts.replace('-', ".").parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

/// A host's name that needs no search list.
fn absolute(host: &str) -> Option<Name> {
    let mut name = Name::from_ascii(host).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// Host and port of an endpoint, if it has that scheme.
fn place_of(endpoint: &str, service: Option<&str>) -> Option<(String, u16)> {
    let scheme = endpoint.split("://").next()?;
    if service.is_some_and(|service| !service.eq_ignore_ascii_case(scheme)) {
        return None;
    }
    let (address, port) = place_of_uri(endpoint).ok()?;
    let port = port.or(match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    })?;
    Some((address.host().to_owned(), port))
}

#[cfg(test)]
#[path = "zone_test.rs"]
mod tests;
