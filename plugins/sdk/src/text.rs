//! Texts over the boundary: read from pointers, written into the caller's room.
#![expect(unsafe_code, reason = "texts of the ABI are a pointer and a length")]

use crate::abi::{Str, TEXT_BYTES_MAX, TextBuffer};

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Self {
            ptr: text.as_ptr(),
            len: text.len(),
        }
    }
}

/// The text; empty if it is not UTF-8, which the ABI rules out.
///
/// # Safety
/// `text` is null or points to `len` bytes that nobody changes during `'a`.
pub(crate) unsafe fn read<'a>(text: Str) -> &'a str {
    if text.ptr.is_null() {
        return "";
    }
    // SAFETY: by the contract of this function.
    let bytes = unsafe { std::slice::from_raw_parts(text.ptr, text.len) };
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// A slice of `count` items; empty if there are none, wherever the pointer shows.
///
/// # Safety
/// If `count` is not 0, `first` is aligned and points to as many items that nobody changes during `'a`.
pub(crate) unsafe fn slice<'a, T>(first: *const T, count: u32) -> &'a [T] {
    if first.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: by the contract of this function; u32 fits into usize on every machine that this crate builds for.
    unsafe { std::slice::from_raw_parts(first, count as usize) }
}

/// As [`slice`], for writing.
///
/// # Safety
/// As [`slice`], and nobody else reads or writes the items during `'a`; they hold valid values already.
pub(crate) unsafe fn slice_mut<'a, T>(first: *mut T, count: u32) -> &'a mut [T] {
    if first.is_null() || count == 0 {
        return &mut [];
    }
    // SAFETY: by the contract of this function.
    unsafe { std::slice::from_raw_parts_mut(first, count as usize) }
}

/// Copies the start of `bytes` into the room; as much as fits, at most [`TEXT_BYTES_MAX`], and no half character if it is
/// text.
///
/// # Safety
/// The room is null or has `cap` writable bytes at `buf`.
pub(crate) unsafe fn write(room: *mut TextBuffer, bytes: &[u8]) {
    // SAFETY: null or valid, by the contract of this function.
    let Some(room) = (unsafe { room.as_mut() }) else {
        return;
    };
    room.len = 0;
    if room.buf.is_null() {
        return;
    }
    let cap = room.cap.min(TEXT_BYTES_MAX);
    let length = bytes.len().min(cap as usize);
    let length = match std::str::from_utf8(bytes) {
        Ok(text) => text.floor_char_boundary(length),
        Err(_) => length,
    };
    // SAFETY: `length` is at most `cap`, and the caller's room cannot lie within our bytes.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), room.buf, length) };
    room.len = u32::try_from(length).unwrap_or(cap);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters_and_never_past_the_room() {
        for (cap, given, kept) in [(4, "abcdef", "abcd"), (3, "aöö", "aö"), (2, "aöö", "a"), (0, "a", "")] {
            let mut bytes = [0_u8; 8];
            let mut room = TextBuffer {
                buf: bytes.as_mut_ptr(),
                cap,
                len: 7,
            };
            // SAFETY: the room is eight bytes and says less.
            unsafe { write(&raw mut room, given.as_bytes()) };
            assert_eq!(&bytes[..room.len as usize], kept.as_bytes());
        }
        // SAFETY: nothing is written to null.
        unsafe { write(std::ptr::null_mut(), b"a") };
    }

    #[test]
    fn what_is_no_text_reads_as_empty() {
        let bytes = [0xff_u8, 0xfe];
        let text = Str {
            ptr: bytes.as_ptr(),
            len: 2,
        };
        // SAFETY: two bytes are there; the other one is null.
        let (garbage, nothing) = unsafe { (read(text), read(Str::default())) };
        assert_eq!((garbage, nothing), ("", ""));
    }
}
