//! Opens the way to the grid with the client library.

use super::actor::actor;
use super::args::Global;
use super::ask::Ask;
use super::failing::Failing;

/// A client of the peers that `--peer` or `FLOE_PEERS` name.
pub(super) fn connect(global: &Global) -> Result<Box<dyn Ask>, Failing> {
    let peers: Vec<String> = global.peers.iter().map(ToString::to_string).collect();
    Err(Failing::internal(format!(
        "this build has no client: {} cannot ask {} within {:?}",
        actor(),
        peers.join(", "),
        global.timeout
    )))
}
