//! The keys that seal gossip, and the text of a key file.

use crate::pure::base::hex;
use std::fmt;

/// Most keys in a ring: rotation needs two (the old and the new), three when it is interrupted.
pub const KEYS_MAX: usize = 8;

/// One key of the ring. The id travels with each packet, so that the receiver need not try every key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Its number, unique in the ring.
    pub id: u8,
    /// The secret, for XChaCha20-Poly1305.
    pub bytes: [u8; 32],
}

impl Key {
    /// The keys of a key file, one `ID HEX64` a line, `#` comments and empty lines left out. The first key seals, all open.
    ///
    /// # Errors
    /// Which line is wrong, and how; never its secret. Also when there is no key, or more than [`KEYS_MAX`].
    pub fn parse(text: &str) -> Result<Vec<Self>, String> {
        let mut keys: Vec<Self> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let fault = |fault| format!("line {}: {fault}", index + 1);
            let key = Self::parse_line(line).map_err(fault)?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(fault("repeats the id of a key above"));
            }
            if keys.len() == KEYS_MAX {
                return Err(fault("is one key more than the 8 that a ring may hold"));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err("no key in it; write one a line as ID HEX64".to_owned());
        }
        Ok(keys)
    }

    fn parse_line(line: &str) -> Result<Self, &'static str> {
        let (id, secret) = line
            .split_once(char::is_whitespace)
            .ok_or("wants ID HEX64: a number, a space and 64 hexadecimal digits")?;
        let id = id.parse().map_err(|_error| "wants an id from 0 to 255 first")?;
        let bytes = hex::bytes32(secret.trim()).ok_or("wants 64 hexadecimal digits behind the id")?;
        Ok(Self { id, bytes })
    }
}
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_files_parse_or_say_which_line_is_wrong() {
        let one = "11".repeat(32);
        let two = "Ab".repeat(32);
        let keys = Key::parse(&format!("# new\n7 {one}\n\n  3\t{two}  \n")).unwrap();
        assert_eq!(keys.iter().map(|key| key.id).collect::<Vec<_>>(), [7, 3]);
        assert_eq!(keys[1].bytes, [0xab; 32]);
        assert_eq!(format!("{:?}", keys[0]), "Key { id: 7, .. }");
        for (text, fault) in [
            (String::new(), "no key in it; write one a line as ID HEX64"),
            (
                one.clone(),
                "line 1: wants ID HEX64: a number, a space and 64 hexadecimal digits",
            ),
            (format!("256 {one}"), "line 1: wants an id from 0 to 255 first"),
            (
                format!("1 {}", &one[1..]),
                "line 1: wants 64 hexadecimal digits behind the id",
            ),
            (format!("1 {one}\n1 {two}"), "line 2: repeats the id of a key above"),
        ] {
            assert_eq!(Key::parse(&text).unwrap_err(), fault);
        }
    }
}
