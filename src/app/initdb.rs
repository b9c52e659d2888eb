//! Opens the registry's database, and where a start asks for the one of another registry, sets a damaged one aside first.

use super::failure::Failure;
use super::ground::Ground;
use crate::io::clock;
use crate::io::store::{Database as Store, DatabaseError, aside, offline};
use crate::pure::base::PeerName;
use crate::pure::membership::Unproven;
use crate::pure::registry::{Database, Image, Initdb};
use std::path::Path;

/// `--initdb-from-replica`, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Whose database.
    pub from: PeerName,
    /// Also if what it holds is in doubt.
    pub from_unproven: bool,
}

/// The database and what is left to do before the registry takes a seat.
///
/// # Errors
/// A database that cannot be opened; with `wanted`, only where that is not for damage, or where it cannot be set aside.
pub(super) fn open(ground: &Ground, wanted: Option<Wanted>) -> Result<(Store, Database, Option<Initdb>), Failure> {
    let path = ground.folder.database();
    aside::clean(ground.folder.path());
    let opening = || format!("open the database {}", path.display());
    let initdb = |damaged| {
        let wanted = wanted.as_ref()?;
        Some(Initdb {
            from: wanted.from.clone(),
            from_unproven: wanted.from_unproven,
            damaged,
        })
    };
    let damage = match read(&path) {
        Ok((store, database)) => {
            take_mark_in(ground)?;
            return Ok((store, database, initdb(false)));
        }
        Err(Unusable::Damaged(reason)) if wanted.is_some() => reason,
        Err(Unusable::Damaged(error)) => return Err(Failure::new(opening(), 1, error)),
        Err(Unusable::Other(error)) => {
            let code = error.exit_code();
            return Err(Failure::new(opening(), code, error));
        }
    };
    set_aside(ground, &path, damage.to_string())?;
    match read(&path) {
        Ok((store, database)) => Ok((store, database, initdb(true))),
        Err(Unusable::Damaged(error)) => Err(Failure::new(opening(), 1, error)),
        Err(Unusable::Other(error)) => Err(Failure::new(opening(), 1, error)),
    }
}

/// Why a database cannot be used.
enum Unusable {
    /// What is on disk is no sound database.
    Damaged(Box<dyn std::error::Error + Send + Sync>),
    /// Anything else.
    Other(DatabaseError),
}

fn read(path: &Path) -> Result<(Store, Database), Unusable> {
    let (store, image): (Store, Image) = Store::open(path).map_err(|error| {
        if error.is_damage() {
            Unusable::Damaged(Box::new(error))
        } else {
            Unusable::Other(error)
        }
    })?;
    let database = Database::restore(image).map_err(|error| Unusable::Damaged(Box::new(error)))?;
    Ok((store, database))
}

/// A database that `floe db load` put there may lack what this registry acknowledged. The identity takes that in first.
fn take_mark_in(ground: &Ground) -> Result<(), Failure> {
    let taking = "take in the mark of a loaded database";
    if let Some(reason) = offline::mark(&ground.folder).map_err(Failure::at(taking))? {
        let mut identity = ground.identity.get();
        identity.initialised.unproven = Some(Unproven { reason, until: None });
        ground.identity.save(&identity)?;
    }
    offline::clear_mark(&ground.folder).map_err(Failure::at(taking))
}

/// The mark first: a crash between the two must not leave a registry without its database that still counts as a proof.
fn set_aside(ground: &Ground, path: &Path, damage: String) -> Result<(), Failure> {
    let now = clock::moment().wall;
    let mut identity = ground.identity.get();
    identity.initialised.unproven = Some(Unproven {
        reason: format!("at {now} its database was found damaged and set aside"),
        until: None,
    });
    ground.identity.save(&identity)?;
    let kept = aside::set_damaged_aside(path, now).map_err(Failure::at("set the damaged database aside"))?;
    tracing::warn!(damage, kept = %kept.display(), "the database is damaged; it is set aside whole, and another registry's takes its place");
    Ok(())
}
