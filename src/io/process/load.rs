//! How busy the host is.

use crate::pure::protocol::report::Load;
use procfs::{Current, LoadAverage};

/// The load average of one minute, divided by the number of processors; 0 where the kernel does not tell.
pub fn host_load() -> Load {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let average = LoadAverage::current().map_or(0.0, |load| load.one);
    Load(hundredths(average, processors))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped; hundredths of a load need no precision"
)]
fn hundredths(average: f32, processors: usize) -> u32 {
    (average / processors as f32 * 100.0).round().clamp(0.0, 1e8) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_are_a_share_of_all_processors() {
        for (average, processors, share) in [
            (0.0, 1, 0),
            (1.0, 1, 100),
            (3.0, 2, 150),
            (-1.0, 1, 0),
            (f32::NAN, 1, 0),
        ] {
            assert_eq!(hundredths(average, processors), share, "{average} over {processors}");
        }
        host_load();
    }
}
