//! What can go wrong between the workspace and the cache.

use std::io;
use std::path::PathBuf;

use base::{Digest, PathError, ProjectPath};
use disk::DiskError;

use crate::tree::TreeError;

/// A fault of reading, storing or restoring content.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file could not be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A socket, pipe or device stands where content is expected.
    #[error("{} is neither a file nor a folder", path.display())]
    Special {
        /// The path.
        path: PathBuf,
    },
    /// A symlink leads to a folder that holds it.
    #[error("{} is a symlink to a folder that contains it", path.display())]
    Loop {
        /// The symlink.
        path: PathBuf,
    },
    /// Symlinks lead to each other, and to nothing else.
    #[error("{} is a symlink that leads back to itself", path.display())]
    Circle {
        /// One of the symlinks.
        path: PathBuf,
    },
    /// A symlink leads to nothing.
    #[error("{} is a symlink to something that does not exist", path.display())]
    Dangling {
        /// The symlink.
        path: PathBuf,
    },
    /// A name inside a tracked folder that records cannot hold.
    #[error("failed to record {}", path.display())]
    Name {
        /// The file or folder.
        path: PathBuf,
        /// Why its name does not do.
        source: PathError,
    },
    /// A recorded set of files holds one that its pattern does not mean.
    #[error("the recorded files hold {path}, which the pattern does not mean")]
    Stray {
        /// The file.
        path: ProjectPath,
    },
    /// Somebody wrote the file while it was read.
    #[error("{} changed while it was being read", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A blob is not in the cache.
    #[error("{digest} is not in the cache")]
    Missing {
        /// The content asked for.
        digest: Digest,
    },
    /// A blob's bytes are not those of its name.
    #[error("the cache's copy of {digest} is damaged ({})", path.display())]
    Damaged {
        /// The content asked for.
        digest: Digest,
        /// Its blob.
        path: PathBuf,
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
