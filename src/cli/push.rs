//! `pipe push`: brings what locks record from the cache to a remote.

use std::collections::HashMap;

use base::{ProjectPath, one_line};
use cache::{Blobs, Comparison, EntryReport, Meter, Report, TransferError, Whereabouts};
use clap::Args;
use serde_json::{Value as Json, json};

use crate::cli::sharing::{
    ShareArgs, Wish, Wishes, hold, named, recorders, report_json, roots_of, shareable, tally_text,
    tell_faults, tell_unread, told_apart, unread_json, wishes,
};
use crate::error::{CliError, CliResult, ErrorKind};
use crate::import;
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::remotes;
use crate::ui::Printer;
use crate::ui::transfer::watch;

/// Bring what pipeline.lock records to a remote
///
/// Only what the remote lacks goes over (what it has is known by its size, but with `--verify`), and every byte is checked on the way. Outs with `push: false` or `cache: false`
/// stay here, and one with `remote: NAME` goes there. What neither the cache nor the remote has is told, and the exit
/// code is 1, as where a pointer holds an unresolved merge conflict; the rest is done. A push that was cut off is gone on with by the next one.
#[derive(Debug, Args)]
pub struct PushArgs {
    #[command(flatten)]
    pub share: ShareArgs,
    /// Read and hash what the remote has already, and replace what is damaged or cannot be read there
    #[arg(long, conflicts_with = "dry")]
    verify: bool,
    /// Begin a remote anew that was used before and whose folder is absent or empty now
    #[arg(long)]
    create: bool,
}

/// Pushes.
///
/// # Errors
/// With exit code 1 when something could not be pushed, 2 when the remote fails, 130 or 143 when interrupted.
pub fn run(args: &PushArgs, printer: Printer) -> CliResult {
    let (verify, create) = (args.verify, args.create);
    let args = &args.share;
    let project = Project::find()?;
    let (pipeline, has_all) = project.pipeline_beside_conflicts(printer)?;
    let is_all_known = has_all || !args.which.may_mean_any();
    if args.is_about_nothing(&pipeline) {
        return conclude(args, &[], is_all_known, &Wishes::new(), printer);
    }
    let interrupt = Interrupt::listen()?;
    // What is pushed must not be collected meanwhile.
    let _lock = hold(&project, args.dry, &interrupt, printer)?;
    let foreign = import::outs_of_repositories(&project, &pipeline)?;
    let args = &ShareArgs { foreign, ..args.clone() };
    let wishes = wishes(&project, &pipeline, args, printer)?;
    let chosen = remotes::name(&project, args.remote.as_deref())?;
    let workspace = project.workspace_anew();
    let blobs = &workspace.blobs;
    let results = remotes::results(&project, &workspace);
    let mut sides: Vec<Json> = Vec::new();
    let mut is_whole = is_all_known;
    for (name, wishes) in &wishes {
        let remote = remotes::noting_use(&project, remotes::open(&project, name)?);
        if !create {
            remotes::refuse_vanished(&project, &remote)?;
        }
        let meter = Meter::new(interrupt.stop.clone());
        let transfer = remotes::transfer(blobs, &remote, args.jobs, &meter);
        let mut roots = roots_of(&transfer, wishes, false)?;
        let entries = match args.stage_cache && *name == chosen {
            true => shareable(results.all()?, &pipeline, name, project.dialect),
            false => Vec::new(),
        };
        // A result whose bytes are gone is of no use to anybody.
        let entries: Vec<_> = entries
            .into_iter()
            .filter(|shared| shared.roots().all(|root| blobs.has_all(&root.state)))
            .collect();
        roots.extend(entries.iter().flat_map(cache::SharedEntry::roots));
        if args.dry {
            let found = end(transfer.compare(&roots), &interrupt, "pushed", &meter, name, printer)?;
            is_whole &= tell_dry((name, wishes, blobs), &found, true, args.json, &mut sides, printer)
                || args.allow_missing;
            continue;
        }
        let pushed = watch(printer, &format!("Pushing to {name}"), &meter, || {
            let report = transfer.push_checked(&roots, verify)?;
            let shared = transfer.push_entries(&results, &entries, &report)?;
            Ok((report, shared))
        });
        let (report, shared) = end(pushed, &interrupt, "pushed", &meter, name, printer)?;
        remotes::remember_used(&project, &remote)?;
        is_whole &= args.is_done(&report);
        sides.push(report_json(name, "pushed", &report));
        if let (true, Some(side)) = (args.stage_cache, sides.last_mut()) {
            side["results"] = entry_json("pushed", shared);
        }
        if !args.json {
            let is_made = |path: &ProjectPath| {
                let outs = pipeline.sources().flat_map(|id| &pipeline.stage(id).outs);
                !outs.into_iter().any(|out| out.path.contains(path))
            };
            let missing = |path: &ProjectPath| {
                // What lies there is up to date without the cache: nothing runs for it.
                let is_here = std::fs::symlink_metadata(path.to_path(&project.root)).is_ok();
                let way = match (is_made(path), is_here) {
                    (true, true) => "`pipe commit` stores it where it lies",
                    (true, false) => "`pipe repro` makes it anew",
                    (false, _) => {
                        "who has the data can `pipe push` it, and `pipe commit` stores it where it lies"
                    }
                };
                format!("neither the cache nor remote `{name}` has it; {way}")
            };
            let damaged = "the remote held other bytes than its name says, or did not let them be read";
            tell_faults(&report, missing, damaged, printer);
            summarize("pushed to", name, &report, args.stage_cache.then_some(shared), printer);
        }
    }
    conclude(args, &sides, is_whole, &wishes, printer)
}

/// Tells what an interrupt or a fault leaves behind.
///
/// # Errors
/// Whatever the transfer ended with.
pub fn end<T>(
    result: Result<T, TransferError>,
    interrupt: &Interrupt,
    done: &str,
    meter: &Meter,
    remote: &str,
    printer: Printer,
) -> CliResult<T> {
    result.map_err(|fault| {
        let (moved, all) = meter.read();
        if moved.count > 0 {
            printer.say(format_args!(
                "{} of {} {done} before it ended ({remote}); the next time goes on from there.",
                moved.count,
                report::count_text(all.count.max(moved.count), "file")
            ));
        }
        match fault {
            TransferError::Stopped => CliError::silent(ErrorKind::Interrupted(interrupt.signal())),
            fault => fault.into(),
        }
    })
}

/// `12 files pushed to storage, 1.2 GB, 3 up to date.`
pub fn summarize(done: &str, remote: &str, report: &Report, results: Option<EntryReport>, printer: Printer) {
    let results = results.map(|results| {
        let of = report::count_text(results.moved + results.present, "result");
        format!(", {} of {of} new", results.moved)
    });
    printer.say(format_args!(
        "{} {done} {remote}, {}, {} up to date{}.",
        report::count_text(report.moved.count, "file"),
        report::bytes_text(report.moved.bytes),
        report.present.count,
        results.unwrap_or_default()
    ));
}

/// What became of entries of the stage cache, for machines.
pub fn entry_json(moved: &str, results: EntryReport) -> Json {
    json!({ (moved): results.moved, "up_to_date": results.present, "left_out": results.left_out })
}

/// Tells what would go over: `up` to the remote, else from it. True when all that is wanted can be had.
pub fn tell_dry(
    (remote, wishes, blobs): (&str, &[Wish], &Blobs),
    found: &Comparison,
    up: bool,
    as_json: bool,
    sides: &mut Vec<Json>,
    printer: Printer,
) -> bool {
    let goes =
        |place: &&Whereabouts| if up { place.here && !place.there } else { place.there && !place.here };
    let going: Vec<&Whereabouts> = found.places.iter().filter(goes).collect();
    let lost = |place: &&Whereabouts| !place.there && !place.here;
    let lost: Vec<&Whereabouts> = found.places.iter().filter(lost).collect();
    let names = |places: &[&Whereabouts]| places.iter().map(|place| named(&place.item)).collect::<Vec<_>>();
    let recorders = if as_json { recorders(wishes, blobs) } else { HashMap::new() };
    let details = |place: &&Whereabouts| {
        let digest = place.item.state.digest;
        let mut told = json!({ "path": named(&place.item), "digest": digest, "bytes": place.size });
        if let Some(revision) = recorders.get(&digest) {
            told["revision"] = json!(revision);
        }
        told
    };
    let objects = |places: &[&Whereabouts]| places.iter().map(details).collect::<Vec<_>>();
    let mut side = json!({
        "remote": remote,
        "would_go": names(&going),
        "missing": names(&lost),
        "objects": { "would_go": objects(&going), "missing": objects(&lost) },
    });
    if !found.unread.is_empty() {
        side["unread"] = unread_json(&found.unread);
    }
    sides.push(side);
    if !as_json {
        tell_unread(&found.unread, printer);
        for name in told_apart(&going, wishes, blobs) {
            printer.data_line(one_line(&name));
        }
        for name in told_apart(&lost, wishes, blobs) {
            printer
                .insist(format_args!("{}: neither the cache nor remote `{remote}` has it", one_line(&name)));
        }
        let bytes = going.iter().map(|place| place.size).sum();
        let tally = tally_text(cache::Tally { count: going.len(), bytes });
        let way = if up { "to" } else { "from" };
        printer.say(format_args!("Would bring {tally} {way} {remote}."));
    }
    lost.is_empty() && found.unread.is_empty()
}

/// Prints JSON if it is asked for, and says by the exit code whether all is well.
///
/// # Errors
/// With exit code 1 when something is missing.
pub fn conclude(
    args: &ShareArgs,
    sides: &[Json],
    is_whole: bool,
    wishes: &Wishes,
    printer: Printer,
) -> CliResult {
    if args.json {
        let text = serde_json::to_string_pretty(&json!({ "dry": args.dry, "remotes": sides }));
        printer.data_line(text.expect("plain data"));
    } else if wishes.values().all(Vec::is_empty) && args.brought.is_empty() && !args.stage_cache {
        printer.say(args.told_of_nothing());
    }
    if is_whole { Ok(()) } else { Err(CliError::silent(ErrorKind::Negative)) }
}
