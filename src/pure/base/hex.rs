//! Bytes as hexadecimal text and back.

use std::fmt::Write as _;

/// Two small digits a byte.
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to memory cannot fail");
    }
    text
}

/// The bytes of pairs of hexadecimal digits, of either case. The caller has bounded the text.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// 32 bytes from exactly 64 hexadecimal digits, of either case.
pub fn bytes32(text: &str) -> Option<[u8; 32]> {
    // The length first: what is too long is not even read.
    (text.len() == 64).then(|| bytes(text))??.try_into().ok()
}
