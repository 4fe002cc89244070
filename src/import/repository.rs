//! A repository of others: what a commit of it has at a path, whether git, DVC or pipe keeps it there.
//!
//! It is taken over into a folder of ours and never checked out, so that nothing that lies in it runs or is followed. Its
//! files come from git one by one; what it records of data comes from the cache beside it, where it is of this machine, or
//! from its remotes, and is checked against its digest as everything that arrives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::{FileState, ProjectPath};
use cache::{Blobs, Files, Meter, Placement, Remote, Root, StageCache, State, Workspace};
use disk::{LockFile, Sharing};
use pipeline::{Dialect, Import, Repo, is_pointer};
use remote::FolderRemote;

use super::{Depot, Which};
use crate::cli::command_line;
use crate::cli::push::end;
use crate::discover;
use crate::error::{CliError, CliResult};
use crate::git::source::{EntryKind, TreeEntry, check_url, is_local};
use crate::git::{FileVersion, Git, GitError};
use crate::project::{DVC_FOLDER, PIPE_FOLDER, Project};
use crate::recorded::{self, RecordedOut};
use crate::remotes;
use crate::ui::transfer::watch;

/// So many files of a commit are held in memory at once.
const AT_ONCE: usize = 64;

/// How long a chain of symlinks may be.
const LONGEST_CHAIN: usize = 8;

/// A commit of a repository of others.
pub struct Repository<'a> {
    pub(super) depot: &'a Depot<'a>,
    /// The commit.
    pub commit: String,
    url: String,
    folder: PathBuf,
    pub(super) git: Git,
    remote: Option<String>,
    // Nobody else takes it over meanwhile, or changes which settings lie there.
    _lock: LockFile,
}

/// What git is given for the URL of a repository: a path is relative to `root`.
///
/// # Errors
/// When it is none.
pub fn address(root: &Path, url: &str) -> CliResult<String> {
    check_url(url).map_err(CliError::message)?;
    if !is_local(url) {
        return Ok(url.to_owned());
    }
    let path = cache::lexical(&root.join(url));
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| CliError::message(format!("the path of `{url}` is not UTF-8")))
}

impl<'a> Repository<'a> {
    /// Opens it at the commit that was recorded, or at the one that is meant now. A URL that is a relative path starts at
    /// `start`. What is here of it is not asked for again.
    ///
    /// # Errors
    /// When it cannot be taken over, or has no such commit.
    pub fn open(depot: &'a Depot<'a>, start: &Path, repo: &Repo, which: Which) -> CliResult<Self> {
        let url = address(start, &repo.url)?;
        // Each is held while it is read.
        if depot.chain.contains(&url) {
            let way: Vec<&str> = depot.chain.iter().chain([&url]).map(String::as_str).collect();
            return Err(CliError::message(format!(
                "imports lead round in a circle: {}",
                way.join(", then ")
            ))
            .hint("who has the data can `pipe push` or `dvc push` it there"));
        }
        let gone = |fault: GitError| {
            let what = format!("the repository {} cannot be read", repo.url);
            CliError::from(fault).context(what).hint("is it still there, and may you read it?")
        };
        let name = &cache::hash_bytes(url.as_bytes()).hex()[..16];
        let folder = depot.folder.join(name);
        let printer = depot.printer;
        let on_wait = &mut |holder: &str| printer.say(format_args!("Waiting: {holder} reads {}.", repo.url));
        let go_on = || !depot.interrupt.came();
        let path = depot.folder.join(format!("{name}.lock"));
        let lock =
            LockFile::acquire(&path, &command_line(), Sharing::Exclusive, Duration::MAX, &go_on, on_wait)?;
        let git = Git::make(&folder).map_err(gone)?;
        let locked = repo.rev_lock.as_deref().filter(|_| which == Which::Recorded);
        if let Some(locked) = locked
            && !(locked.len() >= 40 && locked.chars().all(|c| c.is_ascii_hexdigit()))
        {
            return Err(CliError::message(format!("`{}` is no commit", locked.escape_debug())));
        }
        let known = locked.and_then(|locked| git.commit(locked).ok());
        let commit = match known {
            Some(commit) => commit,
            None => {
                let working = printer.working(&format!("Reading {}", repo.url));
                git.take_over(&url).map_err(gone)?;
                if let Some(locked) = locked.filter(|locked| git.commit(locked).is_err()) {
                    let _ = git.take_over_commit(&url, locked);
                }
                drop(working);
                let there = |fault: GitError| {
                    CliError::from(fault).context(format!("in the repository {}", repo.url))
                };
                let rev = locked.or(repo.rev.as_deref());
                match git.commit_there(rev) {
                    Err(GitError::NoRevision(name)) => match git.take_over_named(&url, &name) {
                        Ok(Some(commit)) => commit,
                        Ok(None) => return Err(there(GitError::NoRevision(name))),
                        Err(fault) => return Err(there(fault)),
                    },
                    found => found.map_err(there)?,
                }
            }
        };
        if repo.has_more {
            printer.warn(format_args!("settings that the import from {} names are passed over", repo.url));
        }
        Ok(Repository { depot, commit, url, folder, git, remote: repo.remote.clone(), _lock: lock })
    }

    /// Brings what lies at `path` into the depot's cache, and says what it is.
    ///
    /// # Errors
    /// When nothing lies there, or it is not to be had.
    pub fn bring(&self, path: &str) -> CliResult<FileState> {
        let missing = || missing(&self.commit, path);
        let path =
            ProjectPath::resolve(&ProjectPath::root(), path.trim_start_matches('/')).and_then(|path| {
                if path.is_root() { Ok(path) } else { ProjectPath::from_record(path.as_str()) }
            })?;
        if is_pointer(&path) {
            return Err(CliError::message(format!("{path} is a pointer: name the data that it tells of")));
        }
        let inner = self.inner_project(&path)?;
        let entries = self.git.entries(&self.commit, &path)?;
        let recorded: Vec<RecordedOut> = recorded::outs_at(&inner.project, &self.commit)?
            .into_iter()
            .map(|out| RecordedOut { path: joined(&inner.prefix, &out.path), ..out })
            .collect();
        if let Some(out) = recorded.iter().find(|out| out.path.contains(&path)) {
            return self.bring_out(&inner, out, &path)?.ok_or_else(missing);
        }
        let below: Vec<&RecordedOut> = recorded.iter().filter(|out| path.contains(&out.path)).collect();
        if entries.is_empty() && below.is_empty() {
            return Err(missing());
        }
        let scratch = self.depot.scratch()?;
        let root = scratch.0.join("files");
        self.write(&entries, &root)?;
        for out in below {
            let scratched = scratch.0.join("cache");
            let blobs = Blobs::with_layout(&scratched, inner.project.layout());
            let found = [(out.path.clone(), out.state)];
            self.fetch(&inner, out, &found, &blobs)?;
            restore(&root, &blobs, &scratched, &found)?;
        }
        let state = self.depot.store(&path.to_path(&root), false)?;
        Ok(self.depot.as_recorded(state))
    }

    /// What stands for the data that the commit has at `path`; the same wherever that is the same data. With `is_close`, what lies
    /// in a recorded folder is told by its own files, for which the folder's list is fetched.
    ///
    /// # Errors
    /// When the commit cannot be read, or the list is not to be had.
    pub fn content(&self, path: &str, is_close: bool) -> CliResult<Content> {
        let place = ProjectPath::resolve(&ProjectPath::root(), path.trim_start_matches('/'))?;
        let inner = self.inner_project(&place)?;
        let mut content = Content::default();
        for entry in self.git.entries(&self.commit, &place)? {
            if ProjectPath::from_record(&entry.path).is_ok_and(|path| !is_pointer(&path)) {
                content.files.insert(entry.path, (entry.kind, entry.object));
            }
        }
        for out in recorded::outs_at(&inner.project, &self.commit)? {
            let path = joined(&inner.prefix, &out.path);
            content.is_part |= path.contains(&place) && path != place;
            if path.contains(&place) || place.contains(&path) {
                content.data.insert(path, out.state);
            }
        }
        if content.is_part && is_close {
            content.data = self.list(path, true)?.1.files;
        }
        Ok(content)
    }

    /// Brings a recorded out, or what lies at `path` in it.
    fn bring_out(
        &self,
        inner: &Inner,
        out: &RecordedOut,
        path: &ProjectPath,
    ) -> CliResult<Option<FileState>> {
        let is_same = self.depot.blobs.layout() == inner.project.layout() && !out.is_old;
        let scratch = self.depot.scratch()?;
        let scratched = scratch.0.join("cache");
        let blobs = match is_same {
            true => self.depot.blobs.clone(),
            false => Blobs::with_layout(&scratched, inner.project.layout()),
        };
        let mut found = vec![(path.clone(), out.state)];
        if *path != out.path {
            // A list of DVC tells of files alone, so that a folder in it is made of them.
            let listed = |transfer: &cache::Transfer<'_>| transfer.fetch_manifests(&out.state).map(Some);
            self.ask_all(inner, out, listed, &blobs)?;
            let files = blobs.files(&out.path, &out.state)?;
            found = files.into_iter().filter(|(file, _)| path.contains(file)).collect();
        }
        if found.is_empty() {
            return Ok(None);
        }
        self.fetch(inner, out, &found, &blobs)?;
        if let (true, [(only, state)]) = (is_same, found.as_slice())
            && only == path
        {
            // What a list of DVC tells of a file is not how large it is.
            let size =
                if state.is_folder() { state.size } else { blobs.size(&state.digest).unwrap_or(state.size) };
            return Ok(Some(self.depot.as_recorded(FileState { size, ..*state })));
        }
        let root = scratch.0.join("files");
        restore(&root, &blobs, &scratched, &found)?;
        let state = self.depot.store(&path.to_path(&root), false)?;
        Ok(Some(self.depot.as_recorded(state)))
    }

    /// Brings contents of an out into `blobs`, from the first place that has all of them.
    fn fetch(
        &self,
        inner: &Inner,
        out: &RecordedOut,
        contents: &[(ProjectPath, FileState)],
        blobs: &Blobs,
    ) -> CliResult {
        let root = |(path, state): &(ProjectPath, FileState)| Root {
            path: path.clone(),
            state: *state,
            is_old: out.is_old,
            extent: cache::Extent::Whole,
        };
        let roots: Vec<Root> = contents.iter().map(root).collect();
        if !out.is_old && contents.iter().all(|(_, state)| blobs.has_all(state)) {
            return Ok(());
        }
        let fetched = |transfer: &cache::Transfer<'_>| {
            let report = transfer.fetch(&roots)?;
            Ok(report.is_whole().then_some(()))
        };
        self.ask_all(inner, out, fetched, blobs)
    }

    /// Asks the places that may have an out, and, where it was imported there, where it came from.
    pub(super) fn ask_all(
        &self,
        inner: &Inner,
        out: &RecordedOut,
        question: impl Fn(&cache::Transfer<'_>) -> Result<Option<()>, cache::TransferError>,
        blobs: &Blobs,
    ) -> CliResult {
        if self.ask(inner, out, question, blobs)?.is_some() {
            return Ok(());
        }
        match &out.import {
            Some(import) => self.bring_origin(inner, (out, import), blobs),
            None => Err(self.nowhere(inner, out)),
        }
    }

    /// Brings all of an out that was imported there into `blobs`, from where it came from. A path is none of this machine.
    fn bring_origin(
        &self,
        inner: &Inner,
        (out, import): (&RecordedOut, &Import),
        blobs: &Blobs,
    ) -> CliResult {
        let is_local_there = match &import.repo {
            Some(repo) => is_local(&repo.url) && !repo.url.starts_with('/'),
            None => !["http://", "https://"].iter().any(|scheme| import.path.starts_with(scheme)),
        };
        let own = inner.own.as_ref().filter(|_| import.repo.is_some());
        let root = match (own, is_local_there) {
            (Some(own), _) => own.root.clone(),
            (None, false) => self.depot.root.clone(),
            (None, true) => return Err(self.nowhere(inner, out)),
        };
        let Depot { folder, jobs, interrupt, printer, .. } = self.depot;
        let chain = self.depot.chain.iter().chain([&self.url]).cloned().collect();
        let depot = Depot {
            root: root.clone(),
            folder: folder.clone(),
            blobs: blobs.clone(),
            project: Some(&inner.project),
            jobs: *jobs,
            interrupt,
            printer: *printer,
            chain,
        };
        let brought = depot.bring(import, &root, Which::Recorded, false)?;
        match brought.state.is_some_and(|state| state.digest == out.state.digest) {
            true => Ok(()),
            false => Err(CliError::message(format!(
                "{} was imported there from {}, which has other data by now",
                out.path,
                import.shown()
            ))
            .hint("who has the data can `pipe push` or `dvc push` it there")),
        }
    }

    fn nowhere(&self, inner: &Inner, out: &RecordedOut) -> CliError {
        let stores = self.stores(inner, out).unwrap_or_default();
        let asked: Vec<String> = stores.iter().map(|store| base::shown(store.root())).collect();
        let project = inner.own.as_ref().unwrap_or(&inner.project);
        let remotes = project.remotes().0;
        let text = match asked.as_slice() {
            [] if remotes.is_empty() => {
                format!("{} is recorded there, and the repository names no place that has it", out.path)
            }
            [] => {
                let names: Vec<&str> = remotes.iter().map(|(name, _)| name.as_str()).collect();
                format!("{} is recorded there, and cannot be had from {}", out.path, names.join(" or "))
            }
            asked => format!("{} is recorded there, and not to be had from {}", out.path, asked.join(" or ")),
        };
        let fault = CliError::message(text);
        match asked.is_empty() && inner.own.is_none() && !remotes.is_empty() {
            true => fault.hint(
                "a remote with a relative path is found beside the files of a repository alone: name a folder that has them, \
                 no bare repository and no URL, or give the remote an absolute path there",
            ),
            false => fault.hint("who made it can `pipe push` or `dvc push` it"),
        }
    }

    /// Asks the places that may have an out, one after the other, until one answers.
    fn ask<T>(
        &self,
        inner: &Inner,
        out: &RecordedOut,
        question: impl Fn(&cache::Transfer<'_>) -> Result<Option<T>, cache::TransferError>,
        blobs: &Blobs,
    ) -> CliResult<Option<T>> {
        let Depot { interrupt, printer, jobs, .. } = self.depot;
        for store in self.stores(inner, out)? {
            let meter = Meter::new(interrupt.stop.clone());
            let transfer = remotes::transfer(blobs, &store, *jobs, &meter);
            let answer =
                watch(*printer, &format!("Fetching from {}", store.name()), &meter, || question(&transfer));
            let answer = match answer {
                Err(cache::TransferError::Cache(cache::CacheError::Missing { .. })) => Ok(None),
                answer => answer,
            };
            if let Some(found) = end(answer, interrupt, "fetched", &meter, store.name(), *printer)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Where an out may be: in the cache beside the repository, in the remote that the import or the out names, and in
    /// the default one. What cannot be opened is passed over.
    fn stores(&self, inner: &Inner, out: &RecordedOut) -> CliResult<Vec<FolderRemote>> {
        let mut stores = Vec::new();
        let cache = inner.own.as_ref().map(Project::cache_folder).filter(|folder| folder.is_dir());
        stores.extend(cache.map(|folder| FolderRemote::new("the cache there", &folder)));
        let project = inner.own.as_ref().unwrap_or(&inner.project);
        let named = self.remote.as_deref().or(out.remote.as_deref());
        for name in [named, None].into_iter().take(if named.is_some() { 2 } else { 1 }).chain([None]) {
            let Ok(name) = remotes::name(project, name) else { continue };
            if let Ok(remote) = remotes::open_existing(project, &name)
                && !stores.iter().any(|known| known.root() == remote.root())
            {
                stores.push(remote);
            }
        }
        Ok(stores)
    }

    /// The project of the commit that `path` lies in.
    pub(super) fn inner_project(&self, path: &ProjectPath) -> CliResult<Inner> {
        let files = self.git.files_at(&self.commit, &ProjectPath::root())?;
        let settings = self.git.entries(&self.commit, &ProjectPath::root())?;
        let prefix = std::iter::successors(Some(path.clone()), ProjectPath::parent)
            .find(|folder| {
                let starts = [DVC_FOLDER, PIPE_FOLDER].map(|own| joined(folder, &own_path(own)));
                settings.iter().any(|entry| {
                    starts.iter().any(|start| entry.path.starts_with(&format!("{}/", start.as_str())))
                })
            })
            .unwrap_or_default();
        let below = |name: &str| joined(&prefix, &own_path(name)).as_str().to_owned();
        let has =
            |name: &str| settings.iter().any(|entry| entry.path.starts_with(&format!("{}/", below(name))));
        let here: Vec<&str> =
            files.iter().filter(|file| prefix.contains(file)).map(ProjectPath::as_str).collect();
        let dialect = match (has(DVC_FOLDER), has(PIPE_FOLDER)) {
            (true, false) => Dialect::Dvc,
            (_, true) => Dialect::Native,
            _ if !discover::among(Dialect::Native, here.iter().copied()).is_empty() => Dialect::Native,
            _ if !discover::among(Dialect::Dvc, here.iter().copied()).is_empty() => Dialect::Dvc,
            _ => Dialect::Native,
        };
        let root = prefix.to_path(&self.folder);
        disk::make_folder(&root)?;
        let file = match dialect {
            Dialect::Native => format!("{PIPE_FOLDER}/config.toml"),
            Dialect::Dvc => format!("{DVC_FOLDER}/config"),
        };
        for folder in [DVC_FOLDER, PIPE_FOLDER].map(|folder| root.join(folder)) {
            if folder.exists() {
                disk::remove(&folder)?;
            }
        }
        let wanted = below(&file);
        let entry = settings
            .iter()
            .find(|entry| entry.path == wanted && matches!(entry.kind, EntryKind::File { .. }));
        if let Some(entry) = entry {
            let contents = self.git.contents(&[version(&self.commit, entry)])?;
            for (_, bytes) in contents {
                disk::make_folder(root.join(&file).parent().unwrap_or(&root))?;
                disk::replace(&root.join(&file), &bytes)?;
            }
        }
        let project =
            Project { root: root.clone(), base: ProjectPath::root(), dialect, settings: Default::default() };
        let own = is_local(&self.url).then(|| prefix.to_path(Path::new(&self.url)));
        // A bare repository has no files, so that its settings are those of the commit.
        let has_own =
            |own: &PathBuf| [DVC_FOLDER, PIPE_FOLDER].iter().any(|folder| own.join(folder).is_dir());
        let own = own.filter(has_own).and_then(|own| Project::at(&own, &own).ok());
        let own = own.filter(|own| own.dialect == dialect).and_then(|own| own.with_settings().ok());
        Ok(Inner { project: project.with_settings()?, prefix, own })
    }

    /// Writes files of the commit below `root`, which is a folder of ours.
    fn write(&self, entries: &[TreeEntry], root: &Path) -> CliResult {
        let mut files: Vec<(ProjectPath, TreeEntry)> = Vec::new();
        for entry in entries {
            let Ok(path) = ProjectPath::from_record(&entry.path) else { continue };
            if is_pointer(&path) {
                continue;
            }
            match entry.kind {
                EntryKind::File { .. } => files.push((path, entry.clone())),
                EntryKind::Symlink => files.push((path.clone(), self.behind_symlink(&path, entry)?)),
                EntryKind::Repository => {
                    return Err(CliError::message(format!(
                        "{path} is a repository of its own (a submodule)"
                    ))
                    .hint("import from that repository"));
                }
            }
        }
        for files in files.chunks(AT_ONCE) {
            let versions: Vec<FileVersion> =
                files.iter().map(|(_, entry)| version(&self.commit, entry)).collect();
            let contents: std::collections::HashMap<String, Vec<u8>> = self
                .git
                .contents(&versions)?
                .into_iter()
                .map(|(version, bytes)| (version.object, bytes))
                .collect();
            for (path, entry) in files {
                let place = path.to_path(root);
                disk::make_folder(place.parent().unwrap_or(root))?;
                disk::replace_volatile(&place, contents.get(&entry.object).map_or(&[][..], Vec::as_slice))?;
                if entry.kind == (EntryKind::File { executable: true }) {
                    disk::set_mode(&place, 0o755)?;
                }
            }
        }
        Ok(())
    }

    /// The file that a symlink of the commit leads to, in the commit alone.
    fn behind_symlink(&self, path: &ProjectPath, entry: &TreeEntry) -> CliResult<TreeEntry> {
        let refuse = |why: &str| CliError::message(format!("{path} is a symlink {why}"));
        let (mut at, mut entry) = (path.clone(), entry.clone());
        for _ in 0..LONGEST_CHAIN {
            let contents = self.git.contents(&[version(&self.commit, &entry)])?;
            let target = contents.into_iter().next().map(|(_, bytes)| bytes).unwrap_or_default();
            let target = String::from_utf8(target).map_err(|_| refuse("whose target is not UTF-8"))?;
            at = ProjectPath::resolve(&at.parent().unwrap_or_default(), &target)
                .and_then(|path| ProjectPath::from_record(path.as_str()))
                .map_err(|_| refuse("that leads out of the repository"))?;
            let found = self.git.entries(&self.commit, &at)?;
            let Some(next) = found.into_iter().find(|next| next.path == at.as_str()) else {
                return Err(refuse("to something that is no file of the commit"));
            };
            entry = next;
            if matches!(entry.kind, EntryKind::File { .. }) {
                return Ok(entry);
            }
        }
        Err(refuse("that leads to too many others"))
    }
}

/// What stands for the data that a commit has at a path.
#[derive(Debug, Default, PartialEq)]
pub struct Content {
    /// What git keeps, by path.
    files: BTreeMap<String, (EntryKind, String)>,
    /// What is recorded, by path.
    data: Files,
    /// Whether the path is a part of something that is recorded.
    pub is_part: bool,
}

/// The project of a commit that a path lies in.
pub(super) struct Inner {
    /// As the commit has it.
    pub(super) project: Project,
    /// Where it lies in the repository.
    pub(super) prefix: ProjectPath,
    /// As it lies on this machine, if it does.
    own: Option<Project>,
}

/// A folder that no path of a project may name.
fn own_path(text: &str) -> ProjectPath {
    text.split('/').fold(ProjectPath::root(), |folder, part| folder.join(part))
}

/// That a commit has nothing at a path.
pub(super) fn missing(commit: &str, path: &str) -> CliError {
    CliError::message(format!("commit {} has no `{path}`", &commit[..commit.len().min(10)]))
}

/// A path in a folder.
pub(super) fn joined(folder: &ProjectPath, path: &ProjectPath) -> ProjectPath {
    path.parts().fold(folder.clone(), |folder, part| folder.join(part))
}

fn version(commit: &str, entry: &TreeEntry) -> FileVersion {
    FileVersion { commit: commit.to_owned(), path: entry.path.clone(), object: entry.object.clone() }
}

/// Puts contents in place below `root`.
fn restore(root: &Path, blobs: &Blobs, scratch: &Path, contents: &[(ProjectPath, FileState)]) -> CliResult {
    disk::make_folder(root)?;
    let memory = State::anew(&scratch.join("no-state"));
    let workspace =
        Workspace::with_caches(root, blobs.clone(), StageCache::new(&scratch.join("no-stages")), memory);
    for (path, state) in contents {
        workspace.restore(path, state, Placement::Private)?;
    }
    Ok(())
}
