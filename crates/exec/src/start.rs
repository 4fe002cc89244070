//! How a command becomes a process: by its shell, or, where a shell would do nothing but start one program, by
//! starting that program.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use crate::guard::MARK;
use crate::halt::{HALTED, halted_file, told_halted};
use crate::runner::{RunError, Spawn};

/// The variable that tells a command which job it belongs to.
pub(crate) const JOB: &str = "PIPE_JOB";

/// What a shell does not take as it stands (GNU make decides in the same way, see its `job.c`): these characters, and
/// below the words that are reserved or that shells do themselves, those of sh (POSIX), dash, bash and ksh.
const SPECIAL: &[u8] = b"#;\"*?[]&|(){}$`^~!'\\\n\r\0";

const OWN_WORDS: &str = "
    . : alias bg bind break builtin caller case cd chdir command compgen complete compopt continue coproc declare
    dirs disown do done echo elif else enable esac eval exec exit export false fc fg fi for function getopts hash
    help hist history if in jobs kill let local logout mapfile newgrp popd print printf pushd pwd read readarray
    readonly return select set setvar shift shopt source suspend test then time times trap true type typeset ulimit
    umask unalias unset until wait whence while
";

/// Variables that each command finds.
type Marks = [(&'static str, OsString); 3];

/// Starts commands.
#[derive(Debug, Default)]
pub(crate) struct Starter {
    /// The names of the shell functions that the environment brings along.
    functions: BTreeSet<String>,
    /// Where programs were found, with the `PATH` that led there.
    found: Mutex<HashMap<String, (OsString, PathBuf)>>,
    /// The files that tell for how long this process was halted by those around it.
    above: Vec<PathBuf>,
}

impl Starter {
    pub fn with(functions: BTreeSet<String>, above: Vec<PathBuf>) -> Self {
        Starter { functions, found: Mutex::default(), above }
    }

    /// For how long this process was halted by those around it.
    pub fn time_halted(&self) -> Duration {
        self.above.iter().map(|file| told_halted(file)).sum()
    }

    /// What tells a command who it belongs to, and where it is told that it was halted.
    fn marks(&self, spawn: &Spawn<'_>, mark: &OsStr) -> Marks {
        let files = std::iter::once(halted_file(&spawn.job)).chain(self.above.iter().cloned());
        // Without a list of them it counts the time as its own.
        let files = std::env::join_paths(files).unwrap_or_default();
        [(JOB, spawn.job.clone().into()), (MARK, mark.to_owned()), (HALTED, files)]
    }

    /// Starts the command in a process group of its own, with `mark` in its environment.
    pub fn start(&self, spawn: &Spawn<'_>, mark: &OsStr) -> Result<Child, RunError> {
        let mark = &self.marks(spawn, mark);
        if let Some(plain) = Plain::of(spawn.script).filter(|_| spawn.shell.is_none())
            && let Some(program) = self.program(plain.words[0], spawn.variables)
            && let Some(child) = start_plain(spawn, mark, &program, &plain)
        {
            return Ok(child);
        }
        let arguments = shell_arguments(spawn.shell);
        let mut command = prepared(spawn, mark, Path::new(&arguments[0]));
        command.args(&arguments[1..]).arg("-c").arg(spawn.script);
        command.spawn().map_err(|source| RunError::Spawn {
            shell: arguments[0].clone(),
            folder: spawn.folder.clone(),
            source,
        })
    }

    /// Where the program called `word` is; `None` where only a shell can tell. Like a shell, it looks once for each.
    fn program(&self, word: &str, variables: &[(OsString, OsString)]) -> Option<PathBuf> {
        if self.functions.contains(word) {
            return None;
        }
        if word.contains('/') {
            return Some(PathBuf::from(word));
        }
        let (_, path) = variables.iter().rfind(|(name, _)| name == "PATH")?;
        let mut found = self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, program)) = found.get(word).filter(|(of, _)| of == path) {
            return Some(program.clone());
        }
        for folder in std::env::split_paths(path) {
            if !folder.is_absolute() {
                return None;
            }
            let program = folder.join(word);
            if program.is_file() && rustix::fs::access(&program, rustix::fs::Access::EXEC_OK).is_ok() {
                found.insert(word.to_owned(), (path.clone(), program.clone()));
                return Some(program);
            }
        }
        None
    }
}

/// `None` when it does not start (there is no such file; it is a script without a first line that names its shell): the
/// shell knows what to do, or says what users know it to say.
fn start_plain(spawn: &Spawn<'_>, mark: &Marks, program: &Path, plain: &Plain<'_>) -> Option<Child> {
    let mut command = prepared(spawn, mark, program);
    // A shell would say where it is.
    command.arg0(plain.words[0]).args(&plain.words[1..]).env("PWD", &spawn.folder);
    for (direction, file) in &plain.files {
        let file = spawn.folder.join(file);
        match direction {
            Direction::Input => command.stdin(disk::open_input(&file).ok()?),
            Direction::Output => command.stdout(disk::open_output(&file, false).ok()?),
            Direction::Append => command.stdout(disk::open_output(&file, true).ok()?),
        };
    }
    command.spawn().ok()
}

#[allow(clippy::disallowed_methods, reason = "this is the spawner that the lint leads to")]
fn prepared(spawn: &Spawn<'_>, marks: &Marks, program: &Path) -> Command {
    let mut command = Command::new(program);
    // What is inherited goes before what is set, which may have the same name.
    for name in spawn.cleared {
        command.env_remove(name);
    }
    command
        .current_dir(&spawn.folder)
        .envs(marks.iter().map(|(name, value)| (name, value)))
        .envs(spawn.variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}

/// A script that is one program with its arguments, in which a shell would change nothing.
#[derive(Debug, PartialEq)]
struct Plain<'s> {
    /// The program and its arguments.
    words: Vec<&'s str>,
    /// The files that stand behind `<`, `>` and `>>`, in their order.
    files: Vec<(Direction, &'s str)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Direction {
    Input,
    Output,
    Append,
}

impl<'s> Plain<'s> {
    /// `None` of a script that needs a shell, or may need one.
    fn of(script: &'s str) -> Option<Self> {
        let script = script.trim_matches([' ', '\t', '\n']);
        if script.bytes().any(|byte| SPECIAL.contains(&byte)) {
            return None;
        }
        let mut plain = Plain { words: Vec::new(), files: Vec::new() };
        let mut words = script.split([' ', '\t']).filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            let redirection = [(">>", Direction::Append), (">", Direction::Output), ("<", Direction::Input)]
                .into_iter()
                .find_map(|(sign, direction)| Some((direction, word.strip_prefix(sign)?)));
            let (word, direction) = match redirection {
                Some((direction, "")) => (words.next()?, Some(direction)),
                Some((direction, file)) => (file, Some(direction)),
                None => (word, None),
            };
            // Such as `2>file`.
            if word.contains(['<', '>']) {
                return None;
            }
            match direction {
                Some(direction) => plain.files.push((direction, word)),
                None => plain.words.push(word),
            }
        }
        let program = plain.words.first()?;
        let is_of_shell = program.contains('=') || OWN_WORDS.split_whitespace().any(|word| word == *program);
        (!is_of_shell).then_some(plain)
    }
}

/// A shell that is named alone stops at the first failing line, as `/bin/sh -e` does; one that is written
/// with flags gets just those.
fn shell_arguments(shell: Option<&str>) -> Vec<String> {
    let words: Vec<String> = shell.unwrap_or("/bin/sh -e").split_whitespace().map(str::to_owned).collect();
    let stops = |name: &str| matches!(name, "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash");
    match words.as_slice() {
        [] => vec!["/bin/sh".to_owned(), "-e".to_owned()],
        [name] if stops(name.rsplit('/').next().unwrap_or(name)) => {
            vec![name.clone(), "-e".to_owned()]
        }
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_shell_would_not_change_goes_without_it() {
        use Direction::{Append, Input, Output};
        for (script, words, files) in [
            ("python train.py --rate=0.1", &["python", "train.py", "--rate=0.1"][..], &[][..]),
            (" ./a\t b  ü,c:%+@\n", &["./a", "b", "ü,c:%+@"], &[]),
            ("cat a >out b", &["cat", "a", "b"], &[(Output, "out")]),
            ("< a sort >> b -u", &["sort", "-u"], &[(Input, "a"), (Append, "b")]),
        ] {
            let plain = Plain { words: words.to_vec(), files: files.to_vec() };
            assert_eq!(Plain::of(script), Some(plain), "{script:?}");
        }
        for script in [
            "", " \n", "a; b", "a\nb", "a $HOME", "a *.csv", "a ~", "a 'b'", "a \"b\"", "a | b", "a &",
            "! a", "A=1 a", "cd x", "echo x", ". x", ": x", "[ a ]", "exec a", "a {b,c}", "a \\b", "a # b",
            "if", "time a", "a\0", "`a`", "a 2> b", "a 2>&1", "a >&2", "a >| b", "a <> b", "a << b",
            "a <<< b", "a > >b", "a >", "> a", "a b>c", "a >>> b", "a > b<c",
        ] {
            assert_eq!(Plain::of(script), None, "{script:?}");
        }
    }
}
