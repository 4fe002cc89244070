//! Logical lines of Python: one statement line each, or several with `;` between them.

use crate::error::Position;

/// One statement line, with the lines that brackets, strings and backslashes join to it, and without comments.
pub(super) struct Line {
    /// Columns before the first word.
    pub indent: usize,
    /// Where the first word stands.
    pub place: Position,
    pub text: String,
}

pub(super) fn logical_lines(text: &str) -> Result<Vec<Line>, (Position, String)> {
    let mut lines = Vec::new();
    let mut at = Cursor::new(text);
    while !at.is_done() {
        let indent = at.indent();
        let place = at.position();
        let mut line = String::new();
        let mut open: Vec<(char, Position)> = Vec::new();
        while let Some(c) = at.peek() {
            match c {
                '\n' if open.is_empty() => break,
                '#' => at.skip_to_line_end(),
                '\\' if at.rest.starts_with("\\\n") || at.rest.starts_with("\\\r\n") => {
                    at.skip_to_line_end();
                    at.next();
                    line.push(' ');
                }
                '"' | '\'' => at.string(&mut line)?,
                _ => {
                    match c {
                        '(' | '[' | '{' => open.push((c, at.position())),
                        ')' | ']' | '}' => drop(open.pop()),
                        _ => {}
                    }
                    at.next();
                    line.push(if c == '\n' || c == '\r' { ' ' } else { c });
                }
            }
        }
        if let Some((bracket, position)) = open.pop() {
            return Err((position, format!("`{bracket}` is never closed")));
        }
        at.next();
        if !line.trim().is_empty() {
            lines.push(Line { indent, place, text: line });
        }
    }
    Ok(lines)
}

struct Cursor<'a> {
    rest: &'a str,
    line: u32,
    column: u32,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Cursor { rest: text, line: 1, column: 1 }
    }

    fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn position(&self) -> Position {
        Position { line: self.line, column: self.column }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    /// The columns of white space that follow; a tab goes on to the next multiple of eight.
    fn indent(&mut self) -> usize {
        let mut indent = 0;
        while let Some(c @ (' ' | '\t' | '\u{c}')) = self.peek() {
            indent = match c {
                ' ' => indent + 1,
                '\t' => (indent / 8 + 1) * 8,
                _ => 0,
            };
            self.next();
        }
        indent
    }

    fn skip_to_line_end(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.next();
        }
    }

    /// Copies a string literal as it stands, quotes included.
    fn string(&mut self, line: &mut String) -> Result<(), (Position, String)> {
        let start = self.position();
        let quote = self.peek().unwrap_or('"');
        let long = self.rest.starts_with(&quote.to_string().repeat(3));
        let fence = quote.to_string().repeat(if long { 3 } else { 1 });
        for _ in 0..fence.len() {
            line.extend(self.next());
        }
        loop {
            if self.rest.starts_with(&fence) {
                for _ in 0..fence.len() {
                    line.extend(self.next());
                }
                return Ok(());
            }
            match self.next() {
                Some('\\') => {
                    line.push('\\');
                    line.extend(self.next());
                }
                Some('\n') if !long => return Err((start, "the string is never closed".to_owned())),
                Some(c) => line.push(c),
                None => return Err((start, "the string is never closed".to_owned())),
            }
        }
    }
}
