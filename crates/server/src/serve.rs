//! A server in a thread of its own: started, asked for its address, stopped.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::runtime::{self, Runtime};
use tokio::sync::oneshot;

use crate::context::Context;
use crate::guard::{Guard, Token};
use crate::route;

/// How long requests that are being answered may take when the server is to end.
const GRACE: Duration = Duration::from_secs(3);
/// Threads that wait for the disk. The allocator keeps some megabytes for each, and SQLite lets one write at a time.
const MOST_BLOCKING: usize = 4;
/// How long such a thread stays without work.
const IDLE: Duration = Duration::from_secs(1);

/// How to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 for any that is free.
    pub address: SocketAddr,
    /// What must be known to ask; nothing for everybody who can reach the address.
    pub token: Option<Token>,
}

/// Why nothing is served.
#[derive(Debug)]
pub enum ServeError {
    /// Other machines can reach the address, and nothing keeps them out.
    Unguarded(SocketAddr),
    /// The system refuses the address.
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

impl std::fmt::Display for ServeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ServeError::Unguarded(address) => {
                write!(
                    f,
                    "other machines can reach {address}: without a token everybody could read and write all runs"
                )
            }
            ServeError::Listen { address, .. } => write!(f, "failed to listen on {address}"),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ServeError::Unguarded(_) => None,
            ServeError::Listen { source, .. } => Some(source),
        }
    }
}

/// A running server. Dropped, it stops.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    /// Dropped, it ends the server: the first while it serves, the second while it waits for somebody.
    stop: Option<(oneshot::Sender<()>, Option<io::PipeWriter>)>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on a port of loopback that is free. Only when somebody connects is `context` asked what to serve, and
    /// anything made that serving needs; without one, nothing is served. Nobody gets in but through a scope.
    ///
    /// # Errors
    /// When the system gives no port.
    pub fn on_demand(
        context: impl FnOnce() -> Option<Context> + Send + 'static,
    ) -> Result<Server, ServeError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (listener, address) = listen(address)?;
        let fault = |source| ServeError::Listen { address, source };
        let (asleep, awake) = io::pipe().map_err(fault)?;
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            if !await_connection(&listener, &asleep) {
                return;
            }
            let guard = Guard { address, token: Some(Token::random()) };
            if let (Some(context), Ok(runtime)) = (context(), runtime()) {
                serve(runtime, listener, route::site(context, guard), stopped);
            }
        };
        let thread = std::thread::spawn(serve);
        Ok(Server { address, stop: Some((stop, Some(awake))), thread: Some(thread) })
    }

    /// Begins to serve. When this returns, connections are taken.
    ///
    /// # Errors
    /// When the address cannot be listened on, or is open to other machines and there is no token.
    pub fn start(context: Context, options: Options) -> Result<Server, ServeError> {
        let Options { address, token } = options;
        if token.is_none() && !address.ip().is_loopback() {
            return Err(ServeError::Unguarded(address));
        }
        let (listener, address) = listen(address)?;
        let runtime = runtime().map_err(|source| ServeError::Listen { address, source })?;
        let (stop, stopped) = oneshot::channel();
        let site = route::site(context, Guard { address, token });
        let thread = std::thread::spawn(move || serve(runtime, listener, site, stopped));
        Ok(Server { address, stop: Some((stop, None)), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends in order: requests that are being answered get their answers.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let fault = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(fault)?;
    listener.set_nonblocking(true).map_err(fault)?;
    let address = listener.local_addr().map_err(fault)?;
    Ok((listener, address))
}

fn runtime() -> io::Result<Runtime> {
    runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(MOST_BLOCKING)
        .thread_keep_alive(IDLE)
        .enable_io()
        .enable_time()
        .thread_name("serve")
        .build()
}

/// Waits until somebody connects; false when the other end of the pipe is closed before.
fn await_connection(listener: &TcpListener, stop: &io::PipeReader) -> bool {
    loop {
        let mut waiting =
            [PollFd::new(listener, PollFlags::IN), PollFd::new(stop, PollFlags::IN | PollFlags::HUP)];
        match poll(&mut waiting, None) {
            Ok(_) if !waiting[1].revents().is_empty() => return false,
            Ok(_) if !waiting[0].revents().is_empty() => return true,
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// Serves until `stopped`.
fn serve(runtime: Runtime, listener: TcpListener, site: Router, stopped: oneshot::Receiver<()>) {
    runtime.block_on(async move {
        // Made from a socket that listens already, in a runtime with I/O: nothing is left to fail.
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        // A small answer must not wait for a second one to fill a packet.
        let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
        let (end, ended) = oneshot::channel::<()>();
        let serving = axum::serve(listener, site).with_graceful_shutdown(async { drop(ended.await) });
        let serving = tokio::spawn(async { serving.await });
        drop(stopped.await);
        drop(end);
        drop(tokio::time::timeout(GRACE, serving).await);
    });
    runtime.shutdown_timeout(GRACE);
}
