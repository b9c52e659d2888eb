//! Durations, sizes and processors as people write and read them.

use std::time::Duration;

const KIB: u64 = 1024;
/// Units of sizes, largest first.
const UNITS: [(&str, u64); 5] = [
    ("TiB", KIB * KIB * KIB * KIB),
    ("GiB", KIB * KIB * KIB),
    ("MiB", KIB * KIB),
    ("KiB", KIB),
    ("B", 1),
];

/// `30s`, `1m 30s`, `500ms`: 0 to `max`, units required.
pub(super) fn parse_duration(text: &str, max: Duration) -> Result<Duration, String> {
    let refused = "is no duration: write a number with its unit, as \"500ms\", \"30s\" or \"1m 30s\"";
    let span: jiff::SignedDuration = text.parse().map_err(|_error| refused.to_owned())?;
    let duration = Duration::try_from(span).map_err(|_error| "is a negative duration".to_owned())?;
    if duration > max {
        return Err(format!("is longer than {}", duration_text(max)));
    }
    Ok(duration)
}

/// `1h`, `1m 30s`, `500ms`: as [`parse_duration`] reads it.
pub(super) fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (u128::from(seconds / 3600), "h"),
        (u128::from(seconds % 3600 / 60), "m"),
        (u128::from(seconds % 60), "s"),
        (u128::from(duration.subsec_millis()), "ms"),
        (u128::from(duration.subsec_micros() % 1000), "us"),
        (u128::from(duration.subsec_nanos() % 1000), "ns"),
    ];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    let text: Vec<String> = parts.map(|(number, unit)| format!("{number}{unit}")).collect();
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text.join(" ")
    }
}

/// `512MiB`, `1.5GiB`: `min` to `max` bytes, unit required.
pub(super) fn parse_size(text: &str, min: u64, max: u64) -> Result<u64, String> {
    let refused = || "is no size: write a number with its unit, as \"64KiB\", \"512MiB\" or \"1.5GiB\"".to_owned();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
        .ok_or_else(refused)?;
    let bytes = thousandths(number.trim_end()).ok_or_else(refused)? * u128::from(unit) / 1000;
    match u64::try_from(bytes) {
        Ok(bytes) if bytes < min => Err(format!("is less than {}", size_text(min))),
        Ok(bytes) if bytes <= max => Ok(bytes),
        _ => Err(format!("is more than {}", size_text(max))),
    }
}

/// `16MiB`: in the largest unit that leaves no rest.
pub(super) fn size_text(bytes: u64) -> String {
    let fitting = UNITS.iter().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
    let (name, unit) = fitting.unwrap_or(&("B", 1));
    format!("{}{name}", bytes / unit)
}

/// `1.5` processors, in thousandths: 10 to 1,024,000.
pub(super) fn parse_processors(text: &str) -> Result<u64, String> {
    let refused = "is no number of processors: write one from 0.01 to 1024, as \"1.5\"";
    let millis = thousandths(text).and_then(|millis| u64::try_from(millis).ok());
    millis
        .filter(|millis| (10..=1_024_000).contains(millis))
        .ok_or_else(|| refused.to_owned())
}

/// `1.5` of 1500.
pub(super) fn processors_text(millis: u64) -> String {
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A decimal number of at most 15 digits before and 3 behind the point.
fn thousandths(text: &str) -> Option<u128> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, max: usize| {
        let right = !text.is_empty() && text.len() <= max && text.bytes().all(|b| b.is_ascii_digit());
        right.then(|| text.parse::<u128>().ok()).flatten()
    };
    let (whole, thousandths) = (digits(whole, 15)?, digits(&format!("{rest:0<3}"), 3)?);
    (!rest.is_empty()).then_some(whole * 1000 + thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_want_units_and_bounds() {
        let day = Duration::from_hours(24);
        for (text, seconds, shown) in [
            ("0s", 0.0, "0s"),
            ("30s", 30.0, "30s"),
            ("500ms", 0.5, "500ms"),
            ("1m 30s", 90.0, "1m 30s"),
            ("1m30s", 90.0, "1m 30s"),
            ("24h", 86400.0, "24h"),
        ] {
            let duration = Duration::from_secs_f64(seconds);
            assert_eq!(parse_duration(text, day), Ok(duration), "{text}");
            assert_eq!(duration_text(duration), shown);
        }
        for text in "|30|s|-1s|25h|1 d|forever|99999999999999999999h|1y".split('|') {
            assert!(parse_duration(text, day).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_processors_want_units_and_bounds() {
        let size = |text| parse_size(text, 1024, 1 << 40);
        for (text, bytes, shown) in [
            ("1KiB", 1024, "1KiB"),
            ("512MiB", 512 << 20, "512MiB"),
            ("1.5 GiB", 1536 << 20, "1536MiB"),
            ("1TiB", 1 << 40, "1TiB"),
            ("1025B", 1025, "1025B"),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
            assert_eq!(size_text(bytes), shown);
        }
        assert_eq!(size("1B"), Err("is less than 1KiB".to_owned()));
        assert_eq!(size("1.001TiB"), Err("is more than 1TiB".to_owned()));
        for text in "|1|MiB|1MB|-1MiB|1.MiB|.5GiB|1.2345MiB|9999999999999999TiB|1e3B".split('|') {
            assert!(
                size(text).is_err_and(|reason| reason.starts_with("is no size")),
                "{text}"
            );
        }
        for (text, millis) in [("1.5", 1500), ("0.01", 10), ("1024", 1_024_000)] {
            assert_eq!(parse_processors(text), Ok(millis));
            assert_eq!(processors_text(millis), text);
        }
        for text in "|0|0.009|1024.001|-1|1.|many|50%".split('|') {
            assert!(parse_processors(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(number in any::<u64>(), text in "\\PC{0,12}") {
            prop_assert_eq!(parse_size(&size_text(number % (1 << 45)), 0, 1 << 45), Ok(number % (1 << 45)));
            let duration = Duration::from_nanos(number % 86_400_000_000_000);
            prop_assert_eq!(parse_duration(&duration_text(duration), Duration::from_hours(24)), Ok(duration));
            let millis = 10 + number % 1_023_990;
            prop_assert_eq!(parse_processors(&processors_text(millis)), Ok(millis));
            drop((parse_size(&text, 0, u64::MAX), parse_processors(&text)));
        }
    }
}
