//! Records a training: in the run of the stage that started it, or in a run of its own.
//!
//! The training's thread only hands over what happened; a thread of its own writes to the store in batches,
//! so that logging never slows a step. Points are left where that thread looks from time to time, so that it
//! is not woken for each of them. A store that is away is a warning, never a failed training: what is logged waits in the
//! spool then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use base::{Timestamp, Value};
use cache::Blobs;
use learn::{Dataset, OutputPaths, TrainConfig, TrainEvent, TrainOutcome};
use track::{
    Applied, Artifact, Change, Changes, ExperimentId, ExperimentRef, Lease, LineageFile, LoggedModelChange,
    Metric, ModelId, ModelOutput, ModelStatus, NewLoggedModel, NewRun, NewVersion, Param, RunId, RunStatus,
    StoreError, Tag,
};

use crate::cli::command_line;
use crate::environment;
use crate::error::{CliError, CliResult, with_causes};
use crate::git::Git;
use crate::logging::{await_run, now};
use crate::mlmodel::{self, Identity};
use crate::pen::{Pen, Teller, keep};
use crate::project::Project;
use crate::recorder::{common_tags, new_run_id, tag, tags};
use crate::registration::{RuleArgs, registration};
use crate::ui::Printer;

/// How long a point may wait before it is in the store, where others can see it.
const FLUSH_EVERY: Duration = Duration::from_millis(500);

/// How many points wait in memory while the store is waited for; after that they go to the spool.
const MOST_POINTS: usize = 65_536;

/// The recording of one training.
pub struct TrainingRun {
    writer: Option<(Sender<Message>, JoinHandle<()>)>,
    /// Points that the writer has not taken yet.
    points: Points,
    /// Where they go when they are too many.
    spool: PathBuf,
    teller: Arc<Teller>,
    run: RunId,
    /// Whether the run is of this training alone, and is ended by it.
    own: bool,
    experiment: ExperimentId,
    /// The run's tags as it began.
    tags: BTreeMap<String, String>,
    blobs: Option<Blobs>,
    transitions: Mutex<BTreeMap<String, String>>,
    printer: Printer,
}

type Points = Arc<Mutex<Vec<Metric>>>;

/// What the writer is woken for.
enum Message {
    Change(Vec<Change>),
    /// Changes that happen by themselves, whether they may wait in the spool, and what came of them.
    Ask(Changes, bool, Sender<Result<Applied, Arc<StoreError>>>),
}

/// What a warning calls it.
const WHAT: &str = "this training";

/// The name of the model that a training logs, and of its folder among the run's artifacts.
const MODEL: &str = "model";

/// A version of a registered model that a training makes of its model.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The registered model.
    pub name: String,
    /// What must hold of the run.
    pub rule: RuleArgs,
}

impl Registration {
    /// Refuses what could never be registered, before anything is trained.
    ///
    /// # Errors
    /// When the name or the condition is against the rules.
    pub fn check(&self) -> CliResult {
        track::check_registered_name(&self.name)?;
        self.rule.preconditions(&self.name, &|_| new_run_id(), &BTreeMap::new()).map(drop)
    }
}

impl TrainingRun {
    /// Starts recording, in the run that the environment names or in a new one.
    pub fn start(config: &TrainConfig, data: &Path, printer: Printer) -> Self {
        match TrainingRun::open(config, data, printer) {
            Ok(run) => run,
            Err(fault) => {
                printer.warn(format_args!("this training is not tracked: {fault}"));
                TrainingRun {
                    writer: None,
                    points: Points::default(),
                    spool: PathBuf::new(),
                    teller: Arc::new(Teller::new(printer, WHAT)),
                    run: new_run_id(),
                    own: false,
                    experiment: ExperimentId::DEFAULT,
                    tags: BTreeMap::new(),
                    blobs: None,
                    transitions: Mutex::default(),
                    printer,
                }
            }
        }
    }

    fn open(config: &TrainConfig, data: &Path, printer: Printer) -> Result<Self, String> {
        let enclosing = environment::enclosing_run().and_then(|(root, run)| {
            Some((
                Project::at(&root, &root).and_then(Project::with_settings).ok()?,
                run.parse::<RunId>().ok()?,
            ))
        });
        let (project, run, own) = match enclosing {
            Some((project, run)) => (project, run, false),
            None => {
                let project = Project::find().map_err(|fault| told(&fault))?;
                project.make_pipe_folder().map_err(|fault| told(&fault))?;
                project.prepare_cache().map_err(|fault| format!("{fault}: {}", fault.source))?;
                (project, new_run_id(), true)
            }
        };
        // Git takes longer than all else here, and the training need not wait for it.
        let (git, start) = (project.git(), Timestamp::now());
        let state = own.then(|| std::thread::spawn(move || git_tags(git.as_ref())));
        // A stage was begun in a store that was there, and may come back.
        let missing = if own { None } else { project.missing_store() };
        if own {
            project.tell_new_store(printer);
        }
        let mut opened = missing.map_or_else(|| project.store_to_record(), Err);
        let (spool, teller) = (project.spool_folder(), Arc::new(Teller::new(printer, WHAT)));
        let mut known = None;
        if !own && let Ok((store, behind)) = &mut opened {
            match await_run(store, &spool, run) {
                Ok(found) => known = Some(found),
                // What keeps its run from the store keeps what is logged from it.
                Err(fault @ StoreError::Busy { .. }) => *behind = Some(fault),
                Err(fault) => opened = Err(fault),
            }
        }
        let mut pen = Pen::new(opened, spool.clone(), teller.clone()).prompt();
        if own {
            let mut changes: Vec<Change> = create_own(run, start).into();
            changes.push(Change::LogInputs { run, files: lineage(&project, data).into_iter().collect() });
            pen.write(&changes);
        }
        // What the stage declared as params is recorded already, spelled as the params file spells it. Where that is not
        // known, one that is spelled differently must not keep the others from it.
        let mut params = params(config);
        params.retain(|param| known.as_ref().is_none_or(|run| !run.data.params.contains_key(&param.key)));
        let at_once = if own || known.is_some() { params.len().max(1) } else { 1 };
        for params in params.chunks(at_once) {
            pen.write(&[Change::LogParams { run, params: params.to_vec() }]);
        }
        let (tags, experiment) =
            known.map_or_else(Default::default, |run| (run.data.tags, run.info.experiment));
        let (sender, receiver) = channel();
        let points = Points::default();
        let awaited = points.clone();
        let handle = std::thread::spawn(move || {
            let tags = state.and_then(|state| state.join().ok());
            let first = tags.map(|tags| Change::SetTags { run, tags });
            write((pen, run), first, &awaited, &receiver);
        });
        let blobs = Some(project.blobs());
        Ok(TrainingRun {
            writer: Some((sender, handle)),
            points,
            spool,
            teller,
            run,
            own,
            experiment,
            tags,
            blobs,
            transitions: Mutex::default(),
            printer,
        })
    }

    fn send(&self, message: Message) {
        if let Some((sender, _)) = &self.writer {
            let _ = sender.send(message);
        }
    }

    fn metrics(&self, metrics: Vec<Metric>) {
        if self.writer.is_none() {
            return;
        }
        let mut points = locked(&self.points);
        points.extend(metrics);
        if points.len() < MOST_POINTS {
            return;
        }
        // The writer waits for the store.
        let metrics = std::mem::take(&mut *points);
        drop(points);
        if let Err(why) = keep(&self.spool, vec![Change::LogMetrics { run: self.run, metrics }]) {
            self.teller.lose(&why);
        }
    }

    /// Records what happened at `now`.
    pub fn event(&self, event: &TrainEvent, now: Timestamp) {
        let run = self.run;
        self.metrics(metrics_of(event, now));
        match event {
            TrainEvent::Phase { to, .. } => {
                self.send(Message::Change(vec![Change::SetTags {
                    run,
                    tags: vec![tag("phase", to.name())],
                }]));
            }
            TrainEvent::SeedTransition { seed, from, to, epoch, step } => {
                let mut transitions = locked(&self.transitions);
                let text = transitions.entry(seed.to_string()).or_default();
                text.push_str(&format!("epoch {epoch} step {step}: {from} -> {to}\n"));
                let tags = vec![tag(&format!("seed/{seed}/state"), to.name())];
                self.send(Message::Change(vec![Change::SetTags { run, tags }]));
            }
            _ => {}
        }
    }

    /// Records what the training came to, and the files it wrote.
    pub fn results(&self, outcome: &TrainOutcome, paths: &OutputPaths) {
        let (run, now) = (self.run, Timestamp::now());
        let final_metrics = &outcome.metrics;
        let step = i64::try_from(final_metrics.total_steps).unwrap_or(i64::MAX);
        let point = |key: &str, value: f64| Metric { key: key.to_owned(), value, step, timestamp: now };
        let mut metrics = vec![
            point("total_seeds", final_metrics.total_seeds as f64),
            point("active_seeds", final_metrics.active_seeds as f64),
        ];
        metrics.extend(final_metrics.best_acc.map(|value| point("final_best_acc", value)));
        metrics.extend(final_metrics.accuracy_dip.map(|value| point("accuracy_dip", value)));
        metrics.extend(final_metrics.recovery_time.map(|value| point("recovery_time", value as f64)));
        self.metrics(metrics);
        let activated = if final_metrics.seeds_activated { "True" } else { "False" };
        let mut changes = vec![Change::SetTags { run, tags: vec![tag("seeds_activated", activated)] }];
        if self.own {
            let files = [&paths.model, &paths.metrics, &paths.history, &paths.seeds, &paths.events];
            changes.push(self.artifacts(files.into_iter().cloned()));
        }
        self.send(Message::Change(changes));
    }

    /// Logs the trained network as a model of the run, and makes a version of a registered model of it where that is
    /// asked for and its rule holds. A model that cannot be logged is a warning.
    pub fn model(
        &self,
        outcome: &TrainOutcome,
        config: &TrainConfig,
        data: &Dataset,
        to: Option<&Registration>,
    ) {
        let logged = self.log_model(outcome, config, data);
        match (logged, to) {
            (Ok(None), Some(to)) => {
                self.printer
                    .warn(format_args!("no version of `{}` is made: this training is not tracked", to.name));
            }
            (Ok(None | Some(_)), None) => {}
            (Ok(Some((model, artifacts))), Some(to)) => self.register(to, model, artifacts),
            (Err(fault), _) => self.printer.warn(format_args!("the model is not logged: {fault}")),
        }
    }

    fn log_model(
        &self,
        outcome: &TrainOutcome,
        config: &TrainConfig,
        data: &Dataset,
    ) -> Result<Option<(ModelId, Vec<Artifact>)>, String> {
        let (Some(blobs), run) = (&self.blobs, self.run) else { return Ok(None) };
        let made = Timestamp::now();
        let model = ModelId::new(made, &mut rand::make_rng::<rand::rngs::StdRng>());
        let identity = Identity { model, run, experiment: self.experiment, made };
        let mut artifacts = Vec::new();
        for (name, bytes) in mlmodel::files(&identity, &outcome.model, data) {
            let digest = blobs.store_bytes(&bytes).map_err(|fault| format!("{name}: {fault}"))?;
            artifacts.push(Artifact { path: name.to_owned(), digest, size: bytes.len() as u64 });
        }
        let step = i64::try_from(outcome.metrics.total_steps).unwrap_or(i64::MAX);
        let new = NewLoggedModel {
            id: model,
            experiment: ExperimentRef::Id(self.experiment),
            name: Some(MODEL.to_owned()),
            model_type: None,
            run: Some(run),
            params: params(config),
            tags: Vec::new(),
        };
        // Clients before MLflow 3 know a model as a folder of its run; its bytes are there once.
        let in_run =
            artifacts.iter().map(|file| Artifact { path: format!("{MODEL}/{}", file.path), ..file.clone() });
        let metrics = model_metrics(outcome, step, made);
        let changes = vec![
            Change::LoggedModel(LoggedModelChange::Create(new)),
            Change::LoggedModel(LoggedModelChange::LogArtifacts { model, artifacts: artifacts.clone() }),
            Change::LoggedModel(LoggedModelChange::LogMetrics {
                model,
                run: Some(run),
                dataset: None,
                metrics,
            }),
            Change::LoggedModel(LoggedModelChange::SetStatus {
                model,
                status: ModelStatus::Ready,
                message: None,
            }),
            Change::LogModelOutputs { run, models: vec![ModelOutput { model, step }] },
            Change::LogArtifacts { run, artifacts: in_run.collect() },
        ];
        self.ask(now(changes), true).map_err(|fault| with_causes(&*fault))?;
        Ok(Some((model, artifacts)))
    }

    /// Makes a version, if the run is good enough in that moment.
    fn register(&self, to: &Registration, model: ModelId, artifacts: Vec<Artifact>) {
        let name = &to.name;
        let version = NewVersion {
            model: name.clone(),
            source: format!("models:/{model}"),
            run: Some(self.run),
            logged_model: Some(model),
            user: environment::user(),
            status: ModelStatus::Ready,
            artifacts,
            aliases: to.rule.alias.clone(),
            ..NewVersion::default()
        };
        // Its condition was read before the training.
        let preconditions = to.rule.preconditions(name, &|_| self.run, &self.tags).unwrap_or_default();
        match self.ask(Changes { preconditions, ..now(registration(version).into()) }, false) {
            Ok(applied) => {
                let number = applied.versions.first().copied().unwrap_or_default();
                let aliases: String = to.rule.alias.iter().map(|alias| format!(", {name}@{alias}")).collect();
                self.printer.say(format_args!("Registered {name}/{number}{aliases}."));
            }
            Err(fault) if matches!(*fault, StoreError::Precondition { .. }) => {
                self.printer.say(format_args!("No version of `{name}` was made: {fault}."));
            }
            Err(fault) => {
                self.printer.warn(format_args!("no version of `{name}` is made: {}", with_causes(&*fault)));
            }
        }
    }

    /// Has changes applied after all that was sent before.
    fn ask(&self, changes: Changes, may_wait: bool) -> Result<Applied, Arc<StoreError>> {
        let (answer, answered) = channel();
        self.send(Message::Ask(changes, may_wait, answer));
        answered.recv().unwrap_or_else(|_| Ok(Applied::default()))
    }

    /// Stores files in the cache and names them as artifacts of the run.
    fn artifacts(&self, files: impl Iterator<Item = PathBuf>) -> Change {
        let mut artifacts = Vec::new();
        for file in files {
            let (Some(blobs), Ok(Some(bytes))) = (&self.blobs, disk::read_optional(&file)) else { continue };
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            match blobs.store_bytes(&bytes) {
                Ok(digest) => artifacts.push(Artifact { path: name, digest, size: bytes.len() as u64 }),
                Err(fault) => self.printer.warn(format_args!("{name} is not recorded: {fault}")),
            }
        }
        Change::LogArtifacts { run: self.run, artifacts }
    }

    /// Ends the recording: writes what is left, and ends the run when it is this training's own.
    pub fn end(mut self, status: RunStatus, logs: &[PathBuf]) {
        let run = self.run;
        let mut changes = vec![self.artifacts(logs.iter().cloned())];
        let transitions = std::mem::take(self.transitions.get_mut().unwrap_or_else(PoisonError::into_inner));
        let mut artifacts = Vec::new();
        for (seed, text) in transitions {
            if let Some(Ok(digest)) = self.blobs.as_ref().map(|blobs| blobs.store_bytes(text.as_bytes())) {
                artifacts.push(Artifact {
                    path: format!("seed_{seed}_transitions.txt"),
                    digest,
                    size: text.len() as u64,
                });
            }
        }
        changes.push(Change::LogArtifacts { run, artifacts });
        if self.own {
            changes.push(Change::UpdateRun {
                run,
                status: Some(status),
                end_time: Some(Timestamp::now()),
                name: None,
            });
        }
        self.send(Message::Change(changes));
        if let Some((sender, handle)) = self.writer.take() {
            drop(sender);
            let _ = handle.join();
        }
    }
}

/// What went wrong, in one line.
fn told(fault: &CliError) -> String {
    fault.source.as_ref().map_or_else(|| "nobody said why".to_owned(), |source| with_causes(&**source))
}

/// What is shared holds whole values only, also when a thread died.
fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What git says of the code, with what every run says of itself.
fn git_tags(git: Option<&Git>) -> Vec<Tag> {
    let commit = git.and_then(Git::head);
    let dirty = git.and_then(|git| git.is_dirty().ok());
    common_tags("train", commit.as_deref(), dirty)
}

fn create_own(run: RunId, start: Timestamp) -> [Change; 2] {
    let mut tags = common_tags("train", None, None);
    tags.push(tag(tags::COMMAND, &command_line()));
    let new = NewRun {
        user: environment::user(),
        lease: Some(Lease::current()),
        name: Some("train".to_owned()),
        ..NewRun::new(run, start)
    };
    [Change::CreateRun(new), Change::SetTags { run, tags }]
}

/// The data set as an input; `None` when it cannot be hashed, which the training itself will tell.
fn lineage(project: &Project, data: &Path) -> Option<LineageFile> {
    let (digest, stamp) = cache::hash_file(data).ok()?;
    let path = std::path::absolute(data).ok()?;
    let path = path.strip_prefix(&project.root).map(Path::to_path_buf).unwrap_or(path);
    Some(LineageFile { path: path.to_string_lossy().into_owned(), digest, size: stamp.size })
}

fn params(config: &TrainConfig) -> Vec<Param> {
    let values = serde_json::to_value(config).expect("a configuration is plain data");
    let values: Value = serde_json::from_value(values).expect("JSON is a value");
    let entries = values.as_map().into_iter().flatten().filter(|(_, value)| **value != Value::Null);
    entries.map(|(key, value)| Param { key: key.clone(), value: value.to_string() }).collect()
}

/// What the finished training says of its model.
fn model_metrics(outcome: &TrainOutcome, step: i64, timestamp: Timestamp) -> Vec<Metric> {
    let found = &outcome.metrics;
    let values = [
        ("val_acc", found.val_acc_last),
        ("val_loss", found.val_loss_last),
        ("train_loss", found.train_loss_last),
        ("best_acc", found.best_acc),
    ];
    let points = values
        .into_iter()
        .filter_map(|(key, value)| Some(Metric { key: key.to_owned(), value: value?, step, timestamp }));
    points.collect()
}

/// The points in an event. Series per epoch have the epoch as their step, those per step the step.
fn metrics_of(event: &TrainEvent, timestamp: Timestamp) -> Vec<Metric> {
    let point = |key: &str, step: usize, value: f64| Metric {
        key: key.to_owned(),
        value,
        step: i64::try_from(step).unwrap_or(i64::MAX),
        timestamp,
    };
    match event {
        TrainEvent::Step { step, loss, accuracy, learning_rate, seconds, .. } => vec![
            point("train/loss_step", *step, *loss),
            point("train/accuracy_step", *step, *accuracy),
            point("train/learning_rate", *step, *learning_rate),
            point("train/batch_time_seconds", *step, *seconds),
        ],
        TrainEvent::Seed(row) => vec![point(&format!("seed/{}/alpha", row.seed), row.step, row.alpha)],
        TrainEvent::Epoch { record, average_batch_seconds, .. } => {
            let epoch = record.epoch;
            let mut metrics = vec![
                point("val_loss", epoch, record.val_loss),
                point("val_acc", epoch, record.val_acc),
                point("best_acc", epoch, record.best_acc),
                point("epoch/val_loss", epoch, record.val_loss),
                point("epoch/val_accuracy", epoch, record.val_acc),
            ];
            let trained = [
                ("train_loss", record.train_loss),
                ("epoch/train_loss", record.train_loss),
                ("epoch/train_accuracy", record.train_accuracy),
                ("epoch/train_avg_batch_time", *average_batch_seconds),
            ];
            metrics.extend(trained.into_iter().filter_map(|(key, value)| Some(point(key, epoch, value?))));
            metrics
        }
        TrainEvent::Finished(finished) => {
            let step = finished.total_steps;
            let mut metrics = vec![
                point("final/total_epochs", step, finished.total_epochs as f64),
                point("final/total_steps", step, step as f64),
                point("final/early_stopped", step, f64::from(u8::from(finished.early_stopped))),
            ];
            let best = [
                ("final/best_acc", finished.best_acc),
                ("final/best_loss", finished.best_loss),
                ("final/best_epoch", finished.best_epoch.map(|epoch| epoch as f64)),
            ];
            metrics.extend(best.into_iter().filter_map(|(key, value)| Some(point(key, step, value?))));
            metrics
        }
        _ => Vec::new(),
    }
}

/// Writes `first` and then what comes in, in batches, until nobody sends any more.
fn write(
    (mut pen, run): (Pen, RunId),
    first: Option<Change>,
    points: &Mutex<Vec<Metric>>,
    messages: &Receiver<Message>,
) {
    if let Some(first) = first {
        pen.write(&[first]);
    }
    loop {
        let message = messages.recv_timeout(FLUSH_EVERY);
        let ended = matches!(message, Err(RecvTimeoutError::Disconnected));
        let (mut changes, mut asked) = (Vec::new(), None);
        match message {
            Ok(Message::Change(more)) => changes = more,
            Ok(Message::Ask(more, may_wait, answer)) => asked = Some((more, may_wait, answer)),
            Err(_) => {}
        }
        let metrics = std::mem::take(&mut *locked(points));
        if !metrics.is_empty() {
            changes.insert(0, Change::LogMetrics { run, metrics });
        }
        if !changes.is_empty() {
            pen.write(&changes);
        }
        if let Some((changes, may_wait, answer)) = asked {
            let _ = answer.send(pen.ask(changes, may_wait));
        }
        pen.catch_up();
        if ended {
            return;
        }
    }
}
