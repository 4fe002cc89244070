//! `pipe get` and `pipe get-url`: data from elsewhere, without putting it under version control. No project is needed.

use std::path::{Path, PathBuf};

use base::ProjectPath;
use cache::{Blobs, Layout, Placement, StageCache, State, Workspace};
use clap::Args;
use pipeline::{Import, Repo, is_pointer};

use crate::cli::import::name_of;
use crate::error::{CliError, CliResult};
use crate::import::{Depot, Scratch, Which};
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::ui::Printer;

/// Bring a file or folder of another git repository here, without tracking it
///
/// PATH is kept there by git, by pipe or by DVC. No project is needed.
#[derive(Debug, Args)]
pub struct GetArgs {
    /// The repository: a path, or a URL that git knows
    #[arg(value_name = "REPO")]
    repo: String,
    /// The file or folder in it
    #[arg(value_name = "PATH")]
    path: String,
    /// Where it goes [default: its name, in the current folder]
    #[arg(short, long, value_name = "OUT")]
    out: Option<PathBuf>,
    /// The branch, tag or commit [default: the default branch]
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// The remote of the repository that has the data, by its name there
    #[arg(long, value_name = "NAME")]
    remote: Option<String>,
    /// Replace what stands there
    #[arg(short, long)]
    force: bool,
    /// Transfer N files at once
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
}

/// Bring a file or folder at a URL or path here, without tracking it
#[derive(Debug, Args)]
pub struct GetUrlArgs {
    /// The URL: http, https, file://, remote://NAME/PATH in a project, or a path
    #[arg(value_name = "URL")]
    url: String,
    /// Where it goes [default: its name, in the current folder]
    #[arg(value_name = "OUT")]
    out: Option<PathBuf>,
    /// Replace what stands there
    #[arg(short, long)]
    force: bool,
    /// Transfer N files at once
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
}

/// Gets from a repository.
///
/// # Errors
/// When the repository does not have it, or something stands where it belongs.
pub fn run(args: &GetArgs, printer: Printer) -> CliResult {
    let repo = Repo {
        url: args.repo.clone(),
        rev: args.rev.clone(),
        remote: args.remote.clone(),
        ..Repo::default()
    };
    let import = Import { path: args.path.clone(), repo: Some(repo), ..Import::default() };
    get(&import, args.out.as_deref(), (args.force, args.jobs), printer)
}

/// Gets from a URL or path.
///
/// # Errors
/// As [`run`].
pub fn run_url(args: &GetUrlArgs, printer: Printer) -> CliResult {
    let import = Import { path: args.url.clone(), ..Import::default() };
    get(&import, args.out.as_deref(), (args.force, args.jobs), printer)
}

fn get(
    import: &Import,
    out: Option<&Path>,
    (force, jobs): (bool, Option<u16>),
    printer: Printer,
) -> CliResult {
    let name = name_of(&import.path)?;
    let here = std::env::current_dir()
        .map_err(|source| disk::DiskError::new("find the current folder", Path::new("."), source))?;
    let out = match out.map(|out| cache::lexical(&here.join(out))) {
        Some(folder) if folder.is_dir() => folder.join(name),
        Some(out) => out,
        None => here.join(name),
    };
    let fault = || {
        CliError::message(format!("{} is no place for data", base::shown(&out)))
            .hint("name a file or folder that is to be made, in UTF-8")
    };
    let (folder, name) = (out.parent().ok_or_else(fault)?, out.file_name().and_then(|name| name.to_str()));
    let name = ProjectPath::from_record(name.ok_or_else(fault)?)?;
    if is_pointer(&name) {
        let how = if import.repo.is_some() { "with `-o OUT`" } else { "after the URL" };
        return Err(CliError::message(format!("{name} is the name of a pointer"))
            .hint(format!("say {how} what it is called")));
    }
    if std::fs::symlink_metadata(&out).is_ok() && !force {
        return Err(
            CliError::message(format!("{} exists already", base::shown(&out))).hint("`-f` replaces it")
        );
    }
    disk::make_folder(folder)?;
    // Beside where it goes, so that nothing has to be copied again.
    let scratch = Scratch(folder.join(format!(".pipe-get-{}", disk::Holder::current().file_name())));
    scratch.clear()?;
    disk::make_folder(&scratch.0)?;
    let interrupt = Interrupt::listen()?;
    let project = Project::find().ok();
    let depot = Depot {
        root: here.clone(),
        folder: scratch.0.clone(),
        blobs: Blobs::with_layout(&scratch.0.join("cache"), Layout::Native),
        project: project.as_ref(),
        jobs,
        interrupt: &interrupt,
        printer,
        chain: Vec::new(),
    };
    let brought = depot.bring(import, &here, Which::Newest, false);
    // Git is ended by the same signal, and says nothing.
    interrupt.check()?;
    let brought = brought?;
    let state = brought.state.ok_or_else(fault)?;
    let memory = State::anew(&scratch.0.join("no-state"));
    let stages = StageCache::new(&scratch.0.join("no-stages"));
    let beside = scratch.0.join("out");
    disk::make_folder(&beside)?;
    let workspace = Workspace::with_caches(&beside, depot.blobs.clone(), stages, memory);
    workspace.restore(&name, &state, Placement::Private)?;
    if std::fs::symlink_metadata(&out).is_ok() {
        disk::remove(&out)?;
    }
    disk::move_path(&name.to_path(&beside), &out)?;
    let shown = out.strip_prefix(&here).unwrap_or(&out).display();
    printer.say(format_args!("Brought {} to {shown} ({}).", import.shown(), report::bytes_text(state.size)));
    Ok(())
}
