//! The only crate that opens files for writing.
//!
//! Everything that `pipe` leaves on a disk passes through here, so that three promises are kept in one
//! place: a file of record is whole or absent (never truncated in place), an error names the file and
//! what was being done to it, and a lock tells who holds it and whether that process still lives.
//! What the bytes mean is the business of the crates above.
#![allow(clippy::disallowed_methods, reason = "this crate is the door that the lints lead to")]

mod appender;
mod beside;
mod board;
mod error;
mod file;
mod holder;
mod journal;
mod link;
mod lock;
mod making;
mod mode;
mod nameless;
mod network;
mod open;
mod partial;
mod presence;
mod share;
mod stamp;

pub use appender::Appender;
pub use board::Board;
pub use error::DiskError;
pub use file::{
    create_private, has_room, is_own, is_unfinished, make_folder, may_not_be_read, move_folder, move_path,
    open_input, open_output, place_volatile, read, read_optional, read_text_optional, remove,
    remove_empty_folders, replace, replace_volatile, replace_volatile_private, replace_volatile_with,
    replace_with, room, set_mode, starts_with, symlink_between, touch,
};
pub use holder::{Holder, Liveness};
pub use journal::{Journal, JournalError, read_journal};
pub use link::{
    LinkType, create_bytes, duplicate, duplicate_checked, hard_link, hard_link_new, is_link_circle,
    place_bytes, place_filled, replace_symlink, set_modified,
};
pub use lock::{LockError, LockFile, Moment, Sharing, holder_is_alive};
pub use making::{clear_made, end_making, make_apart};
pub use mode::Mode;
pub use network::{
    ask_anew, is_network, is_open_remnant, lock_hiding_option, look_anew, metadata_anew,
    remove_what_is_closed,
};
pub use open::{is_no_file, not_a_file, open, open_known, read_bytes, read_text};
pub use partial::{Partial, keeps_order, sync_files};
pub use share::{hand_down_alike, is_shared, share_folder};
pub use stamp::Stamp;
