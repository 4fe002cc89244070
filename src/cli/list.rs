//! `pipe list` and `pipe du`: the data of the workspace or of a revision, from what is recorded alone.

use std::collections::BTreeMap;

use base::{FileState, ProjectPath};
use cache::Files;
use clap::Args;
use report::{Cell, Column, Table};
use serde_json::{Value as Json, json};

use crate::error::{CliError, CliResult};
use crate::project::Project;
use crate::recorded;
use crate::revision::Revision;
use crate::ui::Printer;

/// List the data that is under version control, of the workspace or of a revision
///
/// Told from pointers, locks and the manifests in the cache alone: the data need not be there.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// List the files in folders too
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Show sizes
    #[arg(long)]
    size: bool,
    /// Show digests
    #[arg(long)]
    show_hash: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show how much data is under version control, of the workspace or of a revision
#[derive(Debug, Args)]
pub struct DuArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Show the total alone
    #[arg(short, long)]
    summarize: bool,
}

#[derive(Debug, Args)]
struct PlaceArgs {
    /// A git revision [default: the workspace]
    #[arg(value_name = "REV")]
    revision: Option<String>,
    /// A folder or file; alone, it may stand in place of the revision
    #[arg(value_name = "PATH")]
    path: Option<String>,
}

/// An entry of a listing.
#[derive(Default)]
struct Entry {
    size: u64,
    files: u64,
    /// What is recorded of it as a whole.
    state: Option<FileState>,
}

impl PlaceArgs {
    /// The files that are meant, by their path, and the folder that they are listed from.
    fn files(&self, printer: Printer) -> CliResult<(ProjectPath, Files, Files)> {
        let project = Project::find()?;
        let at = |text: Option<&str>| match text {
            None => Ok(project.base.clone()),
            Some(text) => ProjectPath::resolve(&project.base, text).map_err(CliError::from),
        };
        match (&self.revision, &self.path) {
            (Some(revision), path) if path.is_some() => {
                let place = at(path.as_deref())?;
                let data = data(&project, &Revision::parse(&project, revision)?, printer)?;
                select(data, place)
            }
            (Some(word), _) => {
                let now = data(&project, &Revision::Workspace, printer)?;
                let found = at(Some(word)).and_then(|place| select(now, place));
                if found.is_ok() {
                    return found;
                }
                match Revision::parse(&project, word) {
                    Ok(revision) => Ok(within(data(&project, &revision, printer)?, at(None)?)),
                    Err(_) => found,
                }
            }
            _ => {
                let now = data(&project, &Revision::Workspace, printer)?;
                let place = at(None)?;
                Ok(within(now, place))
            }
        }
    }
}

/// The recorded data of a state: as it is recorded, and file by file.
fn data(project: &Project, revision: &Revision, printer: Printer) -> CliResult<(Files, Files)> {
    let workspace = project.workspace(printer)?;
    let recorded = match revision {
        Revision::Workspace => {
            let pipeline = project.pipeline_if_any()?;
            recorded::now(&pipeline, &project.ledger(&pipeline)?, &workspace.blobs)?
        }
        Revision::Commit(commit) => recorded::at(project, commit, &workspace.blobs)?,
        Revision::Run(_) => {
            return Err(CliError::message("a run has no data of its own").hint("name a git revision"));
        }
    };
    let files = recorded::granular(&recorded, &workspace.blobs)?;
    Ok((recorded, files))
}

/// What lies at or below `place`.
fn within(data: (Files, Files), place: ProjectPath) -> (ProjectPath, Files, Files) {
    let (mut recorded, mut files) = data;
    recorded.retain(|path, _| place.contains(path));
    files.retain(|path, _| place.contains(path));
    (place, recorded, files)
}

/// The same for a place that somebody names: there must be something.
fn select(data: (Files, Files), place: ProjectPath) -> CliResult<(ProjectPath, Files, Files)> {
    let (place, recorded, files) = within(data, place);
    if files.is_empty() && !place.is_root() {
        return Err(CliError::message(format!("no data is recorded at {place}"))
            .hint("`pipe list -R` shows all of it; a word that names no data is taken for a git revision"));
    }
    Ok((place, recorded, files))
}

/// Lists data.
///
/// # Errors
/// When there is no such revision or data.
pub fn run(args: &ListArgs, printer: Printer) -> CliResult {
    let (place, recorded, files) = args.place.files(printer)?;
    let entries = entries(&place, &recorded, &files, args.recursive);
    if args.json {
        let entries = entries.iter().map(|(name, entry)| {
            let digest = entry.state.map(|state| state.digest);
            let mut json = json!({
                "path": name.trim_end_matches('/'),
                "isdir": name.ends_with('/'),
                "isexec": entry.state.is_some_and(|state| state.executable),
                "size": entry.size,
                "digest": digest,
            });
            if name.ends_with('/') {
                json["files"] = entry.files.into();
            }
            json
        });
        printer.data_line(serde_json::to_string_pretty(&entries.collect::<Vec<Json>>())?);
        return Ok(());
    }
    let mut columns = Vec::new();
    if args.show_hash {
        columns.push(Column::text("digest").kept());
    }
    if args.size {
        columns.push(Column::text("size").kept());
    }
    if columns.is_empty() {
        for name in entries.keys() {
            printer.data_line(name);
        }
        return Ok(());
    }
    let mut table = Table::new(columns.into_iter().chain([Column::text("path").kept().whole()]).collect());
    for (name, entry) in &entries {
        let mut row = Vec::new();
        if args.show_hash {
            row.push(entry.state.map_or(Cell::Missing, |state| Cell::text(state.digest.to_string())));
        }
        if args.size {
            row.push(Cell::text(report::bytes_text(entry.size)));
        }
        row.push(Cell::text(name));
        table.push(row);
    }
    printer.data(table.text(printer.width(), printer.colors_data()));
    Ok(())
}

/// Shows sizes.
///
/// # Errors
/// When there is no such revision or data.
pub fn du(args: &DuArgs, printer: Printer) -> CliResult {
    let (place, recorded, files) = args.place.files(printer)?;
    let total: u64 = files.values().fold(0, |sum, state| sum.saturating_add(state.size));
    if !args.summarize {
        for (name, entry) in entries(&place, &recorded, &files, false) {
            printer.data_line(format_args!("{}\t{name}", report::bytes_text(entry.size)));
        }
    }
    printer.data_line(format_args!("{}\ttotal", report::bytes_text(total)));
    Ok(())
}

/// Entries by name below `place`, folders with a slash: all files, or what stands in it itself.
fn entries(place: &ProjectPath, recorded: &Files, files: &Files, recursive: bool) -> BTreeMap<String, Entry> {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    for (path, state) in files {
        let below: Vec<&str> = path.parts().skip(place.parts().count()).collect();
        let is_inner = below.len() > 1 && !recursive;
        let mut name = match below.as_slice() {
            [] => path.name().to_owned(),
            below if recursive => below.join("/"),
            below => below[0].to_owned(),
        };
        if is_inner || state.is_folder() {
            name.push('/');
        }
        let entry = entries.entry(name).or_default();
        entry.size = entry.size.saturating_add(state.size);
        entry.files += state.files.unwrap_or(1);
        if !is_inner {
            entry.state = Some(*state);
        } else if let Some(whole) = recorded.get(&place.join(below[0])) {
            entry.state = Some(*whole);
        }
    }
    entries
}
