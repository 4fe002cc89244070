//! Which metrics and params a list of runs has columns for where there is no room for all: one rule for terminals and pages.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Metrics that people ask for first, where as many runs have them as have others.
const FIRST: [&str; 6] = ["best_acc", "val_acc", "accuracy", "val_loss", "loss", "train_loss"];
/// What MLflow's client measures of the machine while a run lasts: it tells runs apart least.
const OF_THE_MACHINE: &str = "system/";

/// The keys of some runs, each once, those first that most of the runs have. Of equals come first what people ask for first, then
/// names without a folder, then the alphabet; what tells of the machine comes after all others.
pub fn commonest<'a>(keys: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    keys.into_iter().for_each(|key| *counts.entry(key).or_default() += 1);
    let mut ranked: Vec<&str> = counts.keys().copied().collect();
    ranked.sort_by_key(|key| {
        let place = FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len());
        (key.starts_with(OF_THE_MACHINE), Reverse(counts[key]), place, key.contains('/'))
    });
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(runs: &[&[&str]]) -> Vec<String> {
        let keys: Vec<String> = runs.concat().into_iter().map(ToOwned::to_owned).collect();
        commonest(&keys).into_iter().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn what_most_runs_have_comes_before_what_one_has() {
        let usual: &[&str] = &["zeta", "acc"];
        let odd: &[&str] = &["gpu_a", "gpu_b", "best_acc"];
        assert_eq!(ranked(&[odd, usual, usual]), ["acc", "zeta", "best_acc", "gpu_a", "gpu_b"]);
    }

    #[test]
    fn of_equals_the_asked_for_then_the_plain_then_the_alphabet() {
        let one: &[&str] = &["a/b", "zeta", "system/gpu", "loss", "acc", "val_acc"];
        assert_eq!(ranked(&[one]), ["val_acc", "loss", "acc", "zeta", "a/b", "system/gpu"]);
        assert_eq!(ranked(&[one, &["system/gpu"]]).last().map(String::as_str), Some("system/gpu"));
    }
}
