//! Plots: from records and images to figures, and from figures to a page, SVG, terminal text and JSON.
//!
//! Three steps, each blind to the others: [`Records`] and [`Image`] read bytes, [`figure`] decides what is
//! drawn, and [`page`], [`svg`], [`text`] and [`json`] draw it. Where the bytes come from and where the
//! drawing goes is not known here.

mod figure;
mod image;
mod json;
mod options;
mod page;
mod records;
mod smooth;
mod svg;
mod text;
mod thin;
mod ticks;

pub use figure::{Bars, Confusion, Content, Figure, Matrix, Part, Plot, Series, Shape, Trace, figure};
pub use image::Image;
pub use json::json;
pub use options::{PlotOptions, Template};
pub use page::{Page, page};
pub use records::{Datum, Records, RecordsFault};
pub use svg::svg;
pub use text::text;

/// A text with the characters that mean something in HTML and SVG written out, in attributes as well. Control characters,
/// which XML forbids, and those that turn the direction of writing are shown as a terminal is shown them.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in base::plain_lines(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}
