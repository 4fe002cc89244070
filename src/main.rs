//! The `pipe` binary: parse, dispatch, tell what went wrong, exit code.

mod age;
mod artifacts;
mod as_dvc;
mod begun;
mod brought;
mod cli;
mod discover;
mod dvc_config;
mod edits;
mod env_key;
mod environment;
mod error;
mod freshness;
mod git;
mod ignore;
mod import;
mod inside;
mod interrupt;
mod leftovers;
mod logging;
#[cfg(feature = "train")]
mod mlmodel;
mod models;
mod moved;
mod named;
mod names;
mod partials;
mod pen;
mod placed;
mod pointed;
mod project;
mod reading;
mod recorded;
mod recorder;
mod recovery;
mod registration;
mod remotes;
mod reserve;
mod revision;
mod roots;
mod settings;
mod spool;
mod staging;
mod supplier;
#[cfg(feature = "serve")]
mod token;
mod tracked;
#[cfg(feature = "train")]
mod training;
mod ui;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::error::ErrorKind;
use crate::ui::{ColorChoice, Printer, Verbosity};

/// Training makes and drops many small tensors: this allocator is worth a fifth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let (code, printer) = match Cli::try_parse() {
        Ok(cli) => {
            let printer = cli.printer();
            (carry_out(cli, printer), printer)
        }
        // Help and version come this way too, and are data.
        Err(told) => {
            let printer = Printer::new(Verbosity::Normal, ColorChoice::Auto);
            let told = cli::words::translate(told);
            printer.usage(&told);
            (u8::try_from(told.exit_code()).unwrap_or(ErrorKind::Unable.code()), printer)
        }
    };
    disk::end_making();
    // Whoever reads the data must not take a part of it for the whole.
    if let Some(fault) = printer.lost_data() {
        printer.error([format!("failed to write to standard output: {fault}")], &[]);
        return ExitCode::from(code.max(ErrorKind::Unable.code()));
    }
    ExitCode::from(code)
}

/// Carries the command out, tells what went wrong, and says what exit code it means.
fn carry_out(cli: Cli, printer: Printer) -> u8 {
    let Err(fault) = cli.run(printer) else { return 0 };
    if let Some(source) = &fault.source {
        printer.error(source.chain().map(ToString::to_string), &fault.all_hints());
    }
    fault.kind.code()
}
