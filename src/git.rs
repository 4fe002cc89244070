//! What git knows about the project, asked of the git program: exact behaviour, hooks and settings
//! respected, and no second implementation of git in the binary.

pub mod commit;
pub mod source;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base::{ProjectPath, Timestamp};

use crate::tracked::tracked_below;

/// Variables by which git tells a hook which repository it is of: the one that a path names counts here.
const OF_ANOTHER: [&str; 2] = ["GIT_DIR", "GIT_WORK_TREE"];

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
    /// The repository is somebody else's, whom git does not trust.
    #[error("git does not read the repository {}, which belongs to another user", base::shown(root))]
    Foreign {
        /// Its working folder.
        root: PathBuf,
    },
    /// It would wait for a named pipe in place of an ignore file for ever.
    #[error("git cannot read {}", base::shown(path))]
    NoIgnoreFile {
        /// The ignore file.
        path: PathBuf,
        /// What it is.
        source: std::io::Error,
    },
    /// No such revision.
    #[error("there is no git revision `{0}`")]
    NoRevision(String),
}

impl GitError {
    /// What to do about it, if there is something.
    pub fn hint(&self) -> Option<String> {
        let root = match self {
            GitError::Foreign { root } => root,
            GitError::NoIgnoreFile { .. } => {
                return Some("move it elsewhere: a file belongs there".to_owned());
            }
            _ => return None,
        };
        let root = crate::cli::quoted(&root.display().to_string());
        Some(format!("`git config --global --add safe.directory {root}` lets it, where you trust that user"))
    }
}

/// A file as a commit has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileVersion {
    /// A commit that has it.
    pub commit: String,
    /// Relative to the project's root.
    pub path: String,
    /// The name of the content in git.
    pub object: String,
}

/// The folder with git's files around `folder`. As git looks for it: not beyond the file system that the folder lies on,
/// unless the environment asks for that.
pub fn folder_of_git(folder: &Path) -> Option<&Path> {
    let device = |folder: &Path| std::fs::metadata(folder).ok().map(|metadata| metadata.dev());
    let start = device(folder);
    let crosses = crate::environment::git_crosses_file_systems();
    let mut asked = folder.ancestors().take_while(|above| crosses || device(above) == start);
    asked.find(|above| above.join(".git").exists())
}

/// The git repository that a project lies in.
#[derive(Clone, Debug)]
pub struct Git {
    root: PathBuf,
}

impl Git {
    /// The repository around the project at `root`, if there is one.
    pub fn find(root: &Path) -> Option<Self> {
        folder_of_git(root).map(|_| Git { root: root.to_owned() })
    }

    #[allow(clippy::disallowed_methods, reason = "this is where git is started")]
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.root).args(arguments).stdin(Stdio::null()).env("GIT_OPTIONAL_LOCKS", "0");
        // What it refuses is told by its words, which are not to be in another language.
        command.env("LC_ALL", "C");
        for variable in OF_ANOTHER {
            command.env_remove(variable);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Result<Output, GitError> {
        self.command(arguments).output().map_err(GitError::Start)
    }

    /// Why it refused.
    fn failed(&self, arguments: &[&str], output: &Output) -> GitError {
        match failed(arguments, output) {
            GitError::Failed { message, .. } if message.contains("dubious ownership") => {
                GitError::Foreign { root: folder_of_git(&self.root).unwrap_or(&self.root).to_owned() }
            }
            fault => fault,
        }
    }

    fn text(&self, arguments: &[&str]) -> Result<String, GitError> {
        let output = self.run(arguments)?;
        if !output.status.success() {
            return Err(self.failed(arguments, &output));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The commit that is checked out; `None` before the first one, and where git tells nothing.
    pub fn head(&self) -> Option<String> {
        self.commit("HEAD").ok()
    }

    /// The commit that is checked out; `None` before the first one.
    ///
    /// # Errors
    /// When git tells nothing.
    pub fn known_head(&self) -> Result<Option<String>, GitError> {
        match self.commit("HEAD") {
            Ok(commit) => Ok(Some(commit)),
            Err(GitError::NoRevision(_)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The branch that is checked out; `None` where a commit is, and where git tells nothing.
    pub fn branch(&self) -> Option<String> {
        self.text(&["symbolic-ref", "--quiet", "--short", "HEAD"]).ok().map(|name| name.trim_end().to_owned())
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
            return Err(match self.failed(&["rev-parse"], &output) {
                foreign @ GitError::Foreign { .. } => foreign,
                _ => GitError::NoRevision(revision.to_owned()),
            });
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

    /// The files of the project at or below `path` in a commit, ascending; none when there is nothing.
    ///
    /// # Errors
    /// When git fails.
    pub fn files_at(&self, commit: &str, path: &ProjectPath) -> Result<Vec<ProjectPath>, GitError> {
        let path = if path.is_root() { "." } else { path.as_str() };
        let listed = self.text(&["ls-tree", "-r", "-z", "--name-only", commit, "--", path])?;
        // A name that is no path of a project (`..`, not UTF-8) is none of ours.
        Ok(listed.split_terminator('\0').filter_map(|name| ProjectPath::from_record(name).ok()).collect())
    }

    /// The names of all files below the project in a commit, those in the folders of tools too.
    ///
    /// # Errors
    /// When git fails.
    pub fn names_at(&self, commit: &str) -> Result<Vec<String>, GitError> {
        let listed = self.text(&["ls-tree", "-r", "-z", "--name-only", commit, "--", "."])?;
        Ok(listed.split_terminator('\0').map(str::to_owned).collect())
    }

    /// The names of branches (`refs/heads`) or tags (`refs/tags`), with the commits that they point to. A tag of
    /// something else is none.
    ///
    /// # Errors
    /// When git fails.
    pub fn tips(&self, refs: &str) -> Result<Vec<(String, String)>, GitError> {
        let mut tips = Vec::new();
        for name in self.text(&["for-each-ref", "--format=%(refname)", refs])?.lines() {
            let short = name.strip_prefix(refs).unwrap_or(name).trim_start_matches('/');
            match self.commit(name) {
                Ok(commit) => tips.push((short.to_owned(), commit)),
                Err(GitError::NoRevision(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(tips)
    }

    /// The commits that a reference of that name points to or pointed to, as far as its history is kept; none where there
    /// is no such reference.
    ///
    /// # Errors
    /// When git fails.
    pub fn reflog(&self, name: &str) -> Result<Vec<String>, GitError> {
        if !self.run(&["rev-parse", "--verify", "--quiet", name])?.status.success() {
            return Ok(Vec::new());
        }
        let text = self.text(&["log", "--walk-reflogs", "--format=%H", name, "--"])?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// All commits that a reference or `HEAD` reaches, newest first.
    ///
    /// # Errors
    /// When git fails.
    pub fn all_commits(&self) -> Result<Vec<String>, GitError> {
        let head: &[&str] = if self.head().is_some() { &["HEAD"] } else { &[] };
        let text = self.text(&[&["rev-list", "--all"], head].concat())?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// All commits that were made at a time or later; those before them may be younger. Git's own reading of times does for
    /// none before 1970 or after 2099.
    ///
    /// # Errors
    /// When git fails.
    pub fn commits_since(&self, since: Timestamp) -> Result<Vec<String>, GitError> {
        let head: &[&str] = if self.head().is_some() { &["HEAD"] } else { &[] };
        let text = self.text(&[&["log", "--format=%H %ct", "--all"], head].concat())?;
        let commits = text.lines().filter_map(|line| line.split_once(' '));
        let is_young = |seconds: &str| {
            seconds.parse::<i64>().map_or(true, |seconds| seconds.saturating_mul(1000) >= since.0)
        };
        let young = commits.filter(|(_, seconds)| is_young(seconds));
        Ok(young.map(|(commit, _)| commit.to_owned()).collect())
    }

    /// The newest `count` commits from `commit` backwards.
    ///
    /// # Errors
    /// When git fails.
    pub fn last(&self, commit: &str, count: usize) -> Result<Vec<String>, GitError> {
        let text = self.text(&["rev-list", &format!("--max-count={count}"), commit])?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Every file below the project in a commit whose name is wanted.
    ///
    /// # Errors
    /// When git fails.
    pub fn files_named(
        &self,
        commit: &str,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<FileVersion>, GitError> {
        let text = self.text(&["ls-tree", "-r", "-z", commit])?;
        let entries = text.split_terminator('\0').filter_map(|entry| entry.split_once('\t'));
        let files = entries.filter(|(_, path)| path.rsplit('/').next().is_some_and(&is_wanted));
        let versions = files.filter_map(|(about, path)| {
            let mut about = about.split(' ');
            let is_file = about.next()?.starts_with("100");
            let object = about.nth(1)?.to_owned();
            is_file.then(|| FileVersion { commit: commit.to_owned(), path: path.to_owned(), object })
        });
        Ok(versions.collect())
    }

    /// The texts of all files below the project in a commit whose name is wanted. A name that is no path of a project
    /// is none of ours.
    ///
    /// # Errors
    /// When git fails.
    pub fn texts(
        &self,
        commit: &str,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<BTreeMap<ProjectPath, String>, GitError> {
        let versions = self.files_named(commit, is_wanted)?;
        let contents: HashMap<String, String> = self
            .contents(&versions)?
            .into_iter()
            .map(|(version, bytes)| (version.object, String::from_utf8_lossy(&bytes).into_owned()))
            .collect();
        let text = |version: &FileVersion| {
            Some((ProjectPath::from_record(&version.path).ok()?, contents.get(&version.object)?.clone()))
        };
        Ok(versions.iter().filter_map(text).collect())
    }

    /// Every version that a file called `name`, a pattern, below the project has in any commit that a reference or `HEAD`
    /// reaches.
    ///
    /// # Errors
    /// When git fails.
    pub fn history_of_files_named(&self, name: &str) -> Result<Vec<FileVersion>, GitError> {
        // A version either comes from a parent, or is in the difference to each of them: with `-m` and the whole
        // history, the differences name them all.
        let pattern = format!(":(glob)**/{name}");
        let text = self.text(&[
            "-c",
            "log.showSignature=false",
            "-c",
            "log.showRoot=true",
            "log",
            "--all",
            "--full-history",
            "-m",
            "--raw",
            "-z",
            "--no-abbrev",
            "--no-renames",
            "--relative",
            "--format=commit %H",
            "--",
            &pattern,
        ])?;
        let mut versions = Vec::new();
        let mut commit = "";
        let mut tokens = text.split('\0').map(|token| token.trim_start_matches('\n'));
        while let Some(token) = tokens.next() {
            if let Some(hash) = token.strip_prefix("commit ") {
                commit = hash.trim_end();
            } else if let Some(about) = token.strip_prefix(':') {
                let fields: Vec<&str> = about.split(' ').collect();
                let path = tokens.next().unwrap_or_default().to_owned();
                if let [_, mode, _, object, _] = fields[..]
                    && mode.starts_with("100")
                {
                    versions.push(FileVersion { commit: commit.to_owned(), path, object: object.to_owned() });
                }
            }
        }
        Ok(versions)
    }

    /// The contents of versions, each object once, in the order named.
    ///
    /// # Errors
    /// When git fails or lacks one.
    pub fn contents(&self, versions: &[FileVersion]) -> Result<Vec<(FileVersion, Vec<u8>)>, GitError> {
        let mut seen = HashSet::new();
        let wanted: Vec<&FileVersion> =
            versions.iter().filter(|version| seen.insert(&version.object)).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let input: String = wanted.iter().map(|version| format!("{}\n", version.object)).collect();
        let arguments = ["cat-file", "--batch"];
        let output = self.feed(&arguments, input)?;
        if !output.status.success() {
            return Err(failed(&arguments, &output));
        }
        let mut rest = output.stdout.as_slice();
        let mut found = Vec::with_capacity(wanted.len());
        for version in wanted {
            let content = take_object(&mut rest).ok_or_else(|| GitError::Failed {
                command: "cat-file".to_owned(),
                message: format!("it has no object {}", version.object),
            })?;
            found.push((version.clone(), content));
        }
        Ok(found)
    }

    /// Runs git with something to read.
    fn feed(&self, arguments: &[&str], input: String) -> Result<Output, GitError> {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(GitError::Start)?;
        let mut stdin = child.stdin.take().expect("it was piped");
        // Written from a thread of its own: git answers while it reads.
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().map_err(GitError::Start)?;
        let _ = writer.join();
        Ok(output)
    }

    /// The folder with the repository's hooks, wherever its settings say.
    ///
    /// # Errors
    /// When git fails.
    pub fn hooks_folder(&self) -> Result<PathBuf, GitError> {
        // Told relative to where git was started.
        Ok(self.root.join(self.text(&["rev-parse", "--git-path", "hooks"])?.trim_end_matches('\n')))
    }

    /// The file with the attributes of this clone, which all its work trees share.
    ///
    /// # Errors
    /// When git fails.
    pub fn attributes_file(&self) -> Result<PathBuf, GitError> {
        let path = self.text(&["rev-parse", "--git-path", "info/attributes"])?;
        Ok(self.root.join(path.trim_end_matches('\n')))
    }

    /// The way from the top of the work tree to the project; empty where they are one.
    ///
    /// # Errors
    /// When git fails.
    pub fn prefix(&self) -> Result<String, GitError> {
        let text = self.text(&["rev-parse", "--show-prefix"])?;
        Ok(text.trim_end_matches('\n').trim_end_matches('/').to_owned())
    }

    /// Sets a setting of the repository.
    ///
    /// # Errors
    /// When git fails.
    pub fn configure(&self, key: &str, value: &str) -> Result<(), GitError> {
        self.text(&["config", "--local", key, value]).map(drop)
    }

    /// What .gitattributes and git's own files say of an attribute of a file of that name in the project; `None` where they
    /// say nothing.
    ///
    /// # Errors
    /// When git fails.
    pub fn attribute(&self, attribute: &str, name: &str) -> Result<Option<String>, GitError> {
        // The path, the attribute and its value, each ended.
        let text = self.text(&["check-attr", "-z", attribute, "--", name])?;
        Ok(text.split('\0').nth(2).filter(|value| *value != "unspecified").map(str::to_owned))
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

    /// The files below the project that git neither tracks nor ignores, ascending.
    ///
    /// # Errors
    /// When git fails.
    pub fn untracked(&self) -> Result<Vec<String>, GitError> {
        let listed = self.text(&["ls-files", "-z", "--others", "--exclude-standard"])?;
        let mut files: Vec<String> = listed.split_terminator('\0').map(str::to_owned).collect();
        files.sort_unstable();
        Ok(files)
    }

    /// Puts files into the index as they are.
    ///
    /// # Errors
    /// When git fails.
    pub fn add(&self, files: &[&ProjectPath]) -> Result<(), GitError> {
        if files.is_empty() {
            return Ok(());
        }
        let arguments = ["add", "--pathspec-from-file=-", "--pathspec-file-nul"];
        let input = files.iter().map(|file| format!(":(literal){}\0", file.spelled())).collect();
        let output = self.feed(&arguments, input)?;
        if output.status.success() { Ok(()) } else { Err(failed(&arguments, &output)) }
    }

    /// Which of `paths` git does not ignore.
    ///
    /// # Errors
    /// When git fails.
    pub fn not_ignored<'a>(&self, paths: &[&'a ProjectPath]) -> Result<Vec<&'a ProjectPath>, GitError> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let folders: HashSet<ProjectPath> =
            paths.iter().flat_map(|path| std::iter::successors(path.parent(), ProjectPath::parent)).collect();
        for folder in folders {
            let path = folder.join(".gitignore").to_path(&self.root);
            match std::fs::metadata(&path) {
                Ok(found) if !found.is_file() && !found.is_dir() => {
                    return Err(GitError::NoIgnoreFile { path, source: disk::not_a_file(&found) });
                }
                _ => {}
            }
        }
        // Git takes a path for a pattern here, and one that means any file in its index for none that is ignored: a name
        // with a letter of patterns means its own pointer, too. It can be told to look at no index alone.
        let is_pattern = |path: &ProjectPath| path.as_str().contains(['*', '?', '[', '\\']);
        let (odd, plain): (Vec<&ProjectPath>, Vec<&ProjectPath>) =
            paths.iter().copied().partition(|path| is_pattern(path));
        let mut ignored = self.ignored(&plain, &[])?;
        let among_odd = self.ignored(&odd, &["--no-index"])?;
        if !among_odd.is_empty() {
            let tracked = self.tracked()?;
            let found = odd.iter().filter(|path| among_odd.contains(path.as_str()));
            let found = found.filter(|path| tracked_below(&tracked, path).is_none());
            ignored.extend(found.map(|path| path.as_str().to_owned()));
        }
        Ok(paths.iter().copied().filter(|path| !ignored.contains(path.as_str())).collect())
    }

    /// Which of `paths` git ignores, by its answer to these options.
    fn ignored(&self, paths: &[&ProjectPath], options: &[&str]) -> Result<HashSet<String>, GitError> {
        if paths.is_empty() {
            return Ok(HashSet::new());
        }
        let arguments = [&["check-ignore", "--stdin", "-z"], options].concat();
        // A colon in front would be an order to git.
        let input = paths.iter().map(|path| format!("./{}\0", path.as_str())).collect();
        let output = self.feed(&arguments, input)?;
        // 1 means that none is ignored.
        if !matches!(output.status.code(), Some(0 | 1)) {
            return Err(failed(&arguments, &output));
        }
        let ignored = String::from_utf8_lossy(&output.stdout).into_owned();
        let ignored = ignored.split_terminator('\0').filter_map(|path| path.strip_prefix("./"));
        Ok(ignored.map(str::to_owned).collect())
    }
}

/// The next content in what `git cat-file --batch` writes: `NAME blob SIZE`, a line feed, the bytes, a line feed.
fn take_object(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let line = rest.iter().position(|byte| *byte == b'\n')?;
    let (_, size) = std::str::from_utf8(&rest[..line]).ok()?.rsplit_once(" blob ")?;
    let from = line + 1;
    let to = from.checked_add(size.parse().ok()?)?;
    let content = rest.get(from..to)?.to_vec();
    *rest = rest.get(to + 1..)?;
    Some(content)
}

fn failed(arguments: &[&str], output: &Output) -> GitError {
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    // Settings for this one call come before the command.
    let mut words = arguments.iter();
    let mut command = words.next();
    while command == Some(&"-c") {
        command = words.nth(1);
    }
    GitError::Failed { command: command.copied().unwrap_or_default().to_owned(), message }
}
