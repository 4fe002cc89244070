//! Where a filter cannot be understood, and what was probably meant.

use std::fmt;

/// A filter, or an order, that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// What was read: `filter` or `sort`.
    pub noun: &'static str,
    /// The whole text.
    pub text: String,
    /// Where the fault starts, in bytes.
    pub offset: usize,
    /// How long the faulty part is, in bytes; 0 at the end of the text.
    pub length: usize,
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl FilterError {
    /// The column of the fault, in characters, from 1.
    pub fn column(&self) -> usize {
        self.text[..self.offset].chars().count() + 1
    }

    /// The text with the faulty part underlined: two lines.
    pub fn caret(&self) -> String {
        let length = self.text[self.offset..self.offset + self.length].chars().count().max(1);
        let line: String = self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("{line}\n{}{}", " ".repeat(self.column() - 1), "^".repeat(length))
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, column {}: {}", self.noun, self.column(), self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, " (did you mean `{suggestion}`?)"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FilterError {}

/// The nearest of some words, if one is near enough to be a slip of the finger.
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let distances = words.into_iter().map(|candidate| (distance(word, candidate), candidate));
    let (distance, candidate) = distances.min()?;
    (distance <= 2 && distance < candidate.chars().count()).then(|| candidate.to_owned())
}

/// How many letters to insert, remove or exchange to make one word of the other, whatever their case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, c) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, d) in b.iter().enumerate() {
            let exchanged = diagonal + usize::from(c != *d);
            diagonal = row[j + 1];
            row[j + 1] = exchanged.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in
            [("", "abc", 3), ("metrcs", "metrics", 1), ("kitten", "sitting", 3), ("A", "a", 0)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
        assert_eq!(nearest("satus", ["status", "name"]), Some("status".to_owned()));
        assert_eq!(nearest("xyz", ["status", "name"]), None);
    }
}
