//! Names that are one name on some file systems: no folder that is recorded holds two such.

use std::collections::HashMap;

use base::ProjectPath;
use unicode_normalization::UnicodeNormalization;

use crate::CacheError;

/// Refuses two of `names`, paths in `folder`, that are equal after Unicode normalization; folders on the way count as
/// well. Where all are ASCII, that is all that is looked at.
pub(crate) fn refuse_same<'a>(
    folder: &ProjectPath,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), CacheError> {
    if names.clone().all(str::is_ascii) {
        return Ok(());
    }
    let mut composed: HashMap<String, &str> = HashMap::new();
    for name in names {
        let ends = name.match_indices('/').map(|(end, _)| end).chain([name.len()]);
        for part in ends.map(|end| &name[..end]) {
            let other = *composed.entry(part.nfc().collect()).or_insert(part);
            if other != part {
                let (one, other) = (below(folder, other), below(folder, part));
                return Err(CacheError::SameName { one, other });
            }
        }
    }
    Ok(())
}

/// The path that leads from `folder` by `names`.
pub(crate) fn below(folder: &ProjectPath, names: &str) -> ProjectPath {
    names.split('/').fold(folder.clone(), |path, name| path.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_one_are_refused() {
        let folder = ProjectPath::from_record("d").unwrap();
        for (names, told) in [
            (&["a", "b"][..], None),
            (&["\u{e9}", "\u{e9}/a", "\u{e9}/b", "e"], None),
            (&["e\u{301}", "x", "\u{e9}"], Some("d/\u{e9}")),
            (&["e\u{301}/a", "\u{e9}/b"], Some("d/\u{e9}")),
            (&["K", "\u{212a}"], Some("d/\u{212a}")),
        ] {
            let fault = refuse_same(&folder, names.iter().copied()).err();
            let told = told.map(|told| format!("`{told}` ("));
            let is_told =
                |told: &String| fault.as_ref().is_some_and(|fault| fault.to_string().contains(told));
            assert_eq!(fault.is_some(), told.is_some(), "{names:?}");
            assert!(told.is_none_or(|told| is_told(&told)), "{names:?}: {fault:?}");
        }
    }
}
