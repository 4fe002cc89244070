//! How texts of others, such as names of files, are shown to people.

use std::borrow::Cow;
use std::path::Path;

/// A text on one line: line breaks, tabs, escape sequences and what turns the writing direction, in their escaped form.
/// The name of a file or a run must not move the cursor of who lists it.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| if is_unsafe(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escaped).collect())
}

/// A text of several lines, each as [`one_line`] has it, but with its tabs: a note, or a message.
pub fn plain_lines(text: &str) -> String {
    let line = |line: &str| line.split('\t').map(one_line).collect::<Vec<_>>().join("\t");
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// A path of the operating system on one line, for people.
pub fn shown(path: &Path) -> String {
    one_line(&path.to_string_lossy()).into_owned()
}

fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A duration: `12ms`, `4.2s`, `3m 05s`, `2h 07m`, `3d 04h`.
pub fn duration_text(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    let seconds = (millis + 500) / 1000;
    let text = match () {
        () if millis < 1000 => format!("{millis}ms"),
        () if millis < 59_950 => format!("{:.1}s", millis as f64 / 1000.0),
        () if seconds < 3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        () if seconds < 86_400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        () => format!("{}d {:02}h", seconds / 86_400, seconds / 3600 % 24),
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_cursor_is_escaped_and_all_else_is_as_it_is() {
        assert_eq!(one_line("a\nb\t\u{1b}[31m\u{202e}c\u{2028}"), r"a\nb\t\u{1b}[31m\u{202e}c\u{2028}");
        assert_eq!(one_line("dé — \"c\" \\n"), "dé — \"c\" \\n");
        assert_eq!(shown(Path::new("a\rb")), r"a\rb");
    }
}
