//! `pipe gc`: removes from the cache what nobody needs.

mod remote;

use std::path::PathBuf;
use std::time::Duration;

use base::Timestamp;
use cache::{Entries, GcOptions, Removed, Tally, plan_gc, sweep};
use clap::Args;
use disk::{LockFile, Sharing, Stamp};
use serde_json::{Value as Json, json};
use track::SqliteStore;

use crate::age::parse_age;
use crate::cli::command_line;
use crate::error::{CliError, CliResult, ErrorKind};
use crate::interrupt::Interrupt;
use crate::partials;
use crate::project::{Project, unknown_needs};
use crate::roots::{Needed, Scope, gather, gather_history_into, gather_into, keep_run_cache};
use crate::ui::Printer;

/// Remove from the cache what nobody needs
///
/// Of a cache that several projects share, what the others need stays too, as far as pipe has been run in them. One that cannot be
/// looked into, or is not there, keeps everything from going: `--forget` names one that is gone for good.
/// Needed is what the locks of the chosen revisions record, always those of the workspace too; what artifacts and logs
/// of recorded runs are; and, unless limits or `--no-stage-cache` say otherwise, every result in the stage cache. What is
/// stored while this runs stays. When something that is needed cannot be read, nothing is removed. Bytes of yours that
/// were saved before they were replaced are named by nothing, and go. What failed stages had made goes with its run, or
/// with `--older-than`, when the run ended before.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to keep")]
pub struct GcArgs {
    /// Keep what the workspace needs
    #[arg(short, long)]
    workspace: bool,
    /// Keep what the tips of all branches need
    #[arg(short = 'a', long)]
    all_branches: bool,
    /// Keep what all tags need
    #[arg(short = 'T', long)]
    all_tags: bool,
    /// Keep what all commits need
    #[arg(short = 'A', long)]
    all_commits: bool,
    /// Keep what all experiments of DVC need, which is done in any case
    #[arg(long, conflicts_with = "no_experiments")]
    all_experiments: bool,
    /// Keep nothing for the sake of experiments of DVC
    #[arg(long)]
    no_experiments: bool,
    /// Keep what a revision needs
    #[arg(long, value_name = "REVISION")]
    rev: Option<String>,
    /// Keep also what these projects need, by the same choice: those that pipe has not been run in since they share the cache
    #[arg(short, long, value_name = "FOLDER", num_args = 1..)]
    projects: Vec<PathBuf>,
    /// Keep nothing any more for this project that shared the cache: its folder is gone for good. Alone, removes nothing yet
    #[arg(long, value_name = "FOLDER", num_args = 1.., conflicts_with_all = ["dry", "remote", "cloud"])]
    forget: Vec<PathBuf>,
    /// Keep what the newest N commits need, from `--rev` backwards [default: from HEAD]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    num: Option<u32>,
    /// Keep what the commits need that were made on this day or later, as in 2024-12-31
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    date: Option<Timestamp>,
    /// Keep all results in the stage cache, whatever the limits are
    #[arg(long, conflicts_with = "no_stage_cache")]
    keep_stage_cache: bool,
    /// Keep no result in the stage cache for its own sake
    #[arg(long)]
    no_stage_cache: bool,
    /// Remove only what was not used for so long, old results in the stage cache too: 30d, 12h, 2w
    #[arg(long, value_name = "AGE", value_parser = parse_age, help_heading = "Limits")]
    older_than: Option<i64>,
    /// Remove the oldest, results in the stage cache too, until the cache has at most so much: 10GB, 500MB, 1GiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = "Limits")]
    max_size: Option<u64>,
    /// Remove from the remote NAME instead of the cache; what was put or used there within `gc.grace` (a day) stays
    #[arg(short, long, value_name = "NAME", help_heading = "Where", conflicts_with = "max_size")]
    remote: Option<String>,
    /// Remove from the default remote instead of the cache
    #[arg(short, long, help_heading = "Where", conflicts_with = "max_size")]
    cloud: bool,
    /// Ask a remote for N files at once
    #[arg(short, long, value_name = "N", help_heading = "Where", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Show what would go, and remove nothing
    #[arg(long, help_heading = None)]
    dry: bool,
    /// Remove without asking
    #[arg(short, long, help_heading = None)]
    force: bool,
    /// Print JSON: what went, what stays, and what is missing
    #[arg(long, help_heading = None)]
    json: bool,
}

/// Files as fresh as this count as written since the start: file systems stamp with a clock that lags behind.
const CLOCK_LAG: i64 = 20_000_000;

/// Removes what nobody needs.
///
/// # Errors
/// With exit code 1 when it is not confirmed, 2 when it cannot be told what is needed.
pub fn run(args: &GcArgs, printer: Printer) -> CliResult {
    let is_forgetting = !args.forget.is_empty();
    let scope = scope(args).map(Some).or_else(|fault| if is_forgetting { Ok(None) } else { Err(fault) })?;
    let project = Project::find()?;
    project.expect_any()?;
    if is_forgetting {
        project.forget(&args.forget)?;
        let names: Vec<String> = args.forget.iter().map(|folder| base::shown(folder)).collect();
        printer.say(format_args!("The cache keeps nothing any more for {}.", names.join(", ")));
    }
    let Some(mut scope) = scope else { return Ok(()) };
    let is_dvc = project.neighbour().is_some();
    scope.experiments = is_dvc && project.git().is_some() && !args.no_experiments;
    let is_remote = args.cloud || args.remote.is_some();
    let (others, _locks) = match is_remote {
        true => (Vec::new(), lock_all(&project, &[], args.dry, printer)?),
        false => lock_sharing(&project, args, printer)?,
    };
    let _records = match project.neighbour().filter(|_| !args.dry) {
        Some(neighbour) => {
            let records = neighbour.records()?;
            if let Some(by) = neighbour.at_work()? {
                return Err(CliError::message(format!("{by}, and may need anything"))
                    .hint("try again when it has ended; nothing was touched"));
            }
            Some(records)
        }
        None => None,
    };
    if is_remote {
        return remote::collect(args, &project, &scope, &Interrupt::listen()?, printer);
    }
    // What was stored before this began is old enough to be told from what is stored meanwhile.
    std::thread::sleep(Duration::from_nanos(CLOCK_LAG.unsigned_abs()));
    let now = Stamp::now();
    let arriving = project.blobs().pinned_since()?.unwrap_or(now);
    let mut needed = gather(&project, &scope)?;
    if is_dvc && !args.no_stage_cache {
        keep_run_cache(&project, &mut needed)?;
    }
    for other in &project.sharing_by_history()? {
        let scope = if other.git().is_some() { scope.clone() } else { Scope::default() };
        gather_history_into(&mut needed, other, &scope)
            .map_err(|fault| unknown_needs(&other.root, fault, &project.cache_folder()))?;
    }
    for other in &others {
        gather_other(&mut needed, other, &scope)?;
        partials::keep_all_links(other, &mut needed.roots)?;
    }
    if let (Some(job), false) = (needed.at_work.first(), args.dry) {
        let text = format!("{} is at work ({}), and may need anything", job.stage, job.holder);
        return Err(CliError::message(text).hint("try again when it has ended"));
    }
    if !needed.untold.is_empty() {
        needed.roots.keep_untold();
    }
    // A run that goes on may have stored what it has not written down yet.
    let unseen = needed.are_unseen.then(|| now.saturating_sub(project.settings.gc_grace()));
    needed.since = needed.since.into_iter().chain(unseen).min();
    let options = GcOptions {
        start: needed.since.map_or(now, |since| since.min(now)).min(arriving).saturating_sub(CLOCK_LAG),
        entries: match (args.keep_stage_cache, args.no_stage_cache) {
            (true, _) => Entries::Keep,
            (_, true) => Entries::Drop,
            _ => Entries::Limited,
        },
        older_than: args.older_than.map(|age| now.saturating_sub(age)),
        max_size: args.max_size,
    };
    let partials = partials::find(&project, options.start, options.older_than)?;
    partials.keep_links(&project, &mut needed.roots)?;
    let plan = plan_gc(&project.blobs(), &project.stage_cache(), &needed.roots, &options)?;
    let total = plan.removed.total();
    if plan.spared.count > 0 {
        tell_spared(&needed.untold, plan.spared, printer);
    }
    if let Some(limit) = args.max_size.filter(|limit| plan.kept.bytes > *limit) {
        printer.warn(format_args!(
            "{} are needed, more than the {} asked for",
            report::bytes_text(plan.kept.bytes),
            report::bytes_text(limit)
        ));
    }
    let cache = project.cache_folder();
    let is_shared = !cache.starts_with(&project.root) || !others.is_empty();
    if is_shared && total.count > 0 {
        printer.warn(format_args!(
            "what other projects keep in {} goes too, where pipe has not been run in them: it knows of {}",
            base::shown(&cache),
            report::count_text(others.len() + 1, "project")
        ));
    }
    if args.dry {
        show(args, &plan.removed, plan.kept, Some((plan.missing, partials.tally)), printer);
        return Ok(());
    }
    if (total.count > 0 || !partials.is_empty()) && !args.force {
        let shared = match is_shared {
            false => String::new(),
            true => format!(
                "; {} is shared, and stays as far as {} need it",
                base::shown(&cache),
                report::count_text(others.len() + 1, "known project")
            ),
        };
        let from_cache = || format!("{} would be removed from the cache{shared}", tally_text(total));
        let left = || format!("{} that failed runs have left", tally_text(partials.tally));
        let question = match (total.count, partials.is_empty()) {
            (_, true) => from_cache(),
            (0, false) => format!("{} would be removed", left()),
            (_, false) => format!("{}; and {}", from_cache(), left()),
        };
        confirm(&question, printer)?;
    }
    let removed = sweep(&plan)?;
    // Without it the store's list names too much, which nobody loses by.
    if let Ok(Some(store)) = project.existing_store() {
        let _ = store.briefly(SqliteStore::tell_anew);
    }
    partials.remove(&project)?;
    let kept = Tally {
        count: plan.kept.count + (total.count - removed.total().count),
        bytes: plan.kept.bytes + (total.bytes - removed.total().bytes),
    };
    if args.json {
        show(args, &removed, kept, Some((plan.missing, partials.tally)), printer);
        return Ok(());
    }
    let gone = match (removed.total(), partials.is_empty()) {
        (Tally { count: 0, .. }, true) => "There is nothing to remove".to_owned(),
        (Tally { count: 0, .. }, false) => {
            format!("Removed {} that failed runs had left", tally_text(partials.tally))
        }
        (removed, true) => format!("Removed {}", tally_text(removed)),
        (removed, false) => format!(
            "Removed {}, and {} that failed runs had left",
            tally_text(removed),
            tally_text(partials.tally)
        ),
    };
    printer.say(format_args!("{gone}; {} stay in the cache.", tally_text(kept)));
    if partials.kept.count > 0 {
        printer.say(format_args!(
            "Failed runs have left {} in {}: they go with their runs (`pipe runs delete`), or with `--older-than`.",
            tally_text(partials.kept),
            base::shown(&project.pipe_path("artifacts"))
        ));
    }
    Ok(())
}

/// Says what stays since it cannot be told whether others need it.
fn tell_spared(untold: &[PathBuf], spared: Tally, printer: Printer) {
    let listed: Vec<String> = untold.iter().map(|root| base::shown(root)).collect();
    printer.warn(format_args!(
        "{} stay that nothing known needs: this user may not read what the runs of {} hold. A `pipe gc -w --dry` of whose \
         it is leaves word of that in the cache",
        tally_text(spared),
        listed.join(", ")
    ));
}

/// The other projects that share the cache, kept from changing meanwhile as the project is.
fn lock_sharing(
    project: &Project,
    args: &GcArgs,
    printer: Printer,
) -> CliResult<(Vec<Project>, Vec<LockFile>)> {
    let mut others = project.sharing(&args.projects)?;
    loop {
        let locks = lock_all(project, &others, args.dry, printer)?;
        let now = project.sharing(&args.projects)?;
        // One may have come while others were waited for: what it has stored by now is as old as garbage.
        if now.iter().all(|one| others.iter().any(|known| known.root == one.root)) {
            return Ok((now, locks));
        }
        others = now;
    }
}

/// Keeps the project and others that share its cache from changing meanwhile. They are locked in one order, whichever of
/// them it is that collects, so that of two collections neither waits for the other.
fn lock_all(project: &Project, others: &[Project], dry: bool, printer: Printer) -> CliResult<Vec<LockFile>> {
    if dry {
        return Ok(Vec::new());
    }
    let mut all: Vec<&Project> = others.iter().chain([project]).collect();
    all.sort_by(|one, other| one.root.cmp(&other.root));
    let (command, interrupt) = (command_line(), Interrupt::default());
    let mut locks = Vec::new();
    for one in all {
        if one.root == project.root {
            locks.push(one.lock(&command, Sharing::Exclusive, true, &interrupt, printer)?);
        } else {
            let taken = one.lock_from_outside(&command, &interrupt, printer);
            locks.extend(taken.map_err(|fault| unknown_needs(&one.root, fault, &project.cache_folder()))?);
        }
    }
    Ok(locks)
}

/// Adds what another project needs. A fault says which one.
///
/// # Errors
/// When that cannot be told.
fn gather_other(needed: &mut Needed, other: &Project, scope: &Scope) -> CliResult {
    // One without git has no revisions.
    let scope = if other.git().is_some() { scope.clone() } else { Scope::default() };
    gather_into(needed, other, &scope)
        .map_err(|fault| unknown_needs(&other.root, fault, &other.cache_folder()))
}

/// Asks before something is removed.
///
/// # Errors
/// With exit code 1 when the answer is no, or nobody is there to be asked.
fn confirm(question: &str, printer: Printer) -> CliResult {
    match printer.ask(format_args!("{question}. Go on?")) {
        Some(true) => Ok(()),
        Some(false) => {
            printer.say("Nothing was removed.");
            Err(CliError::silent(ErrorKind::Negative))
        }
        None => Err(CliError::refusal(format!("nothing was removed: {question}"))
            .hint("`--dry` shows what goes, `-f` removes it without asking")),
    }
}

fn scope(args: &GcArgs) -> CliResult<Scope> {
    let named = [args.workspace, args.all_branches, args.all_tags, args.all_commits, args.all_experiments];
    if !named.contains(&true) && args.rev.is_none() && args.num.is_none() && args.date.is_none() {
        return Err(CliError::message("it is not said what to keep").hint(
            "name at least one of `--workspace`, `--all-branches`, `--all-tags`, `--all-commits`, `--rev`, `--num` and `--date`",
        ));
    }
    let last = (args.rev.is_some() || args.num.is_some()).then(|| {
        let count = args.num.and_then(|count| usize::try_from(count).ok()).unwrap_or(1);
        (count, args.rev.clone().unwrap_or_else(|| "HEAD".to_owned()))
    });
    Ok(Scope {
        branches: args.all_branches,
        tags: args.all_tags,
        commits: args.all_commits,
        experiments: false,
        last,
        since: args.date,
    })
}

fn tally_text(tally: Tally) -> String {
    format!("{} ({})", report::count_text(tally.count, "file"), report::bytes_text(tally.bytes))
}

fn show(args: &GcArgs, removed: &Removed, kept: Tally, local: Option<(usize, Tally)>, printer: Printer) {
    if args.json {
        let tally = |tally: Tally| -> Json { json!({ "count": tally.count, "bytes": tally.bytes }) };
        let mut told = json!({
            "dry": args.dry,
            "removed": {
                "files": tally(removed.files),
                "folders": tally(removed.folders),
                "stage_entries": tally(removed.entries),
                "total": tally(removed.total()),
            },
            "kept": tally(kept),
        });
        if let Some((missing, partials)) = local {
            told["not_in_cache"] = missing.into();
            told["partial_outs"] = tally(partials);
        }
        printer.data_line(serde_json::to_string_pretty(&told).expect("plain data"));
        return;
    }
    printer.data_line("would be removed");
    let line = |what: &str, tally: Tally| {
        let (count, bytes) = (tally.count, report::bytes_text(tally.bytes));
        printer.data_line(format_args!("{what:<22}{count:>9}{bytes:>12}"));
    };
    line("  contents of files", removed.files);
    line("  lists of folders", removed.folders);
    line("  stage cache entries", removed.entries);
    let left = local.map_or(Tally::default(), |(_, partials)| partials);
    if left.count > 0 {
        line("  left by failed runs", left);
    }
    line("  in all", removed.total().with(left));
    line("would stay", kept);
}

/// When a day, `YYYY-MM-DD`, begins.
///
/// # Errors
/// When it is none.
fn parse_day(text: &str) -> Result<Timestamp, String> {
    Timestamp::of_day(text).ok_or_else(|| "expected a day, as in 2024-12-31".to_owned())
}

/// A size in bytes.
///
/// # Errors
/// When it is none.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!("`{text}` is no size: expected a number with one of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB")
    };
    pipeline::amount(text).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in
            [("10GB", 10_000_000_000), ("1GiB", 1 << 30), ("1.5 kB", 1500), ("7", 7), ("7b", 7)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "1XB", "-1"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
