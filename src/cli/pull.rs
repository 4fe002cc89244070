//! `pipe pull` and `pipe fetch`: bring what locks record from a remote into the cache, and from there into the workspace.

mod imports;

use cache::{Meter, Root};
use clap::Args;
use pipeline::OutKind;
use serde_json::{Value as Json, json};

use crate::cli::checkout::{CheckoutArgs, bring_back};
use crate::cli::gc::parse_size;
use crate::cli::push::{conclude, end, entry_json, summarize, tell_dry};
use crate::cli::sharing::{
    ShareArgs, Wish, Wishes, hold, report_json, roots_of, tell_faults, wishes, wishes_of,
};
use crate::error::{CliError, CliResult, ErrorKind};
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::remotes;
use crate::ui::Printer;
use crate::ui::transfer::watch;

/// Bring what pipeline.lock records from a remote into the cache
///
/// Files in the workspace stay as they are; `pipe pull` and `pipe checkout` bring them. What was imported comes from its
/// source where the remote does not have it. Every byte that arrives is checked
/// against its digest, and a damaged file in the cache is fetched again. What the remote does not have, or does not let be read, is told, and the exit code is 1, as
/// where a pointer holds an unresolved merge conflict; the rest is done. A fetch that was
/// cut off is gone on with by the next one.
#[derive(Debug, Args)]
pub struct FetchArgs {
    #[command(flatten)]
    pub share: ShareArgs,
    /// Only outs smaller than SIZE: bytes, or a number with kB, MB, GB, KiB, MiB, GiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_size: Option<u64>,
    /// Only metrics, or plots; can be given several times
    #[arg(long = "type", value_name = "KIND")]
    kinds: Vec<Kind>,
}

/// What outs may be.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    Metrics,
    Plots,
}

/// Bring what pipeline.lock records from a remote into the workspace
///
/// This is `pipe fetch`, and then `pipe checkout` of the same targets: when it would replace bytes that no cache holds,
/// nothing in the workspace is touched, unless `-f` says to save them first.
#[derive(Debug, Args)]
pub struct PullArgs {
    #[command(flatten)]
    pub share: ShareArgs,
    /// Replace bytes that no cache holds too, after saving them in it
    #[arg(short, long)]
    force: bool,
}

/// Fetches.
///
/// # Errors
/// With exit code 1 when something is not to be had, 2 when the remote fails, 130 or 143 when interrupted.
pub fn fetch(args: &FetchArgs, printer: Printer) -> CliResult {
    let kind = |kind: &Kind| match kind {
        Kind::Metrics => OutKind::Metrics,
        Kind::Plots => OutKind::Plots,
    };
    let kinds = args.kinds.iter().map(kind).collect();
    let share = ShareArgs { kinds, below: args.max_size, ..args.share.clone() };
    let Fetched { share, wishes, sides, is_whole, fault, .. } = bring(&share, printer)?;
    let concluded = conclude(&share, &sides, is_whole, &wishes, printer);
    fault.map_or(concluded, Err)
}

/// Fetches and checks out.
///
/// # Errors
/// As [`fetch`], and with exit code 1 when unsaved bytes would be replaced.
pub fn run(args: &PullArgs, printer: Printer) -> CliResult {
    let Fetched { share, wishes, sides, is_whole, fault, is_spared } = bring(&args.share, printer)?;
    if args.share.dry {
        let concluded = conclude(&share, &sides, is_whole, &wishes, printer);
        return fault.map_or(concluded, Err);
    }
    let (told, all_back) = bring_back(
        &CheckoutArgs::new(&args.share.which, args.force, args.share.allow_missing, args.share.json),
        printer,
    )?;
    if args.share.json {
        let text = serde_json::to_string_pretty(&json!({ "dry": false, "remotes": sides, "checkout": told }));
        printer.data_line(text.expect("plain data"));
    }
    let all_back = all_back?;
    if let Some(fault) = fault.filter(|_| !(is_spared && all_back)) {
        return Err(fault);
    }
    if all_back && is_whole { Ok(()) } else { Err(CliError::silent(ErrorKind::Negative)) }
}

/// No remote has this name.
const NO_REMOTE: &str = "";

struct Fetched {
    share: ShareArgs,
    wishes: Wishes,
    sides: Vec<Json>,
    is_whole: bool,
    /// Why a remote could not be asked, where imports came all the same: what came is to be placed first.
    fault: Option<CliError>,
    /// Whether that is no fault where all is in place then: no remote was named.
    is_spared: bool,
}

fn bring(args: &ShareArgs, printer: Printer) -> CliResult<Fetched> {
    let project = Project::find()?;
    let (pipeline, has_all) = project.pipeline_beside_conflicts(printer)?;
    let is_all_known = has_all || !args.which.may_mean_any();
    let interrupt = Interrupt::listen()?;
    // What arrives must not be collected before the locks are read.
    let _lock = hold(&project, args.dry, &interrupt, printer)?;
    let workspace = project.workspace_anew();
    let results = remotes::results(&project, &workspace);
    let imports = imports::bring(&project, &pipeline, args, (&interrupt, printer))?;
    let args = &ShareArgs { brought: imports.outs, ..args.clone() };
    let mut fetched = Fetched {
        share: args.clone(),
        wishes: Wishes::new(),
        sides: imports.sides,
        is_whole: imports.is_whole && is_all_known,
        fault: None,
        is_spared: project.remotes() == (Vec::new(), None) && args.is_of_now(),
    };
    let needs_no_remote = imports.is_all && !args.brought.is_empty() && project.remotes().0.is_empty();
    if needs_no_remote || args.is_about_nothing(&pipeline) {
        return Ok(fetched);
    }
    let has_none = args.remote.is_none() && project.remotes().1.is_none() && !args.stage_cache;
    let chosen = match remotes::name(&project, args.remote.as_deref()) {
        // What the cache has needs no remote.
        Err(fault) if has_none => {
            fetched.wishes = wishes_of(&project, &pipeline, args, NO_REMOTE, printer)?;
            let asked = &fetched.wishes[NO_REMOTE];
            if !asked.iter().all(|wish| wish.is_here(&workspace.blobs)) {
                fetched.fault = Some(fault);
                fetched.is_spared = args.is_of_now();
            } else if !asked.is_empty() {
                printer.say("No remote is chosen, and none is needed: the cache has it all.");
            }
            NO_REMOTE.to_owned()
        }
        Err(fault) if !args.brought.is_empty() => {
            fetched.fault = Some(fault);
            return Ok(fetched);
        }
        chosen => {
            fetched.wishes = wishes(&project, &pipeline, args, printer)?;
            chosen?
        }
    };
    let is_all_here = !args.brought.is_empty() && !args.stage_cache;
    let is_to_come = |(name, wishes): &(&String, &Vec<Wish>)| {
        !(is_all_here && wishes.is_empty()) && name.as_str() != NO_REMOTE
    };
    for (name, wishes) in fetched.wishes.iter().filter(is_to_come) {
        let remote = match remotes::open_existing(&project, name) {
            Err(fault) if !args.brought.is_empty() => {
                fetched.fault = fetched.fault.or(Some(fault));
                continue;
            }
            remote => remote?,
        };
        let meter = Meter::new(interrupt.stop.clone());
        let transfer = remotes::transfer(&workspace.blobs, &remote, args.jobs, &meter);
        let roots = roots_of(&transfer, wishes, !args.dry)?;
        let with_results = args.stage_cache && *name == chosen;
        if args.dry {
            let found = (|| {
                let entries = match with_results {
                    true => transfer.remote_entries(&results)?.entries,
                    false => Vec::new(),
                };
                let shared = entries.iter().flat_map(cache::SharedEntry::roots);
                transfer.compare(&roots.iter().cloned().chain(shared).collect::<Vec<Root>>())
            })();
            let found = end(found, &interrupt, "fetched", &meter, name, printer)?;
            fetched.is_whole &= tell_dry(
                (name, wishes, &workspace.blobs),
                &found,
                false,
                args.json,
                &mut fetched.sides,
                printer,
            ) || args.allow_missing;
            continue;
        }
        let brought = watch(printer, &format!("Fetching from {name}"), &meter, || {
            let report = transfer.fetch(&roots)?;
            if !with_results {
                return Ok((report, None, Vec::new()));
            }
            let there = transfer.remote_entries(&results)?;
            let shared: Vec<Root> = there.entries.iter().flat_map(cache::SharedEntry::roots).collect();
            // A result that is not whole there is left out, and nobody's fault.
            let of_results = transfer.fetch(&shared)?;
            let mut kept = transfer.keep_entries(&results, &there.entries)?;
            kept.present += there.present;
            let moved = report.moved.with(of_results.moved);
            Ok((cache::Report { moved, ..report }, Some(kept), there.unread))
        });
        let (report, results, unread) = end(brought, &interrupt, "fetched", &meter, name, printer)?;
        remotes::remember_used(&project, &remote)?;
        fetched.is_whole &= args.is_done(&report) && unread.is_empty();
        let mut side = report_json(name, "fetched", &report);
        if let Some(results) = results {
            side["results"] = entry_json("fetched", results);
            side["results"]["failed"] = unread.as_slice().into();
        }
        fetched.sides.push(side);
        if !args.json {
            let missing = |_: &_| format!("remote `{name}` does not have it; who made it can `pipe push` it");
            let damaged = "the cache held other bytes than its name says, which are not used";
            tell_faults(&report, missing, damaged, printer);
            for reason in &unread {
                printer.insist(format_args!("a result in the stage cache: {reason}"));
            }
            if let (Some(text), false) = (remotes::emptiness(&remote), report.missing.is_empty()) {
                let name = cache::Remote::name(&remote);
                printer.insist(format_args!(
                    "{text}; mount it if it is a share; where it was moved, `pipe remote modify {name} url FOLDER` says so"
                ));
            }
            summarize("fetched from", name, &report, results, printer);
        }
    }
    // From here on a signal ends the process, which leaves a checkout that the next one goes on with.
    interrupt.check()?;
    Ok(fetched)
}
