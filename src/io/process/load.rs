//! How busy the host is.

use crate::pure::protocol::node::Loads;
use crate::pure::protocol::report::Load;
use procfs::{Current, LoadAverage};

/// How many processors the host has.
pub fn processors() -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(processors).unwrap_or(u32::MAX)
}

/// The load averages times a factor in thousandths; `None`: divided by the number of processors. 0 where the kernel does
/// not tell.
pub fn host_load(factor: Option<u64>) -> Loads {
    let Ok(average) = LoadAverage::current() else {
        return Loads::default();
    };
    let load = |average| Load(hundredths(average, factor, processors()));
    Loads {
        one: load(average.one),
        five: load(average.five),
        fifteen: load(average.fifteen),
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped; hundredths of a load need no precision"
)]
fn hundredths(average: f32, factor: Option<u64>, processors: u32) -> u32 {
    let factor = factor.map_or_else(|| 1.0 / processors as f32, |thousandths| thousandths as f32 / 1000.0);
    (average * factor * 100.0).round().clamp(0.0, 1e8) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_are_a_share_of_all_processors_or_as_told() {
        for (average, factor, processors, share) in [
            (0.0, None, 1, 0),
            (1.0, None, 1, 100),
            (3.0, None, 2, 150),
            (3.0, Some(1000), 2, 300),
            (3.0, Some(1), 2, 0),
            (3.0, Some(250), 2, 75),
            (-1.0, None, 1, 0),
            (f32::NAN, None, 1, 0),
        ] {
            let found = hundredths(average, factor, processors);
            assert_eq!(found, share, "{average} times {factor:?} over {processors}");
        }
        host_load(None);
    }
}
