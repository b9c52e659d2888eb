//! The known name that an unknown one comes nearest to, for messages.

use super::fault::shown;

/// More slips than this, and somebody meant something else.
const STEPS_MAX: usize = 3;

/// `; did you mean `run`?`, or nothing when no known name is near.
pub(super) fn did_you_mean<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> String {
    let nearest = known.map(|known| (distance(unknown, known), known)).min();
    match nearest {
        Some((steps, known)) if steps <= STEPS_MAX && steps < known.len().max(unknown.len()) => {
            format!("; did you mean `{}`?", shown(known))
        }
        _ => String::new(),
    }
}

/// Levenshtein's distance: how many letters to insert, drop or change. Long texts are as far as can be.
fn distance(from: &str, to: &str) -> usize {
    if from.len() > 64 || to.len() > 64 {
        return usize::MAX;
    }
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (b, cell) in to.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        for (from, to, steps) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("run", "rum", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(from, to), steps, "{from} {to}");
        }
        assert_eq!(did_you_mean("zzzzzzzz", ["run"].into_iter()), "");
    }
}
