//! What a project needs of its cache: the roots of a collection of garbage. "Lock" stands here for pointers too: both
//! record digests, and lie anywhere in the project.
//!
//! Every source is read, or nothing is known: one that cannot be read is an error, never an empty source. To keep too
//! much costs space; to keep too little, somebody's results.

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use base::{FileState, ProjectPath, Timestamp};
use cache::{Remote, Roots, State, Workspace};
use disk::DiskError;
use exec::{AtWork, Ledger, at_work};
use pipeline::{
    Dialect, Lock, PIPELINE_FILE, Pipeline, PipelineError, Pointer, StageLock, is_pointer, parse_lock,
    parse_pointer, parse_source, plain_pointer, recorded_outs,
};
use track::{RunStore, lease_is_alive};

use crate::discover::look_around;
use crate::dvc_config::KEPT;
use crate::error::{CliError, CliResult};
use crate::git::{FileVersion, Git};
use crate::project::{DVC_FOLDER, Held, PIPE_FOLDER, Project};
use crate::reading::root_text;
use crate::spool;

/// Whose locks count, besides those of the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Those at the tip of every branch.
    pub branches: bool,
    /// Those of every tagged commit.
    pub tags: bool,
    /// Those of every commit.
    pub commits: bool,
    /// Those of every experiment of DVC.
    pub experiments: bool,
    /// Those of the newest commits, so many, from a revision backwards.
    pub last: Option<(usize, String)>,
    /// Those of every commit that was made at this time or later.
    pub since: Option<Timestamp>,
}

/// What is needed.
#[derive(Debug, Default)]
pub struct Needed {
    /// By name.
    pub roots: Roots,
    /// And whatever is as young as this, nanoseconds since 1970: somebody is at work whose results are not written
    /// down yet. `None` when nobody is.
    pub since: Option<i64>,
    /// Stages at work in processes that live.
    pub at_work: Vec<AtWork>,
    /// Whether there are runs of somebody else's of which it is known what they hold, and not whether they go on.
    pub are_unseen: bool,
    /// Projects with runs of which this user cannot tell what they hold.
    pub untold: Vec<PathBuf>,
}

/// Gathers what locks, journal, runs and jobs need.
///
/// # Errors
/// When one of them cannot be read.
pub fn gather(project: &Project, scope: &Scope) -> CliResult<Needed> {
    let mut needed = Needed::default();
    gather_into(&mut needed, project, scope)?;
    Ok(needed)
}

/// The same of one more project.
///
/// # Errors
/// As [`gather`].
pub fn gather_into(needed: &mut Needed, project: &Project, scope: &Scope) -> CliResult {
    let mut files = Vec::new();
    let forgetful = State::load(&project.pipe_path("tmp/no-state"))?;
    let workspace = project.workspace_with(forgetful);
    find_locks(
        &workspace,
        (&project.root, project.dialect),
        &ProjectPath::root(),
        &mut files,
        &mut needed.roots,
    )?;
    let pointers = look_around(&project.root, project.dialect).pointers;
    for path in &files {
        // Read for themselves too: a success in the journal stands before the one in the lock, which is still good.
        let text = disk::read_text_optional(&path.to_path(&project.root))?.unwrap_or_default();
        match keep_text(&mut needed.roots, &root_text(&project.root), path, &text) {
            // A file of the user's that happens to be called so, where no pointers are looked for.
            Err(_) if is_pointer(path) && !pointers.contains(path) => {}
            kept => kept?,
        }
    }
    let ledger = match project.dialect.paths_need_a_pipeline() {
        true => project.ledger(&project.pipeline_if_any()?)?,
        false => {
            let locks = files.iter().filter(|file| !is_pointer(file));
            let pipelines: Vec<ProjectPath> =
                locks.map(|lock| lock.parent().unwrap_or_default().join(PIPELINE_FILE)).collect();
            Ledger::read(&project.root, &project.pipe_path("journal"), &pipelines, &[])?
        }
    };
    keep_lock(&mut needed.roots, ledger.all());
    keep_revisions(project, scope, &mut needed.roots)?;
    keep_runs(project, needed)?;
    keep_jobs(project, needed)
}

/// Adds what a project records in files of a tool that was its own before: in its workspace, in what `pipe convert` has put
/// aside, and in the chosen revisions.
///
/// # Errors
/// When one of them cannot be read.
pub fn gather_history_into(needed: &mut Needed, project: &Project, scope: &Scope) -> CliResult {
    let workspace = project.workspace_with(State::load(&project.pipe_path("tmp/no-state"))?);
    for root in [project.root.clone(), project.root.join(KEPT)].iter().filter(|root| root.is_dir()) {
        let mut files = Vec::new();
        find_locks(&workspace, (root, project.dialect), &ProjectPath::root(), &mut files, &mut needed.roots)?;
        for path in &files {
            let text = disk::read_text_optional(&path.to_path(root))?.unwrap_or_default();
            match keep_text(&mut needed.roots, &root_text(&project.root), path, &text) {
                // A file of the user's that happens to be called so.
                Err(_) if is_pointer(path) => {}
                kept => kept?,
            }
        }
    }
    keep_revisions(project, scope, &mut needed.roots)
}

/// A file that records contents.
#[derive(Debug)]
pub enum Record {
    /// Of stages.
    Lock(Lock),
    /// Of data.
    Pointer(Box<Pointer>),
    /// Either one of DVC, and its text: only with the pipeline does it tell where an out lies.
    Dvc(Vec<(ProjectPath, FileState)>, String),
}

impl Record {
    /// The text of a file of the project at `root`.
    fn parse(root: &str, path: &ProjectPath, text: &str) -> Result<Self, PipelineError> {
        let text = &*plain_pointer(root, path, text);
        if Dialect::of_file(path) == Dialect::Dvc {
            return recorded_outs(path, text).map(|outs| Record::Dvc(outs, text.to_owned()));
        }
        Ok(match is_pointer(path) {
            true => Record::Pointer(Box::new(parse_pointer(path, text)?)),
            false => Record::Lock(parse_lock(path, text)?),
        })
    }

    /// The same with the outs where `pipeline` has them, the one of the record's commit.
    ///
    /// # Errors
    /// When the record is none.
    pub fn placed(self, file: &ProjectPath, pipeline: &Pipeline) -> Result<Self, PipelineError> {
        match self {
            Record::Dvc(_, text) if !is_pointer(file) => {
                pipeline.lock_codec().parse(file, &text).map(Record::Lock)
            }
            record => Ok(record),
        }
    }

    /// The outs and what they held.
    pub fn outs(&self) -> Vec<(&ProjectPath, &FileState)> {
        match self {
            Record::Lock(lock) => {
                let outs = lock.stages.values().flat_map(|stage| &stage.outs);
                outs.map(|(path, state)| (path, state)).collect()
            }
            Record::Pointer(pointer) => vec![(&pointer.out.path, &pointer.state)],
            Record::Dvc(outs, _) => outs.iter().map(|(path, state)| (path, state)).collect(),
        }
    }

    /// The outs that DVC 1 or 2 recorded.
    pub fn old(&self, version: &FileVersion) -> BTreeSet<ProjectPath> {
        let of = |lock: &Lock| lock.stages.values().flat_map(|stage| stage.unix_text.clone()).collect();
        match self {
            Record::Lock(lock) => of(lock),
            Record::Pointer(_) => BTreeSet::new(),
            Record::Dvc(_, text) => ProjectPath::from_record(&version.path)
                .ok()
                .and_then(|file| parse_source(&file, text).ok())
                .map_or_else(BTreeSet::new, |(_, lock)| of(&lock)),
        }
    }

    fn keep(&self, roots: &mut Roots) {
        match self {
            Record::Lock(lock) => keep_lock(roots, lock.stages.values()),
            Record::Pointer(pointer) => roots.keep(&pointer.state),
            Record::Dvc(outs, _) => outs.iter().for_each(|(_, state)| roots.keep(state)),
        }
    }
}

/// Keeps what the text of a lock or pointer records.
fn keep_text(roots: &mut Roots, root: &str, path: &ProjectPath, text: &str) -> Result<(), PipelineError> {
    Record::parse(root, path, text).map(|record| record.keep(roots))
}

fn keep_lock<'a>(roots: &mut Roots, stages: impl Iterator<Item = &'a StageLock>) {
    for stage in stages {
        roots.keep_result(stage.key().0, &stage.outs);
    }
}

/// Whether a file is a lock or a pointer by its name.
fn is_record(dialect: Dialect, name: &str) -> bool {
    name == dialect.lock_file()
        || (is_pointer(&ProjectPath::root().join(name)) && name.ends_with(dialect.pointer_suffix()))
}

/// Keeps what the results in DVC's run cache name.
///
/// # Errors
/// When one of them cannot be read.
pub fn keep_run_cache(project: &Project, needed: &mut Needed) -> CliResult {
    let mut folders = vec![project.cache_folder().join("runs")];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.map_err(|source| DiskError::new("list folder", &folder, source))?,
        };
        for entry in entries {
            let path = entry.map_err(|source| DiskError::new("list folder", &folder, source))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.file_name().and_then(|name| name.to_str()).is_some_and(disk::is_unfinished) {
                let text = disk::read_text_optional(&path)?.unwrap_or_default();
                keep_run_result(&mut needed.roots, &base::shown(&path), &text)?;
            }
        }
    }
    Ok(())
}

/// The same of the run cache that `dvc push --run-cache` has put at a remote.
///
/// # Errors
/// When one of the results cannot be read.
pub fn keep_run_cache_of(remote: &dyn Remote, needed: &mut Needed) -> CliResult {
    let mut keys = Vec::new();
    remote.list("runs/", &mut |object| {
        keys.push(object.key);
        ControlFlow::Continue(())
    })?;
    for key in keys {
        let mut bytes = Vec::new();
        remote.get(&key, 0, &mut |piece| {
            bytes.extend_from_slice(piece);
            ControlFlow::Continue(())
        })?;
        let place = format!("{key} of remote `{}`", remote.name());
        keep_run_result(&mut needed.roots, &place, &String::from_utf8_lossy(&bytes))?;
    }
    Ok(())
}

/// Keeps what a result in DVC's run cache names.
fn keep_run_result(roots: &mut Roots, place: &dyn std::fmt::Display, text: &str) -> CliResult {
    let outs = recorded_outs(&ProjectPath::root(), text).map_err(|fault| {
        CliError::message(format!("the result {place} in the run cache cannot be read: {fault}"))
            .hint("remove it, or let results go with `--no-stage-cache`; nothing was touched")
    })?;
    for (_, state) in &outs {
        roots.keep(state);
    }
    Ok(())
}

/// All locks and pointers below a folder, but for those of projects inside the project. A symlink into the cache keeps
/// its blob, whether a lock records it or not: it is all that there is of the file.
fn find_locks(
    workspace: &Workspace,
    (root, dialect): (&Path, Dialect),
    folder: &ProjectPath,
    found: &mut Vec<ProjectPath>,
    roots: &mut Roots,
) -> CliResult {
    let os_path = folder.to_path(root);
    let fault = |source| DiskError::new("list folder", &os_path, source);
    for entry in std::fs::read_dir(&os_path).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let kind = entry.file_type().map_err(fault)?;
        // What records cannot name holds no stages.
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let path = folder.join(&name);
        let is_project = || [PIPE_FOLDER, DVC_FOLDER].iter().any(|own| entry.path().join(own).is_dir());
        if kind.is_dir() && !path.is_reserved() && !is_project() {
            find_locks(workspace, (root, dialect), &path, found, roots)?;
        } else if let (true, Some(digest)) = (kind.is_symlink(), workspace.digest_of_symlink(&entry.path())) {
            roots.keep_file(digest);
        } else if is_record(dialect, &name) && entry.path().is_file() {
            found.push(path);
        }
    }
    Ok(())
}

fn keep_revisions(project: &Project, scope: &Scope, roots: &mut Roots) -> CliResult {
    for (_, record) in records(project, scope)? {
        record.keep(roots);
    }
    Ok(())
}

/// The locks and pointers of the chosen revisions, each content once.
///
/// # Errors
/// When there is no git repository, or one of them cannot be read.
pub fn records(project: &Project, scope: &Scope) -> CliResult<Vec<(FileVersion, Record)>> {
    if *scope == Scope::default() {
        return Ok(Vec::new());
    }
    let git = project.git().ok_or_else(|| {
        CliError::message("there is no git repository here, so there are no branches, tags and commits")
            .hint("name no revisions: what the workspace needs is always meant")
    })?;
    let versions = versions(&git, project.dialect, scope)?;
    let (mut records, root) = (Vec::new(), root_text(&project.root));
    for (version, bytes) in git.contents(&versions)? {
        let text = String::from_utf8_lossy(&bytes);
        let record = ProjectPath::from_record(&version.path).map_err(anyhow::Error::new).and_then(|path| {
            let mark = if Dialect::of_file(&path) == Dialect::Dvc { "outs:" } else { "digest:" };
            if is_pointer(&path) && !text.contains(mark) {
                // Somebody's file that is called so.
                return Ok(None);
            }
            Ok(Some(Record::parse(&root, &path, &text)?))
        });
        let record = record.map_err(|fault| {
            let short = &version.commit[..version.commit.len().min(10)];
            let mut fault = CliError::message(format!("{fault}"))
                .hint("choose revisions whose locks can be read; nothing was touched");
            fault.source = fault
                .source
                .map(|source| source.context(format!("failed to read {} of commit {short}", version.path)));
            fault
        })?;
        if let Some(record) = record {
            records.push((version, record));
        }
    }
    Ok(records)
}

/// The commits of a scope that record something in files of the other tool, as from before `pipe convert`.
///
/// # Errors
/// When git cannot tell.
pub fn commits_of_other_tool(project: &Project, scope: &Scope) -> CliResult<BTreeSet<String>> {
    let Some(git) = project.git().filter(|_| *scope != Scope::default()) else { return Ok(BTreeSet::new()) };
    let other = match project.dialect {
        Dialect::Native => Dialect::Dvc,
        Dialect::Dvc => Dialect::Native,
    };
    let versions = versions(&git, other, scope)?;
    let root = root_text(&project.root);
    let is_record = |version: &FileVersion, bytes: &[u8]| {
        let path = ProjectPath::from_record(&version.path).ok();
        let record = path.and_then(|path| Record::parse(&root, &path, &String::from_utf8_lossy(bytes)).ok());
        record.is_some_and(|record| !record.outs().is_empty())
    };
    let found = git.contents(&versions)?.into_iter().filter(|(version, bytes)| is_record(version, bytes));
    Ok(found.map(|(version, _)| version.commit.clone()).collect())
}

fn versions(git: &Git, dialect: Dialect, scope: &Scope) -> CliResult<Vec<FileVersion>> {
    let mut versions = Vec::new();
    if scope.commits {
        versions.extend(git.history_of_files_named(dialect.lock_file())?);
        versions.extend(git.history_of_files_named(&format!("*{}", dialect.pointer_suffix()))?);
        if !scope.experiments {
            return Ok(versions);
        }
    }
    let tips = |refs| -> CliResult<Vec<String>> {
        Ok(git.tips(refs)?.into_iter().map(|(_, commit)| commit).collect())
    };
    let mut commits = Vec::new();
    if scope.branches {
        commits.extend(tips("refs/heads")?);
    }
    if scope.tags {
        commits.extend(tips("refs/tags")?);
    }
    if let Some((count, revision)) = &scope.last {
        commits.extend(git.last(&git.commit(revision)?, *count)?);
    }
    if let Some(since) = scope.since {
        commits.extend(git.commits_since(since)?);
    }
    if scope.experiments {
        commits.extend(tips("refs/exps")?);
        // Those that wait are kept in the history of a reference, as `git stash` does.
        for name in ["refs/exps/stash", "refs/exps/celery/stash", "refs/exps/celery/failed"] {
            commits.extend(git.reflog(name)?);
        }
    }
    let mut seen = HashSet::new();
    for commit in commits.iter().filter(|commit| seen.insert(*commit)) {
        versions.extend(git.files_named(commit, |name| is_record(dialect, name))?);
    }
    Ok(versions)
}

/// Artifacts of runs, logs among them, and of models and their versions. What a run that goes on has stored may not be written down yet.
fn keep_runs(project: &Project, needed: &mut Needed) -> CliResult {
    if spool::all_files(&project.spool_folder()).iter().any(|file| disk::may_not_be_read(file)) {
        needed.untold.push(project.root.clone());
        return Ok(());
    }
    // Before the store is asked, which may have by then what waits now.
    for digest in spool::kept_artifacts(&project.spool_folder())? {
        needed.roots.keep_file(digest);
    }
    match project.held_by_runs() {
        Held::Readable => {}
        Held::Told(held) => {
            needed.are_unseen = true;
            for digest in held {
                needed.roots.keep_file(digest);
            }
            return Ok(());
        }
        Held::Unknown => {
            needed.untold.push(project.root.clone());
            return Ok(());
        }
    }
    let Some(store) = project.existing_store()? else { return Ok(()) };
    // Asked first: a run that ends between the two questions has written its artifacts down by the second.
    for (run, lease) in store.leases()? {
        if lease_is_alive(&lease) {
            let start = store.run(run)?.info.start_time.0.saturating_mul(1_000_000);
            needed.since = Some(needed.since.map_or(start, |since| since.min(start)));
        }
    }
    for digest in store.kept_artifacts()? {
        needed.roots.keep_file(digest);
    }
    Ok(())
}

/// What stages have set aside, or change in place, which comes back if they fail.
fn keep_jobs(project: &Project, needed: &mut Needed) -> CliResult {
    // A memory of its own, which is never saved: these paths are none that records may name.
    let forgetful = State::load(&project.pipe_path("tmp/no-state"))?;
    let workspace = project.workspace_with(forgetful);
    for job in at_work(&project.job_folder())? {
        for slot in &job.outs {
            let path = ProjectPath::from_relative(slot.strip_prefix(&project.root).unwrap_or(slot))?;
            if let Some(state) = workspace.observe(&path)? {
                needed.roots.keep(&state);
            }
        }
        for state in &job.persisted {
            needed.roots.keep(state);
        }
        if disk::holder_is_alive(&project.pipe_path("lock"), &job.holder) {
            needed.at_work.push(job);
        }
    }
    Ok(())
}
