//! HTML in which no text can be anything but text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;

use base::Digest;
use report::count_text;
use report::plots::escape;
use track::NOTE_TAG;

use super::images::Image;

/// Characters of a text in a table of many things.
const MOST_CHARACTERS: usize = 60;
/// Digits of a digest that people see: enough to tell two files apart.
const DIGITS: usize = 12;

const STYLE: &str = "\
:root{color-scheme:light dark}body{font:14px/1.5 system-ui,sans-serif;margin:1.5rem auto;max-width:120rem;padding:0 1rem}\
table{border-collapse:collapse;margin:.5rem 0 1.5rem}th,td{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top;\
border-bottom:1px solid #8884;overflow-wrap:break-word;max-width:40rem}th{font-weight:600}th,td.short,td.name,td.number{white-space:\
nowrap}.number{text-align:right;font-variant-numeric:tabular-nums}a{color:#3b82c4}.wide{overflow-x:auto}.faint{opacity:.65}.charts{display:grid;gap:1rem;\
grid-template-columns:repeat(auto-fill,minmax(min(100%,36rem),1fr))}.images{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;max-width:100%}figure img{display:block;max-width:min(100%,14rem);\
max-height:10rem}figcaption{max-width:14rem;overflow-wrap:anywhere}.charts svg{width:100%;max-width:45rem;height:auto}p,pre{max-width:80rem}input{font:inherit}\
input[name=filter]{width:30rem;max-width:70%}.fault{color:#c0392b}nav a{margin-right:1rem}\
h1,p{overflow-wrap:anywhere}th a{color:inherit}pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit}summary{cursor:pointer}\
@media(max-width:40rem){td.short{max-width:11rem;overflow:hidden;text-overflow:ellipsis}\
td.name,th.name{white-space:normal;overflow-wrap:anywhere;min-width:8rem}}";

/// Stands on top of every page.
const NAVIGATION: &str = "<nav><a href=\"/\">Runs</a><a href=\"/models\">Models</a></nav>\n";

/// A page in the making.
#[derive(Debug, Default)]
pub struct Html(String);

/// A link to somewhere in this server: an address that is made here, and a text.
pub struct Link<'a>(pub String, pub &'a str);

impl Html {
    /// A heading.
    pub fn heading(&mut self, level: u8, text: impl Display) {
        self.raw(&format!("<h{level}>{}</h{level}>\n", escaped(text)));
    }

    /// A paragraph.
    pub fn paragraph(&mut self, class: &str, text: impl Display) {
        self.raw(&format!("<p class=\"{class}\">{}</p>\n", escaped(text)));
    }

    /// A link in a paragraph.
    pub fn link(&mut self, link: &Link<'_>) {
        self.raw(&format!("<p>{}</p>\n", link.text()));
    }

    /// A table; nothing when it has no rows. Cells are HTML already: made by [`cell`], [`number`] or a link.
    pub fn table(&mut self, columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let heads: Vec<String> = columns.iter().map(|column| head("", column)).collect();
        self.table_below(&heads, rows);
    }

    /// The same below heads that are HTML already: made by [`head`] or [`Link::head`].
    pub fn table_below(&mut self, heads: &[String], rows: impl IntoIterator<Item = Vec<String>>) {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return;
        }
        self.raw("<div class=\"wide\"><table><thead><tr>");
        self.raw(&heads.concat());
        self.raw("</tr></thead><tbody>\n");
        for row in rows {
            self.raw(&format!("<tr>{}</tr>\n", row.concat()));
        }
        self.raw("</tbody></table></div>\n");
    }

    /// A table under a heading; nothing when there are no rows.
    pub fn pairs(&mut self, heading: &str, rows: impl Iterator<Item = Vec<String>>) {
        let rows: Vec<Vec<String>> = rows.collect();
        if !rows.is_empty() {
            self.heading(2, heading);
            self.table(&[], rows);
        }
    }

    /// The same, folded together below the heading where there are more than `most` rows.
    pub fn folded_pairs(
        &mut self,
        heading: &str,
        (most, noun): (usize, &str),
        rows: impl Iterator<Item = Vec<String>>,
    ) {
        let rows: Vec<Vec<String>> = rows.collect();
        if rows.len() <= most {
            return self.pairs(heading, rows.into_iter());
        }
        self.heading(2, heading);
        self.raw(&format!("<details><summary>{}</summary>\n", count_text(rows.len(), noun)));
        self.table(&[], rows);
        self.raw("</details>\n");
    }

    /// Images shown small, each with its caption below.
    pub fn images<'a>(&mut self, images: impl Iterator<Item = &'a Image>) {
        let figure = |image: &Image| {
            let (there, small, name) = (escape(&image.there), escape(&image.small), escape(&image.caption));
            let image = format!("<img src=\"{small}\" alt=\"\" loading=\"lazy\">");
            format!("<figure><a href=\"{there}\">{image}</a><figcaption>{name}</figcaption></figure>\n")
        };
        let figures: String = images.map(figure).collect();
        if !figures.is_empty() {
            self.raw(&format!("<div class=\"images\">\n{figures}</div>\n"));
        }
    }

    /// What somebody noted of a run or an experiment that has these tags, if anything.
    pub fn note(&mut self, tags: &BTreeMap<String, String>) {
        if let Some(note) = tags.get(NOTE_TAG).filter(|note| !note.trim().is_empty()) {
            self.text(note);
        }
    }

    /// A text of several lines, as somebody wrote it.
    pub fn text(&mut self, text: &str) {
        self.raw(&format!("<pre>{}</pre>\n", escape(text)));
    }

    /// What is HTML already.
    pub fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    /// The whole page.
    pub fn finish(self, title: &str) -> String {
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\">\n<title>{} · pipe</title>\n<style>{STYLE}</style>\n</head>\n\
             <body>\n{NAVIGATION}{}</body>\n</html>\n",
            escape(title),
            self.0
        )
    }
}

impl Link<'_> {
    /// As HTML.
    pub fn text(&self) -> String {
        format!("<a href=\"{}\">{}</a>", escape(&self.0), escape(self.1))
    }

    /// As a cell.
    pub fn cell(&self) -> String {
        format!("<td>{}</td>", self.text())
    }

    /// As a cell with a name, which stays on one line where there is room.
    pub fn named(&self) -> String {
        format!("<td class=\"name\">{}</td>", self.text())
    }

    /// As the head of a column; `class` is that of its cells.
    pub fn head(&self, class: &str) -> String {
        format!("<th class=\"{class}\">{}</th>", self.text())
    }
}

/// The head of a column; `class` is that of its cells.
pub fn head(class: &str, text: &str) -> String {
    format!("<th class=\"{class}\">{}</th>", escape(text))
}

/// A cell with a text.
pub fn cell(text: impl Display) -> String {
    format!("<td>{}</td>", escaped(text))
}

/// The value of a field of a form, which comes back as it is.
pub fn value(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A cell with a text, of a long one its start, which can be opened.
pub fn folded(text: &str) -> String {
    match shortened(text) {
        Cow::Borrowed(text) => cell(text),
        Cow::Owned(start) => fold(&format!("{start} ({} characters)", text.chars().count()), text),
    }
}

/// A cell with the start of a digest, which can be opened.
pub fn digest(digest: &Digest) -> String {
    let (text, hex) = (digest.to_string(), digest.hex());
    fold(&text.replace(&hex, &hex[..DIGITS.min(hex.len())]), &text)
}

fn fold(summary: &str, whole: &str) -> String {
    let (summary, whole) = (escape(summary), escape(whole));
    format!("<td><details><summary>{summary}</summary><pre>{whole}</pre></details></td>")
}

/// The start of a long text.
pub fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// A cell with a text that stays on one line.
pub fn short(text: impl Display) -> String {
    format!("<td class=\"short\">{}</td>", escaped(text))
}

/// A cell with a name, which stays on one line where there is room.
pub fn name(text: impl Display) -> String {
    format!("<td class=\"name\">{}</td>", escaped(text))
}

/// A cell with a number.
pub fn number(text: impl Display) -> String {
    format!("<td class=\"number\">{}</td>", escaped(text))
}

fn escaped(text: impl Display) -> String {
    escape(&text.to_string())
}
