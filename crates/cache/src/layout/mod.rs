//! Whose cache it is: which algorithm names contents, where they lie, and what a folder's manifest looks like.
//!
//! A workspace has one layout, chosen where the project is opened. Nobody else asks which one it is: what differs is
//! a method here.

mod dvc;
mod native;

use std::path::{Path, PathBuf};

use base::{Algorithm, Digest};

use crate::tree::{Tree, TreeError};

/// How bytes lie in a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// BLAKE3, a manifest for each folder, executable bits and empty folders kept: docs/design/tree.md.
    #[default]
    Native,
    /// What DVC 3 writes, and DVC 1 and 2 wrote: MD5, one manifest for all files below a folder. It knows neither
    /// empty folders nor the modes of files in folders.
    Dvc,
}

/// A manifest, and those of the folders in it that have no file of their own.
pub(crate) struct Decoded {
    /// What was asked for.
    pub tree: Tree,
    /// By digest, what a folder below holds.
    pub below: Vec<(Digest, Tree)>,
}

impl Layout {
    /// What names contents.
    pub fn algorithm(self) -> Algorithm {
        match self {
            Layout::Native => Algorithm::Blake3,
            Layout::Dvc => Algorithm::Md5,
        }
    }

    /// How the files are called that name what is passed over in folders.
    pub fn ignore_file(self) -> &'static str {
        match self {
            Layout::Native => ".pipeignore",
            Layout::Dvc => ".dvcignore",
        }
    }

    /// The folder with the folders `ab`.
    pub(crate) fn folder(self, root: &Path) -> PathBuf {
        match self {
            Layout::Native => root.join(self.algorithm().name()),
            Layout::Dvc => root.join("files").join("md5"),
        }
    }

    /// The same, and where older versions had them.
    pub(crate) fn folders(self, root: &Path) -> Vec<PathBuf> {
        match self {
            Layout::Native => vec![self.folder(root)],
            Layout::Dvc => vec![self.folder(root), root.to_owned()],
        }
    }

    /// Whether an older version has left something in a cache folder.
    pub(crate) fn has_old_part(self, root: &Path) -> bool {
        match self {
            Layout::Native => false,
            Layout::Dvc => dvc::has_old_part(root),
        }
    }

    /// The digits in the name of a blob.
    pub(crate) fn digits(self, name: &str) -> &str {
        match self {
            Layout::Native => name,
            Layout::Dvc => name.strip_suffix(dvc::FOLDER_SUFFIX).unwrap_or(name),
        }
    }

    /// Where the bytes of a file lie in the cache folder `root`, or would lie.
    pub(crate) fn file(self, root: &Path, digest: &Digest) -> PathBuf {
        match self {
            Layout::Native => native::path(root, digest),
            Layout::Dvc => dvc::path(root, &digest.hex()),
        }
    }

    /// Where the manifest of a folder lies, or would lie.
    pub(crate) fn manifest(self, root: &Path, digest: &Digest) -> PathBuf {
        match self {
            Layout::Native => native::path(root, digest),
            Layout::Dvc => dvc::path(root, &format!("{}{}", digest.hex(), dvc::FOLDER_SUFFIX)),
        }
    }

    /// Where a content is put, below a cache folder or at a remote: in the place of an older version when it was
    /// recorded by one.
    pub(crate) fn key(self, digest: &Digest, is_folder: bool, is_old: bool) -> String {
        let hex = digest.hex();
        let (start, rest) = hex.split_at(2);
        let suffix = if is_folder { dvc::FOLDER_SUFFIX } else { "" };
        match self {
            Layout::Dvc if is_old => format!("{start}/{rest}{suffix}"),
            Layout::Dvc => format!("{}{start}/{rest}{suffix}", self.keys()),
            Layout::Native => format!("{}{start}/{rest}", self.keys()),
        }
    }

    /// What the keys of contents at a remote begin with where such a file is for nobody to write to there: so in DVC's, where
    /// that says that it is whole.
    pub fn read_only_keys(self) -> Option<&'static str> {
        (self == Layout::Dvc).then(|| self.keys())
    }

    /// What the keys of contents at a remote begin with.
    pub(crate) fn keys(self) -> &'static str {
        match self {
            Layout::Native => "blake3/",
            Layout::Dvc => "files/md5/",
        }
    }

    /// The content of a key, and whether the key says that it is a folder; `None` for other keys.
    pub(crate) fn name_of_key(self, key: &str) -> Option<(Digest, bool)> {
        let (start, rest) = key.strip_prefix(self.keys())?.split_once('/')?;
        let digits = self.digits(rest);
        if start.len() != 2 {
            return None;
        }
        let digest = Digest::from_hex(self.algorithm(), &format!("{start}{digits}")).ok()?;
        Some((digest, digits != rest))
    }

    /// The digest of the content that a key is of, wherever older versions have it; of other keys, none or any.
    pub(crate) fn digest_of_key(self, key: &str) -> Option<Digest> {
        let (folders, name) = key.rsplit_once('/')?;
        let start = folders.rsplit('/').next()?;
        Digest::from_hex(self.algorithm(), &format!("{start}{}", self.digits(name))).ok()
    }

    /// Reads a manifest. Nothing of it is believed that could lead outside the folder.
    pub(crate) fn decode(self, bytes: &[u8]) -> Result<Decoded, TreeError> {
        match self {
            Layout::Native => Tree::decode(bytes).map(|tree| Decoded { tree, below: Vec::new() }),
            Layout::Dvc => dvc::decode(bytes),
        }
    }

    /// The manifest of a folder with all the files below it, of a layout that has one for all of them.
    pub(crate) fn encode_files(self, files: Vec<(String, Digest)>) -> Option<Vec<u8>> {
        match self {
            Layout::Native => None,
            Layout::Dvc => Some(dvc::encode(files)),
        }
    }

    /// Whether a manifest tells how large files are.
    pub fn manifests_have_sizes(self) -> bool {
        self == Layout::Native
    }

    /// Whether all blobs of files are sealed, since nobody else writes them.
    pub(crate) fn seals_all(self) -> bool {
        self == Layout::Native
    }

    /// Whether a folder has one manifest for all files below it.
    pub(crate) fn is_flat(self) -> bool {
        self == Layout::Dvc
    }
}
