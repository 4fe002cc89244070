//! Deps that are no single path of the project: patterns for many files, paths outside, URLs.
//!
//! They stand beside [`Stage::deps`](crate::Stage::deps) and not among them, since all that concerns outs, edges and
//! restoring goes by paths of the project. Here is only what they are called and what a pattern means; looking at
//! the files is the caller's business.

use std::fmt;

use base::{Digest, PathError, ProjectPath};
use glob::{MatchOptions, Pattern};
use serde::{Deserialize, Serialize};

use crate::stage::Stage;

/// What sort of dep it is. Ordered as in the stage key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpecialKind {
    /// All files of the project that a pattern matches.
    Glob,
    /// A file or folder outside the project.
    Outside,
    /// What a server has at an http or https URL.
    Url,
    /// A file or folder in the folder of a remote.
    Remote,
    /// A data set of DVC's `datasets`: what `dvc.lock` says of it.
    Dataset,
}

impl SpecialKind {
    /// All kinds that our own pipeline files know, in order.
    pub const ALL: [SpecialKind; 4] =
        [SpecialKind::Glob, SpecialKind::Outside, SpecialKind::Url, SpecialKind::Remote];

    /// Its word in locks and stage keys.
    pub fn word(self) -> &'static str {
        match self {
            SpecialKind::Glob => "glob",
            SpecialKind::Outside => "outside",
            SpecialKind::Url => "url",
            SpecialKind::Remote => "remote",
            SpecialKind::Dataset => "dataset",
        }
    }
}

/// What stands for the content of a URL of which a server tells this: `etag` and the tag, or something else.
pub fn told_digest(told: &str) -> Digest {
    Digest::Blake3(blake3::hash(format!("pipe url 1\n{told}").as_bytes()).into())
}

/// What locks, reasons and keys call such a dep.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SpecialName {
    /// What sort of dep it is.
    pub kind: SpecialKind,
    /// The pattern, relative to the project root; or the absolute path, or the URL, `remote://NAME/PATH` for one.
    pub text: String,
}

impl fmt::Display for SpecialName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base::one_line(&self.text))
    }
}

/// A declared dep that is no single path of the project.
///
/// What a pattern excludes is no part of its name: an input is the set of files, however it was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Special {
    /// What it is called.
    pub name: SpecialName,
    /// The pattern with what it excludes; `None` for all other kinds.
    pub glob: Option<Glob>,
}

/// An out that lies outside the project: a file or folder in the folder of a remote, or at an absolute path. Only projects
/// of DVC have such. It is never kept in the cache, so that its stage runs where it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecialOut {
    /// What it is called; of the kind [`SpecialKind::Outside`] or [`SpecialKind::Remote`].
    pub name: SpecialName,
    /// Whether it stays in place when the stage runs.
    pub persist: bool,
}

/// What a reason calls a dep or an out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DepName {
    /// A path of the project.
    Path(ProjectPath),
    /// Another dep.
    Special(SpecialName),
}

impl DepName {
    /// The path, where it is one.
    pub fn path(&self) -> Option<&ProjectPath> {
        match self {
            DepName::Path(path) => Some(path),
            DepName::Special(_) => None,
        }
    }
}

impl From<ProjectPath> for DepName {
    fn from(path: ProjectPath) -> Self {
        DepName::Path(path)
    }
}

impl From<SpecialName> for DepName {
    fn from(name: SpecialName) -> Self {
        DepName::Special(name)
    }
}

impl fmt::Display for DepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DepName::Path(path) => path.fmt(f),
            DepName::Special(name) => name.fmt(f),
        }
    }
}

impl SpecialName {
    /// The file or folder at an absolute path, `.` and `..` resolved by their spelling.
    ///
    /// # Errors
    /// When the path leads above the root of the file system, is that root, or lies in a folder that git, pipe or
    /// DVC keeps for itself.
    pub fn outside(text: &str) -> Result<Self, PathError> {
        let below = text.strip_prefix('/').ok_or_else(|| PathError::Outside(text.to_owned()))?;
        let path = ProjectPath::resolve(&ProjectPath::root(), below.trim_start_matches('/'))?;
        if path.is_root() || path.is_reserved() {
            return Err(PathError::Reserved(text.to_owned()));
        }
        Ok(SpecialName { kind: SpecialKind::Outside, text: format!("/{}", path.as_str()) })
    }

    /// What a URL names: a file outside the project, what a server has, or something in the folder of a remote.
    ///
    /// # Errors
    /// When the URL is none of `http`, `https`, `file` and `remote`, holds a password, or names no host or file.
    pub fn url(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        if scheme == "file" {
            let path = rest.strip_prefix("localhost").unwrap_or(rest);
            let path = decode(path).filter(|path| path.starts_with('/'));
            let path = path.ok_or_else(|| format!("`{text}` names no file of this machine"))?;
            return SpecialName::outside(&path).map_err(|fault| fault.to_string());
        }
        if scheme == "remote" {
            let name = SpecialName { kind: SpecialKind::Remote, text: text.to_owned() };
            return match name.in_remote() {
                Some(_) => Ok(name),
                None => Err(format!("`{text}` names nothing in a remote: write remote://NAME/PATH")),
            };
        }
        if scheme == "ds" {
            return Err(format!(
                "`{text}` names a data set of DVC's `datasets`, which can be a dep in projects of DVC alone: name what it \
                 holds itself, which is a path, a URL, or data that `pipe import` or `pipe import-url` brought"
            ));
        }
        if !matches!(scheme.as_str(), "http" | "https") {
            return Err(format!(
                "`{text}` is a URL of a kind that is not supported: use http, https, file or remote"
            ));
        }
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.is_empty() {
            return Err(format!("`{text}` names no host"));
        }
        if host.contains('@') {
            return Err(
                "the URL holds a user or a password, which pipeline.lock would tell everyone".to_owned()
            );
        }
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(format!("`{}` is no URL: it holds a space", text.escape_debug()));
        }
        Ok(SpecialName { kind: SpecialKind::Url, text: text.to_owned() })
    }

    /// The remote, and the path in its folder, of what lies in one.
    pub fn in_remote(&self) -> Option<(&str, ProjectPath)> {
        let (name, path) = self.text.split_once("://")?.1.split_once('/')?;
        let path = ProjectPath::resolve(&ProjectPath::root(), path.trim_start_matches('/')).ok()?;
        let is_one = self.kind == SpecialKind::Remote && !name.is_empty() && !path.is_root();
        is_one.then_some((name, path))
    }

    /// The data set that `ds://NAME` names; `None` for any other text.
    pub fn dataset(text: &str) -> Option<Self> {
        let is_one = text.split_once("://").is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("ds"));
        is_one.then(|| SpecialName { kind: SpecialKind::Dataset, text: text.to_owned() })
    }

    /// What its data set is called in `datasets`.
    pub fn dataset_name(&self) -> &str {
        let (_, rest) = self.text.split_once("://").unwrap_or_default();
        rest.split(['/', '?', '#']).next().unwrap_or_default()
    }

    /// Where it lies among all that lies outside the project: two places overlap where one path contains the other. As
    /// long as nobody looks, what lies in a remote is another place than all that is named by a path.
    pub(crate) fn place(&self) -> Option<ProjectPath> {
        let (first, path) = match self.in_remote() {
            Some((remote, path)) => (format!("remote/{remote}"), path),
            None => ("outside".to_owned(), self.outside_path()?),
        };
        ProjectPath::from_record(&format!("{first}/{}", path.as_str())).ok()
    }

    /// Whether something outside the project is, contains or lies in the other.
    pub(crate) fn overlaps(&self, other: &SpecialName) -> bool {
        let (Some(one), Some(other)) = (self.place(), other.place()) else { return false };
        one.contains(&other) || other.contains(&one)
    }

    /// The path below the root of the file system, of what lies outside the project.
    pub fn outside_path(&self) -> Option<ProjectPath> {
        let path = || ProjectPath::from_record(self.text.strip_prefix('/')?).ok();
        (self.kind == SpecialKind::Outside).then(path)?
    }
}

/// The text with `%20` and the like resolved; `None` when that gives no UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// A pattern for files, relative to the project root, with patterns for what it leaves out.
///
/// `*`, `?` and `[…]` match within one name, `**` any number of folders. As in a shell none of them matches a
/// leading dot, unless the pattern spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    base: ProjectPath,
    parts: Vec<Part>,
    exclude: Vec<Vec<Part>>,
}

/// What one name, or any number of them, must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `**`
    Deep,
    Name(Pattern),
}

impl Part {
    fn text(&self) -> &str {
        match self {
            Part::Deep => "**",
            Part::Name(pattern) => pattern.as_str(),
        }
    }
}

impl Glob {
    /// The pattern `text` without what `exclude` matches, as paths or folders above them.
    ///
    /// # Errors
    /// When one of them is no pattern; says which, and why.
    pub fn new(text: &ProjectPath, exclude: &[ProjectPath]) -> Result<Self, String> {
        let parts = parse(text)?;
        let literal = text.parts().take_while(|part| !part.contains(['*', '?', '['])).count();
        let base = text.parts().take(literal.min(parts.len().saturating_sub(1)));
        let base = base.fold(ProjectPath::root(), |folder, part| folder.join(part));
        Ok(Glob { base, parts, exclude: exclude.iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// As it is written, relative to the project root.
    pub fn text(&self) -> String {
        self.parts.iter().map(Part::text).collect::<Vec<_>>().join("/")
    }

    /// The folder that all matching files lie in.
    pub fn base(&self) -> &ProjectPath {
        &self.base
    }

    /// Whether a file at `path` is one of those meant.
    pub fn matches(&self, path: &ProjectPath) -> bool {
        let names: Vec<&str> = path.parts().collect();
        is_match(&self.parts, &names, false) && !self.excludes(&names)
    }

    /// Whether a file in the folder `path`, however deep, could be one of those meant.
    pub fn may_lie_below(&self, path: &ProjectPath) -> bool {
        let names: Vec<&str> = path.parts().collect();
        if self.excludes(&names) {
            return false;
        }
        for (at, name) in names.iter().enumerate() {
            match self.parts.get(at) {
                None => return false,
                Some(Part::Deep) => return names[at..].iter().all(|name| can_pass(&self.parts[at..], name)),
                Some(Part::Name(pattern)) if !is_name(pattern, name, false) => return false,
                Some(Part::Name(_)) => {}
            }
        }
        names.len() < self.parts.len()
    }

    /// Whether it can mean anything that stands at `path` or below.
    pub fn touches(&self, path: &ProjectPath) -> bool {
        self.matches(path) || self.may_lie_below(path)
    }

    /// Whether it and `path` have to do with each other: `path` is one of the files meant, or such files can lie below
    /// it, or it lies below one.
    pub fn concerns(&self, path: &ProjectPath) -> bool {
        let above = || std::iter::successors(path.parent(), ProjectPath::parent);
        self.touches(path) || above().any(|above| self.matches(&above))
    }

    /// Whether some path could match both; true also where that cannot be told.
    pub fn meets(&self, other: &Glob) -> bool {
        let leaves_out = |a: &Glob, b: &Glob| a.exclude.contains(&b.parts);
        if leaves_out(self, other) || leaves_out(other, self) {
            return false;
        }
        let (a, b) = (&self.parts, &other.parts);
        // Whether what is left of both from a place on could match one path.
        let mut meet = vec![vec![false; b.len() + 1]; a.len() + 1];
        for (i, j) in (0..=a.len()).rev().flat_map(|i| (0..=b.len()).rev().map(move |j| (i, j))) {
            let at = |i: usize, j: usize| meet.get(i).and_then(|row| row.get(j)).copied().unwrap_or(false);
            meet[i][j] = match (a.get(i), b.get(j)) {
                (None, None) => true,
                (Some(Part::Deep), _) | (_, Some(Part::Deep)) => {
                    let past = |part: Option<&Part>, other: Option<&Part>| {
                        part == Some(&Part::Deep) || (part.is_some() && other == Some(&Part::Deep))
                    };
                    (past(a.get(i), b.get(j)) && at(i + 1, j)) || (past(b.get(j), a.get(i)) && at(i, j + 1))
                }
                (Some(Part::Name(one)), Some(Part::Name(other))) => {
                    names_meet(one, other) && at(i + 1, j + 1)
                }
                _ => false,
            };
        }
        meet[0][0]
    }

    /// Whether a file of this name can be one of those meant.
    pub(crate) fn may_name(&self, name: &str) -> bool {
        matches!(self.parts.last(), Some(Part::Name(pattern)) if is_name(pattern, name, false))
    }

    /// The patterns for what it leaves out, relative to the project root.
    pub fn excluded(&self) -> Vec<String> {
        let text = |parts: &Vec<Part>| parts.iter().map(Part::text).collect::<Vec<_>>().join("/");
        self.exclude.iter().map(text).collect()
    }

    fn excludes(&self, names: &[&str]) -> bool {
        let is_out = |length| self.exclude.iter().any(|parts| is_match(parts, &names[..length], true));
        (1..=names.len()).any(is_out)
    }
}

fn parse(text: &ProjectPath) -> Result<Vec<Part>, String> {
    let part = |part: &str| match part {
        "**" => Ok(Part::Deep),
        _ if part.contains("**") => Err(format!("`**` stands beside other characters in `{text}`")),
        _ => Pattern::new(part).map(Part::Name).map_err(|fault| format!("`{text}`: {}", fault.msg)),
    };
    text.parts().map(part).collect()
}

fn is_name(pattern: &Pattern, name: &str, hidden: bool) -> bool {
    pattern.matches_with(name, MatchOptions { require_literal_leading_dot: !hidden, ..MatchOptions::new() })
}

/// Whether one name could match both; true also where that cannot be told.
fn names_meet(one: &Pattern, other: &Pattern) -> bool {
    let ends = |pattern: &Pattern| {
        let text = pattern.as_str();
        let first = text.find(['*', '?', '[']).unwrap_or(text.len());
        let last = text.rfind(['*', '?', ']']).map_or(0, |at| at + 1);
        (text[..first].to_owned(), text[last.max(first)..].to_owned(), first == text.len())
    };
    let ((start, end, literal), (other_start, other_end, other_literal)) = (ends(one), ends(other));
    match (literal, other_literal) {
        (true, _) => is_name(other, &start, false),
        (_, true) => is_name(one, &other_start, false),
        _ => {
            (start.starts_with(&other_start) || other_start.starts_with(&start))
                && (end.ends_with(&other_end) || other_end.ends_with(&end))
        }
    }
}

/// Whether a folder of this name can lie behind a `**`, where `parts` are it and what follows: a hidden one only if
/// a later part may spell it.
fn can_pass(parts: &[Part], name: &str) -> bool {
    !name.starts_with('.')
        || parts.iter().any(|part| matches!(part, Part::Name(pattern) if is_name(pattern, name, false)))
}

/// A `**` at the end stands for at least one name: the files in a folder, not the folder.
fn is_match(parts: &[Part], names: &[&str], hidden: bool) -> bool {
    match (parts.split_first(), names.split_first()) {
        (None, None) => true,
        (None, Some(_)) | (Some(_), None) => false,
        (Some((Part::Name(pattern), parts)), Some((name, names))) => {
            is_name(pattern, name, hidden) && is_match(parts, names, hidden)
        }
        (Some((Part::Deep, rest)), Some((name, below))) => {
            let passes = hidden || !name.starts_with('.');
            (!rest.is_empty() && is_match(rest, names, hidden))
                || (passes && (is_match(parts, below, hidden) || (rest.is_empty() && below.is_empty())))
        }
    }
}

impl Stage {
    /// Its special dep of a name.
    pub fn special(&self, name: &SpecialName) -> Option<&Special> {
        self.special.iter().find(|special| special.name == *name)
    }

    /// Whether it writes a special dep, or something below or above that.
    pub fn writes_special(&self, dep: &SpecialName) -> bool {
        self.special_outs.iter().any(|out| out.name.overlaps(dep))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ProjectPath {
        ProjectPath::resolve(&ProjectPath::root(), text).expect("a path")
    }

    fn glob(text: &str, exclude: &[&str]) -> Glob {
        let exclude: Vec<ProjectPath> = exclude.iter().map(|text| path(text)).collect();
        Glob::new(&path(text), &exclude).expect("a pattern")
    }

    #[test]
    fn what_patterns_match() {
        let cases = [
            ("raw/*.json", "raw/a.json", true),
            ("raw/*.json", "raw/b/a.json", false),
            ("raw/*.json", "raw/.a.json", false),
            ("raw/.*", "raw/.a.json", true),
            ("raw/[ab]?", "raw/a1", true),
            ("raw/[!ab]?", "raw/a1", false),
            ("data/**/*.csv", "data/a.csv", true),
            ("data/**/*.csv", "data/b/c/a.csv", true),
            ("data/**/*.csv", "data/.b/a.csv", false),
            ("data/**", "data/b/c", true),
            ("data/**", "data", false),
            ("**/x/**/y", "a/x/b/x/y", true),
            ("a[[]1]/x", "a[1]/x", true),
        ];
        for (pattern, file, expected) in cases {
            assert_eq!(glob(pattern, &[]).matches(&path(file)), expected, "{pattern} {file}");
        }
    }

    #[test]
    fn patterns_that_cannot_meet() {
        let cases = [
            ("r/*.csv", "r/*.json", false),
            ("r/*.csv", "r/a.csv", true),
            ("r/*.csv", "r/a.json", false),
            ("r/a*", "r/b*", false),
            ("r/a*", "r/*b", true),
            ("r/*.csv", "s/*.csv", false),
            ("r/*.csv", "r/*/x.csv", false),
            ("r/**", "r/a/b", true),
            ("r/**/x", "r/**/y", false),
            ("r/**/x", "**/x", true),
            ("**/a/*", "**/b/*", false),
            ("**/a/**", "**/b/**", true),
            ("r/[ab]", "r/[cd]", true),
            ("r/a[12].csv", "r/b[12].csv", false),
            ("r/**/*.csv", "r/x.csv", true),
        ];
        for (one, other, expected) in cases {
            let (a, b) = (glob(one, &[]), glob(other, &[]));
            assert_eq!((a.meets(&b), b.meets(&a)), (expected, expected), "{one} {other}");
        }
        let rest = glob("r/*", &["r/*.csv"]);
        assert!(!rest.meets(&glob("r/*.csv", &[])) && !glob("r/*.csv", &[]).meets(&rest));
        assert!(rest.meets(&glob("r/a*.csv", &[])), "it is not seen that the one lies in the other");
    }

    #[test]
    fn what_is_left_out() {
        let glob = glob("raw/**", &["raw/tmp*", "**/.cache"]);
        assert!(glob.matches(&path("raw/a/tmp")));
        assert!(!glob.matches(&path("raw/tmp1")));
        assert!(!glob.matches(&path("raw/tmp1/a")), "what lies in a folder that is left out");
        assert!(!glob.may_lie_below(&path("raw/tmp1")));
    }

    /// Whoever does not enter a folder must know that nothing in it matches.
    #[test]
    fn folders_are_entered_for_every_match() {
        for (pattern, file) in [
            ("data/**/*.csv", "data/b/c/a.csv"),
            ("**/x/**/y", "a/x/b/x/y"),
            ("a/*/c", "a/b/c"),
            ("**/.hidden/x", "a/.hidden/x"),
        ] {
            let (glob, file) = (glob(pattern, &[]), path(file));
            assert!(glob.matches(&file), "{pattern}");
            for above in std::iter::successors(file.parent(), ProjectPath::parent) {
                assert!(glob.may_lie_below(&above), "{pattern} {above}");
            }
        }
        assert!(!glob("raw/*.json", &[]).touches(&path("raw/x.bin")));
        assert!(!glob("raw/*.json", &[]).may_lie_below(&path("raw/a.json")));
        assert!(glob("raw/*/x", &[]).touches(&path("raw/sub")));
        assert_eq!(glob("a/b/*.csv", &[]).base(), &path("a/b"));
        assert_eq!(glob("a/b", &[]).base(), &path("a"));
    }

    #[test]
    fn urls_name_files_or_servers() {
        let text = |url: &str| SpecialName::url(url).map(|name| (name.kind, name.text));
        assert_eq!(text("file:///a%20b/./c"), Ok((SpecialKind::Outside, "/a b/c".to_owned())));
        assert_eq!(text("https://h/x?y"), Ok((SpecialKind::Url, "https://h/x?y".to_owned())));
        assert_eq!(text("remote://st/a/b"), Ok((SpecialKind::Remote, "remote://st/a/b".to_owned())));
        for url in ["remote://st", "remote://st/", "remote:///a", "remote://st/../../a"] {
            assert!(text(url).is_err(), "{url}");
        }
        for url in
            ["ftp://h/x", "https:///x", "https://u:p@h/x", "https://h/a b", "file://h/x", "file:///%zz"]
        {
            assert!(text(url).is_err(), "{url}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        for text in ["a/b**", "a/[", "***"] {
            assert!(Glob::new(&path(text), &[]).is_err(), "{text}");
            assert!(Glob::new(&path("a"), &[path(text)]).is_err(), "{text}");
        }
    }
}
