//! What can go wrong between the workspace and the cache.

use std::io;
use std::path::{Path, PathBuf};

use base::{Digest, PathError, ProjectPath};
use disk::DiskError;

use crate::one_name::below;
use crate::tree::TreeError;

/// A fault of reading, storing or restoring content.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file could not be read.
    #[error("failed to read {}", base::shown(path))]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A socket, pipe or device stands where content is expected.
    #[error("{} is neither a file nor a folder", base::shown(path))]
    Special {
        /// The path.
        path: PathBuf,
    },
    /// A symlink leads to a folder that holds it, or back to itself.
    #[error("{} is a symlink that leads round in a circle", base::shown(path))]
    Loop {
        /// The symlink.
        path: PathBuf,
    },
    /// A symlink leads to nothing.
    #[error("{} is a symlink to something that does not exist", base::shown(path))]
    Dangling {
        /// The symlink.
        path: PathBuf,
    },
    /// A name inside a tracked folder that records cannot hold.
    #[error("failed to record {}", base::shown(path))]
    Name {
        /// The file or folder.
        path: PathBuf,
        /// Why its name does not do.
        source: PathError,
    },
    /// Two names that are one after Unicode normalization.
    #[error("{} and {} are the same name after Unicode normalization", spelled_out(one), spelled_out(other))]
    SameName {
        /// One of them.
        one: ProjectPath,
        /// The other.
        other: ProjectPath,
    },
    /// A recorded set of files holds one that its pattern does not mean.
    #[error("the recorded files hold {path}, which the pattern does not mean")]
    Stray {
        /// The file.
        path: ProjectPath,
    },
    /// Somebody wrote the file while it was read.
    #[error("{} changed while it was being read", base::shown(path))]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A folder stands where a file belongs, and holds something ignored, of which nothing has the bytes.
    #[error(
        "{} is a folder and holds {}, which is ignored: move it elsewhere",
        base::shown(folder),
        base::shown(ignored)
    )]
    InTheWay {
        /// The folder.
        folder: PathBuf,
        /// The first that is ignored in it.
        ignored: PathBuf,
    },
    /// A blob is not in the cache.
    #[error("{digest} is not in the cache")]
    Missing {
        /// The content asked for.
        digest: Digest,
    },
    /// A blob's bytes are not those of its name.
    #[error("the cache's copy of {digest} is damaged ({})", base::shown(path))]
    Damaged {
        /// The content asked for.
        digest: Digest,
        /// Its blob.
        path: PathBuf,
    },
    /// A blob may not be read, or its disk does not give it.
    #[error("the cache's copy of {digest} cannot be read ({})", base::shown(path))]
    Unreadable {
        /// The content asked for.
        digest: Digest,
        /// Its blob.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A tree manifest does not parse.
    #[error("failed to read the tree {digest}")]
    Tree {
        /// The tree.
        digest: Digest,
        /// What is wrong with it.
        source: TreeError,
    },
}

impl CacheError {
    /// That a file or folder could not be read.
    pub(crate) fn of_read(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if disk::is_link_circle(&source) {
            CacheError::Loop { path }
        } else {
            CacheError::Read { path, source }
        }
    }

    /// The same where what could not be read is the blob of `digest`: one that is no file is a damaged one.
    pub(crate) fn of_blob(self, digest: &Digest, blob: &Path) -> Self {
        match self {
            CacheError::Read { path, source } if path == blob && disk::is_no_file(&source) => {
                CacheError::Damaged { digest: *digest, path }
            }
            CacheError::Read { path, source } if path == blob => {
                CacheError::Unreadable { digest: *digest, path, source }
            }
            fault => fault,
        }
    }

    /// What a walk came upon; `top` is where it began, for faults that name no path.
    pub(crate) fn of_walk(top: &Path, fault: walkdir::Error) -> Self {
        let path = fault.path().unwrap_or(top).to_owned();
        match fault.into_io_error() {
            Some(source) if source.kind() == io::ErrorKind::NotFound && path.is_symlink() => {
                CacheError::Dangling { path }
            }
            Some(source) => CacheError::of_read(&path, source),
            None => CacheError::Loop { path },
        }
    }

    /// The same where the paths that it names are those in `folder`.
    #[must_use]
    pub fn in_folder(self, folder: &ProjectPath) -> Self {
        match self {
            CacheError::SameName { one, other } => {
                let [one, other] = [one, other].map(|path| below(folder, path.as_str()));
                CacheError::SameName { one, other }
            }
            fault => fault,
        }
    }

    /// What happened, why, and what to do about it, in one line.
    pub(crate) fn told(&self) -> String {
        told(self, self.hint())
    }

    /// What can be done about it, where that does not depend on what was being done.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            CacheError::Changed { .. } => {
                Some("run the command again once nothing writes to the file; nothing was recorded")
            }
            CacheError::InTheWay { .. } => Some("a file belongs there, and what is ignored is never removed"),
            CacheError::Name { source: PathError::Reserved(_), .. } => Some(
                "leave it out by a line with its name in .pipeignore (in a project of DVC, .dvcignore), or move it elsewhere",
            ),
            CacheError::Name { .. } => Some("rename it, or move it elsewhere"),
            CacheError::SameName { .. } => Some("rename one of them: some file systems cannot hold both"),
            CacheError::Loop { .. } | CacheError::Dangling { .. } => {
                Some("remove the link, or name it in .pipeignore (in a project of DVC, .dvcignore)")
            }
            CacheError::Special { .. } => {
                Some("move it elsewhere, or name it in .pipeignore (in a project of DVC, .dvcignore)")
            }
            CacheError::Read { source, .. } | CacheError::Unreadable { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Some("let yourself read it (`chmod u+rX PATH`, or ask its owner) and run the command again")
            }
            _ => None,
        }
    }
}

/// A fault with its causes and what to do about it, in one line.
pub(crate) fn told(fault: &dyn std::error::Error, hint: Option<&str>) -> String {
    let causes = std::iter::successors(fault.source(), |cause| cause.source());
    let text = causes.fold(fault.to_string(), |text, cause| format!("{text}: {cause}"));
    hint.map_or(text.clone(), |hint| format!("{text}; {hint}"))
}

/// A path that shows what its letters are made of.
fn spelled_out(path: &ProjectPath) -> String {
    let escaped = path
        .as_str()
        .chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() });
    format!("`{path}` ({})", escaped.collect::<String>())
}
