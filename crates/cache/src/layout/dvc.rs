//! The layout of DVC: `files/md5/ab/cdef…`, and before version 3 `ab/cdef…`; a folder is a list of all files below it
//! in a file whose name ends in `.dir`.
//!
//! The list is JSON as Python writes it: separators with a space, everything but ASCII escaped, sorted by path. Its
//! digest is of those very bytes, so that a byte more is another folder.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use base::{Algorithm, Digest, ProjectPath};
use serde::Deserialize;

use super::Decoded;
use crate::hash::hash_bytes_by;
use crate::tree::{Tree, TreeEntry, TreeError};

/// Ends the names of manifests.
pub(super) const FOLDER_SUFFIX: &str = ".dir";

/// Where a content lies: where DVC 3 looks, unless only an older DVC has stored it.
pub(super) fn path(root: &Path, name: &str) -> PathBuf {
    let (start, rest) = name.split_at(2);
    let path = root.join("files").join("md5").join(start).join(rest);
    let older = root.join(start).join(rest);
    if !path.exists() && older.exists() { older } else { path }
}

/// Whether there are folders of DVC 1 or 2.
pub(super) fn has_old_part(root: &Path) -> bool {
    let is_of_old = |name: &str| name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    std::fs::read_dir(root)
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(is_of_old)))
}

/// No list names a path of more parts.
const DEEPEST: usize = 1000;

#[derive(Deserialize)]
struct Entry {
    md5: String,
    relpath: String,
}

/// The manifest of a folder with `files`, each with its path from there.
pub(super) fn encode(mut files: Vec<(String, Digest)>) -> Vec<u8> {
    files.sort();
    let mut text = String::from("[");
    for (at, (path, digest)) in files.iter().enumerate() {
        let comma = if at > 0 { ", " } else { "" };
        write!(text, "{comma}{{\"md5\": \"{}\", \"relpath\": {}}}", digest.hex(), base::ascii_json(path))
            .expect("writing to a string");
    }
    text.push(']');
    text.into_bytes()
}

/// A folder on the way from a list to trees.
#[derive(Default)]
struct Folder {
    files: BTreeMap<String, Digest>,
    folders: BTreeMap<String, Folder>,
}

/// Reads a list. A folder in it gets the digest that it would have as a folder of its own.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, TreeError> {
    let entries: Vec<Entry> =
        serde_json::from_slice(bytes).map_err(|fault| TreeError::new(fault.line(), fault.to_string()))?;
    let mut top = Folder::default();
    for (at, entry) in entries.iter().enumerate() {
        let fault = |message: String| TreeError::new(1, format!("entry {}: {message}", at + 1));
        let digest =
            Digest::from_hex(Algorithm::Md5, &entry.md5).map_err(|error| fault(error.to_string()))?;
        let path = ProjectPath::from_record(&entry.relpath).map_err(|error| fault(error.to_string()))?;
        if path.parts().count() > DEEPEST {
            return Err(fault(format!("more than {DEEPEST} folders lie in each other")));
        }
        let mut folder = &mut top;
        let mut parts = path.parts().peekable();
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            if folder.files.contains_key(part) || (is_last && folder.folders.contains_key(part)) {
                return Err(fault(format!("`{path}` stands where something else stands")));
            }
            if is_last {
                folder.files.insert(part.to_owned(), digest);
                break;
            }
            folder = folder.folders.entry(part.to_owned()).or_default();
        }
        if path.is_root() {
            return Err(fault("a file without a name".to_owned()));
        }
    }
    let mut below = Vec::new();
    let (tree, _) = build(top, &mut below);
    Ok(Decoded { tree, below })
}

/// The tree of a folder, with all files below it by their paths from there.
fn build(folder: Folder, below: &mut Vec<(Digest, Tree)>) -> (Tree, Vec<(String, Digest)>) {
    let mut all: Vec<(String, Digest)> = folder.files.clone().into_iter().collect();
    // DVC's lists tell no sizes.
    let file = |(name, digest)| (name, TreeEntry::File { digest, size: 0, executable: false });
    let mut entries: Vec<(String, TreeEntry)> = folder.files.into_iter().map(file).collect();
    for (name, inner) in folder.folders {
        let (tree, files) = build(inner, below);
        let digest = hash_bytes_by(Algorithm::Md5, &encode(files.clone()));
        entries.push((name.clone(), TreeEntry::Folder { digest, size: 0, files: files.len() as u64 }));
        all.extend(files.into_iter().map(|(path, digest)| (format!("{name}/{path}"), digest)));
        below.push((digest, tree));
    }
    (Tree::new(entries), all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn md5(text: &str) -> Digest {
        hash_bytes_by(Algorithm::Md5, text.as_bytes())
    }

    /// The digests are what DVC 3.67 wrote for such a folder.
    #[test]
    fn a_list_is_what_python_writes() {
        let files =
            vec![("sub/b".to_owned(), md5("b\n")), ("a é\u{1f600}\"\\\u{7f}\u{1}".to_owned(), md5("a\n"))];
        let text = String::from_utf8(encode(files)).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"[{"md5": "60b725f10c9c85c70d97880dfe8191b3", "relpath": "a \u00e9\ud83d\ude00\"\\\u007f\u0001"}, "#,
                r#"{"md5": "3b5d5c3712955042212316173ccf37be", "relpath": "sub/b"}]"#
            )
        );
        assert_eq!(encode(Vec::new()), b"[]");
    }

    #[test]
    fn a_list_and_back() {
        let files =
            vec![("a/b/c".to_owned(), md5("1")), ("a/d".to_owned(), md5("2")), ("e".to_owned(), md5("3"))];
        let Decoded { tree, below } = decode(&encode(files.clone())).unwrap();
        assert_eq!(tree.totals().1, 3);
        let digests: Vec<Digest> = below.iter().map(|(digest, _)| *digest).collect();
        let inner = hash_bytes_by(Algorithm::Md5, &encode(vec![("c".to_owned(), md5("1"))]));
        assert!(digests.contains(&inner), "a folder below is named as if it were alone");
        assert_eq!(digests.len(), 2);
    }

    #[test]
    fn hostile_lists_are_refused() {
        let hex = "00".repeat(16);
        for path in ["../x", "/etc/passwd", "", ".git/x", "a/../b", "x/.dvc/config"] {
            let text = format!(r#"[{{"md5": "{hex}", "relpath": "{path}"}}]"#);
            assert!(decode(text.as_bytes()).is_err(), "{path}");
        }
        for (one, other) in [("a", "a"), ("a", "a/b"), ("a/b", "a")] {
            let text = format!(
                r#"[{{"md5": "{hex}", "relpath": "{one}"}}, {{"md5": "{hex}", "relpath": "{other}"}}]"#
            );
            assert!(decode(text.as_bytes()).is_err(), "{one} {other}");
        }
        let text = format!(r#"[{{"md5": "{hex}", "relpath": "{}x"}}]"#, "a/".repeat(100_000));
        assert!(decode(text.as_bytes()).is_err());
        assert!(decode(b"{}").is_err());
        assert!(decode(br#"[{"md5": "zz", "relpath": "a"}]"#).is_err());
    }
}
