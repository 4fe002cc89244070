//! Long lines on a terminal, wrapped between words: what stands in backquotes stays whole, so that it can be copied.

use textwrap::core::{Word, display_width};
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// A terminal narrower than this wraps on its own.
const NARROWEST: usize = 20;

/// The text with each line wrapped to `width`; what is wrapped stands two columns further in.
pub fn wrapped(text: &str, width: usize) -> String {
    text.split('\n').map(|line| wrapped_line(line, width)).collect::<Vec<_>>().join("\n")
}

fn wrapped_line(line: &str, width: usize) -> String {
    if width < NARROWEST || display_width(line) <= width {
        return line.to_owned();
    }
    let text = line.trim_start_matches(' ');
    let indent = &line[..line.len() - text.len()];
    let further = format!("{indent}  ");
    let options = Options::new(width)
        .initial_indent(indent)
        .subsequent_indent(&further)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit)
        .word_separator(WordSeparator::Custom(words));
    textwrap::fill(text, options)
}

/// The words of a line, each with the spaces behind it.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut is_quoted = false;
    let mut ended = false;
    let mut starts = vec![0];
    for (at, c) in line.char_indices() {
        if ended && c != ' ' {
            starts.push(at);
        }
        is_quoted ^= c == '`';
        ended = c == ' ' && !is_quoted;
    }
    let ends = starts[1..].iter().copied().chain([line.len()]).collect::<Vec<_>>();
    Box::new(starts.into_iter().zip(ends).map(|(start, end)| Word::from(&line[start..end])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_never_in_a_command_or_a_path() {
        let text = "warning: data/a/very/long/path/that/does/not/fit.csv was edited; `pipe checkout -f data` takes it\n  short";
        assert_eq!(
            wrapped(text, 40),
            "warning:\n  data/a/very/long/path/that/does/not/fit.csv\n  was edited; `pipe checkout -f data`\n  takes it\n  short"
        );
        assert_eq!(wrapped("  one two three four five six", 20), "  one two three four\n    five six");
        assert_eq!(wrapped("as it is", 8), "as it is");
        assert_eq!(wrapped("too narrow for words", 10), "too narrow for words");
    }

    #[test]
    fn colours_take_no_room() {
        let text = "\u{1b}[31;1merror:\u{1b}[0m nothing more";
        assert_eq!(wrapped(text, 20), text);
    }
}
