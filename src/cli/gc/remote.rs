//! `pipe gc --remote`: removes from a remote what nobody needs.

use cache::{Entries, GcOptions, Meter, RemotePlan, plan_remote_gc, sweep_remote};
use disk::Stamp;

use super::{GcArgs, confirm, gather_other, show, tally_text};
use crate::cli::push::end;
use crate::error::{CliError, CliResult};
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::remotes;
use crate::roots::{Scope, gather, keep_run_cache, keep_run_cache_of};
use crate::ui::Printer;
use crate::ui::transfer::watch;

/// Removes from the remote what the chosen roots do not need and nobody put or used there lately.
///
/// # Errors
/// When it cannot be told what is needed, or the remote fails.
pub fn collect(
    args: &GcArgs,
    project: &Project,
    scope: &Scope,
    interrupt: &Interrupt,
    printer: Printer,
) -> CliResult {
    let name = remotes::name(project, args.remote.as_deref())?;
    let remote = remotes::open_existing(project, &name)?;
    // What is not mounted has nothing, and would be told to have been cleaned.
    remotes::refuse_vanished(project, &remote)?;
    let meter = Meter::new(interrupt.stop.clone());
    let workspace = project.workspace(printer)?;
    let transfer = remotes::transfer(&workspace.blobs, &remote, args.jobs, &meter);
    let now = match cache::Remote::now(&remote) {
        // Its clock is asked by a file that is put there. Where none can be, ours will do for what is only shown.
        Err(_) if args.dry => Stamp::now(),
        now => now?,
    };
    let mut needed = gather(project, scope)?;
    for other in &project.named(&args.projects)? {
        gather_other(&mut needed, other, scope)?;
    }
    if project.neighbour().is_some() && !args.no_stage_cache {
        keep_run_cache(project, &mut needed)?;
        keep_run_cache_of(&remote, &mut needed)?;
    }
    if let Some(root) = needed.untold.first() {
        return Err(CliError::message(format!(
            "this user may not read what the runs of {} hold",
            base::shown(root)
        ))
        .hint("collect as a user who may; nothing was touched"));
    }
    let options = GcOptions {
        start: now - project.settings.gc_grace(),
        entries: match (args.keep_stage_cache, args.no_stage_cache) {
            (true, _) => Entries::Keep,
            (_, true) => Entries::Drop,
            _ => Entries::Limited,
        },
        older_than: args.older_than.map(|age| Stamp::now() - age),
        max_size: None,
    };
    let plan = watch(printer, &format!("Looking through {name}"), &meter, || {
        plan_remote_gc(&transfer, &needed.roots, &options)
    })?;
    let RemotePlan { removed, leftovers, kept, .. } = plan;
    let total = removed.total().with(leftovers);
    if args.dry {
        show(args, &with_leftovers(removed, leftovers), kept, None, printer);
        return Ok(());
    }
    if total.count > 0 && !args.force {
        confirm(
            &format!(
                "{} would be removed from remote {name}; what others need that is in none of the revisions named here is not \
                 known",
                tally_text(total)
            ),
            printer,
        )?;
    }
    let removed = end(sweep_remote(&transfer, &plan), interrupt, "removed", &meter, &name, printer)?;
    if args.json {
        show(args, &removed, kept, None, printer);
    } else if removed.total().count == 0 {
        printer.say(format_args!("There is nothing to remove from {name}; {} stay.", tally_text(kept)));
    } else {
        let gone = tally_text(removed.total());
        printer.say(format_args!("Removed {gone} from {name}; {} stay.", tally_text(kept)));
    }
    Ok(())
}

fn with_leftovers(removed: cache::Removed, leftovers: cache::Tally) -> cache::Removed {
    cache::Removed { files: removed.files.with(leftovers), ..removed }
}
