//! Commands of `pipe` itself, whose results depend on the version of their algorithm.
//!
//! Of an outside program we cannot know when it changes; of our own we can, so `pipe train` in a stage puts
//! `train 1` into its key. The number is raised when the same inputs would give other bytes, which a release
//! alone does not do. Reading a command is by words, not by the shell's grammar: a program started through a
//! variable or a script of the user's is not seen.

use crate::stage::Command;

/// The built-in commands (as words after `pipe`: `train`, `data generate`) with the versions of their algorithms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Builtins(pub Vec<(&'static str, u32)>);

impl Builtins {
    /// Those that `command` calls, in the order of their first call: `data generate 1, train 1`.
    /// `None` when it calls none.
    pub fn of(&self, command: &Command) -> Option<String> {
        // Nearly every command of a large project is foreign; finding that out must cost nothing.
        if self.0.is_empty() || !command.scripts().iter().any(|script| script.contains("pipe")) {
            return None;
        }
        let mut found: Vec<String> = Vec::new();
        for script in command.scripts() {
            let script = script.replace("\\\n", " ");
            for simple in script.split(['\n', ';', '&', '|', '(', ')', '{', '}']) {
                let Some(text) = self.called(simple) else { continue };
                if !found.contains(&text) {
                    found.push(text);
                }
            }
        }
        if found.is_empty() { None } else { Some(found.join(", ")) }
    }

    fn called(&self, simple: &str) -> Option<String> {
        let mut words = simple.split_whitespace().skip_while(|word| is_prefix(word));
        if words.next()? != "pipe" {
            return None;
        }
        let words: Vec<&str> = words.collect();
        self.0.iter().find_map(|(name, version)| {
            let name = name.strip_prefix("pipe ").unwrap_or(name);
            let length = name.split(' ').count();
            let called = words.len() >= length && name.split(' ').eq(words[..length].iter().copied());
            called.then(|| format!("{name} {version}"))
        })
    }
}

/// What may stand before a program without being it: an assignment, or a word that starts the next word.
fn is_prefix(word: &str) -> bool {
    matches!(word, "exec" | "time" | "nice" | "then" | "do" | "else" | "if" | "while" | "!" | "env")
        || word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_where_they_are_called() {
        let builtins = Builtins(vec![("pipe data generate", 3), ("pipe train", 1)]);
        let of = |text: &str| builtins.of(&Command::Script(text.to_owned()));
        assert_eq!(of("pipe train --lr 0.1"), Some("train 1".into()));
        assert_eq!(of("A=1 pipe  data generate\npipe train"), Some("data generate 3, train 1".into()));
        assert_eq!(of("mkdir -p x && pipe \\\n train && pipe train"), Some("train 1".into()));
        assert_eq!(of("echo pipe train"), None);
        assert_eq!(of("pipe trainer"), None);
        assert_eq!(of("pipe"), None);
        assert_eq!(of("./pipe train"), None);
        let list = Command::List(vec!["echo a".into(), "pipe train".into()]);
        assert_eq!(builtins.of(&list), Some("train 1".into()));
    }
}
