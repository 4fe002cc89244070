//! Tables, diffs and charts from plain data, rendered as text, markdown, CSV, JSON, SVG and HTML.
//!
//! Nothing here knows where the data comes from, prints it or asks how wide the terminal is: the
//! width and whether colour is wanted come in, a text goes out. Every character of the data is
//! escaped before it reaches a terminal; only our own colours are escape sequences.

mod cell;
mod diff;
mod human;
pub mod plots;
mod sparkline;
mod table;

pub use base::duration_text;
pub use cell::{Cell, LISTED, Tone, json_value};
pub use diff::{Diff, DiffOptions, DiffRow, DiffSide, flatten};
pub use human::{bytes_text, count_text, few_text, float_text};
pub use sparkline::sparkline;
pub use table::{Align, Column, Table, cut_in_middle};
