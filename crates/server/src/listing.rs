//! The artifacts of a run as a tree: paths of clients, checked, and what lies in a folder.

use percent_encoding::percent_decode_str;
use serde::Serialize;
use track::ArtifactEntry;

use crate::error::Fault;

/// How often a path may be encoded over itself before it counts as an attack.
const DEEPEST: usize = 5;

/// A file or folder in a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its path, as the listing's kind wants it.
    pub path: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// The bytes of a file. MLflow tells no size of an empty one.
    #[serde(skip_serializing_if = "is_nothing")]
    pub file_size: Option<u64>,
}

impl From<ArtifactEntry> for Entry {
    fn from(entry: ArtifactEntry) -> Self {
        Entry { path: entry.path, is_dir: entry.size.is_none(), file_size: entry.size }
    }
}

fn is_nothing(size: &Option<u64>) -> bool {
    size.is_none_or(|size| size == 0)
}

/// A path that a client sent, decoded until nothing is left to decode: relative, `/` between its parts, and inside
/// whatever it is relative to. Empty for the root.
///
/// # Errors
/// When it could mean anything else, to us or to the client that stores it.
pub fn safe_path(sent: &str) -> Result<String, Fault> {
    let refuse = || Fault::invalid("Invalid path");
    let mut path = sent.to_owned();
    for round in 0.. {
        let decoded = percent_decode_str(&path).decode_utf8().map_err(|_| refuse())?;
        if decoded == path {
            break;
        }
        if round == DEEPEST {
            return Err(refuse());
        }
        path = decoded.into_owned();
    }
    if path.starts_with('/')
        || path.contains('#')
        || path.chars().any(char::is_control)
        || path.split(['/', '\\']).any(|part| part == "..")
    {
        return Err(refuse());
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let path = parts.join("/");
    // As for MLflow `a:b` and `a\b` are names, where they lead nowhere else on Windows either.
    let is_drive = matches!(path.as_bytes(), [drive, b':', b'/' | b'\\', ..] if drive.is_ascii_alphabetic());
    let has_scheme = path.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("file:"));
    if is_drive || has_scheme || parts.iter().any(|part| part.starts_with('\\')) {
        return Err(refuse());
    }
    Ok(path)
}

/// The same entries with bare names.
pub fn names(entries: Vec<Entry>) -> Vec<Entry> {
    let bare = |entry: Entry| {
        let name = entry.path.rsplit_once('/').map_or(entry.path.as_str(), |(_, name)| name).to_owned();
        Entry { path: name, ..entry }
    };
    entries.into_iter().map(bare).collect()
}

/// What kind of content a file's name promises.
pub fn content_type(path: &str) -> &'static str {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix).to_ascii_lowercase();
    match suffix.as_str() {
        "txt" | "log" | "err" | "cfg" | "conf" | "cpp" | "cxx" | "c" | "h" | "hpp" | "java" | "kt" | "js"
        | "ts" | "css" | "md" | "rst" | "py" | "rs" | "sql" | "toml" | "ini" | "xml" | "yaml" | "yml"
        | "json" | "jsonl" | "sh" => "text/plain; charset=utf-8",
        _ if matches!(name, "MLmodel" | "MLproject" | "Dockerfile") => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "tsv" => "text/tab-separated-values; charset=utf-8",
        "html" | "htm" => "text/html; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "pdf" => "application/pdf",
        "wav" => "audio/x-wav",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "zip" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside_whatever_the_encoding() {
        for (sent, meant) in [
            ("a/b.txt", "a/b.txt"),
            ("a%20b", "a b"),
            ("", ""),
            ("a//b/", "a/b"),
            ("./a", "a"),
            ("a%2Fb", "a/b"),
            ("..a", "..a"),
            ("a:b.txt", "a:b.txt"),
            ("d/C:/x", "d/C:/x"),
            ("a%5Cb", "a\\b"),
        ] {
            assert_eq!(safe_path(sent).as_deref(), Ok(meant), "{sent}");
        }
        for hostile in [
            "..",
            "../x",
            "a/../b",
            "a/..",
            "%2e%2e/x",
            "%252e%252e%252fx",
            "a%2f..%2fb",
            "/etc/passwd",
            "%2fetc",
            "//x",
            "C:/x",
            "./C:/x",
            "./\\x",
            "d/\\x",
            "a\\..",
            "c:\\x",
            "\\\\host\\share",
            "a\\..\\b",
            "%5c..%5cx",
            "file:///etc",
            "FILE:/x",
            "a#b",
            "a%23b",
            "a%00b",
            "a\nb",
            "%ff",
            "..%00/",
            "%25252525252e",
            "a/%2e%2e",
        ] {
            assert!(safe_path(hostile).is_err(), "{hostile:?}");
        }
    }
}
