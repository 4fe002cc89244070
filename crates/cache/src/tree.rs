//! Directory manifests. A folder's digest is the digest of its manifest, which names the digests of
//! what lies in it, so that equal subfolders are one blob and a change touches one path of manifests.
//!
//! The format is fixed in docs/design/tree.md.

use base::{Algorithm, Digest, ProjectPath};

/// First line of a manifest: name and version of the format.
pub(crate) const HEADER: &str = "pipe-tree 1";

/// One thing in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeEntry {
    /// A file.
    File {
        /// Digest of its bytes.
        digest: Digest,
        /// Bytes.
        size: u64,
        /// Whether it may be executed.
        executable: bool,
    },
    /// A folder.
    Folder {
        /// Digest of its manifest.
        digest: Digest,
        /// Bytes of all files below it.
        size: u64,
        /// Number of files below it.
        files: u64,
    },
}

/// The manifest of one folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Names and what they name, strictly ascending by the names' bytes.
    entries: Vec<(String, TreeEntry)>,
}

/// Why a text is no manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct TreeError {
    line: usize,
    message: String,
}

impl TreeError {
    pub(crate) fn new(line: usize, message: String) -> Self {
        TreeError { line, message }
    }
}

impl Tree {
    /// A manifest of `entries`, in any order. Names must be single, distinct path parts.
    pub fn new(mut entries: Vec<(String, TreeEntry)>) -> Self {
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Tree { entries }
    }

    /// The entries, ascending by name.
    pub fn entries(&self) -> &[(String, TreeEntry)] {
        &self.entries
    }

    /// Bytes and number of all files below.
    pub fn totals(&self) -> (u64, u64) {
        self.entries.iter().fold((0, 0), |(bytes, count), (_, entry)| match entry {
            TreeEntry::File { size, .. } => (bytes.saturating_add(*size), count + 1),
            TreeEntry::Folder { size, files, .. } => {
                (bytes.saturating_add(*size), count.saturating_add(*files))
            }
        })
    }

    /// The manifest's bytes.
    pub fn encode(&self) -> Vec<u8> {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(32 + self.entries.len() * 96);
        text.push_str(HEADER);
        text.push('\n');
        for (name, entry) in &self.entries {
            let name = name.replace('\\', "\\\\").replace('\n', "\\n");
            match entry {
                TreeEntry::File { digest, size, executable } => {
                    let kind = if *executable { "exec" } else { "file" };
                    writeln!(text, "{kind} {} {size} {name}", digest.hex())
                }
                TreeEntry::Folder { digest, size, files } => {
                    writeln!(text, "folder {} {size} {files} {name}", digest.hex())
                }
            }
            .expect("writing to a string");
        }
        text.into_bytes()
    }

    /// Reads a manifest. Nothing of it is believed that could lead outside the folder, and only the one form that the
    /// writer gives a folder is taken: another would be another digest of the same content.
    ///
    /// # Errors
    /// When the bytes are no manifest of this version, or a name is not a single, ordinary path part.
    pub fn decode(bytes: &[u8]) -> Result<Self, TreeError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| TreeError { line: 1, message: "it is not UTF-8".to_owned() })?;
        let whole = text.strip_suffix('\n').ok_or_else(|| {
            let line = text.matches('\n').count() + 1;
            TreeError { line, message: "it does not end with a line feed".to_owned() }
        })?;
        let mut lines = whole.split('\n').enumerate();
        if lines.next().map(|(_, header)| header) != Some(HEADER) {
            return Err(TreeError { line: 1, message: format!("expected `{HEADER}`") });
        }
        let mut entries: Vec<(String, TreeEntry)> = Vec::new();
        for (index, line) in lines {
            let fault = |message: &str| TreeError { line: index + 1, message: message.to_owned() };
            let (name, entry) = decode_entry(line).map_err(|message| fault(&message))?;
            if entries.last().is_some_and(|(last, _)| *last >= name) {
                return Err(fault("names are not in ascending order"));
            }
            entries.push((name, entry));
        }
        Ok(Tree { entries })
    }
}

fn decode_entry(line: &str) -> Result<(String, TreeEntry), String> {
    let (kind, rest) = line.split_once(' ').ok_or("expected a kind")?;
    let (hex, rest) = rest.split_once(' ').ok_or("expected a digest")?;
    let digest = Digest::from_hex(Algorithm::Blake3, hex).map_err(|fault| fault.to_string())?;
    let (size, rest) = number(rest)?;
    let (entry, name) = match kind {
        "file" | "exec" => (TreeEntry::File { digest, size, executable: kind == "exec" }, rest),
        "folder" => {
            let (files, rest) = number(rest)?;
            (TreeEntry::Folder { digest, size, files }, rest)
        }
        other => return Err(format!("unknown kind `{other}`")),
    };
    Ok((decode_name(name)?, entry))
}

fn number(text: &str) -> Result<(u64, &str), String> {
    let (number, rest) = text.split_once(' ').ok_or("expected a number and a name")?;
    let fault = || format!("`{number}` is not a number in its one form");
    let is_plain =
        number.bytes().all(|byte| byte.is_ascii_digit()) && (number == "0" || !number.starts_with('0'));
    Ok((number.parse().ok().filter(|_| is_plain).ok_or_else(fault)?, rest))
}

fn decode_name(text: &str) -> Result<String, String> {
    let mut name = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('\\') => name.push('\\'),
                Some('n') => name.push('\n'),
                _ => return Err("bad escape in a name".to_owned()),
            },
            c => name.push(c),
        }
    }
    let path = ProjectPath::from_record(&name).map_err(|fault| fault.to_string())?;
    if path.parts().count() != 1 {
        return Err(format!("`{name}` is not a single name"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash_bytes;

    fn file(bytes: &[u8]) -> TreeEntry {
        TreeEntry::File { digest: hash_bytes(bytes), size: bytes.len() as u64, executable: false }
    }

    #[test]
    fn text_and_back() {
        let tree = Tree::new(vec![
            ("b\nc\\d".to_owned(), file(b"x")),
            ("a".to_owned(), TreeEntry::Folder { digest: hash_bytes(b""), size: 7, files: 2 }),
            ("run me".to_owned(), TreeEntry::File { digest: hash_bytes(b"y"), size: 1, executable: true }),
        ]);
        assert_eq!(Tree::decode(&tree.encode()), Ok(tree.clone()));
        assert_eq!(tree.totals(), (9, 4));
    }

    #[test]
    fn the_format_is_pinned() {
        let tree = Tree::new(vec![
            (
                "empty".to_owned(),
                TreeEntry::Folder { digest: hash_bytes(&Tree::default().encode()), size: 0, files: 0 },
            ),
            ("hello.txt".to_owned(), file(b"hello\n")),
        ]);
        assert_eq!(String::from_utf8(tree.encode()).unwrap(), include_str!("../tests/golden/tree-1.txt"));
    }

    #[test]
    fn hostile_manifests_are_refused() {
        let hex = "00".repeat(32);
        for body in [
            format!("file {hex} 1 ../x"),
            format!("file {hex} 1 a/b"),
            format!("file {hex} 1 .."),
            format!("file {hex} 1 "),
            format!("file {hex} 1 /etc/passwd"),
            format!("folder {hex} 1 1 .GIT"),
            format!("file {hex} 1 a\nfile {hex} 1 a"),
            format!("file {hex} 1 b\nfile {hex} 1 a"),
            format!("file {hex} -1 a"),
            format!("link {hex} 1 a"),
            format!("file {hex} +1 a"),
            format!("file {hex} 01 a"),
            format!("file {hex} 99999999999999999999 a"),
            format!("folder {hex} 1 00 a"),
            format!("file {} 1 a", "AA".repeat(32)),
            format!("file {hex} 1 a\n"),
            "file zz 1 a".to_owned(),
        ] {
            assert!(Tree::decode(format!("{HEADER}\n{body}\n").as_bytes()).is_err(), "{body}");
        }
        assert!(Tree::decode(b"pipe-tree 2\n").is_err());
        assert!(Tree::decode(b"pipe-tree 1\n").is_ok());
        for text in ["pipe-tree 1".to_owned(), format!("{HEADER}\nfile {hex} 1 a")] {
            let fault = Tree::decode(text.as_bytes()).expect_err("no line feed at the end").to_string();
            assert!(fault.ends_with("it does not end with a line feed"), "{fault}");
        }
        assert!(Tree::decode(b"").is_err());
    }
}
