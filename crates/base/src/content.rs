//! What a path was found to hold: the unit that locks record and freshness compares.

use serde::{Deserialize, Serialize};

use crate::Digest;

/// The content of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileState {
    /// Digest of the file's bytes, or of the folder's tree manifest.
    pub digest: Digest,
    /// Bytes; of a folder, those of all files in it.
    pub size: u64,
    /// Number of files in a folder; `None` for a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Whether a file may be executed; always false for a folder, whose tree tells it file by file.
    #[serde(default, rename = "exec", skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

impl FileState {
    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.files.is_some()
    }
}
