//! What git knows about the project, asked of the git program: exact behaviour, hooks and settings
//! respected, and no second implementation of git in the binary.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base::ProjectPath;

/// Why git was of no help.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The program is not there.
    #[error("failed to start git")]
    Start(#[source] std::io::Error),
    /// It refused.
    #[error("git {command} failed: {message}")]
    Failed {
        /// The subcommand.
        command: String,
        /// What it said.
        message: String,
    },
    /// No such revision.
    #[error("there is no git revision `{0}`")]
    NoRevision(String),
}

/// The git repository that a project lies in.
#[derive(Clone, Debug)]
pub struct Git {
    root: PathBuf,
}

impl Git {
    /// The repository around the project at `root`, if there is one.
    pub fn find(root: &Path) -> Option<Self> {
        let has_git = root.ancestors().any(|folder| folder.join(".git").exists());
        has_git.then(|| Git { root: root.to_owned() })
    }

    #[allow(clippy::disallowed_methods, reason = "this is where git is started")]
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.root).args(arguments).stdin(Stdio::null()).env("GIT_OPTIONAL_LOCKS", "0");
        command
    }

    fn run(&self, arguments: &[&str]) -> Result<Output, GitError> {
        self.command(arguments).output().map_err(GitError::Start)
    }

    fn text(&self, arguments: &[&str]) -> Result<String, GitError> {
        let output = self.run(arguments)?;
        if !output.status.success() {
            return Err(failed(arguments, &output));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The commit that is checked out; `None` before the first one.
    pub fn head(&self) -> Option<String> {
        self.text(&["rev-parse", "--verify", "--quiet", "HEAD"]).ok().map(|text| text.trim().to_owned())
    }

    /// Whether tracked files differ from the commit.
    pub fn is_dirty(&self) -> Result<bool, GitError> {
        Ok(!self.text(&["status", "--porcelain", "--untracked-files=no", "--", "."])?.is_empty())
    }

    /// The commit that a revision names.
    ///
    /// # Errors
    /// [`GitError::NoRevision`] when it names none.
    pub fn commit(&self, revision: &str) -> Result<String, GitError> {
        if revision.starts_with('-') {
            return Err(GitError::NoRevision(revision.to_owned()));
        }
        let spec = format!("{revision}^{{commit}}");
        let output = self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &spec])?;
        if !output.status.success() {
            return Err(GitError::NoRevision(revision.to_owned()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The content of a file of the project in a commit; `None` when it has no such file.
    ///
    /// # Errors
    /// When git fails otherwise.
    pub fn file(&self, commit: &str, path: &ProjectPath) -> Result<Option<Vec<u8>>, GitError> {
        let spec = format!("{commit}:./{}", path.as_str());
        let output = self.run(&["cat-file", "blob", &spec])?;
        if output.status.success() {
            return Ok(Some(output.stdout));
        }
        let listed = self.text(&["ls-tree", "--name-only", commit, "--", path.as_str()])?;
        if listed.is_empty() { Ok(None) } else { Err(failed(&["cat-file"], &output)) }
    }

    /// All files of a commit below the project, relative to its root.
    ///
    /// # Errors
    /// When git fails.
    pub fn files(&self, commit: &str) -> Result<Vec<String>, GitError> {
        let text = self.text(&["ls-tree", "-r", "-z", "--name-only", commit])?;
        Ok(text.split_terminator('\0').map(str::to_owned).collect())
    }

    /// All files that git tracks below the project, relative to its root and ascending.
    ///
    /// # Errors
    /// When git fails.
    pub fn tracked(&self) -> Result<Vec<String>, GitError> {
        let mut files: Vec<String> =
            self.text(&["ls-files", "-z"])?.split_terminator('\0').map(str::to_owned).collect();
        files.sort_unstable();
        Ok(files)
    }

    /// Which of `paths` git does not ignore.
    ///
    /// # Errors
    /// When git fails.
    pub fn not_ignored<'a>(&self, paths: &[&'a ProjectPath]) -> Result<Vec<&'a ProjectPath>, GitError> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let arguments = ["check-ignore", "--stdin", "-z"];
        let mut child = self
            .command(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(GitError::Start)?;
        let input: String = paths.iter().map(|path| format!("{}\0", path.as_str())).collect();
        let mut stdin = child.stdin.take().expect("it was piped");
        // Written from a thread of its own: git answers while it reads.
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().map_err(GitError::Start)?;
        let _ = writer.join();
        // 1 means that none is ignored.
        if !matches!(output.status.code(), Some(0 | 1)) {
            return Err(failed(&arguments, &output));
        }
        let ignored = String::from_utf8_lossy(&output.stdout).into_owned();
        let ignored: std::collections::HashSet<&str> = ignored.split_terminator('\0').collect();
        Ok(paths.iter().copied().filter(|path| !ignored.contains(path.as_str())).collect())
    }
}

fn failed(arguments: &[&str], output: &Output) -> GitError {
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    GitError::Failed { command: arguments[0].to_owned(), message }
}
