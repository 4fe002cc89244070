//! `pipe cache dir`: where the cache is.

use clap::{Args, Subcommand};
use pipeline::Dialect;

use crate::cli::remote::{ScopeArgs, dvc};
use crate::error::CliResult;
use crate::project::Project;
use crate::settings::{CACHE_DIR, Scope};
use crate::ui::Printer;

/// Show or choose the folder of the cache: `dir`
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Show or choose the folder of the cache
    Dir(DirArgs),
}

#[derive(Debug, Args)]
pub struct DirArgs {
    /// The new folder; what the old one holds stays there
    #[arg(value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    folder: Option<String>,
    #[command(flatten)]
    scope: ScopeArgs,
    /// Have it in the project again
    #[arg(short, long, conflicts_with = "folder")]
    unset: bool,
}

/// Shows or chooses the folder.
///
/// # Errors
/// When a settings file cannot be read or changed.
pub fn run(command: &CacheCommand, printer: Printer) -> CliResult {
    let CacheCommand::Dir(args) = command;
    let project = Project::locate()?;
    let folder = args.folder.as_deref();
    if folder.is_none() && !args.unset {
        let folder = project.with_settings()?.cache_folder();
        printer.data_line(base::shown(&cache::lexical(&folder)));
        return Ok(());
    }
    if project.dialect == Dialect::Dvc {
        return dvc::set_cache_folder(&project, args.scope, folder);
    }
    let scope = args.scope.named().unwrap_or(Scope::Project);
    match folder {
        Some(folder) => {
            let from_root = dvc::from_here(&project, folder);
            // The file of the user is for all projects.
            let value = match scope == Scope::User && dvc::is_relative(folder) {
                true => cache::lexical(&project.root.join(from_root)).to_string_lossy().into_owned(),
                false => from_root,
            };
            project.set(scope, CACHE_DIR, &value)
        }
        None => project.unset(scope, CACHE_DIR).map(drop),
    }
}
