//! Records reproductions as runs: one for the reproduction, one nested in it for each stage that ran or
//! was restored, with its params, metrics, tags, logs and the digests of what it read and wrote.
//!
//! What is recorded is written a moment later, together with what other stages record. When the process is killed in that
//! moment, the next one sees in the stage cache that the stage succeeded.
//!
//! Nothing is opened before there is something to record. What the store does not take waits in the spool. Whatever
//! fails here is told once, as a warning: tracking never fails a stage.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use base::{FileState, ProjectPath, Timestamp, Value};
use cache::{StageEntry, Workspace};
use exec::{Exit, Failure, Host, Job, JobEnv, LedgerError, OutStates, Outcome, Summary};
use indexmap::IndexMap;
use pipeline::{Dialect, OutKind, PARAMS_FILE, Stage};
use track::{
    Artifact, ArtifactOwner, Change, ExperimentRef, Lease, LineageFile, Metric, NewRun, Param, RunId,
    RunStatus, RunStore, SqliteStore, Tag,
};

#[cfg(feature = "serve")]
mod elsewhere;
mod restored;
#[cfg(feature = "serve")]
mod scripts;
#[cfg(feature = "serve")]
mod standby;
mod variables;
mod writer;

use writer::{Batch, Writer};

use crate::environment;
use crate::error::with_causes;
use crate::git::{Git, GitError};
use crate::pen::Teller;
use crate::project::Project;
use crate::ui::Printer;
use crate::{reserve, spool, tracked};

/// Names of the tags that `pipe` itself sets.
pub mod tags {
    /// `repro`, `stage`, `script` or `train`: what was executed; of a script, by what it logged itself.
    pub const KIND: &str = track::KIND_TAG;
    /// The stage's name.
    pub const STAGE: &str = track::STAGE_TAG;
    /// The command that ran.
    pub const COMMAND: &str = track::COMMAND_TAG;
    /// The key of the stage's inputs.
    pub const KEY: &str = "pipe.stage_key";
    /// Why the stage was not up to date.
    pub const REASONS: &str = track::REASONS_TAG;
    /// The exit code of the command.
    pub const EXIT_CODE: &str = track::EXIT_CODE_TAG;
    /// The signal that ended the command.
    pub const SIGNAL: &str = track::SIGNAL_TAG;
    /// What went wrong.
    pub const FAILURE: &str = track::FAILURE_TAG;
    /// Where partial outs of a failure were moved.
    pub const PARTIAL: &str = track::PARTIAL_TAG;
    /// Before the name of a declared variable of the environment: its value where it may be shown, else its digest.
    pub const ENV: &str = track::ENV_TAG;
    /// How long the command took, in milliseconds.
    pub const DURATION: &str = "pipe.duration_ms";
    /// What a restored stage was restored from: a run's id, or `lock`.
    pub const RESTORED_FROM: &str = track::RESTORED_TAG;
    /// The host it ran on.
    pub const HOST: &str = "pipe.host";
    /// The version of `pipe`.
    pub const VERSION: &str = "pipe.version";
    /// The commit that was checked out.
    pub const GIT_COMMIT: &str = "git.commit";
    /// Whether tracked files differed from it.
    pub const GIT_DIRTY: &str = "git.dirty";
}

/// Records what [`exec`] does.
pub struct Recorder<'a> {
    project: &'a Project,
    workspace: &'a Workspace,
    printer: Printer,
    /// The command line that started it.
    command: String,
    /// When the reproduction began: before any of its stages.
    started: Timestamp,
    recording: OnceLock<Recording>,
    facts: OnceLock<Facts>,
    tracked: OnceLock<Option<Result<Vec<String>, GitError>>>,
    reproduction: OnceLock<RunId>,
    search_path: OnceLock<Option<OsString>>,
    teller: Arc<Teller>,
    /// Metrics files that were said not to parse: each is read several times.
    unreadable: Mutex<BTreeSet<ProjectPath>>,
    /// Stages at work, by name, so that `finish` knows the run that `prepare` made.
    open: Mutex<IndexMap<String, RunId>>,
    #[cfg(feature = "serve")]
    scripts: scripts::Scripts,
}

/// Where runs are written.
struct Recording {
    /// Unless it is away: then what is written waits in the spool.
    store: Option<Arc<SqliteStore>>,
    /// Whether it took nothing when it was opened.
    #[cfg(feature = "serve")]
    is_behind: bool,
    writer: Mutex<Writer>,
}

/// What is the same for every run of this process.
#[derive(Clone, Debug, Default)]
struct Facts {
    commit: Option<String>,
    dirty: Option<bool>,
}

impl<'a> Recorder<'a> {
    /// A recorder for one reproduction, started by `command`.
    pub fn new(project: &'a Project, workspace: &'a Workspace, printer: Printer, command: String) -> Self {
        Recorder {
            project,
            workspace,
            printer,
            command,
            started: Timestamp::now(),
            recording: OnceLock::new(),
            facts: OnceLock::new(),
            tracked: OnceLock::new(),
            reproduction: OnceLock::new(),
            search_path: OnceLock::new(),
            teller: Arc::new(Teller::new(printer, "this reproduction")),
            unreadable: Mutex::new(BTreeSet::new()),
            open: Mutex::new(IndexMap::new()),
            #[cfg(feature = "serve")]
            scripts: scripts::Scripts::default(),
        }
    }

    /// The run of the reproduction, when one was recorded.
    pub fn run(&self) -> Option<RunId> {
        self.reproduction.get().copied()
    }

    /// Ends the run of the reproduction, if there is one.
    pub fn close(&self, driven: Result<&Summary, &LedgerError>) {
        let Some(run) = self.run() else { return };
        let mut changes = Vec::new();
        let status = match driven {
            Ok(summary) if summary.interrupted => RunStatus::Killed,
            Ok(summary) if summary.failed.is_empty() => RunStatus::Finished,
            Ok(_) => RunStatus::Failed,
            Err(fault) => {
                let why = format!("its results could not be recorded: {}", with_causes(fault));
                changes.push(Change::SetTags { run, tags: vec![tag(tags::FAILURE, &why)] });
                RunStatus::Failed
            }
        };
        let end_time = Some(Timestamp::now());
        changes.push(Change::UpdateRun { run, status: Some(status), end_time, name: None });
        self.apply(changes);
        #[cfg(feature = "serve")]
        self.settle_scripts();
        self.writer().end();
        #[cfg(feature = "serve")]
        self.end_of_scripts();
        self.teller.tell_rest();
        spool::tell_outcome(self.project, self.store().map(|store| &**store), self.printer);
    }

    fn recording(&self) -> &Recording {
        self.recording.get_or_init(|| {
            let (teller, artifacts) = (self.teller.clone(), self.project.pipe_path("artifacts"));
            let written = move |logs: &[PathBuf]| {
                // Once the store has them, the log files themselves are no longer needed.
                for log in logs.iter().filter(|_| !teller.has_told()) {
                    let _ = disk::remove(log);
                    disk::remove_empty_folders(log.parent().unwrap_or(log), &artifacts);
                }
            };
            self.project.tell_new_store(self.printer);
            let opened = self.project.store_to_record();
            self.project.tell_replaced_log(self.printer);
            let store = opened.as_ref().ok().map(|(store, _)| store.clone());
            #[cfg(feature = "serve")]
            let is_behind = !matches!(opened, Ok((_, None)));
            reserve::make(&self.project.spool_folder());
            let writer = Writer::start(opened, self.project.spool_folder(), self.teller.clone(), written);
            Recording {
                store,
                #[cfg(feature = "serve")]
                is_behind,
                writer: Mutex::new(writer),
            }
        })
    }

    /// The store; `None` when it is away.
    fn store(&self) -> Option<&Arc<SqliteStore>> {
        self.recording().store.as_ref()
    }

    /// The thread that writes to it.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.recording().writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn apply(&self, changes: Vec<Change>) {
        self.write(Batch { changes, logs: Vec::new() });
    }

    fn write(&self, batch: Batch) {
        self.writer().write(batch);
    }

    fn facts(&self) -> &Facts {
        self.facts.get_or_init(|| {
            let git = self.project.git();
            Facts {
                commit: git.as_ref().and_then(Git::head),
                dirty: git.as_ref().and_then(|git| git.is_dirty().ok()),
            }
        })
    }

    fn common_tags(&self, kind: &str) -> Vec<Tag> {
        common_tags(kind, self.facts().commit.as_deref(), self.facts().dirty)
    }

    /// The run of the reproduction, made when the first stage needs it.
    fn ensure_reproduction(&self) -> RunId {
        *self.reproduction.get_or_init(|| {
            let run = new_run_id();
            let mut tags = self.common_tags("repro");
            tags.push(tag(tags::COMMAND, &self.command));
            let new = NewRun {
                user: environment::user(),
                lease: Some(Lease::current()),
                name: Some("repro".to_owned()),
                ..NewRun::new(run, self.started)
            };
            self.apply(vec![Change::CreateRun(new), Change::SetTags { run, tags }]);
            run
        })
    }

    /// Makes the run of a stage, in the experiment that the pipeline file says, unless in one that is known better.
    fn create_stage_run(&self, job: &Job<'_>, experiment: Option<String>, more: Vec<Tag>) -> RunId {
        let parent = self.ensure_reproduction();
        let run = new_run_id();
        let name = job.stage.address.spelled();
        let told = &job.stage.tracking;
        let experiment = experiment.or_else(|| told.experiment.clone());
        // What is said of it stands back where it bears the name of one of ours.
        let mut tags: Vec<Tag> = told.tags.iter().map(|(key, value)| tag(key, value)).collect();
        tags.retain(|tag| match track::check_key("tag", &tag.key) {
            Ok(()) => true,
            Err(fault) => {
                self.printer.warn(format_args!("the run of stage {name} does not get a tag: {fault}"));
                false
            }
        });
        tags.extend(self.common_tags("stage"));
        let reasons: Vec<String> = job.reasons.iter().map(ToString::to_string).collect();
        tags.extend([
            tag(tags::STAGE, &name),
            tag(tags::COMMAND, &job.stage.command.to_string()),
            tag(tags::KEY, &job.key.0.to_string()),
            tag(tags::REASONS, &reasons.join("; ")),
        ]);
        tags.extend(job.inputs.env.iter().map(|(name, state)| {
            let value = match (&state.plain, &state.digest) {
                (Some(plain), _) => plain.clone(),
                (None, Some(digest)) => digest.to_string(),
                (None, None) => String::new(),
            };
            tag(&format!("{}{name}", tags::ENV), &value)
        }));
        tags.extend(more);
        let new = NewRun {
            parent: Some(parent),
            user: environment::user(),
            lease: Some(Lease::current()),
            name: Some(told.name.clone().unwrap_or(name)),
            experiment: experiment.clone().map_or_else(ExperimentRef::default, ExperimentRef::Name),
            ..NewRun::new(run, job.started)
        };
        let mut inputs = lineage(&job.inputs.deps, ProjectPath::spelled);
        inputs.extend(lineage(&job.inputs.special, |name| &name.text));
        let experiment = experiment.map(|name| Change::CreateExperiment { name, if_absent: true });
        let mut changes: Vec<Change> = experiment.into_iter().collect();
        changes.extend([
            Change::CreateRun(new),
            Change::SetTags { run, tags },
            Change::LogParams { run, params: params_of(&job.inputs.params) },
            Change::LogInputs { run, files: inputs },
        ]);
        self.apply(changes);
        run
    }

    /// The changes that tell what a stage wrote, its metrics files among it; `logged` was logged when it was made.
    fn result_changes(
        &self,
        run: RunId,
        stage: &Stage,
        outs: &OutStates,
        mut logged: Vec<Metric>,
    ) -> Vec<Change> {
        let now = Timestamp::now();
        let mut metrics: Vec<Metric> = self
            .metrics_of(stage)
            .into_iter()
            .flat_map(|(_, values)| numbers(values))
            .map(|(key, value)| Metric { key, value, step: 0, timestamp: now })
            .collect();
        if !metrics.is_empty() {
            // What the command logged itself, with its history, stands.
            let mut known = self.store().and_then(|store| store.metric_keys(run).ok()).unwrap_or_default();
            known.extend(logged.iter().map(|metric| metric.key.clone()));
            metrics.retain(|metric| !known.contains(&metric.key));
        }
        metrics.append(&mut logged);
        vec![
            Change::LogMetrics { run, metrics },
            Change::LogOutputs { run, files: lineage(outs, ProjectPath::spelled) },
        ]
    }

    /// The values in a stage's metrics files as they are in the workspace, flattened to dotted keys; of a file
    /// that is one number, its path is the key. A file that cannot be read has none, and a warning says why.
    fn metrics_of(&self, stage: &Stage) -> IndexMap<ProjectPath, IndexMap<String, Value>> {
        let mut metrics = IndexMap::new();
        for out in stage.outs.iter().filter(|out| out.kind == OutKind::Metrics) {
            match read_metrics(self.workspace, &out.path, self.project.dialect) {
                Ok(Some(value)) => {
                    let values = match value {
                        number @ (Value::Int(_) | Value::Big(_) | Value::Float(_)) => {
                            IndexMap::from([(out.path.spelled().to_owned(), number)])
                        }
                        value => report::flatten(&value),
                    };
                    metrics.insert(out.path.clone(), values);
                }
                Ok(None) => {}
                Err(fault) => {
                    let mut told = self.unreadable.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    if told.insert(out.path.clone()) {
                        self.printer
                            .warn(format_args!("the metrics of {} are not recorded: {fault}", stage.address));
                    }
                }
            }
        }
        metrics
    }

    /// Copies the logs of a run into the cache, where equal ones are one; tells the files too.
    fn store_logs(&self, run: RunId) -> Option<(Change, Vec<PathBuf>)> {
        let folder = self.project.run_folder(run);
        let (mut artifacts, mut logs) = (Vec::new(), Vec::new());
        for name in ["stdout.log", "stderr.log"] {
            let log = folder.join(name);
            let Ok(Some(bytes)) = disk::read_optional(&log) else { continue };
            // What the stage itself has logged in a folder of that name stands; the log stays a file.
            let owner = ArtifactOwner::Run(run);
            let inside = self.store().and_then(|store| store.artifact_folder(&owner, name).ok());
            if inside.is_some_and(|inside| !inside.is_empty()) {
                continue;
            }
            logs.push(log);
            if !bytes.is_empty() {
                let stored = reserve::beside(|| self.workspace.blobs.store_bytes(&bytes));
                let Ok(digest) = stored else { return None };
                artifacts.push(Artifact { path: name.to_owned(), digest, size: bytes.len() as u64 });
            }
        }
        Some((Change::LogArtifacts { run, artifacts }, logs))
    }

    fn search_path(&self) -> Option<OsString> {
        self.search_path.get_or_init(|| variables::search_path_with_this_binary(self.project)).clone()
    }

    fn take_open(&self, stage: &Stage) -> Option<RunId> {
        let mut open = self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        open.shift_remove(&stage.address.spelled())
    }
}

impl Host for Recorder<'_> {
    fn permit(&self, stage: &Stage) -> Result<(), String> {
        let is_empty = match &stage.command {
            pipeline::Command::Script(script) => script.is_empty(),
            pipeline::Command::List(scripts) => scripts.is_empty(),
            pipeline::Command::None => false,
        };
        if is_empty {
            return Err(format!("its command in {} is empty", stage.address.file));
        }
        // Asked before anything is written: outs that git tracks must not make their own run dirty.
        self.facts();
        let tracked = match self.tracked.get_or_init(|| Some(self.project.git()?.tracked())) {
            Some(Ok(tracked)) => tracked,
            // Without git nothing can be said to be tracked by it.
            None | Some(Err(GitError::Start(_))) => return Ok(()),
            Some(Err(fault)) => return Err(format!("failed to ask git which files it tracks: {fault}")),
        };
        tracked::refusal(tracked, stage).map_or(Ok(()), Err)
    }

    fn in_reserve(&self, write: &mut dyn FnMut()) {
        reserve::within(&self.project.spool_folder(), write);
    }

    fn prepare(&self, job: &Job<'_>) -> JobEnv {
        let run = self.create_stage_run(job, None, Vec::new());
        // Perhaps a stage before it took what was set aside, and there is room again.
        reserve::make(&self.project.spool_folder());
        let folder = self.project.run_folder(run);
        let mut open = self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        open.insert(job.stage.address.spelled(), run);
        drop(open);
        let variables = variables::of_stage(self.project, job.stage, run, self.search_path());
        let env = JobEnv { run: Some(run.to_string()), folder, variables, cleared: Vec::new() };
        #[cfg(feature = "serve")]
        if let Some(found) = self.open_door(job.stage, run) {
            let scripts::Surroundings { set, cleared } = found;
            return JobEnv { variables: env.variables.into_iter().chain(set).collect(), cleared, ..env };
        }
        env
    }

    fn annotate(&self, stage: &Stage, entry: &mut StageEntry) {
        entry.maker.git_revision.clone_from(&self.facts().commit);
        entry.maker.user = environment::user();
        for (file, values) in self.metrics_of(stage) {
            entry.metrics.insert(file, values);
        }
    }

    fn finish(
        &self,
        job: &Job<'_>,
        env: Option<&JobEnv>,
        outcome: Result<&Outcome, &Failure>,
        partial: Option<&PathBuf>,
    ) {
        let mut origin = None;
        let run = match (env, outcome) {
            (Some(_), _) => self.take_open(job.stage),
            (None, Ok(Outcome::Restored { source, outs })) => {
                let from = self.origin_of(job, source, outs);
                origin = self.recorded_origin(&from);
                let experiment = origin.as_ref().and_then(|origin| origin.script.as_ref());
                let experiment = experiment.map(|script| script.info.experiment_name.clone());
                Some(self.create_stage_run(job, experiment, vec![tag(tags::RESTORED_FROM, &from)]))
            }
            (None, _) => None,
        };
        let Some(run) = run else { return };
        let mut changes = Vec::new();
        let logged = restored::last_metrics(origin.as_ref());
        changes.extend(origin.as_ref().map(|origin| restored::logged_params(run, job, origin)));
        let mut more = Vec::new();
        let status = match outcome {
            Ok(outcome) => {
                if let Outcome::Ran { duration, .. } = outcome {
                    more.extend([
                        tag(tags::EXIT_CODE, "0"),
                        tag(tags::DURATION, &duration.as_millis().to_string()),
                    ]);
                }
                if let Outcome::Ran { outs, .. } | Outcome::Restored { outs, .. } = outcome {
                    changes.extend(self.result_changes(run, job.stage, outs, logged));
                }
                RunStatus::Finished
            }
            Err(failure) => {
                more.push(tag(tags::FAILURE, &with_causes(failure)));
                more.extend(exit_tag(failure));
                let shown = partial.map(|path| path.strip_prefix(&self.project.root).unwrap_or(path));
                more.extend(shown.map(|path| tag(tags::PARTIAL, &path.display().to_string())));
                if matches!(failure, Failure::Interrupted { .. }) {
                    RunStatus::Killed
                } else {
                    RunStatus::Failed
                }
            }
        };
        #[cfg(feature = "serve")]
        changes.extend(self.close_door(job.stage, run, status));
        let (logged, logs) = self.store_logs(run).unzip();
        changes.extend(logged);
        changes.push(Change::SetTags { run, tags: more });
        let end_time = Some(Timestamp::now());
        changes.push(Change::UpdateRun { run, status: Some(status), end_time, name: None });
        self.write(Batch { changes, logs: logs.unwrap_or_default() });
    }
}

fn exit_tag(failure: &Failure) -> Option<Tag> {
    let exit = match failure {
        Failure::Command { exit, .. } => *exit,
        Failure::OutsMissing { .. } => Exit::Code(0),
        Failure::Interrupted { exit } => (*exit)?,
        _ => return None,
    };
    Some(match exit {
        Exit::Code(code) => tag(tags::EXIT_CODE, &code.to_string()),
        Exit::Signal(signal) => tag(tags::SIGNAL, &signal.to_string()),
        Exit::TimedOut => return None,
    })
}

/// Tags that every run has, whoever made it.
pub fn common_tags(kind: &str, commit: Option<&str>, dirty: Option<bool>) -> Vec<Tag> {
    let mut tags = vec![
        tag(tags::KIND, kind),
        tag(tags::HOST, &disk::Holder::current().host),
        tag(tags::VERSION, env!("CARGO_PKG_VERSION")),
    ];
    tags.extend(commit.map(|commit| tag(tags::GIT_COMMIT, commit)));
    // What is in no commit yet differs from all.
    let dirty = dirty.map(|dirty| dirty || commit.is_none());
    tags.extend(dirty.map(|dirty| tag(tags::GIT_DIRTY, if dirty { "true" } else { "false" })));
    tags
}

/// A tag whose value is cut to the store's limit: a long command is still recorded.
pub fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: track::fit_tag_value(value) }
}

/// A new id for a run of this moment.
pub fn new_run_id() -> RunId {
    RunId::new(Timestamp::now(), &mut rand::make_rng::<rand::rngs::StdRng>())
}

/// Params as the store keeps them: those of `params.yaml` by their key, others with their file before it.
/// Of a map each leaf is one, so that a filter finds it; a list is one value.
pub fn params_of(values: &pipeline::ParamValues) -> Vec<Param> {
    // A stage may name a map and a key in it.
    let mut params: IndexMap<String, String> = IndexMap::new();
    for (file, values) in values {
        for (key, value) in values {
            let key =
                if file.as_str() == PARAMS_FILE { key.clone() } else { format!("{}:{key}", file.spelled()) };
            for (below, leaf) in report::flatten(value) {
                let key = if below.is_empty() { key.clone() } else { format!("{key}.{below}") };
                let value = track::fit_param_value(&leaf.to_string());
                params.entry(legal_key(&key)).or_insert(value);
            }
        }
    }
    params.into_iter().map(|(key, value)| Param { key, value }).collect()
}

/// The key with each character that the store does not take replaced by `_`.
fn legal_key(key: &str) -> String {
    let legal = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | ':' | '/');
    key.chars().map(|c| if legal(c) { c } else { '_' }).take(track::MAX_KEY).collect()
}

/// Files and folders by path, and other inputs by what the pipeline file calls them.
fn lineage<Name>(files: &[(Name, FileState)], spelled: impl Fn(&Name) -> &str) -> Vec<LineageFile> {
    files
        .iter()
        .map(|(path, state)| LineageFile {
            path: spelled(path).to_owned(),
            digest: state.digest,
            size: state.size,
        })
        .collect()
}

/// What a metrics file holds; nothing when it is not there.
fn read_metrics(
    workspace: &Workspace,
    path: &ProjectPath,
    dialect: Dialect,
) -> Result<Option<Value>, String> {
    let text = disk::read_text_optional(&workspace.os_path(path))
        .map_err(|fault| format!("{fault}: {}", fault.source))?;
    let Some(text) = text else { return Ok(None) };
    match pipeline::params::parse_any(path, &text, dialect).map_err(|fault| fault.to_string())? {
        value @ (Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Map(_) | Value::Null) => {
            Ok(Some(value))
        }
        value @ (Value::List(_) | Value::Str(_) | Value::Bool(_)) => {
            Err(format!("{path}: expected a map of metrics or one number, found {}", value.type_name()))
        }
        // With keys that are no texts.
        _ => {
            let value = pipeline::params::parse(path, &text, dialect);
            value.map(Some).map_err(|fault| fault.to_string())
        }
    }
}

/// The numbers among a metrics file's values, under keys that the store takes.
fn numbers(values: IndexMap<String, Value>) -> Vec<(String, f64)> {
    values.into_iter().filter_map(|(key, value)| Some((legal_key(&key), value.as_f64()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_recorded_leaf_by_leaf() {
        let value: Value =
            serde_json::from_str(r#"{"lr": 0.1, "net": {"sizes": [1, 2]}, "none": {}}"#).unwrap();
        let file = |name: &str| ProjectPath::from_record(name).unwrap();
        let keys = IndexMap::from([("train".to_owned(), value), ("train.lr".to_owned(), Value::from(0.1))]);
        let mut values = pipeline::ParamValues::new();
        values.insert(file("params.yaml").into(), keys.clone());
        values.insert(file("other.toml").into(), keys);
        let params: Vec<String> =
            params_of(&values).iter().map(|param| format!("{}={}", param.key, param.value)).collect();
        let expected = ["train.lr=0.1", "train.net.sizes=[1,2]", "train.none={}"];
        for text in expected {
            assert!(
                params.contains(&text.to_owned()) && params.contains(&format!("other.toml:{text}")),
                "{params:?}"
            );
        }
        assert_eq!(params.len(), 6, "{params:?}");
    }

    #[test]
    fn keys_are_made_legal() {
        assert_eq!(legal_key("a[0].b=c"), "a_0_.b_c");
    }
}
