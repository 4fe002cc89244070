//! A state of the project that can be compared with another one: the workspace, a git revision, or a run.

mod plots;

use std::fmt;

use base::{FileState, ProjectPath, Value};
use cache::Blobs;
use indexmap::IndexMap;
use pipeline::{OutKind, PARAMS_FILE, Pipeline, PipelineError, params, parse_lock};
use report::DiffSide;
use track::{Role, Run, RunId, RunStore, Search, SqliteStore};

use crate::discover;
use crate::error::{CliError, CliResult};
use crate::git::Git;
use crate::project::{Project, load_pipeline};
use crate::recorder::tags;
use crate::ui::Printer;

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

impl Revision {
    /// Reads an argument: `run:ID`, `workspace`, or a git revision.
    ///
    /// # Errors
    /// When there is no such run or revision.
    pub fn parse(project: &Project, text: &str) -> CliResult<Self> {
        if let Some(wanted) = text.strip_prefix("run:") {
            return Ok(Revision::Run(store(project)?.find_run(wanted)?));
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
        if let Some(commit) = git.as_ref().and_then(Git::head) {
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

    /// The params of this state by file, flattened to dotted keys. With `declared`, only those that a stage
    /// depends on.
    ///
    /// # Errors
    /// When a file cannot be read or does not parse.
    pub fn params(&self, project: &Project, declared: bool) -> CliResult<DiffSide> {
        match self {
            Revision::Run(run) => run_params(&store(project)?, *run),
            Revision::Workspace => Ok(pipeline_params(&project.pipeline()?, declared)),
            Revision::Commit(commit) => match pipeline_at(project, commit)? {
                Some(pipeline) => Ok(pipeline_params(&pipeline, declared)),
                None => params_file_at(project, commit),
            },
        }
    }

    /// The metrics of this state by file, flattened to dotted keys.
    ///
    /// # Errors
    /// When a file cannot be read or does not parse.
    pub fn metrics(&self, project: &Project) -> CliResult<DiffSide> {
        let (side, faults) = self.readable_metrics(project)?;
        match faults.into_iter().next() {
            None => Ok(side),
            Some(fault) => Err(fault.into()),
        }
    }

    /// The same of the files that parse, and what is wrong with the others.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn readable_metrics(&self, project: &Project) -> CliResult<(DiffSide, Vec<PipelineError>)> {
        let mut side = DiffSide::new();
        let mut faults = Vec::new();
        let mut insert = |path: &ProjectPath, text: &str| {
            faults.extend(insert(&mut side, path, text).err());
        };
        match self {
            Revision::Workspace => {
                for path in metrics_files(&project.pipeline()?) {
                    if let Some(text) = disk::read_text_optional(&path.to_path(&project.root))? {
                        insert(&path, &text);
                    }
                }
            }
            Revision::Commit(commit) => {
                let Some(pipeline) = pipeline_at(project, commit)? else {
                    return Ok((side, faults));
                };
                for path in metrics_files(&pipeline) {
                    if let Some(text) = text_at(project, commit, &pipeline, &path)? {
                        insert(&path, &text);
                    }
                }
            }
            Revision::Run(run) => {
                let files = metrics_files(&project.pipeline()?);
                let store = store(project)?;
                let blobs = Blobs::new(&project.cache_folder());
                for run in with_children(&store, *run)? {
                    for file in store.lineage(run.info.id, Role::Output)? {
                        let Some(path) = files.iter().find(|path| path.as_str() == file.path) else {
                            continue;
                        };
                        if let Some(text) = blob_text(&blobs, &file.digest) {
                            insert(path, &text);
                        }
                    }
                }
            }
        }
        Ok((side, faults))
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
    for file in &pipeline.metrics {
        if !files.contains(file) {
            files.push(file.clone());
        }
    }
    files
}

fn insert(side: &mut DiffSide, path: &ProjectPath, text: &str) -> Result<(), PipelineError> {
    side.insert(path.to_string(), report::flatten(&params::parse_any(path, text)?));
    Ok(())
}

fn store(project: &Project) -> CliResult<SqliteStore> {
    project.existing_store()?.ok_or_else(|| {
        CliError::message("no run was recorded in this project yet").hint("`pipe repro` records one")
    })
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

/// The pipeline of a commit; `None` when it has no pipeline file or one that does not load any more.
///
/// # Errors
/// When git fails, or it does not load.
pub fn pipeline_at(project: &Project, commit: &str) -> CliResult<Option<Pipeline>> {
    let Some(git) = project.git() else { return Ok(None) };
    let file = project.pipeline_file()?;
    let files = discover::among(git.files_at(commit, &ProjectPath::root())?.iter().map(ProjectPath::as_str));
    if files.is_empty() {
        return Ok(None);
    }
    let text = |path: &ProjectPath| {
        Ok(git.file(commit, path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    match load_pipeline(&file, &files, text) {
        Ok(pipeline) => Ok(Some(pipeline)),
        Err(mut fault) => {
            let short = &commit[..commit.len().min(10)];
            fault.source = fault
                .source
                .map(|source| source.context(format!("failed to load the pipeline of commit {short}")));
            Err(fault)
        }
    }
}

fn params_file_at(project: &Project, commit: &str) -> CliResult<DiffSide> {
    let mut side = DiffSide::new();
    let path = project.pipeline_file()?.parent().unwrap_or_default().join(PARAMS_FILE);
    let Some(git) = project.git() else { return Ok(side) };
    if let Some(bytes) = git.file(commit, &path)? {
        insert(&mut side, &path, &String::from_utf8_lossy(&bytes))?;
    }
    Ok(side)
}

/// The text of an out in a commit: from git where git keeps it, else from the cache by the commit's lock.
fn text_at(
    project: &Project,
    commit: &str,
    pipeline: &Pipeline,
    path: &ProjectPath,
) -> CliResult<Option<String>> {
    let Some(git) = project.git() else { return Ok(None) };
    if let Some(bytes) = git.file(commit, path)? {
        return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
    }
    let Some(producer) = pipeline.graph.producer(path) else { return Ok(None) };
    let lock_path = pipeline.lock_file(producer);
    let Some(bytes) = git.file(commit, &lock_path)? else { return Ok(None) };
    let lock = parse_lock(&lock_path, &String::from_utf8_lossy(&bytes))?;
    let recorded: Option<&FileState> = lock.stages.values().find_map(|stage| stage.out(path));
    let blobs = Blobs::new(&project.cache_folder());
    Ok(recorded.and_then(|state| blob_text(&blobs, &state.digest)))
}

fn blob_text(blobs: &Blobs, digest: &base::Digest) -> Option<String> {
    blobs.read(digest).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}

fn pipeline_params(pipeline: &Pipeline, declared: bool) -> DiffSide {
    if declared {
        let refs: Vec<_> = pipeline.stages.iter().flat_map(|stage| stage.params.clone()).collect();
        let mut side = DiffSide::new();
        for reference in refs {
            let values =
                params::select(std::slice::from_ref(&reference), &pipeline.param_files).unwrap_or_default();
            for (file, values) in values {
                let leaves = values.iter().flat_map(|(key, value)| leaves(key, value));
                side.entry(file.to_string()).or_default().extend(leaves);
            }
        }
        return side;
    }
    let files = pipeline.param_files.iter().filter_map(|(path, file)| match file {
        pipeline::ParamFile::Read(value) => Some((path.to_string(), report::flatten(value))),
        pipeline::ParamFile::Missing => None,
    });
    files.collect()
}

/// The leaves of a value that stands under `key`, by their whole keys.
fn leaves(key: &str, value: &Value) -> Vec<(String, Value)> {
    let whole = |below: String| if below.is_empty() { key.to_owned() } else { format!("{key}.{below}") };
    report::flatten(value).into_iter().map(|(below, leaf)| (whole(below), leaf)).collect()
}

/// The params that a run and its stages recorded, back under their files. The store keeps texts; they read
/// back as the types they were written from.
fn run_params(store: &SqliteStore, run: RunId) -> CliResult<DiffSide> {
    let mut side = DiffSide::new();
    for run in with_children(store, run)? {
        for (key, text) in run.data.params {
            let (file, key) = match key.split_once(':') {
                Some((file, key)) => (file.to_owned(), key.to_owned()),
                None => (PARAMS_FILE.to_owned(), key),
            };
            let value = Value::from_text(&text);
            let values: &mut IndexMap<String, Value> = side.entry(file).or_default();
            values.extend(leaves(&key, &value));
        }
    }
    Ok(side)
}
