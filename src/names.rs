//! Names that are one name somewhere: what some file systems and people cannot keep apart is not put under version
//! control side by side.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use base::ProjectPath;
use unicode_normalization::UnicodeNormalization;

use crate::error::CliResult;
use crate::ui::Printer;

/// Refuses paths that are equal after Unicode normalization, and warns of those that differ in case alone where one of the
/// two is or holds one for which `is_new`. Folders count as well.
///
/// # Errors
/// When two are equal, naming both.
pub fn check<'a>(
    paths: impl Iterator<Item = &'a ProjectPath>,
    is_new: &dyn Fn(&ProjectPath) -> bool,
    printer: Printer,
) -> CliResult {
    let mut composed: BTreeMap<String, ProjectPath> = BTreeMap::new();
    let mut folded: BTreeMap<String, ProjectPath> = BTreeMap::new();
    let mut warned = false;
    for path in paths {
        let above = std::iter::successors(Some(path.clone()), ProjectPath::parent);
        for path in above.take_while(|path| !path.is_root()) {
            let text: String = path.as_str().nfc().collect();
            if let Some(other) = composed.get(&text) {
                if *other == path {
                    // What is above was looked at with it.
                    break;
                }
                let (one, other) = (other.clone(), path);
                return Err(cache::CacheError::SameName { one, other }.into());
            }
            let lower = text.to_lowercase();
            if !warned
                && let Some(other) = folded.get(&lower)
                && (is_new(other) || is_new(&path))
            {
                printer.warn(format_args!(
                    "{other} and {path} differ in case alone; some file systems cannot hold both"
                ));
                warned = true;
            }
            composed.insert(text, path.clone());
            folded.insert(lower, path);
        }
    }
    Ok(())
}

/// Tells of many paths, with little memory, whether [`check`] may find anything among them.
#[derive(Debug, Default)]
pub struct Sieve {
    hasher: RandomState,
    /// Hashes of paths as they are.
    exact: HashSet<u64>,
    /// Hashes of what two of them must not have in common.
    folded: HashSet<u64>,
}

impl Sieve {
    /// Whether another path than this one, or the same of a folder above it, may be the same name. Two that are equal
    /// are never missed; rarely two are taken for equal that are not.
    pub fn may_clash(&mut self, path: &ProjectPath) -> bool {
        let above = std::iter::successors(Some(path.clone()), ProjectPath::parent);
        for path in above.take_while(|path| !path.is_root()) {
            let text = path.as_str();
            if !self.exact.insert(self.hasher.hash_one(text)) {
                // What is above was looked at with it.
                return false;
            }
            let folded = match text.is_ascii() {
                true => text.to_ascii_lowercase(),
                false => text.nfc().collect::<String>().to_lowercase(),
            };
            if !self.folded.insert(self.hasher.hash_one(folded)) {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_one_name_is_sieved_out() {
        for (paths, clash) in [
            (&["a/b/c", "a/b/d", "a/x", "b"][..], false),
            (&["a/b/c", "A/x"], true),
            (&["a/b", "a/B"], true),
            (&["a/e\u{301}", "a/x", "a/\u{e9}"], true),
            (&["\u{c9}", "x", "\u{e9}"], true),
            (&["\u{e9}", "\u{e9}/a", "\u{e9}/b"], false),
        ] {
            let mut sieve = Sieve::default();
            let found = paths.iter().any(|path| sieve.may_clash(&ProjectPath::from_record(path).unwrap()));
            assert_eq!(found, clash, "{paths:?}");
        }
    }
}
