//! The nearest known key for one that nobody knows.

/// The candidate that most likely was meant: the same name in another section, else the fewest typing slips apart, if
/// those are few enough for the length.
pub fn nearest<'a>(written: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let leaf = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let written: String = written.chars().take(100).collect();
    let scored = candidates.map(|candidate| {
        let slips = slips(&written, candidate);
        let same_name = written.contains('.') && leaf(&written) == leaf(candidate);
        (if same_name { slips.min(1) } else { slips }, slips, candidate)
    });
    let (score, _, candidate) = scored.min()?;
    (score <= 2.max(candidate.len() / 3)).then_some(candidate)
}

/// How many letters were missed, doubled, mistaken or swapped (optimal string alignment), capitals ignored.
fn slips(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_ascii_lowercase().chars().collect();
    let b: Vec<char> = b.to_ascii_lowercase().chars().collect();
    let at = |rows: &[Vec<usize>], i: usize, j: usize| rows.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0);
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let (here, there) = (a.get(i - 1), b.get(j - 1));
            let mut best = (at(&rows, i - 1, j) + 1)
                .min(row.get(j - 1).copied().unwrap_or(0) + 1)
                .min(at(&rows, i - 1, j - 1) + usize::from(here != there));
            if i > 1 && j > 1 && here == b.get(j - 2) && a.get(i - 2) == there {
                best = best.min(at(&rows, i - 2, j - 2) + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    at(&rows, a.len(), b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted_and_far_words_are_nobody() {
        for (a, b, expected) in [
            ("", "", 0),
            ("role", "role", 0),
            ("rloe", "role", 1),
            ("rol", "role", 1),
            ("x", "role", 4),
        ] {
            assert_eq!(slips(a, b), expected, "{a} {b}");
        }
        let keys = || ["grid", "peer.name", "registry.role"].into_iter();
        assert_eq!(nearest("registry.rool", keys()), Some("registry.role"));
        assert_eq!(nearest("role", ["role", "name"].into_iter()), Some("role"));
        assert_eq!(
            nearest("peer.role", keys()),
            Some("registry.role"),
            "the same name in another section"
        );
        assert_eq!(nearest("zookeeper", keys()), None);
    }
}
