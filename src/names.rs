//! Names that are one name somewhere: what some file systems and people cannot keep apart is not put under version
//! control side by side.

use std::collections::BTreeMap;

use base::ProjectPath;
use unicode_normalization::UnicodeNormalization;

use crate::error::{CliError, CliResult};
use crate::ui::Printer;

/// Refuses paths that are equal after Unicode normalization, and warns of those that differ in case alone. Folders
/// count as well.
///
/// # Errors
/// When two are equal, naming both.
pub fn check<'a>(paths: impl Iterator<Item = &'a ProjectPath>, printer: Printer) -> CliResult {
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
                let message = format!(
                    "{} and {} are the same name after Unicode normalization",
                    shown(other),
                    shown(&path)
                );
                return Err(
                    CliError::message(message).hint("rename one of them: some file systems cannot hold both")
                );
            }
            let lower = text.to_lowercase();
            if let Some(other) = folded.get(&lower)
                && !warned
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

/// A path that shows what its letters are made of.
fn shown(path: &ProjectPath) -> String {
    let escaped = path
        .as_str()
        .chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() });
    format!("`{path}` ({})", escaped.collect::<String>())
}
