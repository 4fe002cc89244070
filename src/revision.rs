//! A state of the project that can be compared with another one: the workspace, a git revision, or a run.

mod committed;
mod params;
mod plots;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base::{ProjectPath, Value};
use cache::Blobs;
use exec::Ledger;
use indexmap::{IndexMap, IndexSet};
use pipeline::{Dialect, Glob, OutKind, Pipeline, StageId};
use report::{Diff, DiffSide};
use track::{Joined, Role, Run, RunId, RunStore, Search, SqliteStore, View};

use crate::discover;
use crate::error::{CliError, CliResult};
use crate::git::Git;
use crate::git::commit::CommitFiles;
use crate::project::Project;
use crate::reading::{Reader, load_pipeline, outside_text, recorded_files};
use crate::recorder::tags;
use crate::settings::Settings;
use crate::ui::Printer;

use committed::Committed;
pub use params::Which;
pub use plots::PlotFile;

/// What a revision argument names.
#[derive(Clone, Debug, PartialEq)]
pub enum Revision {
    /// The files as they are.
    Workspace,
    /// A commit.
    Commit(String),
    /// A recorded run: a reproduction with its stages, or a single stage.
    Run(RunId),
}

/// The files of a state that could be read, and what is wrong with the others.
#[derive(Debug, Default)]
pub struct Readable {
    /// By file, flattened to dotted keys.
    pub side: DiffSide,
    /// The same of metrics, as they stand in the files.
    pub values: IndexMap<String, Value>,
    /// Metrics files that are meant and not there.
    pub absent: Vec<ProjectPath>,
    /// The others.
    pub faults: Vec<(ProjectPath, CliError)>,
    /// Why nothing of the state can be told.
    pub whole: Option<CliError>,
}

impl Readable {
    /// Whether a file at or below `place` was looked at and found, however that ended.
    pub fn tells_of(&self, place: &ProjectPath) -> bool {
        self.side.keys().any(|file| is_at(file, place))
            || self.faults.iter().any(|(path, _)| place.contains(path))
    }

    /// Names the files as one does who stands in the folder `base`.
    pub fn seen_from(&mut self, base: &ProjectPath) {
        let side = std::mem::take(&mut self.side);
        self.side = side.into_iter().map(|(file, values)| (seen_from(&file, base), values)).collect();
    }

    /// Forgets all files but those at or below the paths `wanted`.
    pub fn retain(&mut self, wanted: &[ProjectPath]) {
        let is_wanted = |path: &ProjectPath| wanted.iter().any(|place| place.contains(path));
        self.side.retain(|file, _| wanted.iter().any(|place| is_at(file, place)));
        self.values.retain(|file, _| wanted.iter().any(|place| is_at(file, place)));
        self.absent.retain(is_wanted);
        self.faults.retain(|(path, _)| is_wanted(path));
    }
}

/// Whether a file lies at or below `place`.
fn is_at(file: &str, place: &ProjectPath) -> bool {
    ProjectPath::from_record(file).is_ok_and(|path| place.contains(&path))
}

/// How a file of the project is named in the folder `base`.
fn seen_from(file: &str, base: &ProjectPath) -> String {
    ProjectPath::from_record(file).map_or_else(|_| file.to_owned(), |path| path.relative_to(base))
}

impl Revision {
    /// Reads an argument: `run:ID`, `workspace`, or a git revision.
    ///
    /// # Errors
    /// When there is no such run or revision.
    pub fn parse(project: &Project, text: &str) -> CliResult<Self> {
        if let Some(wanted) = text.strip_prefix("run:") {
            return Ok(Revision::Run(Joined::find(&store(project)?, wanted, View::Active)?.run.info.id));
        }
        if text == "workspace" {
            return Ok(Revision::Workspace);
        }
        let git = project.git().ok_or_else(|| {
            CliError::message(format!(
                "`{text}` is taken for a git revision, and there is no git repository here"
            ))
            .hint("name a run as `run:ID`; `pipe runs list` shows them")
        })?;
        Ok(Revision::Commit(git.commit(text)?))
    }

    /// What the workspace is compared with when nothing is said: the commit that is checked out, or the
    /// last run where there is none; which is told.
    ///
    /// # Errors
    /// When there is neither.
    pub fn default_base(project: &Project, printer: Printer) -> CliResult<Self> {
        let git = project.git();
        if let Some(commit) = git.as_ref().map_or(Ok(None), Git::known_head)? {
            return Ok(Revision::Commit(commit));
        }
        let last = project.existing_store()?.map(|store| last_reproduction(&store)).transpose()?.flatten();
        let base = last.map(|run| Revision::Run(run.info.id)).ok_or_else(|| {
            CliError::message("there is nothing to compare the workspace with: no git commit and no run")
                .hint("commit the project, or run `pipe repro` first")
        })?;
        let missing = if git.is_some() { "no commit yet" } else { "no git repository" };
        printer.say(format_args!("There is {missing}: the workspace is compared with {base}, the last one."));
        Ok(base)
    }

    /// The metrics at or below the paths `targets`, or all where there is none. A file that is named need not be
    /// declared, and neither need, in projects of DVC, the files of a folder.
    ///
    /// # Errors
    /// As [`Revision::metrics`].
    pub fn metrics_of(&self, project: &Project, targets: &[ProjectPath]) -> CliResult<Readable> {
        if targets.is_empty() {
            return self.metrics(project);
        }
        let named = (project.dialect == Dialect::Dvc).then_some(targets);
        let mut readable = match self {
            // Files can be named where there is no pipeline at all.
            Revision::Workspace if project.pipeline_file().is_err() && named.is_none() => Readable::default(),
            _ => self.metrics_among(project, named)?,
        };
        readable.retain(targets);
        for file in self.each_file(project, targets.to_vec()) {
            let is_known = readable.tells_of(&file) || readable.absent.contains(&file);
            let text = match self {
                _ if is_known => continue,
                Revision::Workspace if file.to_path(&project.root).is_file() => {
                    disk::read_text_optional(&file.to_path(&project.root)).map_err(CliError::from)
                }
                Revision::Commit(commit) => {
                    let bytes = project.git().and_then(|git| git.file(commit, &file).ok().flatten());
                    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
                }
                _ => Ok(None),
            };
            readable.insert(self, project.dialect, &file, text);
        }
        Ok(readable)
    }

    /// The metrics of this state by file, flattened to dotted keys.
    ///
    /// # Errors
    /// When the state itself cannot be read; what is wrong with single files is told beside the others.
    pub fn metrics(&self, project: &Project) -> CliResult<Readable> {
        self.metrics_among(project, None)
    }

    /// The same of the files and folders `named`, as far as it is told which files a state has.
    fn metrics_among(&self, project: &Project, named: Option<&[ProjectPath]>) -> CliResult<Readable> {
        let mut readable = Readable::default();
        let meant = |pipeline: &Pipeline| named.map_or_else(|| metrics_files(pipeline), <[_]>::to_vec);
        match self {
            Revision::Workspace => {
                let pipeline = match named {
                    Some(_) => project.pipeline_if_any()?,
                    None => project.pipeline()?,
                };
                let recorded = Recorded { project, pipeline: &pipeline, ledger: OnceCell::new() };
                for path in self.each_file(project, meant(&pipeline)) {
                    let text = match disk::read_text_optional(&path.to_path(&project.root)) {
                        Ok(None) => recorded.text(&path),
                        text => text.map_err(CliError::from),
                    };
                    readable.insert(self, project.dialect, &path, text);
                }
            }
            Revision::Commit(commit) => {
                let project = &as_of(project, commit)?;
                let Some(pipeline) = pipeline_at(project, commit)? else {
                    return Ok(readable);
                };
                let committed = Committed::new(project, commit, &pipeline);
                for path in self.each_file(project, meant(&pipeline)) {
                    readable.insert(self, project.dialect, &path, committed.text(&path));
                }
            }
            Revision::Run(run) => {
                let files = metrics_files(&project.pipeline()?);
                let files: BTreeMap<&str, &ProjectPath> =
                    files.iter().map(|path| (path.as_str(), path)).collect();
                let store = store(project)?;
                let blobs = project.blobs();
                for run in with_children(&store, *run)? {
                    for file in store.lineage(run.info.id, Role::Output)? {
                        let Some(path) = files.get(file.path.as_str()) else { continue };
                        readable.insert(self, project.dialect, path, Ok(blob_text(&blobs, &file.digest)));
                    }
                }
            }
        }
        Ok(readable)
    }

    /// The same files, and in projects of DVC those in what are folders, as far as the workspace or git has them.
    fn each_file(&self, project: &Project, paths: Vec<ProjectPath>) -> Vec<ProjectPath> {
        if project.dialect == Dialect::Native {
            return paths;
        }
        let committed = match self {
            Revision::Commit(commit) => project.git().map(|git| CommitFiles::new(git, commit)),
            _ => None,
        };
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            let inside: Vec<ProjectPath> = match self {
                Revision::Workspace if path.to_path(&project.root).is_dir() => {
                    plots::files_below(&project.root, &path)
                }
                Revision::Commit(_) => committed
                    .as_ref()
                    .and_then(|committed| committed.files_at(&path).ok())
                    .unwrap_or_default(),
                _ => Vec::new(),
            };
            match inside.is_empty() {
                false => files.extend(inside),
                true => files.push(path),
            }
        }
        files
    }
}

/// As messages name it.
impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Revision::Workspace => f.write_str("the workspace"),
            Revision::Commit(commit) => write!(f, "commit {}", &commit[..commit.len().min(10)]),
            Revision::Run(run) => write!(f, "run {}", run.short()),
        }
    }
}

/// The metrics files that a pipeline declares, in its order.
pub fn metrics_files(pipeline: &Pipeline) -> Vec<ProjectPath> {
    let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
    let mut files: Vec<ProjectPath> =
        outs.filter(|out| out.kind == OutKind::Metrics).map(|out| out.path.clone()).collect();
    let known: BTreeSet<ProjectPath> = files.iter().cloned().collect();
    let mut of_top: IndexSet<&ProjectPath> = pipeline.metrics.iter().collect();
    of_top.retain(|file| !known.contains(*file));
    files.extend(of_top.into_iter().cloned());
    files
}

impl Readable {
    /// Adds a file of `revision`, whose text was asked for; nothing where there is none.
    fn insert(
        &mut self,
        revision: &Revision,
        dialect: Dialect,
        path: &ProjectPath,
        text: CliResult<Option<String>>,
    ) {
        let value = text.and_then(|text| {
            Ok(text.map(|text| pipeline::params::parse_any(path, &text, dialect)).transpose()?)
        });
        match value {
            Ok(Some(value)) => {
                self.side.insert(path.spelled().to_owned(), report::flatten(&value));
                self.values.insert(path.spelled().to_owned(), value);
            }
            Ok(None) => self.absent.push(path.clone()),
            Err(fault) => self.reject(revision, path, fault),
        }
    }

    /// Notes what is wrong with a file of `revision`.
    fn reject(&mut self, revision: &Revision, path: &ProjectPath, mut fault: CliError) {
        if *revision != Revision::Workspace {
            let context = format!("failed to read {path} of {revision}");
            fault.source = fault.source.map(|source| source.context(context));
        }
        self.faults.push((path.clone(), fault));
    }

    /// The difference of the files that can be read on both sides, and what is wrong with the others.
    pub fn diff(mut self, mut new: Readable) -> (Diff, Vec<CliError>) {
        let faults: Vec<_> = self.faults.drain(..).chain(new.faults.drain(..)).collect();
        for (path, _) in &faults {
            for side in [&mut self.side, &mut new.side] {
                side.shift_remove(path.as_str());
            }
        }
        (Diff::new(&self.side, &new.side), faults.into_iter().map(|(_, fault)| fault).collect())
    }
}

fn store(project: &Project) -> CliResult<SqliteStore> {
    project.existing_store()?.ok_or_else(CliError::no_run_yet)
}

/// The newest run of a reproduction.
fn last_reproduction(store: &SqliteStore) -> CliResult<Option<Run>> {
    let search = Search { parent: track::ParentFilter::TopLevel, limit: Some(50), ..Search::default() };
    let runs = store.search(&search)?;
    Ok(runs.into_iter().find(|run| run.data.tags.get(tags::KIND).is_some_and(|kind| kind == "repro")))
}

fn with_children(store: &SqliteStore, run: RunId) -> CliResult<Vec<Run>> {
    let mut runs = vec![store.run(run)?];
    runs.extend(store.children(run)?);
    Ok(runs)
}

/// The project as a commit has it: in one from before `pipe convert`, it is one of DVC.
///
/// # Errors
/// When git fails.
pub fn as_of(project: &Project, commit: &str) -> CliResult<Project> {
    let Some(git) = project.git().filter(|_| project.dialect == Dialect::Native) else {
        return Ok(project.clone());
    };
    let names = git.names_at(commit)?;
    let has = |dialect| !discover::among(dialect, names.iter().map(String::as_str)).is_empty();
    match !has(Dialect::Native) && has(Dialect::Dvc) {
        true => Ok(Project { dialect: Dialect::Dvc, settings: Settings::default(), ..project.clone() }),
        false => Ok(project.clone()),
    }
}

/// The pipeline of a commit; `None` when it has no pipeline file or one that does not load any more.
///
/// # Errors
/// When git fails, or it does not load.
pub fn pipeline_at(project: &Project, commit: &str) -> CliResult<Option<Pipeline>> {
    load_at(project, commit, load_pipeline)
}

/// Loads the pipeline of a commit with `load`; `None` when it has neither a pipeline file nor a pointer.
///
/// # Errors
/// When git or `load` fails.
pub fn load_at<T>(
    project: &Project,
    commit: &str,
    load: impl FnOnce(&ProjectPath, &[ProjectPath], Reader<'_>) -> CliResult<T>,
) -> CliResult<Option<T>> {
    let Some(git) = project.git() else { return Ok(None) };
    let root_file = || ProjectPath::root().join(project.dialect.pipeline_file());
    let file = project.pipeline_file().unwrap_or_else(|_| root_file());
    let all = git.names_at(commit)?;
    let all = all.iter().map(String::as_str);
    let files = discover::among(project.dialect, all.clone());
    if files.is_empty() {
        return Ok(None);
    }
    let strangers = discover::strangers_among(&project.root, project.dialect, all);
    if let (Some(own), Some(stranger)) = (files.first(), strangers.first()) {
        let short = &commit[..commit.len().min(10)];
        return Err(CliError::message(format!(
            "commit {short} has {own} and {stranger}: a project is one of pipe or one of DVC"
        ))
        .hint("name a revision that has files of one of them"));
    }
    let committed = CommitFiles::new(git, commit);
    let text = |path: &ProjectPath| {
        let bytes = match committed.file(path) {
            // A folder holds no params.
            Err(_) if committed.files_at(path)?.iter().any(|file| file != path) => None,
            read => read?,
        };
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    let found = |glob: &Glob| {
        // What git has, and what the commit's stages have read of what it does not have.
        let mut found = committed.files_at(glob.base())?;
        found.retain(|path| glob.matches(path));
        found.extend(recorded_files(&files, &text, glob)?);
        Ok(found)
    };
    load(&file, &files, Reader { root: &project.root, text: &text, files: &found, outside: &outside_text })
        .map(Some)
        .map_err(|mut fault| {
            let short = &commit[..commit.len().min(10)];
            fault.source = fault
                .source
                .map(|source| source.context(format!("failed to load the pipeline of commit {short}")));
            fault
        })
}

/// What is recorded of outs that are not in the workspace.
struct Recorded<'a> {
    project: &'a Project,
    pipeline: &'a Pipeline,
    /// Read with the first that is asked for.
    ledger: OnceCell<Ledger>,
}

impl Recorded<'_> {
    /// The text of such an out: DVC reads it from the cache, but for one that the cache does not keep, of which nothing but
    /// the results of stages may be there.
    fn text(&self, path: &ProjectPath) -> CliResult<Option<String>> {
        let is_told = |producer: &StageId| {
            let outs = &self.pipeline.stage(*producer).outs;
            self.project.dialect == Dialect::Dvc
                && outs.iter().any(|out| out.cache && out.path.contains(path))
        };
        let Some(producer) = self.pipeline.graph.producer(path).filter(is_told) else { return Ok(None) };
        if self.ledger.get().is_none() {
            let _ = self.ledger.set(self.project.ledger(self.pipeline)?);
        }
        let ledger = self.ledger.get().expect("it was set");
        let state = ledger.get(&self.pipeline.stage(producer).address).and_then(|locked| locked.out(path));
        Ok(state.and_then(|state| blob_text(&self.project.blobs(), &state.digest)))
    }
}

fn blob_text(blobs: &Blobs, digest: &base::Digest) -> Option<String> {
    blobs.read(digest).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}
