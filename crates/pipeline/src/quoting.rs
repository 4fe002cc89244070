//! Values as words of a shell: on their own, and where a script has opened quotes around them.
//!
//! `sh` and `bash` have to read a value alike, and as it is. Where that cannot be told, it is refused.

/// The text as one word of a shell.
pub(crate) fn quote(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\"'\"'")) }
}

/// Whether every shell takes the text as it is.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    !text.is_empty() && text.chars().all(plain)
}

/// The text as a part of a script of which `before` stands before it, so that the shell sees the very text; `None` where
/// that cannot be.
pub(crate) fn quote_within(text: &str, before: &str) -> Option<String> {
    // Whatever stands around it, so that it is never another command than it was.
    if is_plain(text) {
        return Some(text.to_owned());
    }
    let spot = Reader::new(before).spot()?;
    let is_expanded = matches!(spot.place, Place::Double | Place::Document { is_literal: false });
    if spot.is_calculated || is_expanded && continues_name(text, before) {
        return None;
    }
    let escaped = |special: &str| {
        let escape = |c: char| special.contains(c).then_some('\\').into_iter().chain([c]);
        text.chars().flat_map(escape).collect::<String>()
    };
    let spelled = match spot.place {
        Place::Bare => quote(text),
        Place::Single => text.replace('\'', "'\\''"),
        Place::Double => escaped("\\\"$`"),
        // Nobody reads it, but a second line would be one of the script.
        Place::Comment => quote(text).replace(['\n', '\r'], " "),
        // A second line could be the one that ends it, and `<<-` takes tabs away.
        Place::Document { .. } if text.contains('\n') || text.starts_with('\t') => return None,
        Place::Document { is_literal: true } => text.to_owned(),
        Place::Document { is_literal: false } => escaped("\\$`"),
    };
    (!spelled.contains(spot.refused)).then_some(spelled)
}

/// Whether bash takes for a number what follows `before`, however it is quoted.
pub(crate) fn is_calculated_within(before: &str) -> bool {
    let is_open = before.rfind("((").is_some_and(|at| !before[at..].contains("))"));
    is_open || Reader::new(before).spot().is_some_and(|spot| spot.is_calculated)
}

/// Whether `before` ends with the name of a variable, of which a shell would take the text's beginning for a part.
fn continues_name(text: &str, before: &str) -> bool {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let rest = before.trim_end_matches(is_of_name);
    let name = &before[rest.len()..];
    let Some(rest) = rest.strip_suffix('$') else { return false };
    let is_escaped = !(rest.len() - rest.trim_end_matches('\\').len()).is_multiple_of(2);
    !is_escaped && !name.starts_with(|c: char| c.is_ascii_digit()) && text.starts_with(is_of_name)
}

/// Whether a shell takes the character for space between words: other spaces are parts of words.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n')
}

/// Whether what is tested is text, where this has been read of a test of bash: it takes what `-eq` and its like compare for
/// numbers, on both sides.
fn compares_text(test: &str) -> bool {
    const OF_ONE: [&str; 12] = ["-e", "-f", "-d", "-s", "-r", "-w", "-x", "-n", "-z", "-h", "-L", "-p"];
    const OF_TWO: [&str; 6] = ["=", "==", "!=", "-nt", "-ot", "-ef"];
    let is_whole = |text: &str| text.matches('"').count().is_multiple_of(2);
    let begin = test.rfind(['&', '|', '(']).map_or(0, |at| at + 1);
    let last = &test[begin..];
    // A parenthesis that ends here is of a substitution, and what is in it says nothing of the test.
    if test.contains(['\'', '\\', '`']) || last.contains(')') || !is_whole(&test[..begin]) {
        return false;
    }
    let words = last.split(is_blank).filter(|word| !word.is_empty());
    let mut words = words.skip_while(|word| *word == "!");
    let Some(first) = words.next() else { return false };
    match words.next() {
        // What it stands in may yet be a word that only begins like this.
        None => OF_ONE.contains(&first) && last.ends_with(is_blank),
        Some(second) => OF_ONE.contains(&first) || is_whole(first) && OF_TWO.contains(&second),
    }
}

/// Where the end of a beginning of a script is.
struct Spot {
    place: Place,
    /// What means something else there than in a script of its own.
    refused: &'static [char],
    /// Whether bash reads what stands there as arithmetic, and runs what is in it, however it is quoted.
    is_calculated: bool,
}

enum Place {
    Bare,
    Single,
    Double,
    Comment,
    /// A here-document, whose text is taken as it is, or with `$` and backquotes.
    Document {
        is_literal: bool,
    },
}

/// What has been opened. But for [`Open::Double`], and for [`Open::Brace`] within it, quoting begins anew there.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    /// `"`
    Double,
    /// `$(`, and where in the script it begins.
    Substitution(usize),
    /// `(`
    Group,
    /// `${`
    Brace,
    /// A backquote
    Backquote,
    /// `=(`, elements of an array in bash
    Array,
    /// `[[`, a test of bash, and where in the script it begins
    Test(usize),
    /// `name[`, or `[` of an element: for bash, mostly, the number of an element
    Subscript,
    /// `${name:` or `${name[`, which [`Open::Brace`] follows: numbers in bash
    Slice,
    /// `let` of bash, to the end of the command
    Let,
}

/// A here-document that begins with the next line.
struct Document {
    end: String,
    is_literal: bool,
    has_tabs: bool,
}

/// Reads the beginning of a script as a shell does, as far as quotes go. Its methods answer `None` where shells
/// differ, or more would have to be known.
struct Reader<'a> {
    script: &'a str,
    at: usize,
    open: Vec<Open>,
    documents: Vec<Document>,
    /// Whether the character before was taken for itself by a backslash.
    is_escaped: bool,
}

impl<'a> Reader<'a> {
    fn new(script: &'a str) -> Self {
        Reader { script, at: 0, open: Vec::new(), documents: Vec::new(), is_escaped: false }
    }

    fn rest(&self) -> &'a str {
        &self.script[self.at..]
    }

    fn takes(&mut self, text: &str) -> bool {
        let takes = self.rest().starts_with(text);
        self.at += if takes { text.len() } else { 0 };
        takes
    }

    /// Goes behind the next `text`, and answers what stands before it; goes to the end where there is none.
    fn until(&mut self, text: &str) -> (&'a str, bool) {
        let rest = self.rest();
        let end = rest.find(text);
        self.at += end.map_or(rest.len(), |end| end + text.len());
        (&rest[..end.unwrap_or(rest.len())], end.is_some())
    }

    /// Whether quotes that are opened now are within others.
    fn is_within(&self, outer: Open) -> bool {
        self.open.contains(&outer)
    }

    fn spot(mut self) -> Option<Spot> {
        while self.at < self.script.len() {
            let place = match self.open.last() {
                Some(Open::Double) => self.step_in_double(),
                Some(Open::Brace) if self.open.len() > 1 && self.is_within(Open::Double) => {
                    self.step_in_brace()
                }
                _ => self.step(),
            }?;
            if let Some(place) = place {
                return self.spot_of(place);
            }
        }
        let place = match self.open.last() {
            Some(Open::Double) => Place::Double,
            Some(Open::Brace) if self.is_within(Open::Double) => return None,
            _ => Place::Bare,
        };
        // `$` would take the value's beginning for a name, or for what it quotes.
        if self.script.ends_with('$') { None } else { self.spot_of(place) }
    }

    fn spot_of(&self, place: Place) -> Option<Spot> {
        let back = self.open.iter().rposition(|open| *open == Open::Backquote);
        let refused: &[char] = match back {
            None => &[],
            Some(at) if self.open[..at].contains(&Open::Double) => &['\\', '`', '"'],
            Some(_) => &['\\', '`'],
        };
        let is_text = matches!(place, Place::Comment | Place::Document { .. });
        Some(Spot { place, refused, is_calculated: !is_text && self.is_calculated() })
    }

    /// Whether what stands here is a number for bash, as long as no substitution stands around it.
    fn is_calculated(&self) -> bool {
        let begins_anew = |open: &Open| matches!(open, Open::Substitution(_) | Open::Backquote);
        let from = self.open.iter().rposition(begins_anew).map_or(0, |at| at + 1);
        self.open[from..].iter().any(|open| match open {
            Open::Subscript | Open::Slice | Open::Let => true,
            Open::Test(begin) => !compares_text(&self.script[*begin..]),
            _ => false,
        })
    }

    /// Whether a word ends here that is a name, and nothing but it.
    fn is_behind_name(&self) -> bool {
        let before = &self.script[..self.at];
        let rest = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        before[rest.len()..].starts_with(|c: char| !c.is_ascii_digit())
            && rest.chars().next_back().is_none_or(|c| is_blank(c) || ";&|(`".contains(c))
    }

    /// Whether a parameter is followed in braces, of which this is the inside, by what bash takes for a number.
    fn is_slice(&self) -> bool {
        let rest = self.rest().trim_start_matches(['!', '#']);
        let name = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let name = if name.len() == rest.len() { rest.trim_start_matches(['@', '*']) } else { name };
        match name.strip_prefix(':') {
            Some(then) => !then.starts_with(['-', '=', '?', '+']),
            None => name.starts_with('['),
        }
    }

    /// Goes on by one thing where quoting begins anew. The place, when the script ends in that thing.
    fn step(&mut self) -> Option<Option<Place>> {
        let before = self.script[..self.at].chars().next_back();
        let in_brace = self.open.last() == Some(&Open::Brace);
        let begins = !self.is_escaped && before.is_none_or(|c| is_blank(c) || ";&|(`".contains(c));
        // A comment behind a group, a part of a word behind a substitution.
        if !self.is_escaped && before == Some(')') && self.rest().starts_with('#') {
            return None;
        }
        self.is_escaped = false;
        let ends_command = self.rest().starts_with([';', '&', '|', '\n', ')'])
            || self.rest().starts_with('`') && self.is_within(Open::Backquote);
        if ends_command && self.open.last() == Some(&Open::Let) {
            self.open.pop();
        }
        let begins_word = |word: &str| {
            let then = self.rest().strip_prefix(word).filter(|_| begins);
            then.is_some_and(|then| then.starts_with(is_blank))
        };
        let (is_test, is_let) = (begins_word("[["), begins_word("let"));
        if self.takes("\\") {
            self.escape()?;
        } else if self.takes("'") {
            // `$'` is something else in bash, and the same to others.
            let is_special = before == Some('$');
            let (content, is_closed) = self.until("'");
            if is_special && (!is_closed || content.ends_with('\\'))
                || self.is_within(Open::Backquote) && content.contains(['`', '\\'])
            {
                return None;
            }
            return Some((!is_closed).then_some(Place::Single));
        } else if self.takes("\"") {
            let back = self.open.iter().position(|open| *open == Open::Backquote);
            if back.is_some_and(|at| self.open[..at].contains(&Open::Double)) {
                return None;
            }
            self.open.push(Open::Double);
        } else if begins && !in_brace && self.rest().starts_with('#') {
            if self.is_within(Open::Backquote) || before == Some('`') {
                return None;
            }
            let end = self.rest().find('\n');
            self.at = end.map_or(self.script.len(), |end| self.at + end);
            return Some(end.is_none().then_some(Place::Comment));
        } else if self.expands()? {
        } else if in_brace && self.takes("}") {
            self.end_brace();
        } else if in_brace {
            self.skip();
        } else if is_test {
            self.at += "[[".len();
            self.open.push(Open::Test(self.at));
        } else if is_let {
            self.at += "let".len();
            self.open.push(Open::Let);
        } else if self.brackets(before, begins) {
        } else if self.takes("\n") {
            return self.read_documents();
        } else if self.takes("<<<") {
        } else if self.takes("<<") {
            self.announce()?;
        } else if self.rest().starts_with("((") {
            self.calculate_in_bash()?;
        } else if self.takes("(") {
            self.open.push(if before == Some('=') { Open::Array } else { Open::Group });
        } else if self.takes(")") {
            self.close()?;
        } else {
            self.skip();
        }
        Some(None)
    }

    fn step_in_double(&mut self) -> Option<Option<Place>> {
        if self.takes("\\") {
            self.escape()?;
        } else if self.takes("\"") {
            self.open.pop();
        } else if !self.expands()? {
            self.skip();
        }
        Some(None)
    }

    /// What stands in `"${…}"`: whether quotes are quotes there depends on the shell and on what is asked for.
    fn step_in_brace(&mut self) -> Option<Option<Place>> {
        if self.takes("\\") {
            self.escape()?;
        } else if self.takes("}") {
            self.end_brace();
        } else if self.rest().starts_with(['"', '\'']) {
            return None;
        } else if !self.expands()? {
            self.skip();
        }
        Some(None)
    }

    fn end_brace(&mut self) {
        self.open.pop();
        if self.open.last() == Some(&Open::Slice) {
            self.open.pop();
        }
    }

    /// Takes a bracket that begins or ends a test or a subscript of bash; false when none is there.
    fn brackets(&mut self, before: Option<char>, begins: bool) -> bool {
        match self.open.last().copied() {
            Some(Open::Test(_)) if before.is_some_and(is_blank) && self.takes("]]") => {
                self.open.pop();
            }
            Some(Open::Subscript) if self.takes("]") => {
                self.open.pop();
            }
            last if self.rest().starts_with('[') => {
                let is_element = begins && last == Some(Open::Array);
                if last != Some(Open::Subscript) && !is_element && !self.is_behind_name() {
                    return false;
                }
                self.at += "[".len();
                self.open.push(Open::Subscript);
            }
            _ => return false,
        }
        true
    }

    fn skip(&mut self) {
        self.at += self.rest().chars().next().map_or(0, char::len_utf8);
    }

    /// What follows a backslash. Within backquotes there are two shells that read it.
    fn escape(&mut self) -> Option<()> {
        let is_read_twice =
            self.is_within(Open::Backquote) && self.rest().starts_with(['$', '`', '\\', '"', '\'']);
        if self.rest().starts_with("\n#") {
            // A comment or a part of a word, by what ends the line before.
            return None;
        }
        self.is_escaped = true;
        (!is_read_twice && !self.rest().is_empty()).then(|| self.skip())
    }

    /// Whether something began, or a backquote ended, that a shell expands in double quotes as well.
    fn expands(&mut self) -> Option<bool> {
        if self.takes("$((") {
            return self.calculate().map(|()| true);
        }
        // Arithmetic in bash alone.
        if self.rest().starts_with("$[") {
            return None;
        }
        if self.takes("$(") {
            self.open.push(Open::Substitution(self.at));
        } else if self.takes("${") {
            if self.is_slice() {
                self.open.push(Open::Slice);
            }
            self.open.push(Open::Brace);
        } else if self.takes("`") {
            match self.open.iter().rposition(|open| *open == Open::Backquote) {
                // It ends with it whatever was left open in it.
                Some(at) if at + 1 == self.open.len() => self.open.truncate(at),
                Some(_) => return None,
                None => self.open.push(Open::Backquote),
            }
        } else {
            return Some(false);
        }
        Some(true)
    }

    /// What follows `$((`: arithmetic, or a substitution that begins with a group, as long as both end alike.
    fn calculate(&mut self) -> Option<()> {
        let mut depth = 2;
        while depth > 0 {
            match self.rest().chars().next()? {
                '(' => depth += 1,
                ')' => depth -= 1,
                '\'' | '"' | '`' | '\\' | '#' | '\n' => return None,
                _ => {}
            }
            self.skip();
        }
        Some(())
    }

    /// What begins with `((`: groups, and in bash arithmetic, where quotes quote nothing, as long as both end alike.
    fn calculate_in_bash(&mut self) -> Option<()> {
        let begin = self.at;
        self.at += "((".len();
        self.calculate()?;
        // A here-document in groups.
        (!self.script[begin..self.at].contains("<<")).then_some(())
    }

    /// A closing parenthesis: of what was opened last, or of a pattern in `case`.
    fn close(&mut self) -> Option<()> {
        match self.open.last() {
            Some(Open::Substitution(from)) => {
                let mut words = self.script[*from..self.at].split(|c: char| !c.is_alphanumeric() && c != '_');
                if self.is_within(Open::Double) && words.any(|word| word == "case")
                    || !self.documents.is_empty()
                {
                    return None;
                }
                self.open.pop();
            }
            Some(Open::Group | Open::Array) => drop(self.open.pop()),
            _ => {}
        }
        Some(())
    }

    /// What follows `<<`.
    fn announce(&mut self) -> Option<()> {
        let has_tabs = self.takes("-");
        let rest = self.rest().trim_start_matches([' ', '\t']);
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (word, is_literal, length) = match rest.chars().next()? {
            quote @ ('\'' | '"') => {
                let word = rest[1..].split_once(quote)?.0;
                (word, true, word.len() + 2)
            }
            first => {
                let (skipped, is_literal) = if first == '\\' { (1, true) } else { (0, false) };
                let word = &rest[skipped..];
                let word = &word[..word.find(|c| !is_word(c)).unwrap_or(word.len())];
                (word, is_literal, word.len() + skipped)
            }
        };
        self.at = self.script.len() - rest.len() + length;
        let ends = self.rest().chars().next().is_some_and(|c| is_blank(c) || ";&|<>)".contains(c));
        if !ends || !word.chars().all(is_word) || self.is_within(Open::Backquote) {
            return None;
        }
        self.documents.push(Document { end: word.to_owned(), is_literal, has_tabs });
        Some(())
    }

    /// The here-documents that begin with this line.
    fn read_documents(&mut self) -> Option<Option<Place>> {
        for Document { end, is_literal, has_tabs } in std::mem::take(&mut self.documents) {
            let begin = self.at;
            loop {
                let (line, is_whole) = self.until("\n");
                let body = &self.script[begin..self.at];
                if !is_whole {
                    let has_more = body.contains(['`', '\\']) || body.contains("$(") || body.contains("${");
                    let is_unclear = !is_literal && (has_more || body.ends_with('$'));
                    return if is_unclear { None } else { Some(Some(Place::Document { is_literal })) };
                }
                if !is_literal && line.ends_with('\\') {
                    return None;
                }
                let line = if has_tabs { line.trim_start_matches('\t') } else { line };
                if line == end {
                    break;
                }
            }
        }
        Some(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python's `shlex.quote` says of the same words.
    #[test]
    fn words_are_quoted_as_python_does() {
        for (word, quoted) in [
            ("", "''"),
            ("a_b-c.d/e:f,g@h%i+j=k", "a_b-c.d/e:f,g@h%i+j=k"),
            ("a b", "'a b'"),
            ("it's", "'it'\"'\"'s'"),
            ("é", "'é'"),
            ("$x", "'$x'"),
            ("~", "'~'"),
        ] {
            assert_eq!(quote(word), quoted);
        }
    }

    #[test]
    fn quotes_that_are_open_are_kept() {
        for (before, spelled) in [
            ("cp ", "'a \"$x\"'"),
            ("cp \"", "a \\\"\\$x\\\""),
            ("cp \"\\\"", "a \\\"\\$x\\\""),
            ("cp 'x/", "a \"$x\""),
            ("echo # don't", "'a \"$x\"'"),
            ("echo # don't\n\"", "a \\\"\\$x\\\""),
            ("cp \"$(dirname ", "'a \"$x\"'"),
            ("cp \"$(dirname \"", "a \\\"\\$x\\\""),
            ("cp \"$( (ls) )", "a \\\"\\$x\\\""),
            ("cp \"${x:-y}", "a \\\"\\$x\\\""),
            ("a=$((1 << 2)); cp ", "'a \"$x\"'"),
            ("cut -d$'\\t' ", "'a \"$x\"'"),
            ("cp `basename ", "'a \"$x\"'"),
            ("case x in x) cp \"", "a \\\"\\$x\\\""),
            ("cat <<E\nit's ", "a \"\\$x\""),
            ("cat <<'E'\n`", "a \"$x\""),
            ("cat <<-E; cat <<F\n\tE\n'\nF\ncp ", "'a \"$x\"'"),
            ("cat <<E ", "'a \"$x\"'"),
            ("echo a\\ #b \"", "a \\\"\\$x\\\""),
            ("echo a\u{a0}# don't ", "a \"$x\""),
            ("x=$(case x in x) ls;; esac) cp ", "'a \"$x\"'"),
            ("cp \"$(ls lowercase)", "a \\\"\\$x\\\""),
            ("cp \"$(echo $(((1 + 2))) ", "'a \"$x\"'"),
            ("cat <<<'x' ", "'a \"$x\"'"),
            ("[[ -f ", "'a \"$x\"'"),
            ("cp $x", "'a \"$x\"'"),
            ("cp \"$x/", "a \\\"\\$x\\\""),
            ("cp \"$1", "a \\\"\\$x\\\""),
            ("cp \"\\$x", "a \\\"\\$x\\\""),
            ("cat <<'E'\n$x", "a \"$x\""),
            ("[[ ! -d \"x/", "a \\\"\\$x\\\""),
            ("[[ 1 -eq 1 && \"$y\" == ", "'a \"$x\"'"),
            ("[[ 1 -eq 1 ]] && cp ", "'a \"$x\"'"),
            ("[[ 1 -eq $(wc -l < ", "'a \"$x\"'"),
            ("a[1]=x; b=([2]=x); cp ", "'a \"$x\"'"),
            ("ls a[0-9] x/[ab] ", "'a \"$x\"'"),
            ("[ -f ", "'a \"$x\"'"),
            ("( [ -f ", "'a \"$x\"'"),
            ("let x=1; cp ", "'a \"$x\"'"),
            ("x=$(let x=1) y=`let x=1`; cp ", "'a \"$x\"'"),
            ("let x=1\ncp ", "'a \"$x\"'"),
            ("outlet ", "'a \"$x\"'"),
            ("let x=1 # ", "'a \"$x\"'"),
            ("echo ${x:1:2} \"${x:1}\" ${x[1]} ", "'a \"$x\"'"),
            ("echo ${x:-", "'a \"$x\"'"),
            ("echo ${x#", "'a \"$x\"'"),
        ] {
            assert_eq!(quote_within("a \"$x\"", before).as_deref(), Some(spelled), "{before}");
        }
        assert_eq!(quote_within("it's", "'"), Some("it'\\''s".to_owned()));
        assert_eq!(quote_within("a\nb", "# "), Some("'a b'".to_owned()));
    }

    #[test]
    fn what_shells_would_take_for_something_else_is_refused() {
        for before in [
            "cp \"${x:-",
            "cp \"${x:-'",
            "cp \"$(case x in x) echo ",
            "cp $'",
            "cp $",
            "cp \"$",
            "cp \"$x",
            "cp \"\\\\$x_1",
            "cat <<E\n$x",
            "cp \\",
            "cat <<",
            "echo $((1 + ",
            "echo \"\\\\$",
            "((x = 1 << 2))\n",
            "((x = ",
            "for ((i = 0; i < ",
            "(ls)# it's\n",
            "case x in x)# it's\n",
            "cat <<E\u{a0}\n",
            "x=$[ 1 << 2 ]\n",
            "ls \\\n# it's\n",
            "x=$(cat <<E)\n",
            "ls `# it's \n` ",
            "cat <<E\n$(ls ",
            "cat <<E\nx\\\nE\n",
            "echo \"`ls \"",
            "echo `ls \"",
            "[[ ",
            "[[ 1 -eq ",
            "[[ 1 -eq \"",
            "[[ -n y && 1 -lt '",
            "[[ \"x -f \" -eq ",
            "[[ -n",
            "[[ $(echo = y) -eq ",
            "[[ \"x && -f ",
            "[[ -v ",
            "if [[ ( 1 -gt ",
            "a[",
            "a[\"",
            "x=1 a[1 + ",
            "a[b[1] + ",
            "a=([1]=2 [",
            "let ",
            "let x=",
            "true && let \"x = ",
            "let x=$(ls) y='",
            "echo ${x:",
            "echo ${x:0:",
            "echo ${x:'",
            "echo ${@:",
            "echo ${x[",
            "echo ${#x[",
        ] {
            assert_eq!(quote_within("a \"$x\"", before), None, "{before}");
            assert_eq!(quote_within("a/b.c", before).as_deref(), Some("a/b.c"));
        }
        assert_eq!(quote_within("E\nrm", "cat <<E\n"), None);
        assert_eq!(quote_within("a`b", "ls `echo "), None);
    }
}
