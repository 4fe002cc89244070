//! What of a fetch was imported from elsewhere: brought from the remote where it has it, else from its source, as it was
//! when it was recorded.

use std::collections::BTreeSet;

use base::ProjectPath;
use cache::{Meter, Root};
use pipeline::{Import, Pipeline, Stage};
use serde_json::{Value as Json, json};

use crate::cli::push::end;
use crate::cli::sharing::ShareArgs;
use crate::error::{CliError, CliResult, ErrorKind};
use crate::import::{self, Depot, Which};
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::remotes;
use crate::ui::Printer;
use crate::ui::transfer::watch;

/// What became of the imports.
#[derive(Default)]
pub struct BroughtImports {
    /// Their outs: nobody else needs to bring them.
    pub outs: BTreeSet<ProjectPath>,
    /// What machines are told.
    pub sides: Vec<Json>,
    /// Whether all is here now.
    pub is_whole: bool,
    /// Whether nothing but imports is meant.
    pub is_all: bool,
}

/// Brings what was imported of the picked data and the cache lacks.
///
/// # Errors
/// When a pointer or the cache cannot be read; a source that is gone is told, and the rest is done.
pub fn bring(
    project: &Project,
    pipeline: &Pipeline,
    args: &ShareArgs,
    (interrupt, printer): (&Interrupt, Printer),
) -> CliResult<BroughtImports> {
    let ledger = project.ledger(pipeline)?;
    let mut brought = BroughtImports { is_whole: true, is_all: true, ..BroughtImports::default() };
    for picked in args.which.pick(pipeline, project)? {
        let stage = pipeline.stage(picked.stage);
        let Some(import) = import::of_stage(project, stage)? else {
            brought.is_all = false;
            continue;
        };
        let Some(out) = stage.outs.first() else { continue };
        let is_meant = (args.kinds.is_empty() || args.kinds.contains(&out.kind)) && out.cache;
        let locked = ledger.get(&stage.address);
        let Some(state) = locked.and_then(|locked| locked.out(&out.path)).copied() else {
            if is_meant {
                printer.insist(format_args!(
                    "{} was imported from {} and never brought: `pipe update {}` brings it",
                    out.path,
                    import.shown(),
                    stage.address.file
                ));
            }
            continue;
        };
        brought.outs.insert(out.path.clone());
        // Asked of the disk: a folder in a folder that was just brought is known in memory alone.
        let is_here = || project.blobs().has_all(&state);
        if !is_meant || args.below.is_some_and(|limit| state.size >= limit) || is_here() {
            continue;
        }
        let is_old = locked.is_some_and(|locked| locked.unix_text.contains(&out.path));
        let root = Root { path: out.path.clone(), state, is_old, extent: cache::Extent::Whole };
        let count = json!({ "count": state.files.unwrap_or(1), "bytes": state.size });
        let mut side = json!({ "remote": import.shown(), "path": out.path.as_str() });
        if args.dry {
            if !args.json {
                printer.data_line(format_args!("{}: would come from {}", out.path, import.shown()));
            }
            side["fetched"] = count;
            brought.sides.push(side);
            continue;
        }
        if from_remote(project, (args, out.remote.as_deref()), &root, (interrupt, printer))? {
            continue;
        }
        match from_source(project, (stage, &import), (&root, args.jobs), (interrupt, printer)) {
            Ok(()) => {
                side["fetched"] = count;
                if !args.json {
                    printer.say(format_args!("Brought {} from {}.", out.path, import.shown()));
                }
            }
            Err(fault) if matches!(fault.kind, ErrorKind::Interrupted(_)) => return Err(fault),
            Err(fault) => {
                let hints = fault.all_hints();
                let reason = fault.source.map(|source| format!("{source:#}")).unwrap_or_default();
                side["failed"] = json!([{ "path": out.path.as_str(), "reason": reason }]);
                let hints: String = hints.iter().map(|hint| format!("; {hint}")).collect();
                printer.insist(format_args!("{}: {reason}{hints}", out.path));
                brought.is_whole &= args.allow_missing;
            }
        }
        brought.sides.push(side);
    }
    Ok(brought)
}

/// Whether a remote of the project had it, which costs less than to ask for its source.
fn from_remote(
    project: &Project,
    (args, own): (&ShareArgs, Option<&str>),
    root: &Root,
    (interrupt, printer): (&Interrupt, Printer),
) -> CliResult<bool> {
    let Ok(name) = remotes::name(project, args.remote.as_deref().or(own)) else { return Ok(false) };
    let Ok(remote) = remotes::open_existing(project, &name) else { return Ok(false) };
    let meter = Meter::new(interrupt.stop.clone());
    // Anew, as above.
    let blobs = project.blobs();
    let transfer = remotes::transfer(&blobs, &remote, args.jobs, &meter);
    let report = watch(printer, &format!("Fetching from {name}"), &meter, || {
        transfer.fetch(std::slice::from_ref(root))
    });
    Ok(end(report, interrupt, "fetched", &meter, &name, printer)?.is_whole())
}

fn from_source(
    project: &Project,
    (stage, import): (&Stage, &Import),
    (root, jobs): (&Root, Option<u16>),
    (interrupt, printer): (&Interrupt, Printer),
) -> CliResult {
    let depot = Depot::of(project, jobs, interrupt, printer);
    let wdir = stage.wdir.to_path(&project.root);
    let brought = depot.bring(import, &wdir, Which::Recorded, false)?;
    if brought.state.is_some_and(|state| state.digest == root.state.digest) {
        return Ok(());
    }
    Err(CliError::message(format!(
        "{} holds other bytes now than {} records",
        import.shown(),
        stage.address.file
    ))
    .hint(format!("`pipe update {}` takes them", stage.address.file)))
}
