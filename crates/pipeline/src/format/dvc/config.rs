//! The grammar of DVC's settings files: sections in brackets, which may be quoted, keys with values, comments at `#`. And
//! what of them says how templates are filled in.

use std::collections::BTreeMap;

use base::ProjectPath;

use crate::template::FlagStyle;

/// Sections and their keys.
pub type Sections = BTreeMap<String, BTreeMap<String, String>>;

/// Reads a settings file. Names of sections, and so of remotes, are lower case, as keys are. Lines that are none of its
/// grammar are passed over.
pub fn parse(text: &str) -> Sections {
    let mut sections = Sections::new();
    let mut section = String::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = unquoted(name.0.trim()).to_lowercase();
            // Of names that differ in case alone, the last counts.
            sections.insert(section.clone(), BTreeMap::new());
        } else if let Some((key, value)) = line.split_once('=') {
            let keys = sections.entry(section.clone()).or_default();
            keys.insert(key.trim().to_lowercase(), value_of(value.trim()).to_owned());
        }
    }
    sections
}

/// A value without its quotes, or without the comment behind it.
fn value_of(text: &str) -> &str {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => text[1..].split_once(quote).map_or(text, |(value, _)| value),
        _ => text.split_once('#').map_or(text, |(value, _)| value).trim_end(),
    }
}

/// A value as both readers take it for the same; `None` of what no line can hold.
fn spelled(value: &str) -> Option<String> {
    // Where Python ends a line.
    let ends_line =
        |c: char| matches!(c, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    if value.contains(ends_line) {
        return None;
    }
    let quotes = ['"', '\''];
    let is_plain = !value.is_empty()
        && !value.contains(['#', ','])
        && !value.starts_with(quotes)
        && value.trim() == value;
    if is_plain && !value.contains(quotes) {
        return Some(value.to_owned());
    }
    let quote = quotes.into_iter().find(|quote| !value.contains(*quote));
    quote.map(|quote| format!("{quote}{value}{quote}")).or_else(|| is_plain.then(|| value.to_owned()))
}

/// The text with `key` of a section set to `value`; other lines stay as they are. A section that is not there yet comes to
/// the end, but `core`, which DVC has at the top. `None` of a value that no settings file can hold: one of several lines, or
/// with both kinds of quotes and what needs them.
pub fn set(text: &str, section: &str, key: &str, value: &str) -> Option<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let line = format!("    {key} = {}", spelled(value)?);
    match span(&lines, section) {
        Some((start, end)) => match (start + 1..end).find(|at| is_key(&lines[*at], key)) {
            Some(at) => lines[at] = line,
            None => {
                let last = (start..end).rev().find(|at| !lines[*at].trim().is_empty()).unwrap_or(start);
                lines.insert(last + 1, line);
            }
        },
        None => {
            let header =
                if section.contains('"') { format!("['{section}']") } else { format!("[{section}]") };
            let at = if section == "core" { 0 } else { lines.len() };
            lines.splice(at..at, [header, line]);
        }
    }
    Some(lines.iter().map(|line| format!("{line}\n")).collect())
}

/// The text without `key` of a section, and without the section when that leaves nothing in it.
pub fn unset(text: &str, section: &str, key: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let owned: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    if let Some((start, end)) = span(&owned, section) {
        let mut end = end;
        if let Some(at) = (start + 1..end).find(|at| is_key(lines[*at], key)) {
            lines.remove(at);
            end -= 1;
        }
        if lines[start + 1..end].iter().all(|line| line.trim().is_empty()) {
            lines.drain(start..end);
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The text without a section.
pub fn remove_section(text: &str, section: &str) -> String {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (start, end) = span(&lines, section).unwrap_or((0, 0));
    let kept = lines.iter().enumerate().filter(|(at, _)| !(start..end).contains(at));
    kept.map(|(_, line)| format!("{line}\n")).collect()
}

/// The text with a section under another name, in its place.
pub fn rename_section(text: &str, old: &str, new: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if let Some((start, _)) = span(&lines, old) {
        lines[start] = format!("['{new}']");
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The lines of a section, from its name to the next one's.
fn span(lines: &[String], section: &str) -> Option<(usize, usize)> {
    let name = |line: &String| {
        let (name, _) = line.trim().strip_prefix('[')?.split_once(']')?;
        Some(unquoted(name.trim()).to_lowercase())
    };
    let section = section.to_lowercase();
    let start = lines.iter().rposition(|line| name(line).as_deref() == Some(&section))?;
    let next = lines[start + 1..].iter().position(|line| name(line).is_some());
    Some((start, next.map_or(lines.len(), |next| start + 1 + next)))
}

fn is_key(line: &str, key: &str) -> bool {
    line.split_once('=').is_some_and(|(known, _)| known.trim().eq_ignore_ascii_case(key))
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
        let sections =
            parse("[Core]\nRemote = A\n['remote \"A\"']\nurl = /x\nb = c\n['Remote \"a\"']\nURL = /Y\n");
        assert_eq!(sections["core"]["remote"], "A");
        assert_eq!(sections["remote \"a\""], [("url".to_owned(), "/Y".to_owned())].into());
    }

    fn set_in(text: &str, section: &str, key: &str, value: &str) -> String {
        set(text, section, key, value).expect("a value of one line")
    }

    /// As DVC's reader, configobj, takes each, too.
    #[test]
    fn values_are_read_as_they_were_set() {
        for (value, line) in [
            ("/a", "/a"),
            ("", "\"\""),
            (" a", "\" a\""),
            ("a#b", "\"a#b\""),
            ("it's, c", "\"it's, c\""),
            ("a\"b", "'a\"b'"),
            ("a\"b'c", "a\"b'c"),
        ] {
            let text = set_in("", "cache", "dir", value);
            assert_eq!(text, format!("[cache]\n    dir = {line}\n"));
            assert_eq!(parse(&text)["cache"]["dir"], value);
        }
        for value in ["a\nb", "a\u{2028}b", "a\"b'c#", "\"a'", "a\"'b,c", " a\"b'"] {
            assert_eq!(set("", "cache", "dir", value), None, "{value}");
        }
        assert_eq!(parse("[cache]\ndir = /a#b")["cache"]["dir"], "/a");
    }

    #[test]
    fn one_key_is_changed_and_all_else_stays() {
        let text = "# top\n[core]\n    remote = main # the one\n\n['remote \"main\"']\n    url = /a\n# end\n";
        assert_eq!(set_in(text, "remote \"main\"", "url", "/b"), text.replace("= /a", "= /b"));
        assert_eq!(
            set_in(text, "core", "autostage", "true"),
            text.replace("one\n", "one\n    autostage = true\n")
        );
        let added = set_in("", "remote \"x\"", "url", "a, b");
        assert_eq!(added, "['remote \"x\"']\n    url = \"a, b\"\n");
        assert_eq!(parse(&added)["remote \"x\""]["url"], "a, b");
        let both = set_in(&added, "core", "remote", "x");
        assert_eq!(both, format!("[core]\n    remote = x\n{added}"));
        assert_eq!(unset(&both, "core", "remote"), added);
        assert_eq!(unset(text, "core", "none"), text);
        assert_eq!(remove_section(&both, "remote \"x\""), "[core]\n    remote = x\n");
        assert_eq!(remove_section(text, "none"), text);
        assert_eq!(rename_section(&added, "remote \"x\"", "remote \"y\""), added.replace('x', "y"));
    }

    #[test]
    fn the_nearer_file_says_how_maps_become_flags() {
        let style =
            flag_style(["[parsing]\nbool = Boolean_Optional\nlist = append\n", "[parsing]\nlist = nargs\n"]);
        assert_eq!(style, FlagStyle { negated: true, repeated: false });
        assert_eq!(flag_style([]), FlagStyle::default());
    }
}
