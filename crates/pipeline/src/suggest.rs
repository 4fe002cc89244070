//! The word that someone who mistyped most likely meant.

/// The nearest of `words` to `wrong`, if it is near enough to be a slip: at most a third of its letters differ.
pub(crate) fn nearest<'a>(wrong: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong: Vec<char> = wrong.chars().take(64).collect();
    let limit = (wrong.len() / 3).max(1);
    words
        .into_iter()
        .filter(|word| !word.is_empty())
        .map(|word| (distance(&wrong, word), word))
        .filter(|&(distance, word)| distance <= limit && distance < word.chars().count())
        .min()
        .map(|(_, word)| word)
}

/// The hint line that goes with `nearest`.
pub fn did_you_mean<'a>(wrong: &str, words: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(wrong, words).map(|word| format!("did you mean `{word}`?"))
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, &y) in b.iter().enumerate() {
            row[j + 1] = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let words = ["deps", "outs", "cmd", "always_changed"];
        assert_eq!(nearest("dep", words), Some("deps"));
        assert_eq!(nearest("dpes", words), Some("deps"));
        assert_eq!(nearest("always_chagned", words), Some("always_changed"));
        assert_eq!(nearest("command", words), None);
        assert_eq!(nearest("", words), None);
    }
}
