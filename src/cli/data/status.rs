//! `pipe data status`: what of the data changed since the last commit, and what is not recorded yet.

use base::ProjectPath;
use cache::{Difference, Files, Workspace};
use clap::Args;
use exec::Ledger;
use pipeline::Pipeline;
use serde_json::{Value as Json, json};

use crate::error::CliResult;
use crate::project::Project;
use crate::recorded;
use crate::ui::Printer;

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Tell of the files in folders one by one
    #[arg(long)]
    granular: bool,
    /// Tell also what is unchanged
    #[arg(long)]
    unchanged: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows how the data stands.
///
/// # Errors
/// When it cannot be told.
pub fn run(args: &StatusArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let pipeline = project.pipeline_if_any()?;
    let workspace = project.workspace(printer)?;
    let ledger = project.ledger(&pipeline)?;
    let blobs = &workspace.blobs;
    let now = recorded::now(&pipeline, &ledger, blobs)?;
    let found = recorded::in_place(&workspace, &now, args.granular)?;
    let head = match project.git().and_then(|git| git.head()) {
        Some(commit) => recorded::at(&project, &commit, blobs)?,
        None => Files::new(),
    };
    let _ = workspace.save_state();
    let sort = |data: Files| if args.granular { recorded::granular(&data, blobs) } else { Ok(data) };
    let (head, now) = (sort(head)?, sort(now)?);
    let committed = Difference::between(&head, &now).with_renames(&head, &now);
    let mut uncommitted = Difference::between(&now, &found).with_renames(&now, &found);
    // What nobody edited waits for what its pointer records.
    let outdated = outdated(&workspace, &pipeline, &ledger)?;
    let is_outdated = |path: &ProjectPath| outdated.iter().any(|data| data.contains(path));
    uncommitted.added.retain(|path| !is_outdated(path));
    uncommitted.modified.retain(|path| !is_outdated(path));
    uncommitted.deleted.retain(|path| !is_outdated(path));
    uncommitted.renamed.retain(|(_, path)| !is_outdated(path));
    let missing: Vec<&ProjectPath> =
        now.iter().filter(|(_, state)| !blobs.has_all(state)).map(|(path, _)| path).collect();
    let is_changed = |path: &ProjectPath| {
        let is_in = |one: &Difference| {
            let is_renamed = one.renamed.iter().any(|(old, new)| old == path || new == path);
            is_renamed || [&one.added, &one.modified, &one.deleted].iter().any(|paths| paths.contains(path))
        };
        is_outdated(path) || is_in(&committed) || is_in(&uncommitted)
    };
    let unchanged: Vec<&ProjectPath> =
        now.keys().filter(|path| args.unchanged && !is_changed(path)).collect();
    let name =
        |path: &ProjectPath| recorded::shown(path, found.get(path).or(now.get(path)).or(head.get(path)));
    if args.json {
        let names = |paths: &[ProjectPath]| paths.iter().map(name).collect::<Vec<_>>();
        let sides = |one: &Difference| -> Json {
            json!({
                "added": names(&one.added),
                "modified": names(&one.modified),
                "deleted": names(&one.deleted),
                "renamed": one.renamed.iter().map(|(old, new)| json!({ "old": name(old), "new": name(new) })).collect::<Vec<_>>(),
            })
        };
        let mut all = json!({
            "not_in_cache": missing.into_iter().map(name).collect::<Vec<_>>(),
            "committed": sides(&committed),
            "uncommitted": sides(&uncommitted),
            "outdated": names(&outdated),
        });
        if args.unchanged {
            all["unchanged"] = unchanged.into_iter().map(name).collect();
        }
        printer.data_line(serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    let list = |title: &str, help: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            printer.data_line(format_args!("{title}:"));
            printer.data_line(format_args!("  ({help})"));
            for line in &lines {
                printer.data_line(format_args!("        {line}"));
            }
            printer.data("\n");
        }
        !lines.is_empty()
    };
    let lines = |one: &Difference| {
        let of = |word: &str, paths: &[ProjectPath]| {
            paths.iter().map(|path| format!("{word}: {}", name(path))).collect::<Vec<_>>()
        };
        let renamed = one.renamed.iter().map(|(old, new)| format!("renamed: {} -> {}", name(old), name(new)));
        [
            of("added", &one.added),
            of("modified", &one.modified),
            of("deleted", &one.deleted),
            renamed.collect(),
        ]
        .concat()
    };
    let mut any = list(
        "Not in cache",
        "use `pipe pull` to bring it from a remote",
        missing.into_iter().map(name).collect(),
    );
    any |= list("Committed changes", "git commit the pointers and locks to keep them", lines(&committed));
    any |= list(
        "Uncommitted changes",
        "use `pipe commit` to record them, `pipe checkout` to discard them",
        lines(&uncommitted),
    );
    any |= list(
        "Outdated data, whose pointers moved",
        "use `pipe checkout` to bring what they record, after `pipe fetch` where the cache lacks it",
        outdated.iter().map(name).collect(),
    );
    any |= list("Unchanged", "as the last commit records it", unchanged.into_iter().map(name).collect());
    if !any {
        printer.data_line("No changes.");
    }
    Ok(())
}

/// Data that is what was last recorded or brought back here, and not what its pointer records now.
fn outdated(workspace: &Workspace, pipeline: &Pipeline, ledger: &Ledger) -> CliResult<Vec<ProjectPath>> {
    let mut outdated = Vec::new();
    for stage in pipeline.sources().map(|id| pipeline.stage(id)) {
        for out in &stage.outs {
            let recorded = ledger.get(&stage.address).and_then(|locked| locked.recorded(out));
            let agreed = workspace.agreed(&out.path);
            if agreed.is_some()
                && recorded.is_some_and(|recorded| Some(recorded.digest) != agreed)
                && workspace.observe(&out.path)?.map(|now| now.digest) == agreed
            {
                outdated.push(out.path.clone());
            }
        }
    }
    outdated.sort();
    Ok(outdated)
}
