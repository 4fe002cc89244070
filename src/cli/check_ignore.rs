//! `pipe check-ignore`: which paths `.pipeignore` files name.

use base::ProjectPath;
use cache::Ignores;
use clap::Args;

use crate::error::{CliError, CliResult, ErrorKind};
use crate::project::Project;
use crate::ui::Printer;

/// Tell which paths are ignored by .pipeignore files
///
/// Those that are get printed. The exit code is 1 when none is.
#[derive(Debug, Args)]
pub struct CheckIgnoreArgs {
    /// Files and folders, which need not exist; one with a slash behind it is taken for a folder
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
    /// Print the rules too: file, line, pattern
    #[arg(short, long)]
    details: bool,
}

/// Tells which of the paths are ignored.
///
/// # Errors
/// With exit code 1 when none is.
pub fn run(args: &CheckIgnoreArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let ignores = Ignores::of_layout(&project.root, project.layout());
    let mut any = false;
    for text in &args.paths {
        let path = ProjectPath::resolve(&project.base, text)?;
        let is_folder = text.ends_with('/') || path.to_path(&project.root).is_dir();
        let Some(rule) = ignores.rule(&path, is_folder) else { continue };
        any = true;
        if args.details {
            let file = rule.file.relative_to(&project.base);
            printer.data_line(format_args!("{file}:{}:{}\t{text}", rule.line, rule.pattern));
        } else {
            printer.data_line(text);
        }
    }
    if any { Ok(()) } else { Err(CliError::silent(ErrorKind::Negative)) }
}
