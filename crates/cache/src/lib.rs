//! Bytes by digest: blobs, trees of folders, the memory of what was hashed, and the results of stages.
//!
//! The cache knows files and digests, not stages' commands or why something is stale. Blobs are plain,
//! uncompressed and read-only, so that a result can be shared by reflink and looked at with any tool.

mod blobs;
mod checkout;
mod error;
mod gather;
mod gc;
mod hash;
mod layout;
mod links;
mod listing;
mod memo;
mod pipeignore;
mod seal;
mod set;
mod stages;
mod state;
mod tree;
mod verify;
mod workspace;

pub use blobs::Blobs;
pub use checkout::{Change, Checkout};
pub use error::CacheError;
pub use gather::Choice;
pub use gc::{Entries, GcError, GcOptions, GcPlan, Removed, Roots, Tally, plan_gc, sweep};
pub use hash::{hash_bytes, hash_bytes_by, hash_file, hash_file_by};
pub use layout::Layout;
pub use links::{Damage, Placement, lexical};
pub use listing::{Difference, Files};
pub use memo::Memo;
pub use pipeignore::{Ignored, Ignores};
pub use set::chosen_files;
pub use stages::{StageCache, StageEntry, StageOut};
pub use state::State;
pub use tree::{Tree, TreeEntry, TreeError};
pub use verify::{DamagedBlob, Mended};
pub use workspace::Workspace;
