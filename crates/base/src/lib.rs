//! The nouns that every crate shares: digests, project paths, typed values, timestamps.
//!
//! Nothing here touches a disk, a process or the network. What a digest is *of*, where a path leads
//! and who compares two values is the business of the crates above.

mod content;
mod digest;
mod json;
mod path;
mod tag;
mod text;
mod timestamp;
mod value;

pub use content::FileState;
pub use digest::{Algorithm, Digest, ParseDigestError};
pub use json::ascii_json;
pub use path::{PathError, ProjectPath};
pub use tag::{DIRECTION_TAG, check_tag_key, is_own_tag};
pub use text::{duration_text, one_line, plain_lines, shown};
pub use timestamp::Timestamp;
pub use value::{DATE_KEY, INTEGER_KEY, MOST_DIGITS, Repeating, Typed, Value};
