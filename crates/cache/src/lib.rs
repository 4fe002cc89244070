//! Bytes by digest: blobs, trees of folders, the memory of what was hashed, and the results of stages.
//!
//! The cache knows files and digests, not stages' commands or why something is stale. Blobs are plain,
//! uncompressed and read-only, so that a result can be shared by reflink and looked at with any tool.

mod agreed;
mod blobs;
mod checkout;
mod edited;
mod error;
mod fetch;
mod gather;
mod gc;
mod graph;
mod hash;
mod incoming;
mod layout;
mod links;
mod listing;
mod memo;
mod meter;
mod one_name;
mod pieces;
mod pin;
mod pipeignore;
mod records;
mod remote;
mod remote_gc;
mod scan;
mod seal;
mod set;
mod shared_stages;
mod shelves;
mod stages;
mod state;
mod transfer;
mod tree;
mod trust;
mod unix_text;
mod verify;
mod workspace;

pub use blobs::Blobs;
pub use checkout::{Change, Checkout, Mark};
pub use edited::Look;
pub use error::CacheError;
pub use gather::Choice;
pub use gc::{Entries, GcError, GcOptions, GcPlan, Removed, Roots, Tally, plan_gc, sweep};
pub use hash::{Hasher, hash_bytes, hash_bytes_by, hash_file, hash_file_by};
pub use incoming::Incoming;
pub use layout::Layout;
pub use links::{Damage, Placement, lexical};
pub use listing::{Difference, Files};
pub use memo::{Counted, Memo};
pub use meter::Meter;
pub use pin::Pin;
pub use pipeignore::{Ignored, Ignores};
pub use remote::{Object, RESUMED, Remote, RemoteError, Sink, Upload, blob_key};
pub use remote_gc::{RemoteGcError, RemotePlan, plan_remote_gc, sweep_remote};
pub use set::{chosen_files, unnamed_files};
pub use shared_stages::{EntryReport, RemoteEntries, Results, SharedEntry};
pub use stages::{StageCache, StageEntry, StageOut, platform};
pub use state::State;
pub use transfer::{Below, Comparison, Extent, Item, Report, Root, Transfer, TransferError, Whereabouts};
pub use tree::{Tree, TreeEntry, TreeError};
pub use trust::{Trust, Whose};
pub use verify::{DamagedBlob, Mended};
pub use workspace::Workspace;
