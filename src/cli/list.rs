//! `pipe list` and `pipe du`: the data of the workspace, of a revision or of another repository, from what is recorded
//! alone.

mod elsewhere;
mod tree;

use std::collections::BTreeMap;

use base::{FileState, ProjectPath, one_line};
use cache::Files;
use clap::Args;
use report::{Cell, Column, Table};
use serde_json::{Value as Json, json};

use crate::as_dvc;
use crate::error::{CliError, CliResult};
use crate::import::Kept;
use crate::project::Project;
use crate::recorded::{self, Bit};
use crate::revision::Revision;
use crate::ui::Printer;

/// List the data that is under version control, of the workspace or of a revision, or what another repository has
///
/// Told from pointers, locks and the manifests in the cache alone: the data need not be there. Of another git repository
/// (`pipe list REPO [PATH]`), its files that git keeps are listed too.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The branch, tag or commit [default: the workspace, or of another repository its default branch]
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// The remote of another repository that has its data, by its name there
    #[arg(long, value_name = "NAME")]
    remote: Option<String>,
    /// Only data, also of another repository
    #[arg(long)]
    dvc_only: bool,
    /// List the files in folders too
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Draw the files in folders as a tree
    #[arg(short = 'T', long, conflicts_with_all = ["json", "recursive"])]
    tree: bool,
    /// Of folders, list no more than so many levels, with `--recursive` or `--tree`
    #[arg(short = 'L', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    level: Option<u16>,
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
    /// The branch, tag or commit [default: the workspace]
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Show the total alone
    #[arg(short, long)]
    summarize: bool,
}

#[derive(Debug, Args)]
struct PlaceArgs {
    /// A git revision [default: the workspace]; `.`, which is this repository; of `pipe list`, also another repository: a
    /// path, or a URL that git knows
    #[arg(value_name = "REV")]
    revision: Option<String>,
    /// A folder or file; alone, it may stand in place of the revision
    #[arg(value_name = "PATH")]
    path: Option<String>,
}

/// The recorded data of a state.
#[derive(Default)]
struct Data {
    /// As it is recorded.
    recorded: Files,
    /// File by file.
    files: Files,
    /// Files that git keeps, of another repository.
    kept: BTreeMap<ProjectPath, Kept>,
    /// How large the files are. Of one that is not here, nothing tells: a manifest of DVC has no sizes.
    sizes: BTreeMap<ProjectPath, u64>,
    /// Whether it is that of a project of DVC.
    is_of_dvc: bool,
    /// The folders among the files of which the cache lacks a list.
    unlisted: Vec<ProjectPath>,
    /// The commit whose data it is; none for that of the workspace.
    commit: Option<String>,
}

/// Of which nothing is known.
const UNKNOWN: Entry =
    Entry { size: 0, is_sized: false, files: 0, state: None, is_out: false, executable: false };

/// An entry of a listing.
#[derive(Default)]
struct Entry {
    size: u64,
    /// Whether that is all of it.
    is_sized: bool,
    files: u64,
    /// What is recorded of it as a whole.
    state: Option<FileState>,
    /// Whether it is data, or a folder in data.
    is_out: bool,
    /// Whether it is an executable file.
    executable: bool,
}

impl ListArgs {
    /// How many levels are listed.
    fn depth(&self) -> usize {
        match self.recursive || self.tree {
            true => self.level.map_or(usize::MAX, usize::from),
            false => 1,
        }
    }
}

impl PlaceArgs {
    /// What of this project is meant: with `--rev`, the one word is a path.
    fn at(&self, rev: Option<&String>) -> CliResult<PlaceArgs> {
        let PlaceArgs { revision, path } = self;
        // DVC's commands name the repository first, and it is this one.
        let is_named = revision.as_deref().is_some_and(is_here);
        let revision = if is_named && rev.is_some() && path.is_some() { &None } else { revision };
        match (rev, revision, path) {
            (Some(rev), None, Some(path)) => {
                Ok(PlaceArgs { revision: Some(rev.clone()), path: Some(path.clone()) })
            }
            (None, ..) => Ok(PlaceArgs { revision: revision.clone(), path: path.clone() }),
            (Some(_), Some(_), Some(_)) => Err(CliError::message("the revision is named twice")
                .hint("leave `--rev` or the first word out; only of another repository a path and `--rev` go together")),
            (Some(rev), path, _) => Ok(PlaceArgs {
                revision: Some(rev.clone()),
                path: path.clone().or_else(|| Some(".".to_owned())),
            }),
        }
    }

    /// The files that are meant, by their path, and the folder that they are listed from.
    fn files(&self, printer: Printer) -> CliResult<(ProjectPath, Data)> {
        let project = Project::find()?;
        let at = |text: Option<&str>| match text {
            None => Ok(project.base.clone()),
            Some(text) => ProjectPath::resolve(&project.base, text).map_err(CliError::from),
        };
        match (&self.revision, &self.path) {
            (Some(word), Some(path)) if is_here(word) => {
                select(data(&project, &Revision::Workspace, printer)?, at(Some(path))?, printer)
            }
            (Some(revision), path) if path.is_some() => {
                let place = at(path.as_deref())?;
                let data = data(&project, &Revision::parse(&project, revision)?, printer)?;
                select(data, place, printer)
            }
            (Some(word), _) => {
                let now = data(&project, &Revision::Workspace, printer);
                let found = now.and_then(|now| select(now, at(Some(word))?, printer));
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

/// Whether a word names the repository that is worked in, as DVC's commands do: `.`, or the way to its top.
fn is_here(word: &str) -> bool {
    // No revision of git has such a name.
    let is_way = word == "." || word == ".." || word.starts_with("./") || word.starts_with("../");
    let Ok(folder) = std::fs::canonicalize(word) else { return false };
    let same = |path: std::io::Result<std::path::PathBuf>| path.is_ok_and(|path| path == folder);
    let is_root = || Project::find().is_ok_and(|project| same(std::fs::canonicalize(project.root)));
    (is_way || word.starts_with('/')) && (same(std::env::current_dir()) || is_root())
}

/// The recorded data of a state.
fn data(project: &Project, revision: &Revision, printer: Printer) -> CliResult<Data> {
    let workspace = project.workspace(printer)?;
    let recorded = match revision {
        Revision::Workspace => {
            project.expect()?;
            let pipeline = project.pipeline_if_any_told(printer)?;
            recorded::now(&pipeline, &project.ledger(&pipeline)?, &workspace.blobs, Bit::Told)?
        }
        Revision::Commit(commit) => recorded::at(project, commit, &workspace.blobs, Bit::Told)?,
        Revision::Run(_) => {
            return Err(CliError::message("a run has no data of its own").hint("name a git revision"));
        }
    };
    let (mut files, mut unlisted) = (Files::new(), Vec::new());
    for (path, state) in &recorded {
        match recorded::granular(&Files::from([(path.clone(), *state)]), &workspace.blobs) {
            Ok(found) => {
                unlisted.extend(recorded::unlisted(&[&found]).into_iter().filter(|folder| folder == path));
                files.extend(found);
            }
            // It hides nothing else.
            Err(fault) => {
                let causes = fault.source.iter().flat_map(anyhow::Error::chain).map(ToString::to_string);
                let told: Vec<String> = causes.chain(fault.all_hints()).collect();
                printer.warn(told.join("; "));
                files.insert(path.clone(), *state);
            }
        }
    }
    let has_sizes = workspace.blobs.layout().manifests_have_sizes();
    let size = |path: &ProjectPath, state: &FileState| match has_sizes || recorded.contains_key(path) {
        // What a record says of a file is a hint: somebody may have written it.
        true if !state.is_folder() && recorded.contains_key(path) => {
            workspace.blobs.size(&state.digest).or(Some(state.size))
        }
        true => Some(state.size),
        false => workspace.blobs.size(&state.digest),
    };
    let sizes = files.iter().filter_map(|(path, state)| Some((path.clone(), size(path, state)?))).collect();
    let commit = match revision {
        Revision::Commit(commit) => Some(commit.clone()),
        _ => None,
    };
    let is_of_dvc = as_dvc::is_asked(project);
    Ok(Data { recorded, files, sizes, unlisted, commit, is_of_dvc, ..Data::default() })
}

/// What lies at or below `place`.
fn within(mut data: Data, place: ProjectPath) -> (ProjectPath, Data) {
    data.recorded.retain(|path, _| place.contains(path) || path.contains(&place));
    data.files.retain(|path, _| place.contains(path));
    (place, data)
}

/// The same for a place that somebody names: there must be something.
fn select(data: Data, place: ProjectPath, printer: Printer) -> CliResult<(ProjectPath, Data)> {
    let (place, data) = within(data, place);
    if data.files.is_empty()
        && let Some(folder) = data.unlisted.iter().find(|folder| folder.contains(&place))
    {
        recorded::tell_unlisted(folder, data.commit.as_deref(), printer);
    }
    if data.files.is_empty() && !place.is_root() {
        return Err(CliError::message(format!("no data is recorded at {place}"))
            .hint("`pipe list -R` shows all of it; a word that names no data is taken for a git revision"));
    }
    Ok((place, data))
}

/// Lists data.
///
/// # Errors
/// When there is no such revision or data.
pub fn run(args: &ListArgs, printer: Printer) -> CliResult {
    let (place, data) = match elsewhere::repository(args) {
        Some(url) => elsewhere::data(args, &url, printer)?,
        None if args.remote.is_some() => {
            return Err(CliError::message("`--remote` is for data of another repository")
                .hint("name the repository: `pipe list REPO [PATH] --remote NAME`"));
        }
        None => args.place.at(args.rev.as_ref())?.files(printer)?,
    };
    // What is listed with the files in it.
    let is_opened = |folder: &&ProjectPath| {
        place.contains(folder) && folder.parts().count() - place.parts().count() < args.depth()
    };
    for folder in data.unlisted.iter().filter(is_opened) {
        recorded::tell_unlisted(folder, data.commit.as_deref(), printer);
    }
    let entries = entries(&place, &data, args.depth());
    if args.json {
        let entries = entries.iter().map(|(name, entry)| {
            let mut json = json!({
                "path": name.trim_end_matches('/'),
                "isdir": name.ends_with('/'),
                "isout": entry.is_out,
                "isexec": entry.executable,
                "size": entry.is_sized.then_some(entry.size),
            });
            if data.is_of_dvc {
                json["md5"] = json!(entry.state.as_ref().map(as_dvc::hash));
                return json;
            }
            json["digest"] = json!(entry.state.map(|state| state.digest));
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
    let names: Vec<(String, Option<&Entry>)> = match args.tree {
        true => tree::drawn(&place.to_string(), &entries),
        false => entries.iter().map(|(name, entry)| (one_line(name).to_string(), Some(entry))).collect(),
    };
    if columns.is_empty() {
        for (name, _) in names {
            printer.data_line(name);
        }
        return Ok(());
    }
    let mut table = Table::new(columns.into_iter().chain([Column::text("path").kept().whole()]).collect());
    for (name, entry) in names {
        // Of a folder that stands above what is listed, nothing is told.
        let entry = entry.unwrap_or(&UNKNOWN);
        let mut row = Vec::new();
        if args.show_hash {
            row.push(entry.state.map_or(Cell::Missing, |state| Cell::text(state.digest.to_string())));
        }
        if args.size {
            row.push(match entry.is_sized {
                true => Cell::text(report::bytes_text(entry.size)),
                false => Cell::Missing,
            });
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
    let (place, data) = args.place.at(args.rev.as_ref())?.files(printer)?;
    let text = |entry: &Entry| match (entry.is_sized, entry.size) {
        (true, size) => report::bytes_text(size),
        (false, 0) => "unknown".to_owned(),
        (false, size) => format!("at least {}", report::bytes_text(size)),
    };
    let entries = entries(&place, &data, 1);
    if !args.summarize {
        for (name, entry) in &entries {
            printer.data_line(format_args!("{}\t{}", text(entry), one_line(name)));
        }
    }
    let total = entries.values().fold(Entry { is_sized: true, ..Entry::default() }, |total, entry| Entry {
        size: total.size.saturating_add(entry.size),
        is_sized: total.is_sized && entry.is_sized,
        ..total
    });
    printer.data_line(format_args!("{}\ttotal", text(&total)));
    Ok(())
}

/// Entries by name below `place`, folders with a slash: all files down to so many levels, and the folders that have more.
fn entries(place: &ProjectPath, data: &Data, depth: usize) -> BTreeMap<String, Entry> {
    let Data { recorded, files, kept, sizes, .. } = data;
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    let kept_files = kept.iter().map(|(path, kept)| (path, None, kept.executable));
    let data_files = files.iter().map(|(path, state)| (path, Some(state), state.executable));
    for (path, state, executable) in kept_files.chain(data_files) {
        let below: Vec<&str> = path.parts().skip(place.parts().count()).collect();
        let is_inner = below.len() > depth;
        let shown = &below[..depth.min(below.len())];
        let whole = shown.iter().fold(place.clone(), |folder, name| folder.join(name));
        let mut name = if below.is_empty() { path.name().to_owned() } else { shown.join("/") };
        if is_inner || state.is_some_and(FileState::is_folder) {
            name.push('/');
        }
        let entry = entries.entry(name).or_insert(Entry { is_sized: true, ..Entry::default() });
        entry.size = entry.size.saturating_add(sizes.get(path).copied().unwrap_or_default());
        entry.is_sized &= sizes.contains_key(path);
        entry.files += state.and_then(|state| state.files).unwrap_or(1);
        entry.is_out |= match is_inner {
            true => recorded.keys().any(|out| out.contains(&whole)),
            false => state.is_some(),
        };
        if !is_inner {
            entry.state = state.copied();
            entry.executable = executable;
        } else if let Some(whole) = recorded.get(&whole) {
            entry.state = Some(*whole);
        }
    }
    // What a pointer says of a folder as a whole is known without its files.
    for entry in entries.values_mut().filter(|entry| !entry.is_sized) {
        if let Some(size) = entry.state.map(|state| state.size).filter(|size| *size > 0) {
            (entry.size, entry.is_sized) = (size, true);
        }
    }
    entries
}
