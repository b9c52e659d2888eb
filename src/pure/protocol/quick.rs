//! The one request that programs send all day, and its answer, without a detour through values: the bytes are those that
//! the codec writes and reads, to the letter.
//!
//! A request in any other form than ours, also a valid one, is left to the codec.

use super::report::ResolvedKind;
use std::ops::Range;

/// A plain `Resolve`: no version, no count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainResolve<'a> {
    /// The request's.
    pub request: u64,
    /// What is asked for.
    pub id: &'a str,
}

/// The request in this envelope, if it is a plain `Resolve` in the form that our own clients write.
pub fn plain_resolve(payload: &[u8]) -> Option<PlainResolve<'_>> {
    let rest = payload.strip_prefix(b"\xa1\x67Request\xa3\x62id")?;
    let (request, rest) = number(rest)?;
    let rest = rest.strip_prefix(b"\x6bdeadline_ms")?;
    let (_, rest) = number(rest)?;
    let rest = rest.strip_prefix(b"\x67request\xa1\x67Resolve\xa2\x62id")?;
    let (id, rest) = text(rest)?;
    (rest == b"\x68at_least\xf6").then_some(PlainResolve { request, id })
}

/// Appends the frame of the only answer to a resolve. False, and nothing appended, when it is larger than `allowed` bytes.
pub fn put_resolved<'a>(
    frame: &mut Vec<u8>,
    question: &PlainResolve<'_>,
    kind: ResolvedKind,
    endpoints: impl ExactSizeIterator<Item = &'a str>,
    version: &str,
    allowed: usize,
) -> bool {
    let start = frame.len();
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(b"\xa1\x68Response\xa3\x62id");
    put_head(frame, 0, question.request);
    frame.extend_from_slice(b"\x64last\xf5\x68response\xa1\x68Resolved\xa4\x62id");
    put_text(frame, question.id);
    frame.extend_from_slice(b"\x64kind");
    let kind = match kind {
        ResolvedKind::Adapter => "adapter",
        ResolvedKind::Group => "group",
        ResolvedKind::Object => "object",
    };
    put_text(frame, kind);
    frame.extend_from_slice(b"\x69endpoints");
    put_head(frame, 4, length(endpoints.len()));
    for endpoint in endpoints {
        put_text(frame, endpoint);
    }
    frame.extend_from_slice(b"\x67version");
    put_text(frame, version);
    let payload: Range<usize> = start + 4..frame.len();
    let fits = u32::try_from(payload.len()).ok().filter(|_| payload.len() <= allowed);
    if let (Some(length), Some(head)) = (fits, frame.get_mut(start..start + 4)) {
        head.copy_from_slice(&length.to_be_bytes());
        return true;
    }
    frame.truncate(start);
    false
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The shortest head of a value of this major type (RFC 8949, section 3).
fn put_head(frame: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    if let Ok(small) = u8::try_from(argument) {
        if small < 24 {
            frame.push(major | small);
        } else {
            frame.extend_from_slice(&[major | 0x18, small]);
        }
    } else if let Ok(short) = u16::try_from(argument) {
        frame.push(major | 0x19);
        frame.extend_from_slice(&short.to_be_bytes());
    } else if let Ok(word) = u32::try_from(argument) {
        frame.push(major | 0x1a);
        frame.extend_from_slice(&word.to_be_bytes());
    } else {
        frame.push(major | 0x1b);
        frame.extend_from_slice(&argument.to_be_bytes());
    }
}

fn put_text(frame: &mut Vec<u8>, text: &str) {
    put_head(frame, 3, length(text.len()));
    frame.extend_from_slice(text.as_bytes());
}

/// The argument of a head of this major type in its shortest form, and what follows.
fn head(bytes: &[u8], major: u8) -> Option<(u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if first >> 5 != major {
        return None;
    }
    let (value, least, rest) = match first & 0x1f {
        small @ 0..24 => return Some((u64::from(small), rest)),
        0x18 => {
            let (bytes, rest) = rest.split_first_chunk::<1>()?;
            (u64::from(u8::from_be_bytes(*bytes)), 24, rest)
        }
        0x19 => {
            let (bytes, rest) = rest.split_first_chunk::<2>()?;
            (u64::from(u16::from_be_bytes(*bytes)), 1 << 8, rest)
        }
        0x1a => {
            let (bytes, rest) = rest.split_first_chunk::<4>()?;
            (u64::from(u32::from_be_bytes(*bytes)), 1 << 16, rest)
        }
        0x1b => {
            let (bytes, rest) = rest.split_first_chunk::<8>()?;
            (u64::from_be_bytes(*bytes), 1 << 32, rest)
        }
        _ => return None,
    };
    (value >= least).then_some((value, rest))
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    head(bytes, 0)
}

fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = head(bytes, 3)?;
    let (text, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::base::limits::FRAME_BYTES_MAX;
    use crate::pure::protocol::report::Resolved;
    use crate::pure::protocol::update::VersionText;
    use crate::pure::protocol::{Envelope, Request, Response};
    use crate::pure::wire::{decode, encode, frame};
    use proptest::prelude::*;

    fn ask(id: u64, deadline_ms: u64, name: &str, at_least: Option<VersionText>, count: Option<u32>) -> Vec<u8> {
        let request = Request::Resolve {
            id: name.to_owned(),
            at_least,
            count,
        };
        encode(&Envelope::Request {
            id,
            deadline_ms,
            request,
        })
    }

    proptest! {
        /// What is read here is what the codec reads; every plain resolve of ours is.
        #[test]
        fn it_reads_what_the_codec_reads(id in any::<u64>(), shift in 0_u32..64, deadline in any::<u64>(), name in "\\PC{0,300}", count in any::<Option<u32>>()) {
            let id = id >> shift;
            let bytes = ask(id, deadline, &name, None, count);
            let expected = count.is_none().then_some(PlainResolve { request: id, id: &name });
            prop_assert_eq!(plain_resolve(&bytes), expected);
        }
        #[test]
        fn damaged_bytes_are_read_alike_or_left_to_the_codec(id in any::<u16>(), place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
            let mut bytes = ask(u64::from(id), 20_000, "web-1.http", None, None);
            let place = place.index(bytes.len());
            if cut { bytes.truncate(place); } else { bytes[place] = byte; }
            if let Some(plain) = plain_resolve(&bytes) {
                let read = decode::<Envelope>(&bytes);
                prop_assert!(
                    matches!(&read, Ok(Envelope::Request { id, request: Request::Resolve { id: name, at_least: None, count: None }, .. }) if *id == plain.request && name == plain.id),
                    "{:?} {:?}", read, plain
                );
            }
        }
        #[test]
        fn it_writes_what_the_codec_writes(id in any::<u64>(), shift in 0_u32..64, name in "\\PC{0,300}", which in 0_usize..3, endpoints in prop::collection::vec("[ -~]{0,80}", 0..40)) {
            let (request, kind) = (id >> shift, [ResolvedKind::Adapter, ResolvedKind::Group, ResolvedKind::Object][which]);
            let resolved = Resolved { id: name.clone(), kind, endpoints: endpoints.clone(), version: "4.93".to_owned() };
            let envelope = Envelope::Response { id: request, last: true, response: Response::Resolved(resolved) };
            let expected = frame(&encode(&envelope), FRAME_BYTES_MAX).unwrap();
            let mut bytes = vec![7; 3];
            let plain = PlainResolve { request, id: &name };
            prop_assert!(put_resolved(&mut bytes, &plain, kind, endpoints.iter().map(String::as_str), "4.93", FRAME_BYTES_MAX));
            prop_assert_eq!(&bytes[3..], expected.as_slice());
            prop_assert!(!put_resolved(&mut bytes, &plain, kind, endpoints.iter().map(String::as_str), "4.93", 10));
            prop_assert_eq!(&bytes[3..], expected.as_slice());
        }
    }
}
