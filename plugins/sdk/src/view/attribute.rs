//! Attributes of candidates and requests.
#![expect(unsafe_code, reason = "reads the records of the ABI behind their pointers")]

use crate::abi;
use crate::text::read;

/// The value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Present, without a value; or of a kind newer than this SDK.
    None,
    /// A whole number.
    Integer(i64),
    /// A number; may be infinite or not a number.
    Float(f64),
    /// A truth value.
    Boolean(bool),
    /// A text.
    Text(&'a str),
    /// One member of a set; the others follow under the same key.
    Member(&'a str),
}

/// Attributes, ordered by key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes<'a>(pub(super) &'a [abi::Attr]);

impl<'a> Attributes<'a> {
    /// All values under a key.
    pub(super) fn all(self, key: u32) -> impl Iterator<Item = Value<'a>> {
        let first = self.0.partition_point(|attr| attr.key < key);
        let found = self.0.get(first..).unwrap_or_default();
        found.iter().take_while(move |attr| attr.key == key).map(|attr| {
            // SAFETY: the text lives as long as the attributes, `'a`.
            let text = unsafe { read(attr.text) };
            match attr.kind {
                abi::ATTR_INTEGER => Value::Integer(attr.num),
                abi::ATTR_FLOAT => Value::Float(f64::from_bits(attr.num.cast_unsigned())),
                abi::ATTR_BOOLEAN => Value::Boolean(attr.num != 0),
                abi::ATTR_TEXT => Value::Text(text),
                abi::ATTR_MEMBER => Value::Member(text),
                _ => Value::None,
            }
        })
    }
}
