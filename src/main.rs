//! The `pipe` binary: parse, dispatch, tell what went wrong, exit code.

mod cli;
mod discover;
mod environment;
mod error;
mod git;
mod ignore;
mod project;
mod recorder;
mod revision;
#[cfg(feature = "train")]
mod training;
mod ui;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;

/// Training makes and drops many small tensors: this allocator is worth a fifth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let printer = cli.printer();
    match cli.run(printer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            if let Some(source) = &fault.source {
                printer.error(source.chain().map(ToString::to_string), &fault.all_hints());
            }
            ExitCode::from(fault.kind.code())
        }
    }
}
