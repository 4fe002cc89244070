//! Arguments that several commands read alike: pairs, texts from standard input, and questions before something goes.

use std::io::Read;

use base::check_tag_key;
use clap::Args;

use crate::error::{CliError, CliResult, ErrorKind};
use crate::ui::Printer;

/// `KEY=VALUE`.
///
/// # Errors
/// When there is no `=`, or nothing before it.
pub fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// `KEY=VALUE` of a tag that people may set.
///
/// # Errors
/// When it is no pair, or the key is of a tag by which `pipe` records how a run came about.
pub fn parse_tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = parse_pair(text)?;
    check_tag_key(&key)?;
    Ok((key, value))
}

/// A text as given, or what comes from standard input for `-`.
///
/// # Errors
/// When standard input cannot be read.
pub fn text_argument(text: &str) -> CliResult<String> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut read = String::new();
    std::io::stdin().read_to_string(&mut read).map_err(|fault| {
        CliError::message(format!("failed to read the text from standard input: {fault}"))
    })?;
    Ok(read.trim_end().to_owned())
}

/// Whether something is only shown, or done without asking.
#[derive(Clone, Copy, Debug, Args)]
pub struct ConfirmArgs {
    /// Go on without asking
    #[arg(short, long, conflicts_with = "dry")]
    yes: bool,
    /// Show what would be done, and do nothing
    #[arg(short = 'n', long)]
    pub dry: bool,
}

impl ConfirmArgs {
    /// Asks, unless `--yes` says it all.
    ///
    /// # Errors
    /// With exit code 1 when the answer is no, or nobody is there to be asked.
    pub fn confirm(self, question: &str, printer: Printer) -> CliResult {
        if self.yes {
            return Ok(());
        }
        match printer.ask(format_args!("{question}. Go on?")) {
            Some(true) => Ok(()),
            Some(false) => {
                printer.say("Nothing was changed.");
                Err(CliError::silent(ErrorKind::Negative))
            }
            None => Err(CliError::refusal(format!("nothing was changed: {question}"))
                .hint("`-n` shows what is meant, `-y` goes on without asking")),
        }
    }
}
