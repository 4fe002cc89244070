//! `pipe import` and `pipe import-url`: puts data that lies elsewhere under version control, with where it came from.

use std::cell::RefCell;

use base::{FileState, ProjectPath};
use cache::{Blobs, Bringing, Placement, Remote, Root, Workspace};
use clap::Args;
use exec::Wish;
use pipeline::{Dialect, Import, Repo, Stage, update_import, write_import};
use remote::FolderRemote;

use crate::cli::add::{Admission, Place, advise, refuse_ignored, save_unsaved, to_remote};
use crate::cli::push::summarize;
use crate::cli::tell_damage;
use crate::edits::{Edits, lock};
use crate::error::{CliError, CliResult};
use crate::git::source::is_local;
use crate::ignore::ignore_outs;
use crate::import::{Brought, Depot, Which};
use crate::interrupt::Interrupt;
use crate::names;
use crate::placed::Placed;
use crate::project::Project;
use crate::recovery;
use crate::remotes;
use crate::ui::Printer;

/// Put a file or folder of another git repository under version control, with where it came from
///
/// PATH is kept there by git, by pipe or by DVC. The commit is recorded, so that `pipe pull` brings the same data
/// anywhere, and `pipe update` takes what the repository has by then. The repository is taken over and never checked out:
/// nothing in it runs.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The repository: a path, or a URL that git knows
    #[arg(value_name = "REPO")]
    repo: String,
    /// The file or folder in it
    #[arg(value_name = "PATH")]
    path: String,
    /// What it is called here [default: its name, in the current folder]
    #[arg(short, long, value_name = "OUT")]
    pub out: Option<String>,
    /// The branch, tag or commit [default: the default branch]
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// The remote of the repository that has the data, by its name there
    #[arg(long, value_name = "NAME")]
    remote: Option<String>,
    #[command(flatten)]
    how: HowArgs,
}

/// Put a file or folder at a URL or path outside of the project under version control, with where it came from
///
/// URLs are http, https, file:// and remote://NAME/PATH, which lies in the folder of a remote of the project. `pipe update`
/// takes what is there by then.
#[derive(Debug, Args)]
pub struct ImportUrlArgs {
    /// The URL or path
    #[arg(value_name = "URL")]
    url: String,
    /// What it is called here [default: its name, in the current folder]
    #[arg(value_name = "OUT")]
    pub out: Option<String>,
    /// Bring the data to the remote alone, and record it here
    #[arg(long, conflicts_with_all = ["no_download", "no_exec"])]
    to_remote: bool,
    /// The remote that it goes to [default: the one of `core.remote`]
    #[arg(short, long, value_name = "NAME", requires = "to_remote")]
    remote: Option<String>,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(Debug, Args)]
struct HowArgs {
    /// Record where it comes from and bring nothing; only in projects of DVC
    #[arg(long)]
    no_download: bool,
    /// Write the pointer alone, without looking at the source; only in projects of DVC
    #[arg(long, conflicts_with = "no_download")]
    no_exec: bool,
    /// Replace what stands at OUT, after saving what no cache holds
    #[arg(short, long)]
    force: bool,
    /// Transfer N files at once
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Describe the data, for people
    #[arg(long, value_name = "TEXT")]
    desc: Option<String>,
}

/// Imports from a repository.
///
/// # Errors
/// When the repository does not have it, or it cannot be put here; nothing is recorded then.
pub fn run(args: &ImportArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    refuse_password(&args.repo)?;
    let repo = Repo {
        url: repository_url(&project, &args.repo)?,
        rev: args.rev.clone(),
        remote: args.remote.clone(),
        ..Repo::default()
    };
    let import = Import { path: args.path.clone(), repo: Some(repo), ..Import::default() };
    let out = destination(&project, args.out.as_deref(), &args.path)?;
    bring_in(&project, import, &out, (&args.how, None), printer)
}

/// Imports from a URL or path.
///
/// # Errors
/// As [`run`].
pub fn run_url(args: &ImportUrlArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let out = destination(&project, args.out.as_deref(), &args.url)?;
    let path = match args.url.contains("://") || args.url.starts_with('/') {
        true => args.url.clone(),
        false => {
            // As seen from where the pointer lies.
            let here = project.base.to_path(&project.root);
            let folder = out.parent().unwrap_or_default().to_path(&project.root);
            relative(&folder, &cache::lexical(&here.join(&args.url)))?
        }
    };
    let import = Import { path, ..Import::default() };
    let remote = match args.to_remote {
        true => Some(remotes::open(&project, &remotes::name(&project, args.remote.as_deref())?)?),
        false => None,
    };
    bring_in(&project, import, &out, (&args.how, remote.as_ref()), printer)
}

/// What an import is called here: OUT, something in it where it is a folder, or the name of the source.
fn destination(project: &Project, out: Option<&str>, source: &str) -> CliResult<ProjectPath> {
    let name = name_of(source)?;
    let path = ProjectPath::resolve(&project.base, out.unwrap_or(name))?;
    let is_folder = path.to_path(&project.root).is_dir();
    Ok(if out.is_some() && is_folder { ProjectPath::resolve(&path, name)? } else { path })
}

/// The last part of a path or URL.
///
/// # Errors
/// When it has none.
pub fn name_of(source: &str) -> CliResult<&str> {
    let path = source.split_once("://").map_or(source, |(_, rest)| rest);
    let path = if source.contains("://") { path.split(['?', '#']).next().unwrap_or(path) } else { path };
    let is_host_alone = source.contains("://") && !path.trim_end_matches('/').contains('/');
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if is_host_alone || matches!(name, "" | "." | "..") {
        return Err(CliError::message(format!("`{source}` has no name that data could have"))
            .hint("say what it is called here"));
    }
    Ok(name)
}

/// The URL of a repository as it is recorded: a path is relative to the project's root, and in projects of DVC as it was
/// typed.
fn repository_url(project: &Project, url: &str) -> CliResult<String> {
    let is_as_typed = project.dialect == Dialect::Dvc;
    if is_as_typed || !is_local(url) || url.starts_with('/') || project.base.is_root() {
        return Ok(url.to_owned());
    }
    relative(&project.root, &cache::lexical(&project.base.to_path(&project.root).join(url)))
}

/// Refuses a URL whose password everybody could read in the pointer.
fn refuse_password(url: &str) -> CliResult {
    let host = url.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    let user = host.and_then(|host| host.rsplit_once('@')).map(|(user, _)| user);
    if user.is_some_and(|user| user.contains(':')) {
        return Err(CliError::message("the URL holds a password, which the pointer would tell everyone")
            .hint("leave it out, and let git know it by a credential helper"));
    }
    Ok(())
}

/// The way from one absolute path to another.
fn relative(from: &std::path::Path, to: &std::path::Path) -> CliResult<String> {
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| "..".into());
    let down = to.components().skip(common).map(|part| part.as_os_str().to_owned());
    let parts: Vec<std::ffi::OsString> = up.chain(down).collect();
    let text =
        parts.iter().map(|part| part.to_str()).collect::<Option<Vec<&str>>>().map(|parts| parts.join("/"));
    text.filter(|text| !text.is_empty()).ok_or_else(|| {
        CliError::message(format!("{} cannot be named in a pointer: it is not UTF-8", base::shown(to)))
            .hint("rename it")
    })
}

fn bring_in(
    project: &Project,
    import: Import,
    out: &ProjectPath,
    (how, remote): (&HowArgs, Option<&FolderRemote>),
    printer: Printer,
) -> CliResult {
    if project.dialect == Dialect::Native && (how.no_download || how.no_exec) {
        return Err(CliError::message("a pointer of pipe always tells what its data holds")
            .hint("leave `--no-download` and `--no-exec` out"));
    }
    let interrupt = Interrupt::listen()?;
    let _held = recovery::hold(project, &Wish::named("an import").writing_path(out), true, printer)?;
    let _lock = lock(project, printer)?;
    let pipeline = project.pipeline_if_any()?;
    let workspace = project.workspace(printer)?;
    let tracked = project.git().map(|git| git.tracked()).transpose()?.unwrap_or_default();
    let admission = Admission {
        project,
        pipeline: &pipeline,
        workspace: &workspace,
        tracked: &tracked,
        folders: RefCell::default(),
    };
    let place = admission.place(out)?;
    refuse_ignored(project, [&place.pointer].into_iter(), printer)?;
    names::check(
        pipeline.sources().flat_map(|id| &pipeline.stage(id).outs).map(|out| &out.path).chain([out]),
        &|path| path.contains(out),
        printer,
    )?;
    let is_known = pipeline.graph.producer(out).is_some();
    if place.below.is_some() || (is_known && place.top != *out) {
        return Err(CliError::message(format!("{out} lies in {}, which is recorded as a whole", place.top))
            .hint("name another place"));
    }
    let is_there = std::fs::symlink_metadata(workspace.os_path(out)).is_ok();
    if (is_there || is_known) && !how.force {
        let what = if is_there { "exists already" } else { "is recorded already" };
        let other = if import.repo.is_some() { "`-o OUT`" } else { "a word after the URL" };
        return Err(CliError::message(format!("{out} {what}"))
            .hint(format!("`-f` replaces it; {other} names another place")));
    }
    let mut depot = Depot::of(project, how.jobs, &interrupt, printer);
    // What goes to the remote alone has no place in the cache.
    let aside = remote.map(|_| to_remote::aside(project)).transpose()?;
    if let Some(aside) = &aside {
        depot.blobs = Blobs::with_layout(&aside.0, project.layout());
    }
    let wdir = out.parent().unwrap_or_default().to_path(&project.root);
    let shown = import.shown();
    let brought = match how.no_exec {
        true => Brought { state: None, import },
        false => depot.bring(&import, &wdir, Which::Newest, how.no_download)?,
    };
    // Not before it is known to be there.
    printer.say(format_args!("Importing {shown} to {out}."));
    let text = write_import(
        &place.pointer,
        out.name(),
        &brought.import,
        brought.state.as_ref(),
        how.desc.as_deref(),
    );
    let ignore_files = match (remote, brought.state) {
        (Some(remote), Some(state)) => {
            let root = Root { path: out.clone(), state, is_old: false, extent: cache::Extent::Whole };
            let report = to_remote::send(remote, &depot.blobs, root, how.jobs, &interrupt, printer)?;
            let ignore_files = record(&admission, &place, |_| Ok(text), (out, None), printer)?;
            workspace.agree(out, None);
            summarize("pushed to", remote.name(), &report, None, printer);
            ignore_files
        }
        (_, state) => record(&admission, &place, |_| Ok(text), (out, state), printer)?,
    };
    workspace.save_state()?;
    tell_damage(&workspace, printer);
    advise(project, std::iter::once(&place.pointer), &ignore_files, printer);
    Ok(())
}

/// Writes a pointer, then puts its data in place. Returns the ignore files that were changed. Killed in between, a checkout
/// brings the data.
fn record(
    admission: &Admission<'_>,
    place: &Place,
    text: impl FnOnce(&str) -> Result<String, pipeline::PipelineError>,
    (out, state): (&ProjectPath, Option<FileState>),
    printer: Printer,
) -> CliResult<Vec<ProjectPath>> {
    let Admission { project, pipeline, workspace, .. } = admission;
    let mut edits = Edits::new(project);
    edits.change(&place.pointer, text)?;
    let checked = edits.check(&pipeline.file)?;
    let own = checked.sources().map(|id| checked.stage(id));
    let own = own.filter(|stage| stage.address.file == place.pointer);
    let ignore_files = ignore_outs(project, own, &checked)?;
    if state.is_some() {
        save_unsaved(workspace, out, printer)?;
    }
    edits.write()?;
    let Some(state) = state else { return Ok(ignore_files) };
    workspace.begin_bringing(vec![Bringing::of(out, None, &state)])?;
    workspace.restore(out, &state, Placement::Linked)?;
    workspace.end_bringing(|path| out.contains(path));
    workspace.agree(out, Some(state.digest));
    let mut placed = Placed::load(project);
    placed.note_data(&place.pointer, out, state.digest);
    placed.save()?;
    Ok(ignore_files)
}

/// Records what was brought of an import that is known, and puts it in place. Returns the ignore files that were changed.
///
/// # Errors
/// When the pointer cannot be changed, or the disk refuses.
pub fn record_update(
    project: &Project,
    pipeline: &pipeline::Pipeline,
    workspace: &Workspace,
    stage: &Stage,
    brought: &Brought,
    printer: Printer,
) -> CliResult<Vec<ProjectPath>> {
    let admission = Admission { project, pipeline, workspace, tracked: &[], folders: RefCell::default() };
    let (pointer, out) = (&stage.address.file, &stage.outs[0].path);
    let place = Place { pointer: pointer.clone(), top: out.clone(), below: None, recorded: None };
    let change = |text: &str| update_import(pointer, text, &brought.import, brought.state.as_ref());
    record(&admission, &place, change, (out, brought.state), printer)
}
