//! A load that can be compared and sent: hundredths, so that equal loads are equal.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A load average divided by the number of processors; 1.00 is "all busy". Kept in hundredths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Load(pub u32);

impl Load {
    /// Above every load that is known.
    pub const UNKNOWN: Self = Self(u32::MAX);
    /// 1.0 is "all busy".
    #[expect(
        clippy::cast_precision_loss,
        reason = "loads are small, and a load of millions is as good as its neighbour"
    )]
    pub fn as_number(self) -> f32 {
        self.0 as f32 / 100.0
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:02}", self.0 / 100, self.0 % 100))
    }
}
impl Serialize for Load {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_f64(f64::from(self.0) / 100.0)
        } else {
            serializer.serialize_u32(self.0)
        }
    }
}
impl<'de> Deserialize<'de> for Load {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let load = f64::deserialize(deserializer)?.clamp(0.0, 1e6) * 100.0;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped above")]
            Ok(Self(load.round() as u32))
        } else {
            u32::deserialize(deserializer).map(Self)
        }
    }
}
