//! `pipe completions`: completion scripts, made from the command line's own description.

use clap::{Args, CommandFactory};

use crate::error::CliResult;
use crate::ui::Printer;

/// Print the completion script for a shell
///
/// For bash: `pipe completions bash > ~/.local/share/bash-completion/completions/pipe`; for fish: `pipe completions fish >
/// ~/.config/fish/completions/pipe.fish`; for zsh: into a file `_pipe` in a folder of `$fpath`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell that the script is for
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
