//! Paths inside a project, as records spell them: relative, `/` between parts, no `.` and no `..`.
//!
//! A path that comes from a lock, a tree or the network is made into a [`ProjectPath`] before anything
//! is done with it, so that a hostile record can name nothing outside the project.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use crate::text::one_line;

/// A path relative to the project root. The empty path is the root itself, shown as `.`.
///
/// Law: parts are non-empty, none is `.` or `..`, none holds a NUL. Ordered by bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ProjectPath(String);

/// Why a text is no path inside the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathError {
    /// Starts at the root of the file system.
    Absolute(String),
    /// Leads out of the project through `..`.
    Outside(String),
    /// Is spelled otherwise than records do.
    Spelling {
        /// The text.
        text: String,
        /// How records spell the path that it is.
        record: String,
    },
    /// Holds a NUL character.
    Nul(String),
    /// Its bytes are not UTF-8; shown with replacement characters.
    NotUtf8(String),
    /// Names a folder that belongs to a tool: `.git`, `.pipe` or `.dvc` in any spelling.
    Reserved(String),
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathError::Absolute(path) => {
                write!(f, "`{}` is an absolute path; expected one relative to the project", one_line(path))
            }
            PathError::Outside(path) => write!(f, "`{}` leads out of the project", one_line(path)),
            PathError::Spelling { text, record } => {
                if record.is_empty() {
                    return write!(f, "`{}` is the folder itself; expected a path in it", one_line(text));
                }
                write!(
                    f,
                    "`{}` is not how records spell a path; expected `{}`",
                    one_line(text),
                    one_line(record)
                )
            }
            PathError::Nul(path) => {
                write!(f, "`{}` holds a NUL character", one_line(&path.replace('\0', "\\0")))
            }
            PathError::NotUtf8(path) => write!(f, "`{}` is not UTF-8", one_line(path)),
            PathError::Reserved(path) => {
                write!(f, "`{}` lies in a folder that git, pipe or DVC keeps for itself", one_line(path))
            }
        }
    }
}

impl std::error::Error for PathError {}

impl ProjectPath {
    /// The project root.
    pub fn root() -> Self {
        ProjectPath(String::new())
    }

    /// Reads a path as a person writes it, relative to the folder `base`: `.` and `..` are resolved by
    /// their spelling, without asking the disk.
    ///
    /// # Errors
    /// When the path is absolute, holds a NUL, or leads out of the project.
    pub fn resolve(base: &ProjectPath, text: &str) -> Result<Self, PathError> {
        if text.starts_with('/') {
            return Err(PathError::Absolute(text.to_owned()));
        }
        if text.contains('\0') {
            return Err(PathError::Nul(text.to_owned()));
        }
        let mut parts: Vec<&str> = base.parts().collect();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop().ok_or_else(|| PathError::Outside(text.to_owned()))?;
                }
                part => parts.push(part),
            }
        }
        Ok(ProjectPath(parts.join("/")))
    }

    /// Reads a path from a record, where only the canonical spelling is right.
    ///
    /// # Errors
    /// As [`ProjectPath::resolve`], and when the spelling is not canonical (`a//b`, `./a`, `a/..`) or the
    /// path lies in a folder of git, pipe or DVC in any spelling.
    pub fn from_record(text: &str) -> Result<Self, PathError> {
        let path = ProjectPath::resolve(&ProjectPath::root(), text)?;
        if path.0 != text {
            return Err(PathError::Spelling { text: text.to_owned(), record: path.0 });
        }
        if path.is_reserved() {
            return Err(PathError::Reserved(text.to_owned()));
        }
        Ok(path)
    }

    /// Whether a part is, for some file system, `.git`, `.pipe` or `.dvc`: on one that folds case, `.GIT/hooks` is
    /// `.git/hooks`, and there are other spellings that lead there.
    pub fn is_reserved(&self) -> bool {
        self.parts().any(is_reserved_name)
    }

    /// The path of `relative`, an operating system path below the project root.
    ///
    /// # Errors
    /// When it is not UTF-8, not relative, or holds `..`.
    pub fn from_relative(relative: &Path) -> Result<Self, PathError> {
        let text =
            relative.to_str().ok_or_else(|| PathError::NotUtf8(relative.to_string_lossy().into_owned()))?;
        ProjectPath::resolve(&ProjectPath::root(), text)
    }

    /// The parts from the root down; none for the root.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// The canonical spelling; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How records and programs read it: the canonical spelling, and `.` for the root.
    pub fn spelled(&self) -> &str {
        if self.is_root() { "." } else { &self.0 }
    }

    /// Whether this is the project root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The folder that holds it; `None` for the root.
    pub fn parent(&self) -> Option<ProjectPath> {
        if self.is_root() {
            return None;
        }
        Some(ProjectPath(self.0.rsplit_once('/').map_or(String::new(), |(parent, _)| parent.to_owned())))
    }

    /// The last part; empty for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// The path of `name`, one part, inside this one.
    pub fn join(&self, name: &str) -> ProjectPath {
        debug_assert!(!name.contains('/') && name != "..", "one part: {name}");
        if self.is_root() { ProjectPath(name.to_owned()) } else { ProjectPath(format!("{}/{name}", self.0)) }
    }

    /// Whether `other` is this path or lies below it.
    pub fn contains(&self, other: &ProjectPath) -> bool {
        self.is_root()
            || other.0 == self.0
            || (other.0.starts_with(&self.0) && other.0.as_bytes()[self.0.len()] == b'/')
    }

    /// The operating system path below `root`.
    pub fn to_path(&self, root: &Path) -> PathBuf {
        if self.is_root() { root.to_path_buf() } else { root.join(&self.0) }
    }

    /// How to spell this path for someone who stands in the folder `base`.
    pub fn relative_to(&self, base: &ProjectPath) -> String {
        let mut mine: Vec<&str> = self.parts().collect();
        let theirs: Vec<&str> = base.parts().collect();
        let shared = mine.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
        let mut parts = vec![".."; theirs.len() - shared];
        parts.extend(mine.drain(shared..));
        if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
    }
}

/// Whether some file system takes a name for that of a tool's own folder. As git does where it is to protect its own
/// (`core.protectNTFS`, `core.protectHFS`), and wherever the files lie: they may be copied elsewhere.
fn is_reserved_name(name: &str) -> bool {
    if !name.starts_with('.') && !name.contains('~') && name.is_ascii() {
        return false;
    }
    let name: String =
        name.chars().filter(|letter| !is_passed_over(*letter)).flat_map(char::to_lowercase).collect();
    // On NTFS a stream of a folder (`.git::$INDEX_ALLOCATION`) is the folder, and dots and spaces at the end are nothing.
    let name = name.split([':', '\\']).next().unwrap_or_default().trim_end_matches(['.', ' ']);
    // What has a dot in front is known there by a short name too.
    let tool = name.strip_prefix('.').or_else(|| name.strip_suffix("~1"));
    tool.is_some_and(|tool| ["git", "pipe", "dvc"].contains(&tool))
}

/// Letters that nobody sees: HFS+ does not compare them, nor does ext4 where it folds case.
fn is_passed_over(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// For people, on one line. What is compared, recorded or handed to a program is [`ProjectPath::as_str`] or
/// [`ProjectPath::spelled`].
impl fmt::Display for ProjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(self.spelled()))
    }
}

impl fmt::Debug for ProjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ProjectPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Deserialised paths come from records: only the canonical spelling is right.
impl<'de> Deserialize<'de> for ProjectPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        ProjectPath::from_record(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ProjectPath {
        ProjectPath::resolve(&ProjectPath::root(), text).expect("a path")
    }

    #[test]
    fn spelling_is_resolved() {
        assert_eq!(path("./a//b/../c/").as_str(), "a/c");
        assert_eq!(ProjectPath::resolve(&path("sub"), "../data/x").map(|p| p.0), Ok("data/x".to_owned()));
        assert!(matches!(ProjectPath::resolve(&path("sub"), "../../x"), Err(PathError::Outside(_))));
        assert!(matches!(ProjectPath::resolve(&path("sub"), "/x"), Err(PathError::Absolute(_))));
        assert!(path(".").is_root());
    }

    #[test]
    fn records_are_canonical_and_never_reserved() {
        for text in
            ["../x", "/x", "./x", "a//b", "a/../b", ".git/config", "a/.GIT/x", ".Pipe", ".dvc/x", "a\0b"]
        {
            assert!(ProjectPath::from_record(text).is_err(), "{text}");
        }
        let told = ProjectPath::from_record("a//b").unwrap_err().to_string();
        let root = ProjectPath::from_record(".").unwrap_err().to_string();
        assert_eq!(root, "`.` is the folder itself; expected a path in it");
        assert_eq!(told, "`a//b` is not how records spell a path; expected `a/b`");
        assert!(ProjectPath::from_record("a/b.git/c").is_ok());
    }

    /// What leads to a tool's folder on NTFS, HFS+, APFS, or ext4 where it folds case.
    #[test]
    fn other_spellings_of_reserved_names_are_reserved() {
        for tool in ["git", "pipe", "dvc", "GIT", "Pipe", "dVc"] {
            let (first, rest) = tool.split_at(1);
            for name in [
                format!(".{tool}."),
                format!(".{tool} . ."),
                format!(".{tool}::$INDEX_ALLOCATION"),
                format!(".{tool}\\hooks"),
                format!("{tool}~1"),
                format!("{tool}~1."),
                format!(".{first}\u{200c}{rest}"),
                format!("\u{feff}.{tool}"),
                format!(".{tool}\u{fe0f}"),
            ] {
                assert!(ProjectPath::from_record(&format!("a/{name}/x")).is_err(), "{name:?}");
            }
        }
        for name in ["git", ".gitignore", ".git2", "a~1", "git~2", "x.git", ".g\u{131}t", "größe", "a .git"]
        {
            assert!(ProjectPath::from_record(name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn containment_is_by_part() {
        assert!(path("a").contains(&path("a/b")));
        assert!(path("a").contains(&path("a")));
        assert!(!path("a").contains(&path("ab")));
        assert!(path(".").contains(&path("ab")));
    }

    #[test]
    fn a_name_of_two_lines_is_shown_on_one_and_spelled_as_it_is() {
        let path = path("a\nb/\u{1b}[31m");
        assert_eq!(path.to_string(), r"a\nb/\u{1b}[31m");
        assert_eq!(path.as_str(), "a\nb/\u{1b}[31m");
        assert_eq!(serde_json::to_string(&path).unwrap(), r#""a\nb/\u001b[31m""#);
    }

    #[test]
    fn relative_spelling() {
        assert_eq!(path("a/b/c").relative_to(&path("a/x")), "../b/c");
        assert_eq!(path("a").relative_to(&path("a")), ".");
    }
}
