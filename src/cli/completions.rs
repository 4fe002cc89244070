//! `pipe completions`: completion scripts, made from the command line's own description.

use clap::{Args, CommandFactory};

use crate::error::CliResult;
use crate::ui::Printer;

/// Print the completion script for a shell
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: clap_complete::Shell,
}

/// Prints the script.
///
/// # Errors
/// None.
pub fn run(args: &CompletionsArgs, printer: Printer) -> CliResult {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "pipe", &mut script);
    printer.data(String::from_utf8_lossy(&script));
    Ok(())
}
