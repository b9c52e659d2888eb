//! The file of remembered peers: hints for finding the grid again after a restart. It may be lost, so it is not synced, and
//! a damaged one counts as empty.
//!
//! ```text
//! digest (32 bytes) of the rest | CBOR of the list
//! ```

use super::file::{FileError, Sync, read_bounded, replace};
use crate::pure::base::limits::PEERS_MAX;
use crate::pure::membership::Remembered;
use crate::pure::wire::{decode, encode};
use std::path::Path;

/// Largest file that is read, in bytes: 64 KiB a peer is far beyond what its card and its log's summary take.
const FILE_BYTES_MAX: u64 = PEERS_MAX as u64 * 64 * 1024;

/// The peers that were met before. Empty with a warning in the log when the file cannot be used, empty without one when
/// there is none.
pub fn load(path: &Path) -> Vec<Remembered> {
    match read(path) {
        Ok(peers) => peers,
        Err(error) => {
            tracing::warn!(error, file = %path.display(), "remembered peers are lost; the locator list remains");
            Vec::new()
        }
    }
}

/// Writes the peers, the first `PEERS_MAX` of them. A reader sees the old file or the new; a power cut may lose it.
///
/// # Errors
/// [`FileError`]; the old file stays. Nothing depends on it, so the daemon may go on.
pub fn save(path: &Path, peers: &[Remembered]) -> Result<(), FileError> {
    let payload = encode(&peers.get(..PEERS_MAX).unwrap_or(peers));
    let mut bytes = blake3::hash(&payload).as_bytes().to_vec();
    bytes.extend_from_slice(&payload);
    replace(path, &bytes, Sync::No)
}

fn read(path: &Path) -> Result<Vec<Remembered>, String> {
    let bytes = read_bounded(path, FILE_BYTES_MAX).map_err(|error| format!("{error}: {}", error.source))?;
    let Some(bytes) = bytes else {
        return Ok(Vec::new());
    };
    let (stored, payload) = bytes.split_first_chunk::<32>().ok_or("the file is too short")?;
    if blake3::hash(payload).as_bytes() != stored {
        return Err("the checksum does not match".to_owned());
    }
    let mut peers: Vec<Remembered> = decode(payload).map_err(|error| error.to_string())?;
    peers.truncate(PEERS_MAX);
    Ok(peers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::base::InstanceId;
    use crate::pure::membership::{PeerCard, PeerKind};

    fn peer(number: usize) -> Remembered {
        Remembered {
            card: PeerCard {
                name: format!("n{number}").parse().unwrap(),
                kind: PeerKind::Node,
                instance: InstanceId::from_bits(7),
                generation: 1,
                address: "127.0.0.1:7501".parse().unwrap(),
                http: None,
            },
            summary: None,
            version: None,
            seen: 0,
        }
    }

    #[test]
    fn peers_are_read_again_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peers.cbor");
        assert_eq!(load(&path), Vec::new());
        let peers: Vec<_> = (0..=PEERS_MAX).map(peer).collect();
        save(&path, &peers).unwrap();
        assert_eq!(load(&path), peers[..PEERS_MAX]);
        save(&path, &[]).unwrap();
        assert_eq!(load(&path), Vec::new());
    }

    #[test]
    fn what_cannot_be_read_or_written_stops_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peers.cbor");
        std::fs::create_dir(&path).unwrap();
        assert_eq!(load(&path), Vec::new(), "a folder of that name");
        assert!(save(&path, &[peer(1)]).is_err(), "and it is said");
        std::fs::remove_dir(&path).unwrap();
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(FILE_BYTES_MAX + 1).unwrap();
        assert_eq!(load(&path), Vec::new(), "too large to be read");
        // Left by a crash in the middle of a save: the old file counts.
        save(&path, &[peer(1)]).unwrap();
        std::fs::write(super::super::file::beside(&path), "half").unwrap();
        assert_eq!(load(&path), [peer(1)]);
        save(&path, &[peer(2)]).unwrap();
        assert_eq!(load(&path), [peer(2)]);
    }

    #[test]
    fn any_damage_counts_as_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peers.cbor");
        save(&path, &[peer(1), peer(2)]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            std::fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(load(&path), Vec::new(), "cut at {at}");
            let mut flipped = whole.clone();
            flipped[at] ^= 4;
            std::fs::write(&path, &flipped).unwrap();
            assert_eq!(load(&path), Vec::new(), "flipped at {at}");
        }
    }
}
