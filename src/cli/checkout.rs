//! `pipe checkout`: brings outs and data to what pipeline.lock and pointers record of them.

use base::{FileState, ProjectPath};
use cache::{Change, Checkout, Workspace};
use clap::Args;
use exec::{Ledger, Wish, with_choice};
use pipeline::{Glob, Pipeline, StageId};
use serde_json::{Value as Json, json};

use crate::cli::targets::{Picked, TargetArgs};
use crate::cli::tell_damage;
use crate::error::{CliError, CliResult, ErrorKind};
use crate::placed::{Placed, sweep};
use crate::project::Project;
use crate::recovery;
use crate::ui::Printer;

/// Bring outs and data to what pipeline.lock and pointers record of them
///
/// Changed files come back from the cache, missing ones too, and what a recorded folder does not hold is removed. Files
/// that are right stay as they are. When that would replace bytes that no cache holds, nothing is touched, unless
/// `-f` says to save them first. Without a TARGET, what was recorded or brought back here and no stage and no pointer
/// tells of any more, as after `git checkout`, is removed too, where the cache holds it as it is. Outs with `cache: false` are left alone. What changed is printed: `A` for added, `M` for
/// modified, `D` for deleted. The exit code is 1 when something is not in the cache; the rest is done.
#[derive(Debug, Args)]
pub struct CheckoutArgs {
    #[command(flatten)]
    which: TargetArgs,
    /// Replace bytes that no cache holds too, after saving them in it
    #[arg(short, long)]
    force: bool,
    /// Place files anew that are right already, by the first of `cache.link_types` that works
    #[arg(long)]
    relink: bool,
    /// Take it as done when something is not in the cache
    #[arg(long)]
    allow_missing: bool,
    /// Print JSON: what was added, modified, deleted, saved, and what failed
    #[arg(long)]
    json: bool,
    /// Whether it ends a pull, which told already what is not to be had.
    #[arg(skip)]
    is_pulled: bool,
}

/// How many paths a refusal names.
const NAMED: usize = 10;

/// Brings the outs that are meant to their recorded states.
///
/// # Errors
/// With exit code 1 when it would replace unsaved bytes, or something is not in the cache.
pub fn run(args: &CheckoutArgs, printer: Printer) -> CliResult {
    let (told, is_whole) = bring_back(args, printer)?;
    if args.json {
        printer.data_line(serde_json::to_string_pretty(&told).expect("plain data"));
    }
    if is_whole { Ok(()) } else { Err(CliError::silent(ErrorKind::Negative)) }
}

impl CheckoutArgs {
    /// A checkout as the end of a pull.
    pub fn new(which: &TargetArgs, force: bool, allow_missing: bool, json: bool) -> Self {
        CheckoutArgs { which: which.clone(), force, relink: false, allow_missing, json, is_pulled: true }
    }
}

/// Does what is asked for and tells it, unless JSON is asked for. Returns it for machines, and whether nothing was missing.
///
/// # Errors
/// With exit code 1 when it would replace unsaved bytes.
pub fn bring_back(args: &CheckoutArgs, printer: Printer) -> CliResult<(Json, bool)> {
    let project = Project::find()?;
    let pipeline = project.pipeline()?;
    let picked = args.which.pick(&pipeline, &project)?;
    let mut placed = Placed::load(&project);
    let is_everything = args.which.targets.is_empty();
    let left = if is_everything { placed.unclaimed(&project, &pipeline) } else { Vec::new() };
    let wish = picked.iter().fold(Wish::named("a checkout"), |wish, picked| match &picked.path {
        Some(path) => wish.writing_path(path),
        None => wish.writing(&pipeline.stage(picked.stage).outs),
    });
    let wish = left.iter().fold(wish, |wish, (path, _)| wish.writing_path(path));
    let _held = recovery::hold(&project, &wish, true, printer)?;
    let workspace = project.workspace(printer)?;
    let ledger = project.ledger(&pipeline)?;
    let wanted = recorded(&pipeline, &ledger, &workspace, &picked, !args.which.targets.is_empty(), printer)?;
    let mut plan = Checkout::default();
    let working = printer.working("Comparing with what is recorded");
    for Wanted { path, state, glob, .. } in &wanted {
        match glob {
            None => workspace.plan_checkout(path, state, args.relink, &mut plan)?,
            Some(glob) => with_choice(glob, |files| {
                workspace.plan_checkout_set(path, files, state, args.relink, &mut plan)
            })?,
        }
    }
    tell_damage(&workspace, printer);
    plan.unsaved.sort();
    drop(working);
    if !plan.unsaved.is_empty() && !args.force {
        return Err(refuse(&plan.unsaved));
    }
    let saved = save(&workspace, &plan.unsaved, printer)?;
    let working = printer.working("Bringing files back");
    let paths: Vec<&ProjectPath> = wanted.iter().map(|wanted| &wanted.path).collect();
    project.begin_checkout(&paths)?;
    workspace.carry_out(&mut plan)?;
    project.end_checkout(&paths);
    drop(working);
    remember(&workspace, &pipeline, &wanted, &plan);
    let swept = sweep(&project, &workspace, &mut placed, &left, printer)?;
    let whole: Vec<StageId> =
        picked.iter().filter(|picked| picked.path.is_none()).map(|picked| picked.stage).collect();
    placed.note(&pipeline, &ledger, &workspace, &whole);
    placed.save()?;
    workspace.save_state()?;
    let is_fine =
        |fault: &cache::CacheError| args.allow_missing && matches!(fault, cache::CacheError::Missing { .. });
    let is_whole = plan.failed.iter().all(|(_, fault)| is_fine(fault));
    Ok((tell(args, (&project, &pipeline), (&plan, &swept), &saved, &wanted, printer), is_whole))
}

/// What is to be brought to a recorded state.
struct Wanted<'a> {
    /// Whether a pointer tells of it, rather than a lock.
    is_data: bool,
    path: ProjectPath,
    state: FileState,
    /// Of an out that is a pattern and is meant as a whole.
    glob: Option<&'a Glob>,
}

/// What the lock records of what was picked. With `named`, the user is told where that is nothing.
fn recorded<'a>(
    pipeline: &'a Pipeline,
    ledger: &Ledger,
    workspace: &Workspace,
    picked: &[Picked],
    named: bool,
    printer: Printer,
) -> CliResult<Vec<Wanted<'a>>> {
    let mut wanted = Vec::new();
    for Picked { stage, path } in picked {
        let stage = pipeline.stage(*stage);
        let locked = ledger.get(&stage.address);
        let is_data = stage.is_source();
        for out in &stage.outs {
            if path.as_ref().is_some_and(|path| !out.holds(path)) {
                continue;
            }
            let state = match locked.and_then(|locked| locked.recorded(out)) {
                Some(state) if out.cache => state,
                Some(_) if named => {
                    printer.say(format_args!("{} has `cache: false` and is left alone.", out.path));
                    continue;
                }
                None if named => {
                    printer.say(format_args!("{} is not recorded: {} has not run.", out.path, stage.address));
                    continue;
                }
                _ => continue,
            };
            let is_old = locked.is_some_and(|locked| locked.unix_text.contains(&out.path));
            if is_old && workspace.unix_digest(&out.path)? == Some(state.digest) {
                continue;
            }
            match path.as_ref().filter(|path| **path != out.path) {
                None => {
                    let (path, glob) = (out.path.clone(), out.glob.as_ref());
                    wanted.push(Wanted { is_data, path, state: *state, glob });
                }
                Some(path) => {
                    let base = out.glob.as_ref().map_or(&out.path, Glob::base);
                    let below = path.parts().skip(base.parts().count());
                    let below = below.fold(ProjectPath::root(), |folder, part| folder.join(part));
                    let state = workspace.blobs.entry_below(state, &below)?.ok_or_else(|| {
                        CliError::message(format!("the lock records no {path} in out {}", out.path))
                            .hint(format!("`pipe checkout {}` brings the whole out back", out.path))
                    })?;
                    wanted.push(Wanted { is_data, path: path.clone(), state, glob: None });
                }
            }
        }
    }
    wanted.sort_by(|a, b| a.path.cmp(&b.path));
    // What lies inside something else that is wanted comes with it.
    let mut outer: Vec<Wanted<'a>> = Vec::new();
    for one in wanted {
        let holds = |above: &Wanted<'_>| match above.glob {
            Some(glob) => above.path == one.path || (one.glob.is_none() && glob.matches(&one.path)),
            None => one.glob.is_none() && above.path.contains(&one.path),
        };
        if !outer.iter().any(holds) {
            outer.push(one);
        }
    }
    Ok(outer)
}

/// Data that is here as its pointer says can be told from an edit later; of what is here in part, nothing can.
fn remember(workspace: &Workspace, pipeline: &Pipeline, wanted: &[Wanted<'_>], plan: &Checkout) {
    let is_whole = |path: &ProjectPath| {
        pipeline.sources().flat_map(|id| &pipeline.stage(id).outs).any(|out| out.path == *path)
    };
    for Wanted { path, state, .. } in wanted.iter().filter(|wanted| wanted.is_data && is_whole(&wanted.path))
    {
        let has_failed = plan.failed.iter().any(|(failed, _)| path.contains(failed));
        workspace.agree(path, (!has_failed).then_some(state.digest));
    }
}

fn refuse(unsaved: &[ProjectPath]) -> CliError {
    let mut named: Vec<String> = unsaved.iter().take(NAMED).map(ToString::to_string).collect();
    if unsaved.len() > NAMED {
        named.push(format!("{} more", unsaved.len() - NAMED));
    }
    CliError::refusal(format!(
        "nothing was touched, since bytes that no cache holds would be replaced: {}",
        named.join(", ")
    ))
    .hint("`pipe checkout -f` saves them to the cache first; `pipe commit` records them as results")
}

/// Saves what is about to be replaced, and says how to get it back.
fn save(
    workspace: &Workspace,
    unsaved: &[ProjectPath],
    printer: Printer,
) -> CliResult<Vec<(ProjectPath, FileState)>> {
    let mut saved = Vec::new();
    for path in unsaved {
        let Some(state) = workspace.store(path, cache::Placement::Private)? else { continue };
        printer.insist(format_args!(
            "Saved {path}, which was in no cache, before it is replaced; `pipe data restore {} DESTINATION` brings it \
             back",
            &state.digest.hex()[..12]
        ));
        saved.push((path.clone(), state));
    }
    Ok(saved)
}

fn tell(
    args: &CheckoutArgs,
    (project, pipeline): (&Project, &Pipeline),
    (plan, swept): (&Checkout, &[(ProjectPath, bool)]),
    saved: &[(ProjectPath, FileState)],
    wanted: &[Wanted<'_>],
    printer: Printer,
) -> Json {
    let mut changes = plan.changes();
    changes.extend(swept.iter().map(|(path, is_folder)| (path.clone(), Change::Deleted, *is_folder)));
    changes.sort();
    let has_remote = !project.remotes().0.is_empty();
    let is_frozen = |path: &ProjectPath| {
        let maker = pipeline.graph.producer(path);
        maker.is_some_and(|id| pipeline.stage(id).frozen)
    };
    for (path, fault) in &plan.failed {
        let is_data = wanted.iter().any(|wanted| wanted.is_data && wanted.path.contains(path));
        let hint = match (fault, is_data) {
            (cache::CacheError::Disk(_), _) => "",
            (_, true) if args.is_pulled => "",
            (_, true) => "; `pipe pull` fetches it",
            (_, false) if has_remote && !args.is_pulled => "; `pipe pull` fetches it where a remote has it",
            (_, false) if is_frozen(path) => "; its stage is frozen, and `pipe unfreeze` lets it run",
            (_, false) => "; `pipe repro` makes it anew",
        };
        let cause = std::error::Error::source(fault).map(|cause| format!(": {cause}")).unwrap_or_default();
        printer.insist(format_args!("Cannot bring back {path}: {fault}{cause}{hint}"));
    }
    let of = |wanted: Change| {
        let paths = changes.iter().filter(|(_, change, _)| *change == wanted);
        paths.map(|(path, ..)| path.to_string()).collect::<Vec<_>>()
    };
    if args.json {
        let saved: Vec<_> =
            saved.iter().map(|(path, state)| json!({ "path": path, "digest": state.digest })).collect();
        let failed = plan.failed.iter();
        let failed: Vec<_> =
            failed.map(|(path, fault)| json!({ "path": path, "reason": fault.to_string() })).collect();
        return json!({
            "added": of(Change::Added),
            "modified": of(Change::Modified),
            "deleted": of(Change::Deleted),
            "saved": saved,
            "failed": failed,
        });
    }
    for (path, change, folder) in &changes {
        let letter = match change {
            Change::Added => 'A',
            Change::Modified => 'M',
            Change::Deleted => 'D',
        };
        printer.data_line(format_args!("{letter}\t{path}{}", if *folder { "/" } else { "" }));
    }
    if changes.is_empty() && plan.failed.is_empty() {
        printer.say(format_args!("Everything is as recorded ({}).", report::count_text(wanted.len(), "out")));
    }
    Json::Null
}
