//! Whether a stage's command or its scripts send what they log somewhere else than to the stage's address. Words are
//! looked at, nothing is executed: what is found is told, and decides nothing.

mod files;

use super::scripts::TRACKING_URI;

pub use files::place_in_scripts;

/// Commands that set or remove the variables that they name.
const SETTERS: [&str; 4] = ["unset", "setenv", "set", "read"];
/// Commands that set variables for what comes after them in the same shell, and run nothing.
const DECLARERS: [&str; 10] =
    ["export", "declare", "typeset", "readonly", "local", "unset", "setenv", "set", "read", ":"];

/// Whether a command decides itself where what it starts logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// It leaves that to its environment.
    None,
    /// It does, for some of its scripts at least.
    Counts,
    /// It sets the tracking URI at the end of one of several scripts, each of which has a shell of its own.
    InVain,
}

/// What a command says of the tracking URI, whose scripts have a shell of their own each.
pub fn setting_in(scripts: &[String]) -> Setting {
    let settings =
        scripts.iter().flat_map(|script| settings_in(script).map(move |at| is_used_after(script, at)));
    match settings.reduce(|one, other| one || other) {
        Some(true) => Setting::Counts,
        Some(false) if scripts.len() > 1 => Setting::InVain,
        _ => Setting::None,
    }
}

/// Where a script for a shell sets the tracking URI, or takes it away; one that reads it does not.
fn settings_in(script: &str) -> impl Iterator<Item = usize> {
    let is_set = |&(at, found): &(usize, &str)| {
        let (before, after) = (&script[..at], &script[at + found.len()..]);
        let is_part = before.ends_with(is_of_name) || after.starts_with(is_of_name);
        let command = before.rsplit(['\n', ';', '&', '|', '(', '`']).next().unwrap_or_default();
        if is_part || before.ends_with('$') || command.trim_start().starts_with('#') || command.contains(" #")
        {
            return false;
        }
        // There is one, so that no other takes its place.
        if before.ends_with("${") {
            return false;
        }
        if let Some(value) = after.strip_prefix('=').filter(|value| !value.starts_with('=')) {
            let value = value.trim_start_matches('"');
            let unless_set = [":-", "-", ":=", "="].map(|sign| format!("${{{TRACKING_URI}{sign}"));
            if unless_set.iter().any(|start| value.starts_with(start)) {
                return false;
            }
            let same = [format!("${TRACKING_URI}"), format!("${{{TRACKING_URI}}}")];
            let rest = same.iter().find_map(|same| value.strip_prefix(same.as_str()));
            return rest.is_none_or(|rest| {
                !rest.is_empty() && !rest.starts_with(|c: char| c.is_whitespace() || "\"';&|)".contains(c))
            });
        }
        let mut words = command.split_whitespace();
        words.next().is_some_and(|first| SETTERS.contains(&first))
            || matches!(words.next_back(), Some("-u" | "--unset"))
    };
    script.match_indices(TRACKING_URI).filter(is_set).map(|(at, _)| at)
}

/// Whether something finds the variable that is set there: the command that it is set for, or one that comes later in the
/// script. In doubt something does.
fn is_used_after(script: &str, at: usize) -> bool {
    let commands = words_of_commands(script);
    let is_it = |words: &Vec<(usize, &str)>| {
        words.iter().any(|(start, word)| (*start..start + word.len()).contains(&at))
    };
    let Some(found) = commands.iter().position(is_it) else { return true };
    let is_assignment = |word: &str| {
        word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.chars().all(is_of_name))
    };
    let words = &commands[found];
    let declares = words.iter().all(|(_, word)| is_assignment(word)) || DECLARERS.contains(&words[0].1);
    !declares || found + 1 < commands.len()
}

/// The words of each command of a script, with their quotes, and where they begin; without comments.
fn words_of_commands(script: &str) -> Vec<Vec<(usize, &str)>> {
    let mut commands = vec![Vec::new()];
    let (mut start, mut quote, mut is_escaped, mut is_comment) = (None, None, false, false);
    for (at, c) in script.char_indices() {
        is_comment &= c != '\n';
        if is_comment || std::mem::take(&mut is_escaped) {
            continue;
        }
        is_escaped = c == '\\' && quote != Some('\'');
        let is_separator = "\n;&|()`".contains(c);
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '#' && start.is_none() => is_comment = true,
            None if is_separator || c.is_whitespace() => {
                let last = commands.last_mut().expect("there is one");
                last.extend(start.take().map(|start| (start, &script[start..at])));
                if is_separator {
                    commands.push(Vec::new());
                }
            }
            None => {
                start = start.or(Some(at));
                quote = Some(c).filter(|c| "'\"".contains(*c));
            }
        }
    }
    commands.last_mut().expect("there is one").extend(start.map(|start| (start, &script[start..])));
    commands.retain(|words| !words.is_empty());
    commands
}

/// Whether Python code in a command says where to log; what takes the address from the environment does not.
fn is_said_in_command(script: &str) -> bool {
    script.contains("set_tracking_uri(") && !script.contains(TRACKING_URI)
}

/// The number of the first line of a script for a shell that sets the tracking URI. It may be read by another one, for which
/// the last line counts as well.
fn line_in_shell(text: &str) -> Option<usize> {
    settings_in(text).next().map(|at| text[..at].matches('\n').count() + 1)
}

/// The number of the first line of Python code that says where to log; what takes the address from the environment does
/// not.
fn line_in_python(text: &str) -> Option<usize> {
    let named = format!("\"{TRACKING_URI}\"");
    let says = |line: &String| {
        let is_called = line.match_indices("set_tracking_uri(").any(|(at, _)| {
            let before = &line[..at];
            !before.ends_with("def ") && !before.ends_with(is_of_name) && !line.contains(&named)
        });
        let dense: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        let set = format!("environ[{named}]=");
        let updates = [format!("environ.update({{{named}:"), format!("environ.update({TRACKING_URI}=")];
        let clients = ["MlflowClient(tracking_uri=", "MlflowClient(\""];
        is_called
            || dense.match_indices(&set).any(|(at, _)| !dense[at + set.len()..].starts_with('='))
            || updates.iter().any(|update| dense.contains(update))
            || (clients.iter().any(|client| dense.contains(client)) && !line.contains(&named))
    };
    code_lines(text).iter().position(says).map(|at| at + 1)
}

/// The lines of Python code without comments and without what its texts say, but for the name of the variable.
fn code_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| rest.starts_with(quote));
        if let Some(quote) = quote {
            let (inner, after) = cut_text(&rest[quote.len()..], quote);
            let shown = if inner == TRACKING_URI { TRACKING_URI } else { "" };
            line.push_str(&format!("\"{shown}\""));
            for _ in inner.matches('\n') {
                lines.push(std::mem::take(&mut line));
            }
            rest = after;
        } else if first == '#' {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else {
            match first {
                '\n' => lines.push(std::mem::take(&mut line)),
                other => line.push(other),
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    lines.push(line);
    lines
}

/// What a text says that begins here, and what comes after it. One in single quotes ends with its line at the latest.
fn cut_text<'t>(text: &'t str, quote: &str) -> (&'t str, &'t str) {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '\n' if quote.len() == 1 => return text.split_at(at),
            _ if text[at..].starts_with(quote) => return (&text[..at], &text[at + quote.len()..]),
            _ => {}
        }
    }
    (text, "")
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_reads_the_variable_does_not_set_it() {
        for script in [
            "echo $MLFLOW_TRACKING_URI",
            "python train.py --uri \"${MLFLOW_TRACKING_URI}\"",
            "echo ${MLFLOW_TRACKING_URI:-none} > uri",
            ": ${MLFLOW_TRACKING_URI:=x}; python train.py",
            "export MLFLOW_TRACKING_URI=${MLFLOW_TRACKING_URI:-http://h}; python train.py",
            "MLFLOW_TRACKING_URI=\"${MLFLOW_TRACKING_URI-x}\" python train.py",
            "test -n \"$MLFLOW_TRACKING_URI\" && python train.py",
            "printenv MLFLOW_TRACKING_URI",
            "export MLFLOW_TRACKING_URI",
            "docker run -e MLFLOW_TRACKING_URI=$MLFLOW_TRACKING_URI image",
            "docker run -e MLFLOW_TRACKING_URI=\"${MLFLOW_TRACKING_URI}\" image",
            "docker run -e MLFLOW_TRACKING_URI image",
            "# MLFLOW_TRACKING_URI=x\npython train.py",
            "OLD_MLFLOW_TRACKING_URI=x MLFLOW_TRACKING_URI_FILE=y python train.py",
        ] {
            assert_eq!(settings_in(script).count(), 0, "{script}");
        }
        for script in [
            "MLFLOW_TRACKING_URI=x python train.py",
            "cd src\nexport MLFLOW_TRACKING_URI='sqlite:///x.db'; python train.py",
            "env \"MLFLOW_TRACKING_URI=x\" python train.py",
            "MLFLOW_TRACKING_URI=$MLFLOW_TRACKING_URI/other python train.py",
            "unset OTHER MLFLOW_TRACKING_URI; python train.py",
            "env -u MLFLOW_TRACKING_URI python train.py",
            "setenv MLFLOW_TRACKING_URI x",
            "echo $MLFLOW_TRACKING_URI; MLFLOW_TRACKING_URI= python train.py",
        ] {
            assert_eq!(settings_in(script).count(), 1, "{script}");
            let is_last = script.starts_with("setenv") || script.starts_with(':');
            assert_eq!(
                setting_in(&[script.to_owned()]),
                if is_last { Setting::None } else { Setting::Counts },
                "{script}"
            );
        }
    }

    #[test]
    fn what_a_script_sets_at_its_end_nothing_finds() {
        let of = |scripts: &[&str]| {
            setting_in(&scripts.iter().map(|&script| script.to_owned()).collect::<Vec<_>>())
        };
        for vain in [
            "export MLFLOW_TRACKING_URI=http://h",
            "cd src && export 'MLFLOW_TRACKING_URI=http://h?a=1&b=2;c'  # it's so",
            "MLFLOW_TRACKING_URI=\"a \\\" b;\" OTHER=x;\n# the end\n",
            "echo it\\'s; unset MLFLOW_TRACKING_URI",
        ] {
            assert_eq!(of(&[vain, "python train.py"]), Setting::InVain, "{vain}");
            assert_eq!(of(&[vain]), Setting::None, "{vain}");
            assert_eq!(of(&[vain, "MLFLOW_TRACKING_URI=x python train.py"]), Setting::Counts, "{vain}");
        }
        for counts in [
            "export MLFLOW_TRACKING_URI=http://h\npython train.py",
            "# it's so\nMLFLOW_TRACKING_URI=http://h python train.py",
            "sh -c 'export MLFLOW_TRACKING_URI=x; python train.py'",
            "docker run -e MLFLOW_TRACKING_URI=x image",
        ] {
            assert_eq!(of(&["echo", counts]), Setting::Counts, "{counts}");
        }
        assert_eq!(of(&["echo", "python train.py"]), Setting::None);
    }

    #[test]
    fn code_in_a_command_that_takes_the_address_from_the_environment_says_nothing() {
        assert!(is_said_in_command("python -c \"import mlflow; mlflow.set_tracking_uri('sqlite:///x.db')\""));
        let script =
            "python -c 'import mlflow, os; mlflow.set_tracking_uri(os.environ[\"MLFLOW_TRACKING_URI\"])'";
        assert!(!is_said_in_command(script) && !is_said_in_command("python train.py"));
    }

    #[test]
    fn the_line_that_says_where_to_log() {
        for (text, line) in [
            ("import mlflow\n\nmlflow.set_tracking_uri('sqlite:///x.db')\n", Some(3)),
            ("'''\nmlflow.set_tracking_uri(x)\n'''\nset_tracking_uri (x)\nset_tracking_uri(x)", Some(5)),
            ("import os\nos.environ['MLFLOW_TRACKING_URI'] = \"x\"", Some(2)),
            ("if os.environ['MLFLOW_TRACKING_URI'] == 'x': pass", None),
            ("import os\nos.environ.update({'MLFLOW_TRACKING_URI': 'x'})", Some(2)),
            ("os.environ.update(MLFLOW_TRACKING_URI='x', OTHER='y')", Some(1)),
            ("client = MlflowClient('http://h')", Some(1)),
            ("client = MlflowClient(os.environ['MLFLOW_TRACKING_URI'])", None),
            ("client = MlflowClient(tracking_uri=os.environ['MLFLOW_TRACKING_URI'])", None),
            ("client = MlflowClient(tracking_uri='http://host')", Some(1)),
            ("# mlflow.set_tracking_uri('x')\nx = 1  # mlflow.set_tracking_uri('x')", None),
            ("print('mlflow.set_tracking_uri(x)', \"it's\") # '", None),
            ("print('\\'mlflow.set_tracking_uri(x)')", None),
            ("def set_tracking_uri(uri): pass\nour_set_tracking_uri(1)", None),
            ("mlflow.set_tracking_uri(os.environ['MLFLOW_TRACKING_URI'])", None),
            ("mlflow.set_tracking_uri(os.getenv(\"MLFLOW_TRACKING_URI\", 'x'))", None),
            ("x = '#'; mlflow.set_tracking_uri(x)", Some(1)),
            ("x = 'never closed\nmlflow.set_tracking_uri(x)", Some(2)),
            ("x = \"\"\"a\nb \\\"\"\"\n c\"\"\"; mlflow.set_tracking_uri(x)", Some(3)),
            ("", None),
        ] {
            assert_eq!(line_in_python(text), line, "{text}");
        }
    }
}
