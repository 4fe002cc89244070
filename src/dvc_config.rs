//! What the settings of a DVC project say: the files `config` and `config.local` in `.dvc`, and before them those of the
//! user and of the machine. The later file wins.
//!
//! The grammar is that of DVC's files: sections in brackets, which may be quoted, keys with values, comments at `#`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::environment;
use crate::project::DVC_FOLDER;

/// Sections and their keys.
type Sections = BTreeMap<String, BTreeMap<String, String>>;

/// Where a project that was made one of pipe keeps the files of DVC.
pub const KEPT: &str = ".dvc-converted";

/// DVC's folder, also where `pipe convert` has put it.
fn own_folder(root: &Path) -> PathBuf {
    let own = root.join(DVC_FOLDER);
    if own.is_dir() {
        own
    } else {
        Some(root.join(KEPT).join(DVC_FOLDER)).filter(|kept| kept.is_dir()).unwrap_or(own)
    }
}

/// The files, the weakest first.
fn files(root: &Path) -> Vec<PathBuf> {
    let own = own_folder(root);
    let user = environment::config_home().map(|folder| folder.join("dvc").join("config"));
    let elsewhere = [Some(PathBuf::from("/etc/xdg/dvc/config")), user].into_iter().flatten();
    elsewhere.chain([own.join("config"), own.join("config.local")]).collect()
}

/// The cache folder: `cache.dir`, relative to the file that says so, else `.dvc/cache`.
pub fn cache_folder(root: &Path) -> PathBuf {
    let own = own_folder(root);
    let mut folder = own.join("cache");
    for file in files(root) {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        if let Some(dir) = parse(&text).get("cache").and_then(|section| section.get("dir")) {
            folder = file.parent().unwrap_or(&own).join(dir);
        }
    }
    folder
}

/// A setting of the project's own files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSetting {
    /// Whether it stands in `config.local`.
    pub is_local: bool,
    /// Its section, without quotes: `core`, `remote "NAME"`.
    pub section: String,
    /// Its key in that section.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl OwnSetting {
    /// The remote that it is about.
    pub fn remote(&self) -> Option<&str> {
        self.section.strip_prefix("remote").map(|rest| unquoted(rest.trim())).filter(|name| !name.is_empty())
    }
}

/// All that the project's own files say, `config` first.
pub fn own_settings(root: &Path) -> Vec<OwnSetting> {
    let mut settings = Vec::new();
    for (is_local, name) in [(false, "config"), (true, "config.local")] {
        let text = std::fs::read_to_string(own_folder(root).join(name)).unwrap_or_default();
        for (section, keys) in parse(&text) {
            settings.extend(keys.into_iter().map(|(key, value)| OwnSetting {
                is_local,
                section: section.clone(),
                key,
                value,
            }));
        }
    }
    settings
}

/// Whether `cache.shared` is `group`.
pub fn is_cache_shared(root: &Path) -> bool {
    let shared =
        |file: &PathBuf| parse(&std::fs::read_to_string(file).ok()?).get("cache")?.get("shared").cloned();
    files(root).iter().rev().find_map(shared).is_some_and(|whom| whom.eq_ignore_ascii_case("group"))
}

/// The remotes with their URLs, ascending by name, and the name of the one that is meant when none is named. A path is
/// relative to the file that names it.
pub fn remotes(root: &Path) -> (Vec<(String, String)>, Option<String>) {
    let (mut remotes, mut default) = (BTreeMap::new(), None);
    for file in files(root) {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        for (section, keys) in parse(&text) {
            let name = section.strip_prefix("remote").map(|rest| unquoted(rest.trim()));
            match (name, keys.get("url")) {
                (Some(name), Some(url)) if url.contains("://") => {
                    remotes.insert(name.to_owned(), url.clone());
                }
                (Some(name), Some(url)) => {
                    let path = file.parent().unwrap_or(root).join(url);
                    remotes.insert(name.to_owned(), path.display().to_string());
                }
                _ => {}
            }
            if section == "core" {
                default = keys.get("remote").cloned().or(default);
            }
        }
    }
    (remotes.into_iter().collect(), default)
}

/// Reads a settings file. Lines that are none of its grammar are passed over.
fn parse(text: &str) -> Sections {
    let mut sections = Sections::new();
    let mut section = String::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = unquoted(name.0.trim()).to_owned();
            sections.entry(section.clone()).or_default();
        } else if let Some((key, value)) = line.split_once('=') {
            let keys = sections.entry(section.clone()).or_default();
            keys.insert(key.trim().to_ascii_lowercase(), value_of(value.trim()).to_owned());
        }
    }
    sections
}

/// A value without its quotes, or without the comment behind it.
fn value_of(text: &str) -> &str {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => text[1..].split_once(quote).map_or(text, |(value, _)| value),
        _ => text.split_once(" #").map_or(text, |(value, _)| value).trim_end(),
    }
}

fn unquoted(text: &str) -> &str {
    let inside = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('\'').or_else(|| inside('"')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_keys_quotes_and_comments() {
        let text = "# top\n[core]\n    remote = main # the one\n['remote \"main\"']\nurl = \"/a b\"\n[cache]\ndir=../c\n";
        let sections = parse(text);
        assert_eq!(sections["core"]["remote"], "main");
        assert_eq!(sections["remote \"main\""]["url"], "/a b");
        assert_eq!(sections["cache"]["dir"], "../c");
    }
}
