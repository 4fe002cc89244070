//! The `pipe` binary: parse, dispatch, tell what went wrong, exit code.

mod cli;
mod discover;
mod environment;
mod error;
mod freshness;
mod git;
mod ignore;
mod interrupt;
mod project;
mod recorder;
mod recovery;
mod revision;
mod roots;
mod settings;
#[cfg(feature = "train")]
mod training;
mod ui;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::error::ErrorKind;

/// Training makes and drops many small tensors: this allocator is worth a fifth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let printer = cli.printer();
    let code = match cli.run(printer) {
        Ok(()) => 0,
        Err(fault) => {
            if let Some(source) = &fault.source {
                printer.error(source.chain().map(ToString::to_string), &fault.all_hints());
            }
            fault.kind.code()
        }
    };
    // Whoever reads the data must not take a part of it for the whole.
    if let Some(fault) = printer.lost_data() {
        printer.error([format!("failed to write to standard output: {fault}")], &[]);
        return ExitCode::from(code.max(ErrorKind::Unable.code()));
    }
    ExitCode::from(code)
}
