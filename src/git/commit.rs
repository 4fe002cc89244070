//! The files of one commit: listed once, and read by one process of git, where a process for each takes milliseconds.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use base::ProjectPath;

use super::{Git, GitError};

/// A commit, as far as it was looked at.
pub struct CommitFiles {
    git: Git,
    commit: String,
    names: OnceCell<BTreeSet<String>>,
    /// Begun with the first file that is read.
    reader: RefCell<Option<Reader>>,
}

impl CommitFiles {
    /// Looks at nothing yet.
    pub fn new(git: Git, commit: &str) -> Self {
        CommitFiles { git, commit: commit.to_owned(), names: OnceCell::new(), reader: RefCell::default() }
    }

    /// A file; `None` when there is none. As [`Git::file`].
    ///
    /// # Errors
    /// When git fails, or a folder is there.
    pub fn file(&self, path: &ProjectPath) -> Result<Option<Vec<u8>>, GitError> {
        if !self.names()?.contains(path.as_str()) && !self.is_folder(path)? {
            return Ok(None);
        }
        // What it does not tell in this way, git tells of in words.
        self.read(path).map_or_else(|| self.git.file(&self.commit, path), |bytes| Ok(Some(bytes)))
    }

    /// The files at or below `path`, ascending. As [`Git::files_at`].
    ///
    /// # Errors
    /// When git fails.
    pub fn files_at(&self, path: &ProjectPath) -> Result<Vec<ProjectPath>, GitError> {
        let names = self.names()?;
        let own = names.get(path.as_str()).into_iter();
        let found = own.chain(self.below(path)?).filter_map(|name| ProjectPath::from_record(name).ok());
        Ok(found.collect())
    }

    fn is_folder(&self, path: &ProjectPath) -> Result<bool, GitError> {
        Ok(self.below(path)?.next().is_some())
    }

    fn below(&self, path: &ProjectPath) -> Result<impl Iterator<Item = &String>, GitError> {
        let prefix = if path.is_root() { String::new() } else { format!("{}/", path.as_str()) };
        let names = self.names()?.range(prefix.clone()..);
        Ok(names.take_while(move |name| name.starts_with(&prefix)))
    }

    fn names(&self) -> Result<&BTreeSet<String>, GitError> {
        if self.names.get().is_none() {
            let listed = self.git.files_at(&self.commit, &ProjectPath::root())?;
            let _ = self.names.set(listed.iter().map(|path| path.as_str().to_owned()).collect());
        }
        Ok(self.names.get().expect("it was set"))
    }

    fn read(&self, path: &ProjectPath) -> Option<Vec<u8>> {
        let mut reader = self.reader.borrow_mut();
        if reader.is_none() {
            *reader = Reader::begin(&self.git);
        }
        let read = reader.as_mut()?.read(&format!("{}:./{}", self.commit, path.as_str()));
        if read.is_none() {
            // What it says next may belong to what was asked before.
            *reader = None;
        }
        read
    }
}

/// A process of git that answers one question after the other.
struct Reader {
    child: Child,
    /// `None` once it is to end.
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Reader {
    fn begin(git: &Git) -> Option<Self> {
        let mut command = git.command(&["cat-file", "--batch"]);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = piped.spawn().ok()?;
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take()?);
        Some(Reader { child, questions, answers })
    }

    /// The content of a file; `None` of all else.
    fn read(&mut self, name: &str) -> Option<Vec<u8>> {
        if name.contains('\n') {
            return None;
        }
        let questions = self.questions.as_mut()?;
        questions.write_all(format!("{name}\n").as_bytes()).and_then(|()| questions.flush()).ok()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).ok()?;
        let (_, size) = answer.trim_end().rsplit_once(" blob ")?;
        let size: u64 = size.parse().ok()?;
        let mut content = Vec::new();
        self.answers.by_ref().take(size + 1).read_to_end(&mut content).ok()?;
        // The line feed behind it shows that it came whole.
        content.pop().filter(|_| content.len() as u64 == size)?;
        Some(content)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.questions = None;
        // It may be about to write what nobody reads any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
