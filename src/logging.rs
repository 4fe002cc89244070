//! Writes what scripts log, in the run of the stage that they are part of or in one that they name. A run store that
//! is away or locked is a warning: what was logged waits in the spool, and no training stops.

use std::path::Path;
use std::time::{Duration, Instant};

use base::Timestamp;
use track::{
    Change, Changes, ErrorKind, Lease, Run, RunId, RunStore, SqliteStore, StoreError, lease_is_alive,
};

use crate::environment;
use crate::error::{CliError, CliResult, with_causes};
use crate::project::Project;
use crate::recorder::new_run_id;
use crate::spool;
use crate::ui::Printer;

/// How long a stage waits for its run, which whoever executes it writes in this moment.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the store is asked for it.
const NAP: Duration = Duration::from_millis(2);

/// How often, in the end, the spool is looked through for it.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Changes that are asked for now, by somebody who sees what comes of them.
pub fn now(changes: Vec<Change>) -> Changes {
    Changes::new(Timestamp::now(), changes)
}

/// The project that scripts log to: the one around the current folder, or, where there is none, that of the stage around
/// this process, which has gone elsewhere.
///
/// # Errors
/// When the current folder cannot be named, or the settings cannot be read.
pub fn project() -> CliResult<Project> {
    let found = Project::find()?;
    match environment::enclosing_run() {
        Some((root, _)) if !found.is_made() => Project::at(&root, &root)?.with_settings(),
        _ => Ok(found),
    }
}

/// The run of the stage that this process is part of: the process that started the stage writes it in this moment. Once it
/// waits in the spool, that process has waited for the store in vain.
///
/// # Errors
/// When it does not come, or the store fails.
pub fn await_run(store: &SqliteStore, spool: &Path, run: RunId) -> Result<Run, StoreError> {
    let asked = Instant::now();
    let mut maker = Some(spool::Maker::of(run));
    // The store tells in no time, a folder where much waits does not.
    let (mut look, mut pause) = (asked, NAP);
    loop {
        match store.run(run) {
            Err(StoreError::UnknownRun(_)) if asked.elapsed() < PATIENCE => {}
            found => return found,
        }
        if Instant::now() >= look {
            if maker.as_mut().is_some_and(|maker| maker.waits(spool)) {
                maker = None;
                store.at_once(|store| spool::replay(spool, store))?;
                continue;
            }
            look = Instant::now() + pause;
            pause = LONGEST_PAUSE.min(2 * pause);
        }
        std::thread::sleep(NAP);
    }
}

/// Logs to one run.
pub struct Logger {
    /// The project that the run is recorded in.
    pub project: Project,
    /// The run.
    pub run: RunId,
    /// Whether the run is that of the stage around this process.
    pub is_of_stage: bool,
    /// The run of the stage around this process, where what is logged belongs to it.
    stage: Option<RunId>,
    /// The store, unless it is away.
    store: Option<SqliteStore>,
    /// Why it is away, until that is told.
    untold: Option<String>,
    /// Whether something could not even be kept for later.
    pub has_lost: bool,
    printer: Printer,
}

impl Logger {
    /// Logs to the run that is named, else to that of the stage around this process.
    ///
    /// # Errors
    /// When there is no such run, and when none is named outside of stages.
    pub fn open(wanted: Option<&str>, printer: Printer) -> CliResult<Self> {
        if let Some(wanted) = wanted {
            return Logger::named(wanted, printer);
        }
        let Some((root, run)) = environment::enclosing_run() else {
            return Err(CliError::message("it is not said which run this is logged to").hint(
                "in a stage it is the stage's own; elsewhere `RUN=$(pipe runs start)` begins one, and `--run $RUN` names \
                 it",
            ));
        };
        let run: RunId = run.parse()?;
        let project = Project::at(&root, &root)?.with_settings()?;
        let mut logger = Logger::new(project, run, true, printer)?;
        logger.await_stage(Some(run));
        Ok(logger)
    }

    fn named(wanted: &str, printer: Printer) -> CliResult<Self> {
        let whole = wanted.parse::<RunId>();
        let unknown = RunId::from_parts(Timestamp(0), 0);
        let project = project()?;
        let path = project.pipe_path("runs.db");
        if !project.pipe_path("").exists() {
            return Err(CliError::no_run_yet());
        }
        // To open it would make an empty one, where the file may come back: what is logged waits for that, to a run that can be told
        // without it. What waits already may have made the run.
        if !path.exists() && whole.is_err() && spool::is_empty(&project.spool_folder()) {
            let shown = base::shown(path.strip_prefix(&project.root).unwrap_or(&path));
            return Err(CliError::message(format!(
                "no run matches `{wanted}`: there is no run store here ({shown})"
            ))
            .hint(
                "put that file back, if it was moved, or name the run by its whole id: then what is logged waits for the \
                 file; `pipe runs start` begins a run in a new store",
            ));
        }
        let mut logger = Logger::new(project, unknown, false, printer)?;
        let spool = logger.project.spool_folder();
        logger.run = match (&logger.store, whole) {
            // The store may not know a run yet whose start waits in the spool.
            (None, Ok(run)) => run,
            (Some(store), _) => {
                store.find_run(wanted).or_else(|fault| spool::run_named(&spool, wanted).ok_or(fault))?
            }
            // What takes nothing may well be read; it does not have the run that was begun last.
            (None, Err(_)) => match (spool::run_named(&spool, wanted), SqliteStore::open_read_only(&path)) {
                (Some(run), _) => run,
                (None, Ok(store)) => store.find_run(wanted)?,
                (None, Err(_)) => {
                    return Err(CliError::message(format!(
                        "the run store cannot be read, and `{wanted}` is no whole id of a run"
                    ))
                    .hint("name the run by its whole id, as `pipe runs start` prints it"));
                }
            },
        };
        Ok(logger)
    }

    /// Logs to a run that is about to be made, as part of the run of the stage around this process, where there is one.
    ///
    /// # Errors
    /// When nothing can be written in the project.
    pub fn to_new_run(project: Project, stage: Option<RunId>, printer: Printer) -> CliResult<Self> {
        let told = (!project.is_made()).then(|| project.told_when_made());
        // In a stage one was there, which may come back.
        let mut logger = match stage {
            Some(_) => Logger::new(project, new_run_id(), false, printer)?,
            None => {
                project.tell_new_store(printer);
                Logger::with_store(project, new_run_id(), printer)?
            }
        };
        if let Some(told) = told {
            printer.say(told);
        }
        logger.await_stage(stage);
        Ok(logger)
    }

    /// Waits for the stage's run; what is logged waits in the spool when it does not come.
    fn await_stage(&mut self, stage: Option<RunId>) {
        self.stage = stage;
        let (Some(store), Some(stage)) = (&self.store, stage) else { return };
        let spool = self.project.spool_folder();
        // What was logged to it before it was there comes before what is logged now.
        let caught_up = await_run(store, &spool, stage).and_then(|_| spool::replay(&spool, store));
        if let Err(fault) = caught_up {
            self.store = None;
            self.untold = Some(with_causes(&fault));
        }
    }

    /// Logs to a run of a store that is there, or comes back.
    fn new(project: Project, run: RunId, is_of_stage: bool, printer: Printer) -> CliResult<Self> {
        project.make_pipe_folder()?;
        let opened = project.missing_store().map_or_else(|| project.store_to_log(), Err);
        Ok(Logger { is_of_stage, ..Logger::with(opened, project, run, printer) })
    }

    /// Logs to a run that is about to be made, in a store that is made where there is none.
    fn with_store(project: Project, run: RunId, printer: Printer) -> CliResult<Self> {
        project.make_pipe_folder()?;
        let opened = project.store_to_log();
        Ok(Logger::with(opened, project, run, printer))
    }

    fn with(opened: Result<SqliteStore, StoreError>, project: Project, run: RunId, printer: Printer) -> Self {
        let (store, untold) = match opened {
            Ok(store) => (Some(store), None),
            // How much waits is of no interest to who adds to it.
            Err(StoreError::Missing { path, .. }) => {
                let missing = StoreError::Missing { path, waiting: 0, spool: project.spool_folder() };
                (None, Some(format!("{missing} (put it back)")))
            }
            Err(fault) => (None, Some(with_causes(&fault))),
        };
        spool::tell_outcome(&project, store.as_ref(), printer);
        project.tell_replaced_log(printer);
        Logger { project, run, is_of_stage: false, stage: None, store, untold, has_lost: false, printer }
    }

    /// The run as the store has it, unless the store is away.
    ///
    /// # Errors
    /// When the store fails.
    pub fn recorded(&self) -> Result<Option<Run>, StoreError> {
        self.store.as_ref().map(|store| store.run(self.run)).transpose()
    }

    /// The living process that the run belongs to, and that will end it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn owner(&self) -> Result<Option<u32>, StoreError> {
        Ok(self.lease_of(self.run)?.filter(lease_is_alive).map(|lease| lease.pid))
    }

    /// The process that a run lives in, unless the store is away.
    ///
    /// # Errors
    /// When the store fails.
    pub fn lease_of(&self, run: RunId) -> Result<Option<Lease>, StoreError> {
        let Some(store) = &self.store else { return Ok(None) };
        Ok(store.leases()?.into_iter().find(|(leased, _)| *leased == run).map(|(_, lease)| lease))
    }

    /// Applies changes, now or later.
    ///
    /// # Errors
    /// When the store refuses them, for what they say.
    pub fn log(&mut self, changes: Vec<Change>) -> CliResult {
        let (name, changes) = spool::named(changes);
        if let Some(store) = &self.store {
            match store.apply(changes.clone()) {
                Ok(_) => return Ok(()),
                // The run of a stage is there, unless the store was taken away and another is in its place.
                Err(fault)
                    if fault.kind() == ErrorKind::Failed
                        || (self.is_of_stage && matches!(fault, StoreError::UnknownRun(_))) =>
                {
                    // Waiting once is enough: what comes next goes to the spool at once. Closed, the store needs less
                    // of a full disk.
                    self.store = None;
                    self.untold = Some(with_causes(&fault));
                }
                Err(fault) => return Err(fault.into()),
            }
        }
        let spool = self.project.spool_folder();
        let untold = self.untold.take();
        // In a stage once is enough: whoever has kept something for its run has told of it.
        let is_told = untold.is_some() && self.stage.is_some_and(|stage| spool::has_about(&spool, stage));
        match (spool::keep(&spool, &name, &changes), untold) {
            (Ok(()), Some(_)) if is_told => {}
            (Ok(()), None) => {}
            (Ok(()), Some(reason)) => {
                let then = "what is logged is recorded by a later pipe command";
                self.printer.warn(format_args!("{reason}; {then}"));
            }
            (Err(fault), reason) => {
                let reason = reason.map(|reason| format!("{reason}; ")).unwrap_or_default();
                self.printer.warn(format_args!("{reason}what was logged is lost: {}", with_causes(&fault)));
                self.has_lost = true;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use track::{NewRun, Tag};

    use super::*;

    /// A tag is the one that was set last.
    #[test]
    fn what_waits_for_the_run_of_a_stage_comes_before_what_is_logged_next() {
        let folder = tempfile::tempdir().unwrap();
        let project = || Project::at(folder.path(), folder.path()).unwrap();
        disk::make_folder(&project().pipe_path("")).unwrap();
        let run = new_run_id();
        let tag =
            |value: &str| Change::SetTags { run, tags: vec![Tag { key: "k".into(), value: value.into() }] };
        let (name, waits) = spool::named(vec![tag("first")]);
        let store = project().store().unwrap();
        spool::keep(&project().spool_folder(), &name, &waits).unwrap();
        let mut logger = Logger::new(project(), run, true, Printer::quiet()).unwrap();
        store.apply(now(vec![Change::CreateRun(NewRun::new(run, Timestamp::now()))])).unwrap();
        logger.await_stage(Some(run));
        logger.log(vec![tag("last")]).unwrap();
        let store = project().store().unwrap();
        assert!(spool::is_empty(&project().spool_folder()));
        assert_eq!(store.run(run).unwrap().data.tags["k"], "last");
    }

    /// Whoever writes it has waited for the store already.
    #[test]
    fn a_run_that_waits_for_a_locked_store_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::at(folder.path(), folder.path()).unwrap();
        disk::make_folder(&project.pipe_path("")).unwrap();
        let (store, spool, run) = (project.store().unwrap(), project.spool_folder(), new_run_id());
        let begin = Change::CreateRun(NewRun::new(run, Timestamp::now()));
        let (name, waits) = spool::named(vec![begin]);
        spool::keep(&spool, &name, &waits).unwrap();
        assert!(spool::has_about(&spool, run) && !spool::has_about(&spool, new_run_id()));
        let other = rusqlite::Connection::open(project.pipe_path("runs.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let answer = await_run(&store, &spool, run);
        assert!(matches!(answer, Err(StoreError::Busy { seconds: 0, .. })), "{answer:?}");
        drop(other);
        assert_eq!(await_run(&store, &spool, run).unwrap().info.id, run);
    }
}
