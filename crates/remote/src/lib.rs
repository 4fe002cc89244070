//! The remotes that there are: so far a folder, on a disk of this machine or on a share.
//!
//! What a remote has to keep is said at [`cache::Remote`]; what is transferred, and in which order, is decided there
//! too.

mod folder;

pub use folder::{FolderRemote, Rights, Sync};
