//! `pipe ui`: serves runs to browsers and to MLflow's clients.

use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use server::{Context, Options, ServeError, Server};

use crate::environment;
use crate::error::{CliError, CliResult, with_causes};
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::spool;
use crate::token;
use crate::ui::Printer;

/// How often it is asked whether a signal came.
const NAP: Duration = Duration::from_millis(20);

/// How often runs of processes that died are looked for, and what was logged while the run store was away.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How many milliseconds the allocator keeps what was freed.
const KEPT_FREED: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "100");

/// Starts this program once more in its own place, with an allocator that gives memory back soon: it asks how soon of the
/// environment alone, as a process starts. By its own mind it keeps everything for a second, and what clients send in
/// that time is added up (docs/benchmarks.md). Comes back where that is done, or cannot be.
#[allow(clippy::disallowed_methods, reason = "no process is started: this one goes on as another")]
pub fn start_anew() {
    let mut words = std::env::args_os();
    if let (None, Ok(program), Some(name)) =
        (environment::inherited(KEPT_FREED.0), std::env::current_exe(), words.next())
    {
        let mut command = std::process::Command::new(program);
        let _ = command.arg0(name).args(words).env(KEPT_FREED.0, KEPT_FREED.1).exec();
    }
}

/// Serve runs to browsers and to MLflow's clients
///
/// Prints the address with its token and serves until Ctrl-C. Any MLflow client logs to it and reads from it:
/// `MLFLOW_TRACKING_URI=http://127.0.0.1:5000 MLFLOW_TRACKING_TOKEN=…`.
#[derive(Debug, Args)]
pub struct UiArgs {
    /// Listen on this address; other machines reach any but 127.0.0.1
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    host: String,
    /// Listen on this port; 0 takes one that is free
    #[arg(long, short, value_name = "PORT", default_value_t = 5000)]
    port: u16,
    /// Let in everybody on this machine, without a token
    #[arg(long)]
    no_token: bool,
    /// Let in who has the token in this file, so that clients go on after a restart; a missing file is made, for you alone to
    /// read, with a new token. Without it the variable PIPE_UI_TOKEN counts, and then each start has a new token
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with = "no_token")]
    token_file: Option<PathBuf>,
}

/// Serves until a signal comes.
///
/// # Errors
/// When the address cannot be listened on, or the run store cannot be opened.
pub fn run(args: &UiArgs, printer: Printer) -> CliResult {
    let interrupt = Interrupt::listen()?;
    let address = resolve(args)?;
    let token = (!args.no_token).then(|| token::token(args.token_file.as_deref())).transpose()?;
    let project = Project::find()?;
    let was_made = project.is_made();
    let made = project.make_pipe_folder().and_then(|()| Ok(project.prepare_cache()?));
    let (store, why_not) = match project.store_to_serve() {
        Ok(opened) => opened,
        // What kept the folder from being made says more than that there is no store in it.
        Err(fault) => return made.and(Err(fault.into())),
    };
    match &why_not {
        Some(fault) => printer.warn(format_args!(
            "{}; runs can be looked at, and what clients log is refused until that changes",
            with_causes(fault)
        )),
        None => made?,
    }
    if !was_made {
        printer.say(project.told_when_made());
    }
    let store = Arc::new(store);
    let context = Context::new(store.clone(), project.blobs());
    let shown = token.as_ref().map(|token| format!("?token={}", token.as_str())).unwrap_or_default();
    let server = Server::start(context, Options { address, token }).map_err(refusal)?;
    let address = server.address();
    if !address.ip().is_loopback() {
        printer.warn(
            "other machines can reach this address, and everything goes over the network unencrypted; who has the token \
             reads and writes all runs",
        );
    }
    printer.data_line(format_args!("http://{address}/{shown}"));
    printer.say("Serving until Ctrl-C.");
    let (mut looked, mut is_prepared) = (Instant::now(), why_not.is_none());
    while !interrupt.came() {
        std::thread::sleep(NAP);
        if !is_prepared && !store.is_read_only() {
            // It can be written to after all, and what a start does is done now.
            is_prepared = project.make_pipe_folder().is_ok() && project.prepare_cache().is_ok();
            let _ = store.tell();
        }
        if looked.elapsed() > LOOK_EVERY {
            looked = Instant::now();
            // What fails here is told to whoever asks.
            let _ = spool::replay(&project.spool_folder(), &*store);
            let _ = project.settle(&store);
        }
    }
    server.stop();
    printer.say("Stopped.");
    Ok(())
}

fn resolve(args: &UiArgs) -> CliResult<SocketAddr> {
    let host = args.host.trim_start_matches('[').trim_end_matches(']');
    let found = (host, args.port).to_socket_addrs();
    let mut found = found.map_err(|fault| {
        CliError::message(format!("`{}` is no address of this machine: {fault}", args.host))
            .hint("`--host 127.0.0.1` for this machine alone, `--host 0.0.0.0` for others as well")
    })?;
    found.next().ok_or_else(|| CliError::message(format!("`{}` has no address", args.host)))
}

fn refusal(fault: ServeError) -> CliError {
    let hint = match &fault {
        ServeError::Unguarded(_) => "leave `--no-token` out, or listen on 127.0.0.1",
        ServeError::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
            "another program listens there: `--port 0` takes a port that is free"
        }
        ServeError::Listen { .. } => "`--host` and `--port` choose another address",
    };
    CliError::from(fault).hint(hint)
}
