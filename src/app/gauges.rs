//! From what the core says and shows to metrics.

use crate::pure::protocol::{Message, Request, Response};
use crate::pure::registry::View;

/// How the registry stands, after each turn of its loop.
pub(super) fn registry(_view: &View, _inbox: usize, _bound: usize) {}
/// Something was sent to a peer.
pub(super) fn sent(_message: &Message) {}
/// A client got its answer from the loop.
pub(super) fn replied(_response: &Response) {}
/// A client got its answer from the view.
pub(super) fn read(_request: &Request, _response: &Response) {}
