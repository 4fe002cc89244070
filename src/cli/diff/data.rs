//! `pipe diff` of data: what was added, deleted, changed or renamed between two states.

use base::{FileState, ProjectPath};
use cache::{Blobs, Difference, Files};
use pipeline::{Pipeline, Repo};
use report::{Cell, Column, Table};
use serde_json::{Value as Json, json};

use crate::as_dvc;
use crate::error::{CliError, CliResult, ErrorKind, with_causes};
use crate::import::{Depot, Repository, Which};
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::recorded::{self, Bit, Unreadable, Unrecorded};
use crate::revision::{Revision, pipeline_at};
use crate::ui::Printer;

use super::DiffArgs;

/// Compares the data of two states; `None` for the commit that is checked out and for the workspace.
///
/// # Errors
/// When a state cannot be read.
pub fn run(
    args: &DiffArgs,
    project: &Project,
    states: (Option<Revision>, Option<Revision>),
    printer: Printer,
) -> CliResult {
    let old = match states.0 {
        Some(revision) => revision,
        None => match project.git().map_or(Ok(None), |git| git.known_head())? {
            Some(commit) if recorded::is_before_conversion(project, &commit)? => {
                return Err(CliError::message("the last commit is from before `pipe convert`")
                    .hint("`git add` and commit what it wrote: from then on the data can be compared"));
            }
            Some(commit) => Revision::Commit(commit),
            // What DVC's scripts are told then.
            None if args.json && as_dvc::is_asked(project) && project.git().is_some() => {
                printer.data_line("{}");
                return Ok(());
            }
            None => {
                return Err(CliError::message("there is no commit to compare the data with")
                    .hint("commit the project; `pipe data status` tells what is not recorded"));
            }
        },
    };
    let is_for_dvc = args.json && as_dvc::is_asked(project);
    let of_workspace = states.1.is_none();
    let new = states.1.unwrap_or(Revision::Workspace);
    let places = places(args, project, [&old, &new], printer)?;
    let targets: Vec<ProjectPath> = places.iter().flatten().cloned().collect();
    let mut unreadable = Unreadable::new();
    let unrecorded = [&old, &new].map(|revision| match revision {
        Revision::Commit(commit) if is_for_dvc => names_at(project, commit, &targets, printer),
        _ => Ok(Names::default()),
    });
    let commits = [&old, &new].map(|revision| match revision {
        Revision::Commit(commit) => Some(commit.clone()),
        _ => None,
    });
    let [old, new] =
        [&old, &new].map(|revision| files(project, revision, &targets, &mut unreadable, printer));
    let (mut old, mut new) = (old?, new?);
    for (places, text) in places.iter().zip(&args.targets) {
        let has_it = |path: &ProjectPath| places.iter().any(|place| place.contains(path));
        let is_data = old.keys().chain(new.keys()).chain(unreadable.keys()).any(has_it);
        if !is_data && !is_known(project, places, is_for_dvc, printer)? {
            return Err(CliError::message(format!("neither state has data at `{text}`"))
                .hint("without `--targets`, all data is compared; `pipe list -R` shows what there is"));
        }
    }
    for side in [&mut old, &mut new] {
        side.retain(|path, _| !unreadable.keys().any(|data| data.contains(path)));
    }
    // What stands in the workspace needs no list.
    let lists = [&old, &new].map(|side| recorded::unlisted(&[side]));
    let unlisted = lists.concat();
    for side in [&mut old, &mut new] {
        let whole = side.clone();
        recorded::tell_whole(side, &unlisted, &whole);
    }
    let changes = Difference::between(&old, &new).with_renames(&old, &new);
    for (folders, commit) in lists.iter().zip(&commits) {
        for folder in folders.iter().filter(|folder| changes.names(folder)) {
            recorded::tell_unlisted(folder, commit.as_deref(), printer);
        }
    }
    // What is not as it was, and cannot be brought back from the cache.
    let missing = (of_workspace && !args.hide_missing).then(|| missing(&changes, &old, &project.blobs()));
    if is_for_dvc {
        let [old_names, new_names] = unrecorded;
        let sides =
            [Side { files: &old, unrecorded: &old_names? }, Side { files: &new, unrecorded: &new_names? }];
        let blobs = (of_workspace).then(|| project.blobs());
        let all = dvc_json(&changes, sides, blobs.as_ref(), args);
        printer.data_line(serde_json::to_string_pretty(&all)?);
    } else if args.json {
        print_json(&changes, missing.as_deref(), (&old, &new), args.show_hash, printer)?;
    } else {
        print(&changes, missing.as_deref(), (&old, &new), args, printer);
    }
    recorded::tell_unreadable(&unreadable, printer)
}

/// Where the data lies that each target names: there, or, of a stage, pointer or pipeline file, where one of the two
/// states has its outs.
fn places(
    args: &DiffArgs,
    project: &Project,
    revisions: [&Revision; 2],
    printer: Printer,
) -> CliResult<Vec<Vec<ProjectPath>>> {
    let mut pipelines = Vec::new();
    for revision in revisions.iter().filter(|_| !args.targets.is_empty()) {
        pipelines.extend(match revision {
            Revision::Commit(commit) => pipeline_at(project, commit)?,
            _ => Some(project.pipeline_if_any_beside_conflicts(printer)?),
        });
    }
    let mut all = Vec::with_capacity(args.targets.len());
    for target in &args.targets {
        let of_state = |pipeline: &Pipeline| recorded::of_target(pipeline, &project.base, target);
        let mut places: Vec<ProjectPath> = pipelines.iter().flat_map(of_state).collect();
        if places.is_empty() {
            places.push(ProjectPath::resolve(&project.base, target)?);
        }
        all.push(places);
    }
    Ok(all)
}

/// Whether outs lie there that git keeps: their bytes are no data, and yet it is no mistake to name them. DVC's scripts may
/// name any.
fn is_known(
    project: &Project,
    places: &[ProjectPath],
    is_for_dvc: bool,
    printer: Printer,
) -> CliResult<bool> {
    let pipeline = project.pipeline_if_any_beside_conflicts(printer)?;
    let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
    let mut outs = outs.filter(|out| !out.cache || is_for_dvc);
    Ok(outs.any(|out| places.iter().any(|place| place.contains(&out.path))))
}

/// The data of a state file by file, and its folders: of the workspace as it is, as far as it is not `unreadable`.
fn files(
    project: &Project,
    revision: &Revision,
    targets: &[ProjectPath],
    unreadable: &mut Unreadable,
    printer: Printer,
) -> CliResult<Files> {
    let workspace = project.workspace(printer)?;
    let (whole, single) = match revision {
        Revision::Workspace => {
            let pipeline = project.pipeline_if_any_told(printer)?;
            let ledger = project.ledger(&pipeline)?;
            let mut recorded = recorded::now(&pipeline, &ledger, &workspace.blobs, Bit::Ignored)?;
            // What lies there counts also where its stage has no record, or none any more.
            recorded.extend(recorded::unrecorded(&pipeline, &recorded));
            let (single, faults) = recorded::in_place(&workspace, (&pipeline, &ledger), &recorded, true);
            let (whole, _) = recorded::in_place(&workspace, (&pipeline, &ledger), &recorded, false);
            let is_meant = |data: &ProjectPath| {
                targets.is_empty()
                    || targets.iter().any(|target| target.contains(data) || data.contains(target))
            };
            unreadable.extend(faults.into_iter().filter(|(data, _)| is_meant(data)));
            let _ = workspace.save_state();
            (whole, single)
        }
        Revision::Commit(commit) => {
            let recorded = recorded::at(project, commit, &workspace.blobs, Bit::Ignored)?;
            let single = recorded::granular(&recorded, &workspace.blobs)?;
            (recorded, single)
        }
        Revision::Run(_) => {
            return Err(CliError::message("a run has no data of its own").hint("name git revisions"));
        }
    };
    let mut all: Files = whole.into_iter().chain(single).collect();
    if !targets.is_empty() {
        all.retain(|path, _| targets.iter().any(|target| target.contains(path)));
    }
    Ok(all)
}

/// What of the old side is gone or another, and is not in the cache.
fn missing(changes: &Difference, old: &Files, blobs: &Blobs) -> Vec<ProjectPath> {
    let Difference { deleted, modified, renamed, .. } = changes;
    let gone = deleted.iter().chain(modified).chain(renamed.iter().map(|(before, _)| before));
    let mut missing: Vec<ProjectPath> = gone.filter(|path| !blobs.has_all(&old[*path])).cloned().collect();
    missing.sort();
    missing
}

/// One state, as DVC's JSON tells of it.
struct Side<'a> {
    files: &'a Files,
    unrecorded: &'a Names,
}

/// What a commit declares and records nothing of: it stands in DVC's index all the same, without a hash.
#[derive(Default)]
struct Names {
    /// Outs, and the files in folders of other repositories.
    paths: Vec<ProjectPath>,
    /// Those folders, which are not told themselves.
    folders: Vec<ProjectPath>,
}

/// The names of what a commit records nothing of. DVC looks up what other repositories have.
fn names_at(project: &Project, commit: &str, targets: &[ProjectPath], printer: Printer) -> CliResult<Names> {
    let mut names = Names::default();
    let is_named =
        |path: &ProjectPath| targets.is_empty() || targets.iter().any(|target| target.contains(path));
    for Unrecorded { path, import } in recorded::unrecorded_at(project, commit)? {
        let is_meant = is_named(&path) || targets.iter().any(|target| path.contains(target));
        let repo = import.as_ref().and_then(|import| Some((&import.path, import.repo.as_ref()?)));
        match repo.filter(|(_, repo)| repo.rev_lock.is_some()) {
            _ if !is_meant => {}
            Some((there, repo)) => match names_there(project, repo, (&path, there), printer) {
                Ok(files) => {
                    let files: Vec<ProjectPath> = files
                        .iter()
                        .map(|below| match below.as_str() {
                            "." => path.clone(),
                            below => below.split('/').fold(path.clone(), |path, part| path.join(part)),
                        })
                        .collect();
                    names.folders.extend(Some(path).filter(|path| !files.contains(path)));
                    names.paths.extend(files);
                }
                Err(fault) if matches!(fault.kind, ErrorKind::Interrupted(_)) => return Err(fault),
                Err(fault) => {
                    let reason = fault.source.map(|source| with_causes(source.as_ref())).unwrap_or_default();
                    printer.warn(format_args!("the files of {path} cannot be told: {reason}"));
                    names.paths.push(path);
                }
            },
            None => names.paths.push(path),
        }
    }
    names.paths.retain(is_named);
    Ok(names)
}

/// The files that a repository has at a path, for an out `here`, as they are seen from it; `.` is a file there itself.
fn names_there(
    project: &Project,
    repo: &Repo,
    (here, path): (&ProjectPath, &str),
    printer: Printer,
) -> CliResult<Vec<String>> {
    let interrupt = Interrupt::listen()?;
    let depot = Depot::of(project, None, &interrupt, printer);
    // A pointer lies beside what it records.
    let start = depot.start(repo, &here.parent().unwrap_or_default().to_path(&depot.root));
    let (place, listing) = Repository::open(&depot, &start, repo, Which::Recorded)?.list(path, true)?;
    let data = listing.files.iter().filter(|(_, state)| !state.is_folder()).map(|(file, _)| file);
    let files = listing.kept.keys().chain(data).filter(|file| place.contains(file));
    Ok(files.map(|file| file.relative_to(&place)).collect())
}

/// `{"added": [{"path": …, "hash": …}], …}`, and `{}` where nothing differs and nothing is lost. What the cache lacks of
/// the old state is told where `blobs` is given, also where it did not change.
fn dvc_json(changes: &Difference, [old, new]: [Side<'_>; 2], blobs: Option<&Blobs>, args: &DiffArgs) -> Json {
    let hash = |side: &Side<'_>, path: &ProjectPath| json!(side.files.get(path).map(as_dvc::hash));
    let name = |side: &Side<'_>, path: &ProjectPath| recorded::named(path, side.files.get(path));
    let both = |path: &ProjectPath| json!({ "old": hash(&old, path), "new": hash(&new, path) });
    let [mut added, mut deleted, mut modified, mut lost] = [const { Vec::new() }; 4];
    let mut renamed = Vec::new();
    for path in changes.added.iter().filter(|path| !old.unrecorded.folders.contains(path)) {
        match old.unrecorded.paths.contains(path) {
            true => modified.push((name(&old, path), both(path))),
            false => added.push((name(&new, path), hash(&new, path))),
        }
    }
    for path in changes.deleted.iter().filter(|path| !new.unrecorded.folders.contains(path)) {
        match new.unrecorded.paths.contains(path) {
            true => modified.push((name(&old, path), both(path))),
            false => deleted.push((name(&old, path), hash(&old, path))),
        }
    }
    modified.extend(changes.modified.iter().map(|path| (name(&old, path), both(path))));
    let is_nowhere = |side: &Side<'_>, path: &ProjectPath| {
        !side.files.contains_key(path) && !side.unrecorded.paths.contains(path)
    };
    let gone = old.unrecorded.paths.iter().filter(|path| is_nowhere(&new, path));
    deleted.extend(gone.map(|path| (name(&old, path), Json::Null)));
    let begun = new.unrecorded.paths.iter().filter(|path| is_nowhere(&old, path));
    added.extend(begun.map(|path| (name(&new, path), Json::Null)));
    for (before, after) in &changes.renamed {
        renamed.push(((name(&old, before), name(&new, after)), hash(&old, before)));
    }
    if let Some(blobs) = blobs {
        let missing = old.files.iter().filter(|(_, state)| match state.is_folder() {
            true => !blobs.has_list(state),
            false => !blobs.holds(state),
        });
        lost.extend(
            missing.map(|(path, state)| (recorded::named(path, Some(state)), json!(as_dvc::hash(state)))),
        );
    }
    if [&added, &deleted, &modified, &lost].iter().all(|list| list.is_empty()) && renamed.is_empty() {
        return json!({});
    }
    let entry = |path: Json, hash: Json| match args.show_hash {
        true => json!({ "path": path, "hash": hash }),
        false => json!({ "path": path }),
    };
    let list = |mut entries: Vec<(String, Json)>| -> Json {
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries.into_iter().map(|(path, hash)| entry(path.into(), hash)).collect()
    };
    renamed.sort_by(|(a, _), (b, _)| a.cmp(b));
    let renamed: Json = renamed
        .into_iter()
        .map(|((old, new), hash)| entry(json!({ "old": old, "new": new }), hash))
        .collect();
    let mut all = json!({
        "added": list(added),
        "deleted": list(deleted),
        "modified": list(modified),
        "renamed": renamed,
    });
    if blobs.is_some() && !args.hide_missing {
        all["not in cache"] = list(lost);
    }
    all
}

fn print_json(
    changes: &Difference,
    missing: Option<&[ProjectPath]>,
    (old, new): (&Files, &Files),
    with_hash: bool,
    printer: Printer,
) -> CliResult {
    let one = |path: &ProjectPath, side: &Files| -> Json {
        let mut entry = json!({ "path": recorded::named(path, side.get(path)) });
        if with_hash {
            entry["hash"] = json!(side.get(path).map(|state| state.digest));
        }
        entry
    };
    let modified = changes.modified.iter().map(|path| {
        let mut entry = json!({ "path": recorded::named(path, new.get(path)) });
        if with_hash {
            entry["hash"] = json!({ "old": old[path].digest, "new": new[path].digest });
        }
        entry
    });
    let renamed = changes.renamed.iter().map(|(before, after)| {
        let mut entry = json!({ "path": {
            "old": recorded::named(before, old.get(before)),
            "new": recorded::named(after, new.get(after)),
        } });
        if with_hash {
            entry["hash"] = json!(new[after].digest);
        }
        entry
    });
    let mut all = json!({
        "added": changes.added.iter().map(|path| one(path, new)).collect::<Vec<_>>(),
        "deleted": changes.deleted.iter().map(|path| one(path, old)).collect::<Vec<_>>(),
        "modified": modified.collect::<Vec<_>>(),
        "renamed": renamed.collect::<Vec<_>>(),
    });
    if let Some(missing) = missing {
        all["not in cache"] = missing.iter().map(|path| one(path, old)).collect();
    }
    printer.data_line(serde_json::to_string_pretty(&all)?);
    Ok(())
}

fn print(
    changes: &Difference,
    missing: Option<&[ProjectPath]>,
    (old, new): (&Files, &Files),
    args: &DiffArgs,
    printer: Printer,
) {
    let short = |state: Option<&FileState>| state.map_or_else(String::new, |state| state.digest.short());
    let mut rows: Vec<(&str, String, String)> = Vec::new();
    let one =
        |path: &ProjectPath, side: &Files| (recorded::named(path, side.get(path)), short(side.get(path)));
    for path in &changes.added {
        let (name, hash) = one(path, new);
        rows.push(("added", name, hash));
    }
    for path in &changes.deleted {
        let (name, hash) = one(path, old);
        rows.push(("deleted", name, hash));
    }
    for (before, after) in &changes.renamed {
        let name = format!("{} -> {}", one(before, old).0, one(after, new).0);
        rows.push(("renamed", name, short(new.get(after))));
    }
    for path in &changes.modified {
        let hash = format!("{} -> {}", short(old.get(path)), short(new.get(path)));
        rows.push(("modified", recorded::named(path, new.get(path)), hash));
    }
    for path in missing.into_iter().flatten() {
        let (name, hash) = one(path, old);
        rows.push(("not in cache", name, hash));
    }
    if rows.is_empty() {
        if !args.md {
            printer.data_line("Nothing differs.");
        }
        return;
    }
    let mut columns = vec![Column::text("change").kept(), Column::text("path").kept().whole()];
    if args.show_hash {
        columns.push(Column::text("digest").kept());
    }
    let mut table = Table::new(columns);
    for (word, name, hash) in rows {
        let mut row = vec![Cell::text(word), Cell::text(name)];
        if args.show_hash {
            row.push(Cell::text(hash));
        }
        table.push(row);
    }
    printer.data(match args.md {
        true => table.markdown(),
        false => table.text(printer.width(), printer.colors_data()),
    });
}
