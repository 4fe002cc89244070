//! `pipe version`: what whoever helps wants to know.

use clap::Args;
use pipeline::Dialect;

use crate::error::CliResult;
use crate::project::Project;
use crate::ui::Printer;

/// Print the version, and what there is of a project here
#[derive(Debug, Args)]
pub struct VersionArgs {}

/// Prints it.
///
/// # Errors
/// When settings cannot be read.
pub fn run(_args: &VersionArgs, printer: Printer) -> CliResult {
    printer.data_line(format_args!("pipe {} ({})", env!("CARGO_PKG_VERSION"), cache::platform()));
    let project = Project::find()?;
    if !project.is_one()? {
        return Ok(());
    }
    let tool = match project.dialect {
        Dialect::Native => "pipe",
        Dialect::Dvc => "DVC",
    };
    printer.data_line(format_args!("project of {tool}: {}", base::shown(&project.root)));
    printer.data_line(format_args!("cache: {}", base::shown(&cache::lexical(&project.cache_folder()))));
    let links: Vec<&str> = project.link_types().into_iter().map(disk::LinkType::name).collect();
    printer.data_line(format_args!("links into the cache: the first that works of {}", links.join(", ")));
    let (remotes, default) = project.remotes();
    for (name, url) in remotes {
        let mark = if default.as_ref() == Some(&name) { " (default)" } else { "" };
        printer.data_line(format_args!("remote {name}{mark}: {}", base::one_line(&url)));
    }
    Ok(())
}
