//! The tables of the database file, and how a batch changes them. Which file that is, is `database`'s business.
//!
//! ```text
//! floe.meta     name   -> number   "format": how the other two are to be read
//! floe.values   name   -> bytes    as the core gave them
//! floe.log      serial -> CBOR of Entry
//! ```

use crate::pure::lineage::{Entry, Serial};
use crate::pure::registry::{Batch, Image};
use crate::pure::wire::{decode, encode};
use redb::{ReadTransaction, ReadableTable, TableDefinition, TableError, WriteTransaction};

/// How the tables are to be read. A build reads its own number only.
pub(super) const FORMAT: u64 = 1;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("floe.meta");
const VALUES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("floe.values");
const LOG: TableDefinition<'_, Serial, &[u8]> = TableDefinition::new("floe.log");

/// What was found in the tables.
#[derive(Debug)]
pub(super) enum Found {
    /// Everything.
    Image(Image),
    /// Some other program's tables, or none.
    Foreign,
    /// Another format.
    Format(u64),
    /// The tables contradict themselves: how.
    Damaged(String),
}

/// Makes the tables of an empty database.
pub(super) fn create(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(META)?.insert("format", FORMAT)?;
    transaction.open_table(VALUES)?;
    transaction.open_table(LOG)?;
    Ok(())
}

/// Reads everything.
pub(super) fn load(transaction: &ReadTransaction) -> Result<Found, redb::Error> {
    let format = match transaction.open_table(META) {
        Ok(meta) => meta.get("format")?.map(|format| format.value()),
        Err(TableError::TableDoesNotExist(_) | TableError::TableTypeMismatch { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    match format {
        None => return Ok(Found::Foreign),
        Some(FORMAT) => {}
        Some(other) => return Ok(Found::Format(other)),
    }
    let mut image = Image::default();
    for value in transaction.open_table(VALUES)?.iter()? {
        let (name, bytes) = value?;
        image.values.insert(name.value().to_owned(), bytes.value().to_vec());
    }
    for entry in transaction.open_table(LOG)?.iter()? {
        let (serial, bytes) = entry?;
        let serial = serial.value();
        let entry: Entry = match decode(bytes.value()) {
            Ok(entry) => entry,
            Err(error) => return Ok(Found::Damaged(format!("log entry {serial}: {error}"))),
        };
        if entry.serial != serial {
            let text = format!("log entry {} stands in the place of {serial}", entry.serial);
            return Ok(Found::Damaged(text));
        }
        if let Some(last) = image.log.last()
            && last.serial.checked_add(1) != Some(serial)
        {
            let text = format!("log entry {serial} follows {}", last.serial);
            return Ok(Found::Damaged(text));
        }
        image.log.push(entry);
    }
    Ok(Found::Image(image))
}

/// Everything from one database into another, which has none of the tables yet.
pub(super) fn copy(from: &ReadTransaction, to: &WriteTransaction) -> Result<(), redb::Error> {
    let (mut meta, mut values, mut log) = (to.open_table(META)?, to.open_table(VALUES)?, to.open_table(LOG)?);
    for row in from.open_table(META)?.iter()? {
        let (name, number) = row?;
        meta.insert(name.value(), number.value())?;
    }
    for row in from.open_table(VALUES)?.iter()? {
        let (name, bytes) = row?;
        values.insert(name.value(), bytes.value())?;
    }
    for row in from.open_table(LOG)?.iter()? {
        let (serial, bytes) = row?;
        log.insert(serial.value(), bytes.value())?;
    }
    Ok(())
}

/// Carries out a batch, in the order that [`Batch`] gives.
pub(super) fn apply(transaction: &WriteTransaction, batch: &Batch) -> Result<(), redb::Error> {
    if batch.wipe {
        transaction.delete_table(LOG)?;
        transaction.delete_table(VALUES)?;
    }
    let mut log = transaction.open_table(LOG)?;
    if let Some(serial) = batch.cut_after
        && let Some(first) = serial.checked_add(1)
    {
        log.retain_in(first.., |_, _| false)?;
    }
    for entry in &batch.append {
        log.insert(entry.serial, encode(entry.as_ref()).as_slice())?;
    }
    if let Some(serial) = batch.trim_before {
        log.retain_in(..serial, |_, _| false)?;
    }
    let mut values = transaction.open_table(VALUES)?;
    for (name, bytes) in &batch.put {
        values.insert(name.as_str(), bytes.as_slice())?;
    }
    for name in &batch.delete {
        values.remove(name.as_str())?;
    }
    Ok(())
}

/// Where the log ends after `batch`, if it ended at `end` before (`None`: empty, anything may follow).
///
/// # Errors
/// The serial that was due and the one that came, when the log would get a gap.
pub(super) fn end_after(end: Option<Serial>, batch: &Batch) -> Result<Option<Serial>, (Serial, Serial)> {
    let mut end = if batch.wipe { None } else { end };
    if let Some(cut) = batch.cut_after {
        end = end.map(|end| end.min(cut));
    }
    for entry in &batch.append {
        let due = end.map_or(entry.serial.max(1), |end| end.saturating_add(1));
        if entry.serial != due {
            return Err((due, entry.serial));
        }
        end = Some(entry.serial);
    }
    Ok(end)
}
