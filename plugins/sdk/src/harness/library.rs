//! Reads the descriptor out of a shared object without loading it: `dlopen` runs code, so what is to be refused is refused
//! before. Little-endian ELF of 64 bits; every offset is checked.

use crate::abi::{self, Descriptor};
use std::mem::offset_of;

/// What the leading fields of a descriptor say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Major version that it is written for.
    pub abi_major: u16,
    /// Lowest minor version of a host that it needs.
    pub abi_minor: u16,
    /// Size of the descriptor in the file.
    pub struct_size: u32,
    /// Size of a candidate as it knows it.
    pub candidate_size: u32,
    /// Size of a request as it knows it.
    pub request_size: u32,
    /// Bits of `FLAG_*`.
    pub flags: u32,
    /// Name of the policy.
    pub name: String,
    /// Version of the plugin.
    pub version: String,
    /// Compiler or SDK.
    pub built_with: String,
}

/// The facts of the descriptor in a library's bytes, whatever its versions are.
///
/// # Errors
/// It is no such library, exports no descriptor, has it outside of the file's data, or without the magic. One sentence.
pub fn read_descriptor(file: &[u8]) -> Result<Facts, String> {
    if bytes(file, 0, 6)? != b"\x7fELF\x02\x01" {
        return Err("the file is no ELF object of 64 bits, little-endian".to_owned());
    }
    if number::<2>(file, 16)? != 3 {
        return Err("the file is no shared object".to_owned());
    }
    let address = symbol(file)?;
    let at = file_offset(file, address)?;
    if bytes(file, at, 8)? != abi::MAGIC {
        return Err(format!("{} does not start with FLOEALOC", abi::SYMBOL));
    }
    let field = |offset: usize| number::<4>(file, at + offset).and_then(narrow);
    let half = |offset: usize| number::<2>(file, at + offset).and_then(narrow);
    let text = |offset: usize, length: usize| {
        let text = bytes(file, at + offset, length)?;
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok::<_, String>(String::from_utf8_lossy(text).into_owned())
    };
    Ok(Facts {
        abi_major: half(offset_of!(Descriptor, abi_major))?,
        abi_minor: half(offset_of!(Descriptor, abi_minor))?,
        struct_size: field(offset_of!(Descriptor, struct_size))?,
        candidate_size: field(offset_of!(Descriptor, candidate_size))?,
        request_size: field(offset_of!(Descriptor, request_size))?,
        flags: field(offset_of!(Descriptor, flags))?,
        name: text(offset_of!(Descriptor, name), 32)?,
        version: text(offset_of!(Descriptor, version), 16)?,
        built_with: text(offset_of!(Descriptor, built_with), 48)?,
    })
}

/// Does loading the library ask for more than its own code?
///
/// # Errors
/// It wants an executable stack, which the loader would give to the whole process (an object that does not say is taken for
/// one that does), or names folders in which its libraries are to be sought, which others may write to. One sentence.
pub fn check_demands(file: &[u8]) -> Result<(), String> {
    const DYNAMIC: u64 = 2;
    const STACK: u64 = 0x6474_e551;
    const EXECUTABLE: u64 = 1;
    let mut stack = None;
    for at in table(file, 32, 54, 56)? {
        match number::<4>(file, at)? {
            STACK => stack = Some(number::<4>(file, at + 4)?),
            DYNAMIC => check_search_paths(file, at)?,
            _ => {}
        }
    }
    if stack.is_none_or(|flags| flags & EXECUTABLE != 0) {
        return Err("the file asks for an executable stack".to_owned());
    }
    Ok(())
}

/// Of the dynamic segment whose header lies at this offset.
fn check_search_paths(file: &[u8], header: usize) -> Result<(), String> {
    const END: u64 = 0;
    const RPATH: u64 = 15;
    const RUNPATH: u64 = 29;
    let (first, length) = (offset(file, header + 8)?, offset(file, header + 32)?);
    for index in 0..length / 16 {
        match number::<8>(file, first.saturating_add(index * 16))? {
            END => break,
            RPATH | RUNPATH => return Err("the file says where its libraries are to be sought (RPATH)".to_owned()),
            _ => {}
        }
    }
    Ok(())
}

/// The address of the descriptor, from the table of dynamic symbols.
fn symbol(file: &[u8]) -> Result<u64, String> {
    const DYNSYM: u64 = 11;
    let sections = table(file, 40, 58, 60)?;
    let found = sections.clone().find(|at| number::<4>(file, at + 4) == Ok(DYNSYM));
    let dynsym = found.ok_or("the file has no dynamic symbols")?;
    let strings = number::<4>(file, dynsym + 40).and_then(narrow::<usize>)?;
    let strings = sections
        .clone()
        .nth(strings)
        .ok_or("the dynamic symbols have no names")?;
    let names = offset(file, strings + 24)?;
    let (first, length) = (offset(file, dynsym + 24)?, offset(file, dynsym + 32)?);
    if length > file.len() {
        return Err(format!(
            "the dynamic symbols have {length} bytes in a file of {}",
            file.len()
        ));
    }
    let wanted = format!("{}\0", abi::SYMBOL);
    for at in (0..length / 24).map(|index| first.saturating_add(index * 24)) {
        let name = names.saturating_add(number::<4>(file, at).and_then(narrow::<usize>)?);
        let defined = number::<2>(file, at + 6)? != 0;
        if defined && bytes(file, name, wanted.len()) == Ok(wanted.as_bytes()) {
            return number::<8>(file, at + 8);
        }
    }
    Err(format!("the file does not export {}", abi::SYMBOL))
}

/// Where an address lies in the file. What is filled in at load time lies nowhere.
fn file_offset(file: &[u8], address: u64) -> Result<usize, String> {
    const LOAD: u64 = 1;
    for at in table(file, 32, 54, 56)? {
        let (kind, offset) = (number::<4>(file, at)?, number::<8>(file, at + 8)?);
        let (start, length) = (number::<8>(file, at + 16)?, number::<8>(file, at + 32)?);
        if kind == LOAD
            && let Some(within) = address.checked_sub(start)
            && within < length
        {
            let found: usize = narrow(offset.saturating_add(within))?;
            return if found <= file.len() {
                Ok(found)
            } else {
                Err(format!("{} lies behind the end of the file", abi::SYMBOL))
            };
        }
    }
    Err(format!(
        "{} is not in the file's data: it must be a constant, not filled in at run time",
        abi::SYMBOL
    ))
}

/// Offsets of the entries of a table that the file's header names: its place, the size of an entry, their number.
fn table(file: &[u8], place: usize, size: usize, count: usize) -> Result<impl Iterator<Item = usize> + Clone, String> {
    let first = offset(file, place)?;
    let size: usize = number::<2>(file, size).and_then(narrow)?;
    let count: usize = number::<2>(file, count).and_then(narrow)?;
    Ok((0..count).map(move |index| first.saturating_add(index * size)))
}

/// Never near the largest number, so that fields behind it can be added to it.
fn offset(file: &[u8], at: usize) -> Result<usize, String> {
    let offset: usize = number::<8>(file, at).and_then(narrow)?;
    if offset > file.len() {
        return Err(format!("offset {offset} in a file of {} bytes", file.len()));
    }
    Ok(offset)
}

fn number<const N: usize>(file: &[u8], at: usize) -> Result<u64, String> {
    let found = bytes(file, at, N)?;
    Ok(found
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn narrow<T: TryFrom<u64>>(number: u64) -> Result<T, String> {
    T::try_from(number)
        .ok()
        .ok_or_else(|| format!("the number {number} is too large here"))
}

fn bytes(file: &[u8], at: usize, length: usize) -> Result<&[u8], String> {
    let end = at.saturating_add(length);
    file.get(at..end)
        .ok_or_else(|| format!("the file ends at {}, wanted bytes {at} to {end}", file.len()))
}
