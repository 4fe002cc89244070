//! `pipe add --to-remote`: data that goes to the remote, of which the project keeps the pointer alone.
//!
//! While it goes there it lies in a cache of its own, which is removed afterwards: what is pushed has been hashed, and
//! does not change meanwhile.

use std::path::{Path, PathBuf};

use base::ProjectPath;
use cache::{Blobs, Meter, Placement, Remote, Report, Root, State, Workspace};
use remote::FolderRemote;

use super::{AddArgs, Admission, Place, States, advise, edited_imports, in_project, record};
use crate::cli::push::{end, summarize};
use crate::error::{CliError, CliResult};
use crate::import::{self, Scratch};
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::remotes;
use crate::ui::Printer;
use crate::ui::transfer::watch;

/// What is added: OUT, or else the path in the project, or else its name in the current folder.
///
/// # Errors
/// When that is no path of the project, or several paths are named.
pub fn destination(project: &Project, args: &AddArgs) -> CliResult<ProjectPath> {
    let from = source(args)?;
    if let Some(out) = &args.out {
        return Ok(ProjectPath::resolve(&project.base, out)?);
    }
    if let Ok(inside) = in_project(project, from) {
        return Ok(inside);
    }
    let name = from.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
        CliError::message(format!("{} has no name that a pointer could have", base::shown(from)))
            .hint("say with `-o OUT` what it is called here")
    })?;
    Ok(ProjectPath::resolve(&project.base, name)?)
}

fn source(args: &AddArgs) -> CliResult<&PathBuf> {
    match args.paths.as_slice() {
        [from] => Ok(from),
        _ => Err(CliError::message("`--to-remote` takes one PATH").hint("add several one after the other")),
    }
}

/// Brings the data to the remote, then records it.
///
/// # Errors
/// When something else stands where the data belongs, or the remote fails; nothing is recorded then.
pub fn run(
    admission: &Admission<'_>,
    args: &AddArgs,
    (path, place): (&ProjectPath, &Place),
    printer: Printer,
) -> CliResult {
    let Admission { project, workspace, .. } = admission;
    let from = source(args)?;
    let from = std::fs::canonicalize(from).map_err(|source| disk::DiskError::new("find", from, source))?;
    let os_path = workspace.os_path(path);
    let is_in_place = std::fs::canonicalize(&os_path).is_ok_and(|there| there == from);
    if !is_in_place && std::fs::symlink_metadata(&os_path).is_ok() && !args.force {
        return Err(CliError::message(format!("{path} exists already")).hint(
            "name another place with `-o`; `-f` leaves what is there as it is, and records the other",
        ));
    }
    if place.below.is_some() {
        return Err(CliError::message(format!("{path} lies in {}, which is recorded as a whole", place.top))
            .hint("leave `--to-remote` out"));
    }
    let name = remotes::name(project, args.remote.as_deref())?;
    let remote = remotes::noting_use(project, remotes::open(project, &name)?);
    let interrupt = Interrupt::listen()?;
    let aside = aside(project)?;
    let folder = from.parent().unwrap_or(Path::new("/"));
    let blobs = Blobs::with_layout(&aside.0, project.layout());
    let outside =
        Workspace::with_caches(folder, blobs, project.stage_cache(), State::anew(&aside.0.join("no-state")));
    let working = printer.working(&format!("Reading {}", base::shown(&from)));
    let inside = ProjectPath::from_relative(from.file_name().map(Path::new).unwrap_or(Path::new("")))?;
    let stored = outside.store(&inside, Placement::Private);
    drop(working);
    let pushed = stored.map_err(CliError::from).and_then(|state| {
        let state = state
            .ok_or_else(|| CliError::message(format!("{} is not there any more", base::shown(&from))))?;
        let root = Root { path: path.clone(), state, is_old: false, extent: cache::Extent::Whole };
        Ok((state, send(&remote, &outside.blobs, root, args.jobs, &interrupt, printer)?))
    });
    aside.clear()?;
    let (state, report) = pushed?;
    let now = States::from([((place.pointer.clone(), place.top.clone()), state)]);
    let edited = edited_imports(admission, &now)?;
    let ignore_files = record(admission, &now, args.desc.as_deref())?;
    workspace.agree(path, is_in_place.then_some(state.digest));
    workspace.save_state()?;
    summarize("pushed to", &name, &report, None, printer);
    for (data, import) in &edited {
        import::tell_own(data, import, printer);
    }
    advise(project, now.keys().map(|(pointer, _)| pointer), &ignore_files, printer);
    Ok(())
}

/// The folder for what goes to the remote, empty.
///
/// # Errors
/// When the disk refuses.
pub fn aside(project: &Project) -> CliResult<Scratch> {
    let aside = Scratch(project.pipe_path("tmp").join("to-remote"));
    // Of one that was killed.
    aside.clear()?;
    Ok(aside)
}

/// Puts a content of `blobs` at a remote.
///
/// # Errors
/// When it does not get there.
pub fn send(
    remote: &FolderRemote,
    blobs: &Blobs,
    root: Root,
    jobs: Option<u16>,
    interrupt: &Interrupt,
    printer: Printer,
) -> CliResult<Report> {
    let (name, meter) = (remote.name(), Meter::new(interrupt.stop.clone()));
    let transfer = remotes::transfer(blobs, remote, jobs, &meter);
    let pushed = watch(printer, &format!("Pushing to {name}"), &meter, || transfer.push(&[root]));
    let report = end(pushed, interrupt, "pushed", &meter, name, printer)?;
    match report.failed.first() {
        None => Ok(report),
        Some((item, fault)) => Err(CliError::message(format!("{} could not be pushed: {fault}", item.path))
            .hint("nothing is recorded; run the command again")),
    }
}
