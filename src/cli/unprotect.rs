//! `pipe unprotect`: makes links into the cache files that may be edited.

use base::ProjectPath;
use clap::Args;
use exec::Wish;

use crate::cli::tell_damage;
use crate::error::{CliError, CliResult};
use crate::project::Project;
use crate::recovery;
use crate::ui::Printer;

/// Replace links into the cache by files of their own, which may be edited
///
/// Where `cache.link_types` makes outs hard links or symlinks, they are read-only: their bytes are those of the cache. What
/// is no link is left alone. `pipe commit` records an edited out, and `pipe checkout --relink` makes links again.
#[derive(Debug, Args)]
pub struct UnprotectArgs {
    /// Files, or folders with all that is in them
    #[arg(value_name = "PATH", required = true, value_hint = clap::ValueHint::AnyPath)]
    pub paths: Vec<String>,
}

/// Makes links files of their own.
///
/// # Errors
/// When there is nothing at a path, or the cache lacks what a link shows.
pub fn run(args: &UnprotectArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    project.expect_any()?;
    let paths: Vec<ProjectPath> =
        args.paths.iter().map(|text| ProjectPath::resolve(&project.base, text)).collect::<Result<_, _>>()?;
    let wish = paths.iter().fold(Wish::named("taking links apart"), Wish::writing_path);
    let _held = recovery::hold(&project, &wish, true, printer)?;
    let workspace = project.workspace(printer)?;
    let mut count = 0;
    for path in &paths {
        if std::fs::symlink_metadata(workspace.os_path(path)).is_err() {
            return Err(CliError::message(format!("cannot unprotect {path}: nothing is there"))
                .hint("`pipe checkout` brings back what is recorded"));
        }
        count += workspace.unprotect(path)?;
    }
    workspace.save_state()?;
    tell_damage(&workspace, printer);
    match count {
        0 => printer.say("Nothing there is a link into the cache."),
        _ => printer.say(format_args!("Unprotected {}.", report::count_text(count, "file"))),
    }
    Ok(())
}
