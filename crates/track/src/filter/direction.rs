//! Which way a metric is better, so that "best" has a meaning.

use std::collections::BTreeMap;

use base::DIRECTION_TAG;

/// Which way a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Less is better, as of errors and durations.
    Lower,
    /// More is better, as of accuracies; and where nothing is known.
    Higher,
}

/// Words of a key that say that less is better.
const LOWER: [&str; 24] = [
    "loss",
    "losses",
    "err",
    "error",
    "errors",
    "mse",
    "rmse",
    "mae",
    "mape",
    "smape",
    "rmsle",
    "msle",
    "nll",
    "logloss",
    "perplexity",
    "ppl",
    "wer",
    "cer",
    "fid",
    "brier",
    "latency",
    "duration",
    "regret",
    "rmsd",
];

impl Direction {
    /// The direction of a metric of a run: as the run's tag says (see [`DIRECTION_TAG`]), else by the words of the key
    /// (`val/log_loss`, `rmse`, `testError` …), else higher.
    pub fn of(key: &str, tags: &BTreeMap<String, String>) -> Self {
        Direction::said(tags.get(&format!("{DIRECTION_TAG}{key}")).map(String::as_str))
            .unwrap_or_else(|| Direction::of_key(key))
    }

    /// What the tag's value says.
    pub(crate) fn said(tag: Option<&str>) -> Option<Self> {
        match tag? {
            "lower" => Some(Direction::Lower),
            "higher" => Some(Direction::Higher),
            _ => None,
        }
    }

    /// What the key says.
    pub(crate) fn of_key(key: &str) -> Self {
        let is_lower = words(key).any(|word| LOWER.contains(&word.as_str()));
        if is_lower { Direction::Lower } else { Direction::Higher }
    }
}

/// The words of a key in lower case: parted by signs, digits and changes to upper case.
fn words(key: &str) -> impl Iterator<Item = String> {
    let mut spaced = String::with_capacity(key.len() + 4);
    let mut was_lower = false;
    for c in key.chars() {
        if c.is_uppercase() && was_lower {
            spaced.push(' ');
        }
        was_lower = c.is_lowercase();
        if c.is_alphabetic() { spaced.extend(c.to_lowercase()) } else { spaced.push(' ') }
    }
    spaced.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tags_say_which_way() {
        for key in
            ["loss", "val/log_loss", "train.rmse", "testError", "eval_loss2", "WER", "mean squared error"]
        {
            assert_eq!(Direction::of_key(key), Direction::Lower, "{key}");
        }
        for key in ["accuracy", "best_acc", "f1", "glossary", "lossless", "closs"] {
            assert_eq!(Direction::of_key(key), Direction::Higher, "{key}");
        }
        let tags = [("pipe.better.loss".to_owned(), "higher".to_owned())].into();
        assert_eq!(Direction::of("loss", &tags), Direction::Higher);
        assert_eq!(Direction::of("val_loss", &tags), Direction::Lower);
    }
}
