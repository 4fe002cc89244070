//! `pipe status --cloud`: what of the recorded outs the cache has and a remote lacks, and the other way round.

use base::one_line;
use cache::{Comparison, Meter, Whereabouts};
use serde_json::json;

use super::dvc;
use crate::as_dvc;
use crate::cli::push::end;
use crate::cli::sharing::{ShareArgs, named, roots_of, tell_unread, unread_json, wishes};
use crate::error::{CliError, CliResult, ErrorKind};
use crate::import;
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::remotes;
use crate::ui::Printer;

/// Compares the cache with remotes.
///
/// # Errors
/// With `-q`, exit code 1 when they differ; exit code 2 when a remote cannot be asked, or does not let the list of a folder
/// be read.
pub fn run(args: &ShareArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let pipeline = project.pipeline()?;
    let is_for_dvc = as_dvc::is_asked(&project);
    let interrupt = Interrupt::listen()?;
    let workspace = project.workspace(printer)?;
    let mut sides = Vec::new();
    let mut told = serde_json::Map::new();
    let mut lines = Vec::new();
    let mut is_all_known = true;
    let foreign = import::outs_of_repositories(&project, &pipeline)?;
    let args = &ShareArgs { foreign, ..args.clone() };
    for (name, wishes) in &wishes(&project, &pipeline, args, printer)? {
        let remote = remotes::open_existing(&project, name)?;
        if let (Some(text), false) = (remotes::emptiness(&remote), wishes.is_empty()) {
            printer.insist(format_args!("{text}; mount it if it is a share, or `pipe push` fills it"));
        }
        let meter = Meter::new(interrupt.stop.clone());
        let transfer = remotes::transfer(&workspace.blobs, &remote, args.jobs, &meter);
        let roots = roots_of(&transfer, wishes, false)?;
        let found = end(transfer.compare(&roots), &interrupt, "compared", &meter, name, printer)?;
        let Comparison { places: found, unread } = found;
        told.extend(dvc::moves(&found, &project.base));
        let of = |here: bool, there: bool| {
            let places =
                found.iter().filter(|place: &&Whereabouts| place.here == here && place.there == there);
            places.map(|place| named(&place.item)).collect::<Vec<_>>()
        };
        let (new, deleted, missing) = (of(true, false), of(false, true), of(false, false));
        for (word, paths) in [("new", &new), ("deleted", &deleted), ("missing", &missing)] {
            let mut each: Vec<&String> = paths.iter().collect();
            // Several commits may lack the same path with several contents.
            if word == "missing" {
                each.sort();
                each.dedup();
            }
            lines.extend(each.into_iter().map(|path| format!("{word}\t{}", one_line(path))));
        }
        let mut side = json!({ "remote": name, "new": new, "deleted": deleted, "missing": missing });
        if !unread.is_empty() {
            is_all_known = false;
            side["unread"] = unread_json(&unread);
        }
        if !args.json || is_for_dvc {
            tell_unread(&unread, printer);
        }
        sides.push(side);
    }
    if args.json && is_for_dvc {
        printer.data_line(serde_json::to_string_pretty(&told).expect("plain data"));
    } else if args.json {
        printer.data_line(serde_json::to_string_pretty(&json!({ "remotes": sides })).expect("plain data"));
    } else if !printer.is_quiet() {
        for line in &lines {
            printer.data_line(line);
        }
        if lines.is_empty() && is_all_known {
            printer.data_line("The cache and the remote hold the same of what is recorded.");
        }
    }
    match (is_all_known, printer.is_quiet() && !lines.is_empty()) {
        (false, _) => Err(CliError::silent(ErrorKind::Unable)),
        (true, true) => Err(CliError::silent(ErrorKind::Negative)),
        (true, false) => Ok(()),
    }
}
