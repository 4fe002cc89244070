//! Repositories of others, that data is imported from: taken over without ever being checked out.
//!
//! What comes from there is hostile: no hook or template of anybody runs, no program that a URL names, nobody is asked for
//! a password, and nothing is written but git's own objects and references.

use std::path::Path;
use std::process::{Command, Stdio};

use base::ProjectPath;

use super::{Git, GitError, failed};

/// What stands in a commit at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// From where the listing was asked.
    pub path: String,
    /// What sort of thing it is.
    pub kind: EntryKind,
    /// The name of the content in git.
    pub object: String,
    /// Bytes; none of another repository.
    pub size: Option<u64>,
}

/// What sort of thing stands in a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file, executable or not.
    File {
        /// Whether it is.
        executable: bool,
    },
    /// A symlink, whose content is where it leads.
    Symlink,
    /// Another repository.
    Repository,
}

/// What git may be told to bring from elsewhere: nothing that starts another program than its own.
const PROTOCOLS: &str = "file:git:http:https:ssh";

/// The default branch's tip, as it was when the repository was last taken over.
const HEAD: &str = "refs/pipe/head";

/// Refuses what git would take for an option, or for the name of a program.
///
/// # Errors
/// A sentence that names the URL.
pub fn check_url(url: &str) -> Result<(), String> {
    let names_a_helper =
        url.split_once("::").is_some_and(|(helper, _)| !helper.is_empty() && !helper.contains('/'));
    if url.is_empty() || url.starts_with('-') || names_a_helper || url.contains(char::is_control) {
        return Err(format!("`{}` is no URL of a git repository", url.escape_debug()));
    }
    if let Some((scheme, _)) = url.split_once("://")
        && !PROTOCOLS.split(':').any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return Err(format!(
            "git repositories are not brought by `{scheme}://`: use https, ssh, git or file"
        ));
    }
    Ok(())
}

/// Whether a URL names a folder of this machine.
pub fn is_local(url: &str) -> bool {
    match url.find([':', '/']) {
        Some(at) => url.as_bytes()[at] == b'/',
        None => true,
    }
}

/// Whether a folder is a repository, bare ones too.
pub fn is_repository(folder: &Path) -> bool {
    let is_bare =
        || folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir();
    folder.join(".git").exists() || is_bare()
}

/// The commit that a repository elsewhere has at `rev`, or at the tip of its default branch; `None` when it has none of
/// that name. Brings nothing.
///
/// # Errors
/// When it cannot be asked.
pub fn tip(url: &str, rev: Option<&str>) -> Result<Option<String>, GitError> {
    let names: Vec<String> = match rev {
        None => vec!["HEAD".to_owned()],
        Some("HEAD") => vec!["HEAD".to_owned()],
        Some(rev) if rev.starts_with('-') || is_relative(rev) => return Ok(None),
        Some(rev) => {
            vec![format!("refs/tags/{rev}^{{}}"), format!("refs/tags/{rev}"), format!("refs/heads/{rev}")]
        }
    };
    let arguments: Vec<&str> =
        ["ls-remote", "--", url].into_iter().chain(names.iter().map(String::as_str)).collect();
    let output = sealed(None).args(&arguments).output().map_err(GitError::Start)?;
    if !output.status.success() {
        return Err(failed(&arguments, &output));
    }
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let of = |name: &String| {
        let mut lines = told.lines().filter_map(|line| line.split_once('\t'));
        lines.find(|(_, known)| known == name).map(|(commit, _)| commit.to_owned())
    };
    let found = names.iter().find_map(of);
    Ok(found.or_else(|| rev.filter(|_| is_local(url)).and_then(|rev| commit_at(url, rev))))
}

/// The commit that `rev` names in the repository at a path of this machine, as git resolves it there: also what only that
/// repository has, as `origin/main` and `MERGE_HEAD`. It may be on none of its branches.
pub fn commit_at(path: &str, rev: &str) -> Option<String> {
    let spec = format!("{rev}^{{commit}}");
    let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &spec];
    let output = sealed(Some(Path::new(path))).args(arguments).output().ok()?;
    let told = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !told.is_empty()).then_some(told)
}

/// Whether a revision is told from another one, as `HEAD~1`, `main^` and `v1^{commit}` are: only who has the commits knows
/// which one it is.
pub fn is_relative(rev: &str) -> bool {
    rev.contains(['~', '^'])
}

/// The git program, told not to do what others ask for.
#[allow(clippy::disallowed_methods, reason = "this is where git is started")]
fn sealed(root: Option<&Path>) -> Command {
    let mut command = Command::new("git");
    if let Some(root) = root {
        command.arg("-C").arg(root);
    }
    for setting in
        ["core.hooksPath=/dev/null", "protocol.ext.allow=never", "submodule.recurse=false", "gc.auto=0"]
    {
        command.args(["-c", setting]);
    }
    for variable in super::OF_ANOTHER {
        command.env_remove(variable);
    }
    command
        .stdin(Stdio::null())
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ALLOW_PROTOCOL", PROTOCOLS)
        .env("GIT_OPTIONAL_LOCKS", "0");
    command
}

impl Git {
    /// A new, empty repository at `root`, in which nothing is checked out.
    ///
    /// # Errors
    /// When git fails.
    pub fn make(root: &Path) -> Result<Self, GitError> {
        disk::make_folder(root)
            .map_err(|fault| GitError::Failed { command: "init".to_owned(), message: fault.to_string() })?;
        let git = Git { root: root.to_owned() };
        git.sealed(&["init", "--quiet", "--template=", "--initial-branch=none"])?;
        Ok(git)
    }

    fn sealed(&self, arguments: &[&str]) -> Result<String, GitError> {
        let output = sealed(Some(&self.root)).args(arguments).output().map_err(GitError::Start)?;
        if !output.status.success() {
            return Err(failed(arguments, &output));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Takes over all branches and tags that the repository at `url` has now.
    ///
    /// # Errors
    /// When git fails.
    pub fn take_over(&self, url: &str) -> Result<(), GitError> {
        let head = format!("+HEAD:{HEAD}");
        self.bring(
            url,
            &["--prune"],
            &["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", &head],
        )
    }

    /// Takes over one commit, which need not be on a branch any more.
    ///
    /// # Errors
    /// When the repository does not give it.
    pub fn take_over_commit(&self, url: &str, commit: &str) -> Result<(), GitError> {
        self.bring(url, &[], &[commit])
    }

    /// Takes over the commit that `rev` names in a repository of this machine, whether or not a branch or tag leads to it.
    /// `None` when that has none of this name, or is elsewhere.
    ///
    /// # Errors
    /// When the repository does not give it.
    pub fn take_over_named(&self, url: &str, rev: &str) -> Result<Option<String>, GitError> {
        let Some(commit) = Some(rev).filter(|_| is_local(url)).and_then(|rev| commit_at(url, rev)) else {
            return Ok(None);
        };
        if self.commit(&commit).is_err() {
            self.take_over_commit(url, &commit)?;
        }
        Ok(Some(commit))
    }

    fn bring(&self, url: &str, options: &[&str], what: &[&str]) -> Result<(), GitError> {
        let command =
            ["fetch", "--quiet", "--no-tags", "--force", "--no-recurse-submodules", "--no-write-fetch-head"];
        self.sealed(&[&command, options, &["--", url], what].concat()).map(drop)
    }

    /// The commit that `rev` names in the repository that was taken over, or the tip of its default branch.
    ///
    /// # Errors
    /// [`GitError::NoRevision`] when it names none.
    pub fn commit_there(&self, rev: Option<&str>) -> Result<String, GitError> {
        let Some(rev) = rev else { return self.commit(HEAD) };
        // No name of a branch or tag has one of these in it.
        let (name, way) = rev.split_at(rev.find(['~', '^']).unwrap_or(rev.len()));
        let is_hex = name.len() >= 4 && name.chars().all(|c| c.is_ascii_hexdigit());
        let found = [format!("refs/tags/{name}"), format!("refs/remotes/origin/{name}")]
            .into_iter()
            .chain((name == "HEAD").then(|| HEAD.to_owned()))
            .chain(is_hex.then(|| name.to_owned()))
            .find_map(|name| self.commit(&format!("{name}{way}")).ok());
        found.ok_or_else(|| GitError::NoRevision(rev.to_owned()))
    }

    /// What stands in a commit at or below `path`, ascending. A name that is no UTF-8 is left out.
    ///
    /// # Errors
    /// When git fails.
    pub fn entries(&self, commit: &str, path: &ProjectPath) -> Result<Vec<TreeEntry>, GitError> {
        let spec = if path.is_root() { "." } else { path.as_str() };
        let output = self.run(&["ls-tree", "-r", "-l", "-z", "--end-of-options", commit, "--", spec])?;
        if !output.status.success() {
            return Err(failed(&["ls-tree"], &output));
        }
        let entry = |line: &[u8]| {
            let line = std::str::from_utf8(line).ok()?;
            let (about, path) = line.split_once('\t')?;
            let mut about = about.split(' ');
            let mode = about.next()?;
            let object = about.nth(1)?.to_owned();
            let size = about.next_back().and_then(|size| size.parse().ok());
            let kind = match mode {
                "120000" => EntryKind::Symlink,
                "160000" => EntryKind::Repository,
                mode => EntryKind::File { executable: mode == "100755" },
            };
            Some(TreeEntry { path: path.to_owned(), kind, object, size })
        };
        Ok(output.stdout.split(|byte| *byte == 0).filter_map(entry).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_start_programs_are_refused() {
        for url in
            ["../src", "/a/b", "https://h/r.git", "user@host:r.git", "file:///a", "ssh://h/r", "a/b::c"]
        {
            assert!(check_url(url).is_ok(), "{url}");
        }
        for url in ["", "-u", "--upload-pack=x", "ext::sh -c x", "fd::7", "foo://h/r", "a\nb"] {
            assert!(check_url(url).is_err(), "{url}");
        }
        assert!(is_local("../a") && is_local("/a:b") && is_local("a"));
        assert!(!is_local("https://h/r") && !is_local("host:r.git"));
    }
}
