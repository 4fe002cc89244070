//! `pipe diff` of data: what was added, deleted, changed or renamed between two states.

use base::{FileState, ProjectPath};
use cache::{Blobs, Difference, Files};
use report::{Cell, Column, Table};
use serde_json::{Value as Json, json};

use crate::error::{CliError, CliResult};
use crate::project::Project;
use crate::recorded::{self, Bit, Unreadable};
use crate::revision::Revision;
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
            None => {
                return Err(CliError::message("there is no commit to compare the data with")
                    .hint("commit the project; `pipe data status` tells what is not recorded"));
            }
        },
    };
    let of_workspace = states.1.is_none();
    let new = states.1.unwrap_or(Revision::Workspace);
    let targets = args.targets.iter().map(|target| ProjectPath::resolve(&project.base, target));
    let targets = targets.collect::<Result<Vec<_>, _>>()?;
    let mut unreadable = Unreadable::new();
    let [old, new] =
        [&old, &new].map(|revision| files(project, revision, &targets, &mut unreadable, printer));
    let (mut old, mut new) = (old?, new?);
    for (target, text) in targets.iter().zip(&args.targets) {
        let has_it = |path: &ProjectPath| target.contains(path);
        let is_data = old.keys().chain(new.keys()).chain(unreadable.keys()).any(has_it);
        if !is_data && !is_left_to_git(project, target, printer)? {
            return Err(CliError::message(format!("neither state has data at `{text}`"))
                .hint("without `--targets`, all data is compared; `pipe list -R` shows what there is"));
        }
    }
    for side in [&mut old, &mut new] {
        side.retain(|path, _| !unreadable.keys().any(|data| data.contains(path)));
    }
    let unlisted = recorded::unlisted(&[&old, &new]);
    for side in [&mut old, &mut new] {
        let whole = side.clone();
        recorded::tell_whole(side, &unlisted, &whole);
    }
    let changes = Difference::between(&old, &new).with_renames(&old, &new);
    // What is not as it was, and cannot be brought back from the cache.
    let missing = (of_workspace && !args.hide_missing).then(|| missing(&changes, &old, &project.blobs()));
    if args.json {
        print_json(&changes, missing.as_deref(), (&old, &new), args.show_hash, printer)?;
    } else {
        print(&changes, missing.as_deref(), (&old, &new), args, printer);
    }
    recorded::tell_unreadable(&unreadable, printer)
}

/// Whether an out lies there that git keeps: its bytes are no data, and yet it is no mistake to name it.
fn is_left_to_git(project: &Project, target: &ProjectPath, printer: Printer) -> CliResult<bool> {
    let pipeline = project.pipeline_if_any_beside_conflicts(printer)?;
    let mut outs = pipeline.stages.iter().flat_map(|stage| &stage.outs).filter(|out| !out.cache);
    Ok(outs.any(|out| target.contains(&out.path)))
}

/// Stands for what is not recorded: where it lies is all that is asked of it.
const UNRECORDED: FileState =
    FileState { digest: base::Digest::Blake3([0; 32]), size: 0, files: None, executable: false };

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
            let pipeline = project.pipeline_if_any_beside_conflicts(printer)?;
            let mut recorded =
                recorded::now(&pipeline, &project.ledger(&pipeline)?, &workspace.blobs, Bit::Ignored)?;
            // What lies there counts also where its stage has no record, or none any more.
            let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
            for out in outs.filter(|out| out.cache && out.glob.is_none()) {
                recorded.entry(out.path.clone()).or_insert(UNRECORDED);
            }
            let (single, faults) = recorded::in_place(&workspace, &pipeline, &recorded, true);
            let (whole, _) = recorded::in_place(&workspace, &pipeline, &recorded, false);
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
