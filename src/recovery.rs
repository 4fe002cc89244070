//! What a command has to do before it touches outs: wait for its turn, and put back what a killed process had set
//! aside.

use std::path::Path;
use std::time::Duration;

use base::{FileState, ProjectPath};
use cache::CacheError;
use disk::{LockFile, Sharing};
use exec::{Below, Claim, Claims, Event, InTheWay, MadeSince, Observer, Recall, Wish, record_mark};
use pipeline::StageLock;

use crate::begun::refuse_cut_off_move;
use crate::cli::command_line;
use crate::error::{CliError, CliResult, with_causes};
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::ui::Printer;

/// How often it is asked whether what is in the way has gone.
const AGAIN: Duration = Duration::from_millis(50);

/// Passes on what a recovery has to say.
struct Warnings(Printer);

impl Observer for Warnings {
    fn event(&self, event: Event<'_>) {
        if let Event::Warning(text) = event {
            self.0.warn(text);
        }
    }
}

/// What a command holds while it changes outs.
#[derive(Debug)]
pub struct Held {
    // Goes before the lock does.
    _claim: Claim,
    _lock: LockFile,
}

/// What the project knows of the outs of a stage that was cut off. Looked up anew each time: hardly ever is there such a stage,
/// and others may have recorded it meanwhile.
#[derive(Debug)]
pub struct Known<'a> {
    /// The project.
    pub project: &'a Project,
    /// Who is told what cannot be put back.
    pub printer: Printer,
}

impl Known<'_> {
    /// What is recorded of a stage: known also of one that its pipeline has no longer.
    fn record(&self, stage: &str) -> CliResult<Option<StageLock>> {
        let pipeline = self.project.pipeline()?;
        let ledger = self.project.ledger(&pipeline)?;
        let found = ledger.recorded().find(|(address, _)| address.to_string() == stage);
        Ok(found.map(|(_, lock)| lock.clone()))
    }

    fn stands(&self, stage: &str, out: &ProjectPath) -> CliResult<bool> {
        let Some(lock) = self.record(stage)? else { return Ok(false) };
        let pipeline = self.project.pipeline()?;
        let stages = pipeline.stages.iter().filter(|known| known.address.to_string() == stage);
        let Some(out) = stages.flat_map(|stage| &stage.outs).find(|known| known.path == *out) else {
            return Ok(false);
        };
        let Some(recorded) = lock.recorded(out) else { return Ok(false) };
        let workspace = self.project.workspace(self.printer)?;
        let now = match &out.glob {
            None => workspace.observe(&out.path)?,
            Some(glob) => exec::with_choice(glob, |files| workspace.observe_set(files))?,
        };
        Ok(now.is_some_and(|now| now.digest == recorded.digest))
    }
}

impl Recall for Known<'_> {
    fn put_back(&self, below: Below, path: &ProjectPath, before: &FileState, partial: Option<&Path>) -> bool {
        // Most often nothing is to be recovered.
        let Ok(workspace) = self.project.workspace(self.printer) else { return false };
        let (restored, root) = match below {
            Below::Project => (exec::put_back(&workspace, path, before, partial), ""),
            Below::FileSystem => {
                let outside = workspace.outside().map_err(CacheError::from);
                (outside.and_then(|outside| exec::put_back(&outside, path, before, partial)), "/")
            }
        };
        restored.unwrap_or_else(|fault| {
            self.printer.warn(format_args!("failed to put back {root}{path}: {}", with_causes(&fault)));
            false
        })
    }

    fn mark(&self, stage: &str) -> Option<String> {
        self.record(stage).ok().map(|lock| record_mark(lock.as_ref()))
    }

    fn is_as_recorded(&self, stage: &str, out: &ProjectPath) -> bool {
        self.stands(stage, out).unwrap_or_default()
    }
}

/// Claims as [`hold_with`] does; outs that were made since their stage was cut off are left alone, and in the way.
///
/// # Errors
/// As there.
pub fn hold(project: &Project, wish: &Wish, wait: bool, printer: Printer) -> CliResult<Held> {
    hold_with(project, wish, wait, MadeSince::Refuse, printer)
}

/// Claims what `wish` names, waiting for whoever is at work on it if `wait` says so, and recovers the outs of stages that
/// were cut off. What becomes of those in the way that were made since says `made_since`. Others may be at work on the rest
/// of the project.
///
/// # Errors
/// When the lock or the claim cannot be had or something cannot be moved back, and beside a move that was cut off.
pub fn hold_with(
    project: &Project,
    wish: &Wish,
    wait: bool,
    made_since: MadeSince,
    printer: Printer,
) -> CliResult<Held> {
    let held = hold_beside_moves(project, wish, wait, made_since, printer)?;
    refuse_cut_off_move(project, None)?;
    Ok(held)
}

/// Claims as [`hold_with`] does, also beside a move that was cut off: for who changes neither data nor what tells of it, and
/// for another move, which asks itself.
///
/// # Errors
/// As there, but for the move.
pub fn hold_beside_moves(
    project: &Project,
    wish: &Wish,
    wait: bool,
    made_since: MadeSince,
    printer: Printer,
) -> CliResult<Held> {
    let command = command_line();
    let wait = wait && project.enclosing_stage().is_none();
    let lock = project.lock(&command, Sharing::Shared, wait, &Interrupt::default(), printer)?;
    let known = Known { project, printer };
    let recovery = (&known as &dyn Recall, made_since);
    let claims =
        Claims::new(&project.root, &project.job_folder(), &lock, &command, recovery, project.neighbour());
    let warnings = Warnings(printer);
    claims.recover(&warnings)?;
    let mut told = false;
    let claim = loop {
        match claims.claim(wish.clone(), &warnings)? {
            Ok(claim) => break claim,
            Err(InTheWay::MadeSince { stage, out }) => {
                return Err(made_since_refusal(&stage, &out));
            }
            Err(InTheWay::Busy(by)) if !wait => {
                return Err(CliError::message(by).hint(project.waiting_hint()));
            }
            Err(InTheWay::Busy(by)) if !told => printer.say(format_args!("Waiting: {by}.")),
            Err(_) => {}
        }
        told = true;
        std::thread::sleep(AGAIN);
    };
    drop(claims);
    Ok(Held { _claim: claim, _lock: lock })
}

fn made_since_refusal(stage: &str, out: &Path) -> CliError {
    let out = base::shown(out);
    CliError::refusal(format!(
        "{out} was made or changed since stage {stage} was cut off by the end of its pipe process"
    ))
    .hint(format!("`pipe commit -f {stage}` records what stands now"))
    .hint(format!("`pipe checkout -f {stage}` puts the last good outs back"))
    .hint(format!("`pipe repro {stage}` runs it again"))
}
