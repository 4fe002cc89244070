//! `pipe completions`: completion scripts, made from the command line's own description.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::error::CliResult;
use crate::ui::Printer;

/// Print the completion script for a shell
///
/// For bash: `pipe completions bash > ~/.local/share/bash-completion/completions/pipe`; for fish: `pipe completions fish >
/// ~/.config/fish/completions/pipe.fish`; for zsh: into a file `_pipe` in a folder of `$fpath`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell that the script is for
    #[arg(required_unless_present = "option")]
    shell: Option<Shell>,
    /// The same, as DVC takes it
    #[arg(id = "option", short = 's', long = "shell", hide = true, conflicts_with = "shell")]
    option: Option<Shell>,
}

/// Prints the script.
///
/// # Errors
/// None.
pub fn run(args: &CompletionsArgs, printer: Printer) -> CliResult {
    let mut script = Vec::new();
    let shell = args.shell.or(args.option).unwrap_or(Shell::Bash);
    clap_complete::generate(shell, &mut super::Cli::command(), "pipe", &mut script);
    printer.data(String::from_utf8_lossy(&script));
    Ok(())
}
