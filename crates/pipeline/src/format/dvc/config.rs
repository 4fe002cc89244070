//! The grammar of DVC's settings files: sections in brackets, which may be quoted, keys with values, comments at `#`. And
//! what of them says how templates are filled in.

use std::collections::BTreeMap;

use base::ProjectPath;

use crate::template::FlagStyle;

/// Sections and their keys.
pub type Sections = BTreeMap<String, BTreeMap<String, String>>;

/// Reads a settings file. Lines that are none of its grammar are passed over.
pub fn parse(text: &str) -> Sections {
    let mut sections = Sections::new();
    let mut section = String::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = unquoted(name.0.trim()).to_owned();
            sections.entry(section.clone()).or_default();
        } else if let Some((key, value)) = line.split_once('=') {
            let keys = sections.entry(section.clone()).or_default();
            keys.insert(key.trim().to_ascii_lowercase(), value_of(value.trim()).to_owned());
        }
    }
    sections
}

/// A value without its quotes, or without the comment behind it.
fn value_of(text: &str) -> &str {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => text[1..].split_once(quote).map_or(text, |(value, _)| value),
        _ => text.split_once(" #").map_or(text, |(value, _)| value).trim_end(),
    }
}

/// A text without the quotes around it.
pub fn unquoted(text: &str) -> &str {
    let inside = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('\'').or_else(|| inside('"')).unwrap_or(text)
}

/// The project's own settings files, the weaker one first.
pub(crate) fn files() -> [ProjectPath; 2] {
    let folder = ProjectPath::root().join(".dvc");
    [folder.join("config"), folder.join("config.local")]
}

/// How maps become flags.
pub(crate) fn flag_style<'a>(texts: impl IntoIterator<Item = &'a str>) -> FlagStyle {
    let mut style = FlagStyle::default();
    for text in texts {
        let sections = parse(text);
        let is = |key: &str, word: &str| {
            let value = sections.get("parsing")?.get(key)?;
            Some(value.eq_ignore_ascii_case(word))
        };
        style.negated = is("bool", "boolean_optional").unwrap_or(style.negated);
        style.repeated = is("list", "append").unwrap_or(style.repeated);
    }
    style
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_keys_quotes_and_comments() {
        let text = "# top\n[core]\n    remote = main # the one\n['remote \"main\"']\nurl = \"/a b\"\n[cache]\ndir=../c\n";
        let sections = parse(text);
        assert_eq!(sections["core"]["remote"], "main");
        assert_eq!(sections["remote \"main\""]["url"], "/a b");
        assert_eq!(sections["cache"]["dir"], "../c");
    }

    #[test]
    fn the_nearer_file_says_how_maps_become_flags() {
        let style =
            flag_style(["[parsing]\nbool = Boolean_Optional\nlist = append\n", "[parsing]\nlist = nargs\n"]);
        assert_eq!(style, FlagStyle { negated: true, repeated: false });
        assert_eq!(flag_style([]), FlagStyle::default());
    }
}
