//! `pipe checkout`: brings outs and data to what pipeline.lock and pointers record of them.

use std::collections::{BTreeMap, BTreeSet};

use base::{FileState, ProjectPath};
use cache::{Bringing, Change, Checkout, Workspace};
use clap::Args;
use exec::{Ledger, MadeSince, Wish, with_choice};
use pipeline::{Glob, Pipeline, StageId};
use serde_json::{Value as Json, json};

use crate::begun::refuse_cut_off_move;
use crate::cli::repro::tell_ignored;
use crate::cli::targets::{Picked, TargetArgs};
use crate::cli::{quoted_path, tell_damage, tell_link};
use crate::error::{CliError, CliResult, ErrorKind};
use crate::moved::Moved;
use crate::named;
use crate::placed::{self, Placed, sweep};
use crate::project::Project;
use crate::recovery;
use crate::staging;
use crate::ui::Printer;

/// Bring outs and data to what pipeline.lock and pointers record of them
///
/// Changed files come back from the cache, missing ones too, and what a recorded folder does not hold is removed. Files
/// that are right stay as they are. When that would replace bytes that no cache holds, or remove some that no record names,
/// nothing is touched, unless `-f` says to save them first. Without a TARGET, what was recorded or brought back here and no
/// stage and no pointer tells of any more, as after `git checkout`, is removed too, where the cache holds it as it is. Outs
/// with `cache: false` are left alone. Lines that `.gitignore` lacks for the others are added. What changed is printed: `A` for added, `M` for
/// modified, `D` for deleted. The exit code is 1 when something cannot be brought back, since the cache
/// lacks it, its place cannot be looked at, or its pointer holds an unresolved merge conflict; the rest is done.
#[derive(Debug, Args)]
pub struct CheckoutArgs {
    #[command(flatten)]
    pub which: TargetArgs,
    /// Replace bytes that no cache holds too, after saving them in it
    #[arg(short, long)]
    force: bool,
    /// Place files anew that are right already, by the first of `cache.link_types` that works
    #[arg(long)]
    relink: bool,
    /// Take it as done when something is not in the cache
    #[arg(long)]
    allow_missing: bool,
    /// Print how many files were added, deleted and modified, rather than their names
    #[arg(long, conflicts_with = "json")]
    summary: bool,
    /// Print JSON: what was added, modified, deleted, saved, and what failed
    #[arg(long)]
    json: bool,
    /// Whether it ends a pull, which told already what is not to be had.
    #[arg(skip)]
    is_pulled: bool,
}

/// How many paths a refusal names, and of how many it is told why they do not come back.
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
    if is_whole? { Ok(()) } else { Err(CliError::silent(ErrorKind::Negative)) }
}

impl CheckoutArgs {
    /// A checkout as the end of a pull.
    pub fn new(which: &TargetArgs, force: bool, allow_missing: bool, json: bool) -> Self {
        CheckoutArgs {
            which: which.clone(),
            force,
            relink: false,
            allow_missing,
            summary: false,
            json,
            is_pulled: true,
        }
    }
}

/// Does what is asked for and tells it, unless JSON is asked for. Returns it for machines, and whether nothing was missing:
/// an error with exit code 1 when it would have replaced unsaved bytes.
///
/// # Errors
/// When what is recorded or here cannot be read, or the disk refuses.
pub fn bring_back(args: &CheckoutArgs, printer: Printer) -> CliResult<(Json, CliResult<bool>)> {
    let project = Project::find()?;
    let (pipeline, has_all) = project.pipeline_beside_conflicts(printer)?;
    project.refuse_ignored_locks(&pipeline)?;
    let is_all_known = has_all || !args.which.may_mean_any();
    let picked = args.which.pick(&pipeline, &project)?;
    let mut placed = Placed::load(&project);
    let is_everything = args.which.targets.is_empty();
    let left = if is_everything { placed.unclaimed(&project, &pipeline) } else { Vec::new() };
    let wish = picked.iter().fold(Wish::named("a checkout"), |wish, picked| match &picked.path {
        Some(path) => wish.writing_path(path),
        None => wish.writing(&pipeline.stage(picked.stage).outs),
    });
    let wish = left.iter().fold(wish, |wish, (path, _)| wish.writing_path(path));
    let made_since = if args.force { MadeSince::PutAway } else { MadeSince::Refuse };
    let (_held, read_only) = match recovery::hold_with(&project, &wish, true, made_since, printer) {
        Ok(held) => (Some(held), None),
        Err(fault) if fault.is_read_only() => {
            refuse_cut_off_move(&project, None)?;
            (None, Some(fault))
        }
        Err(fault) => return Err(fault),
    };
    let left = match left.is_empty() {
        true => left,
        false => still_left(&project, &placed, &left)?,
    };
    let workspace = project.workspace(printer)?;
    let ledger = project.ledger(&pipeline)?;
    let mut wanted =
        recorded(&pipeline, &ledger, &workspace, &picked, !args.which.targets.is_empty(), printer)?;
    let is_pointed_at = |path: &ProjectPath| {
        let sources = pipeline.sources().flat_map(|id| &pipeline.stage(id).outs);
        sources.into_iter().any(|out| out.path == *path)
            || project.dialect.pointer_of(path).to_path(&project.root).is_file()
    };
    workspace.agree_only(is_pointed_at);
    let mut plan = Checkout::default();
    let working = printer.working("Comparing with what is recorded");
    let mut begun = Vec::new();
    let mut judged = Vec::new();
    let lacks: Vec<_> = wanted.iter_mut().map(|wanted| wanted.lack.take()).collect();
    for (Wanted { is_data, path, state, glob, .. }, lack) in wanted.iter().zip(lacks) {
        let before = plan.mark();
        let planned = match (lack, glob) {
            (Some(fault), _) => Err(fault),
            (None, None) => workspace.plan_checkout(path, state, args.relink, &mut plan),
            (None, Some(glob)) => with_choice(glob, |files| {
                workspace.plan_checkout_set(path, files, state, args.relink, &mut plan)
            }),
        };
        match planned {
            Ok(()) => judged.push((path, *glob, *is_data)),
            // What cannot be looked at is left as it is, and keeps nothing else from coming back.
            Err(fault) => plan.give_up(before, path, fault),
        }
        if plan.has_more(before) {
            begun.push(Bringing::of(path, glob.map(Glob::base), state));
        }
    }
    tell_damage(&workspace, printer);
    if let Some(fault) = read_only {
        drop(working);
        // Where there is nothing to do, nobody need be able to do it.
        if !plan.is_empty() || !left.is_empty() {
            return Err(fault);
        }
        let is_whole = is_whole(args, &plan) && is_all_known;
        return Ok((tell(args, (&project, &pipeline), (&plan, &[]), &[], &wanted, printer), Ok(is_whole)));
    }
    plan.unsaved.sort();
    let mut unnamed = match plan.held.is_empty() {
        true => Vec::new(),
        false => named::unnamed(&project, &pipeline, &ledger, &workspace, &plan.held)?,
    };
    let to_save = [&plan.unsaved[..], &unnamed].concat();
    workspace.leave_damaged(&mut plan, &to_save)?;
    unnamed.retain(|path| plan.held.iter().any(|(held, _)| held == path));
    drop(working);
    // What is replaced by other bytes is told with the way back; what only goes is asked for.
    let goes = |path: &&ProjectPath| plan.is_removed(path);
    let removed: Vec<&ProjectPath> = plan.unsaved.iter().chain(unnamed.iter().filter(goes)).collect();
    if !removed.is_empty() && !args.force {
        let refused: Vec<&str> = removed.iter().map(|path| path.as_str()).collect();
        let whose = if plan.unsaved.is_empty() { "no record names" } else { "no cache holds" };
        return Ok((
            json!({ "refused": refused }),
            Err(refuse(&removed, whose, &Moved::look(&workspace, &pipeline, &ledger))),
        ));
    }
    let mut saved = save(&workspace, &plan, &plan.unsaved, "was in no cache", printer)?;
    saved.extend(save(&workspace, &plan, &unnamed, "no record names", printer)?);
    let working = printer.working("Bringing files back");
    // What is right already is in no danger.
    workspace.begin_bringing(begun)?;
    let aside = project.checkout_folder();
    let carried_out = workspace.carry_out(&mut plan, &aside);
    // Also where not all came back: git is not to take what did.
    let recorded: BTreeSet<StageId> = picked.iter().map(|picked| picked.stage).collect();
    let recorded = recorded.into_iter().filter(|id| ledger.get(&pipeline.stage(*id).address).is_some());
    let ignore_files = tell_ignored(&project, &pipeline, &recorded.collect::<Vec<_>>(), printer);
    staging::stage(&project, &ignore_files, printer);
    disk::remove(&aside)?;
    carried_out?;
    // A part of an out is no result of its stage; a part of data is told by itself.
    judged.retain(|(path, glob, is_data)| {
        let has =
            |failed: &ProjectPath| glob.map_or_else(|| path.contains(failed), |glob| glob.matches(failed));
        *is_data || !plan.failed.iter().any(|(failed, _)| failed == *path || has(failed))
    });
    workspace.end_bringing(|known| {
        judged.iter().any(|(path, glob, _)| {
            *path == known || glob.map_or_else(|| path.contains(known), |glob| glob.matches(known))
        })
    });
    drop(working);
    remember(&workspace, &pipeline, &wanted, &plan);
    let swept = sweep(&project, &workspace, &mut placed, &left, printer)?;
    let whole: Vec<StageId> =
        picked.iter().filter(|picked| picked.path.is_none()).map(|picked| picked.stage).collect();
    placed.note(&pipeline, &ledger, &workspace, &whole);
    placed.save()?;
    workspace.save_state()?;
    let is_whole = is_whole(args, &plan) && is_all_known;
    Ok((tell(args, (&project, &pipeline), (&plan, &swept), &saved, &wanted, printer), Ok(is_whole)))
}

/// What of `left` nothing declares now either: whoever was waited for may have declared it again.
fn still_left(
    project: &Project,
    placed: &Placed,
    left: &[(ProjectPath, placed::Entry)],
) -> CliResult<Vec<(ProjectPath, placed::Entry)>> {
    // What there is to say of conflicts has been said.
    let (pipeline, _) = project.pipeline_beside_conflicts(Printer::quiet())?;
    let mut now = placed.unclaimed(project, &pipeline);
    now.retain(|(path, _)| left.iter().any(|(known, _)| known == path));
    Ok(now)
}

/// Whether nothing failed that is not allowed to.
fn is_whole(args: &CheckoutArgs, plan: &Checkout) -> bool {
    let is_fine =
        |fault: &cache::CacheError| args.allow_missing && matches!(fault, cache::CacheError::Missing { .. });
    plan.failed.iter().all(|(_, fault)| is_fine(fault))
}

/// What is to be brought to a recorded state.
struct Wanted<'a> {
    /// Whether a pointer tells of it, rather than a lock.
    is_data: bool,
    path: ProjectPath,
    state: FileState,
    /// Of an out that is a pattern and is meant as a whole.
    glob: Option<&'a Glob>,
    /// Whether DVC 1 or 2 recorded it.
    is_old: bool,
    /// Of a part of an out: why it cannot be told what is recorded of it; the state is that of the whole then.
    lack: Option<cache::CacheError>,
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
                    let why = if is_data { "records nothing of it yet" } else { "has not run" };
                    printer.say(format_args!("{} is not recorded: {} {why}.", out.path, stage.address));
                    continue;
                }
                _ => continue,
            };
            let is_old = locked.is_some_and(|locked| locked.unix_text.contains(&out.path));
            if is_old && workspace.unix_digest(&out.path).is_ok_and(|now| now == Some(state.digest)) {
                if is_data && let Ok(Some(now)) = workspace.observe(&out.path) {
                    workspace.agree_with(&out.path, state.digest, now.digest);
                }
                continue;
            }
            match path.as_ref().filter(|path| **path != out.path) {
                None => {
                    let (path, glob) = (out.path.clone(), out.glob.as_ref());
                    wanted.push(Wanted { is_data, path, state: *state, glob, is_old, lack: None });
                }
                Some(path) => {
                    let base = out.glob.as_ref().map_or(&out.path, Glob::base);
                    let below = path.parts().skip(base.parts().count());
                    let below = below.fold(ProjectPath::root(), |folder, part| folder.join(part));
                    let (state, lack) = match workspace.blobs.entry_below(state, &below) {
                        Ok(Some(state)) => (state, None),
                        Ok(None) => {
                            let text = format!("the lock records no {path} in out {}", out.path);
                            return Err(CliError::message(text)
                                .hint(format!("`pipe checkout {}` brings the whole out back", out.path)));
                        }
                        // Another target may well come back.
                        Err(fault) => (*state, Some(fault)),
                    };
                    wanted.push(Wanted { is_data, path: path.clone(), state, glob: None, is_old, lack });
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
    for Wanted { path, state, is_old, .. } in
        wanted.iter().filter(|wanted| wanted.is_data && is_whole(&wanted.path))
    {
        let has_failed = plan.failed.iter().any(|(failed, _)| path.contains(failed));
        // Where its pointer moved, what lies there still is not what it records.
        if !has_failed || workspace.agreed(path) == Some(state.digest) {
            workspace.agree(path, (!has_failed).then_some(state.digest));
            if *is_old
                && !has_failed
                && let Ok(Some(now)) = workspace.observe(path)
            {
                workspace.agree_with(path, state.digest, now.digest);
            }
        }
    }
    let outs = pipeline.sources().flat_map(|id| &pipeline.stage(id).outs);
    for out in outs.filter(|out| wanted.iter().any(|part| part.path != out.path && out.holds(&part.path))) {
        let whole = workspace.observe(&out.path).ok().flatten();
        if !whole.is_some_and(|whole| workspace.is_as_agreed(&out.path, whole.digest)) {
            workspace.agree(&out.path, None);
        }
    }
}

fn refuse(paths: &[&ProjectPath], whose: &str, moved: &Moved) -> CliError {
    let fault = CliError::refusal(format!(
        "nothing was touched, since bytes that {whose} would be replaced: {}",
        report::few_text(paths, NAMED, ", ")
    ));
    // What is no result of what its pointer records is not to be recorded as one.
    match moved.edited.iter().find(|data| paths.iter().any(|path| data.contains(path))) {
        Some(data) => fault.hint(format!(
            "{data} was edited, and its pointer moved meanwhile: {}",
            pipeline::ways_out(&quoted_path(data.as_str()), paths.iter().any(|path| *path != data))
        )),
        None => fault
            .hint("`pipe checkout -f` saves them to the cache first; `pipe commit` records them as results"),
    }
}

/// Saves what is about to be replaced, and says how to get it back. What links lead to stays, and is nobody else's to read.
fn save(
    workspace: &Workspace,
    plan: &Checkout,
    unsaved: &[ProjectPath],
    why: &str,
    printer: Printer,
) -> CliResult<Vec<(ProjectPath, FileState)>> {
    let mut saved = Vec::new();
    for path in unsaved {
        let cache::Saved { state, links } = workspace.save(path)?;
        for link in &links {
            tell_link(workspace, link, if plan.is_removed(link) { "removed" } else { "replaced" }, printer);
        }
        let Some(state) = state else { continue };
        printer.insist(format_args!(
            "Saved {path}, which {why}, before it is replaced; `pipe data restore {} DESTINATION` brings it \
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
    for (path, fault) in plan.failed.iter().take(NAMED) {
        let is_data = wanted.iter().any(|wanted| wanted.is_data && wanted.path.contains(path));
        let hint = match (fault, is_data) {
            (cache::CacheError::Disk(_), _) => String::new(),
            (fault, _) if fault.hint().is_some() => {
                fault.hint().map(|hint| format!("; {hint}")).unwrap_or_default()
            }
            (cache::CacheError::Read { .. }, _) => String::new(),
            // Its bytes are those that are asked for.
            (cache::CacheError::Tree { .. }, true) => {
                "; no remote has a better one: an earlier version of its pointer, from git, names another, and `pipe add` makes \
                 a new one of files that are here (`pipe commit --force` where the pointer has moved)"
                    .to_owned()
            }
            (cache::CacheError::Tree { .. }, false) if !is_frozen(path) => {
                "; no remote has a better one, and `pipe repro` makes it anew".to_owned()
            }
            (_, true) if args.is_pulled => String::new(),
            (_, true) => "; `pipe pull` fetches it".to_owned(),
            (_, false) if has_remote && !args.is_pulled => {
                "; `pipe pull` fetches it where a remote has it".to_owned()
            }
            (_, false) if is_frozen(path) => {
                "; its stage is frozen, and `pipe unfreeze` lets it run".to_owned()
            }
            (_, false) => "; `pipe repro` makes it anew".to_owned(),
        };
        let cause = std::error::Error::source(fault).map(|cause| format!(": {cause}")).unwrap_or_default();
        printer.insist(format_args!("Cannot bring back {path}: {fault}{cause}{hint}"));
    }
    if plan.failed.len() > NAMED {
        let more = plan.failed.len() - NAMED;
        printer.insist(format_args!(
            "and {more} more that cannot be brought back; `pipe checkout --json` names them all"
        ));
    }
    let of = |wanted: Change| {
        let paths = changes.iter().filter(|(_, change, _)| *change == wanted);
        paths.map(|(path, ..)| path.spelled().to_owned()).collect::<Vec<_>>()
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
    if args.summary {
        printer.report(summary(&[
            (of(Change::Modified).len(), "modified"),
            (of(Change::Added).len(), "added"),
            (of(Change::Deleted).len(), "deleted"),
        ]));
        return Json::Null;
    }
    let mut rest = Vec::new();
    let mut counted: BTreeMap<(&ProjectPath, Change), usize> = BTreeMap::new();
    for one in &changes {
        let (path, change, _) = one;
        // A pull of a folder tells how much came, and not each file.
        let above =
            wanted.iter().map(|wanted| &wanted.path).find(|above| *above != path && above.contains(path));
        let many = |above: &&ProjectPath| {
            let inside = changes.iter().filter(|(path, other, _)| other == change && above.contains(path));
            args.is_pulled && inside.take(NAMED + 1).count() > NAMED
        };
        match above.filter(many) {
            Some(above) => *counted.entry((above, *change)).or_default() += 1,
            None => rest.push(one),
        }
    }
    let letter = |change: &Change| match change {
        Change::Added => 'A',
        Change::Modified => 'M',
        Change::Deleted => 'D',
    };
    for ((folder, change), count) in &counted {
        let files = report::count_text(*count, "file");
        printer.report(format_args!("{}\t{folder}/ ({files})", letter(change)));
    }
    for (path, change, folder) in rest {
        let letter = letter(change);
        printer.report(format_args!("{letter}\t{path}{}", if *folder { "/" } else { "" }));
    }
    if plan.relinked > 0 {
        printer.say(format_args!("Placed {} anew.", report::count_text(plan.relinked, "file")));
    } else if changes.is_empty() && plan.failed.is_empty() {
        printer.say(format_args!("Everything is as recorded ({}).", report::count_text(wanted.len(), "out")));
    }
    Json::Null
}

/// `1 file modified, 1 file added and 2 files deleted`, as DVC says it.
fn summary(counts: &[(usize, &str)]) -> String {
    let told = counts.iter().filter(|(count, _)| *count > 0);
    let mut told: Vec<String> =
        told.map(|(count, what)| format!("{} {what}", report::count_text(*count, "file"))).collect();
    let last = told.pop();
    match (last, told.is_empty()) {
        (None, _) => "No changes.".to_owned(),
        (Some(last), true) => last,
        (Some(last), false) => format!("{} and {last}", told.join(", ")),
    }
}
