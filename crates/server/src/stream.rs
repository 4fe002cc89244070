//! Bytes between sockets and disk, piece by piece: nothing large is ever whole in memory, and no slow client keeps a
//! thread.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use base::Digest;
use cache::{Blobs, CacheError, Incoming};
use http_body::{Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::{Code, Fault};

/// How much is written or read at once.
const PIECE: usize = 1 << 18;
/// How much of a body that nobody wants is read all the same, so that its connection can stay open, and how long that may take.
const MOST_UNREAD: usize = 1 << 20;
const UNREAD_WAIT: Duration = Duration::from_secs(10);

/// Stores a request's body in the cache; returns its digest and length. A request that breaks off leaves nothing.
pub async fn receive(blobs: Blobs, body: &mut Body) -> Result<(Digest, u64), Fault> {
    let mut incoming = blocking(move || blobs.begin()).await?;
    let mut gathered: Vec<Bytes> = Vec::new();
    loop {
        let frame = next(body).await;
        let is_end = frame.is_none();
        if let Some(frame) = frame {
            let frame = frame
                .map_err(|fault| Fault::new(Code::BadRequest, format!("the upload broke off: {fault}")))?;
            gathered.extend(frame.into_data().ok());
        }
        if is_end || gathered.iter().map(Bytes::len).sum::<usize>() >= PIECE {
            let pieces = std::mem::take(&mut gathered);
            incoming = blocking(move || append(incoming, &pieces)).await?;
        }
        if is_end {
            return blocking(move || incoming.finish()).await;
        }
    }
}

/// The body of a request, which whoever answers may leave unread. Clones share it.
#[derive(Clone)]
pub struct Lent(Arc<Mutex<Body>>);

impl Lent {
    /// Lends a body.
    pub fn new(body: Body) -> Self {
        Lent(Arc::new(Mutex::new(body)))
    }

    /// Reads what is left of it; whether its end came soon. A client reads no answer before it has sent all.
    pub async fn ends_soon(mut self) -> bool {
        let read = async {
            let mut left = MOST_UNREAD;
            while !self.is_end_stream() {
                let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut self).poll_frame(context)).await else {
                    return true;
                };
                let Some(less) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else {
                    return false;
                };
                left = less;
            }
            true
        };
        tokio::time::timeout(UNREAD_WAIT, read).await.unwrap_or(false)
    }

    fn lock(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.lock()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().size_hint()
    }
}

/// Reads what a client still sends: it reads no answer before.
pub async fn read_to_end(body: &mut Body) {
    while let Some(Ok(_)) = next(body).await {}
}

async fn next(body: &mut Body) -> Option<Result<Frame<Bytes>, axum::Error>> {
    poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
}

fn append(mut incoming: Incoming, pieces: &[Bytes]) -> Result<Incoming, CacheError> {
    pieces.iter().try_for_each(|piece| incoming.append(piece))?;
    Ok(incoming)
}

/// Does something that may wait, on a thread for such things.
pub async fn blocking<T: Send + 'static, E: Into<Fault> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Fault> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(Fault::new(Code::InternalError, "the request was given up because of a fault of pipe")),
    }
}

/// Makes the next piece of an answer, or nothing after the last one. Each is made on a thread that may block, once the
/// one before is on its way.
pub type Pieces = Box<dyn FnMut() -> io::Result<Option<Vec<u8>>> + Send>;

/// The pieces as the body of an answer, of so many bytes where that is known. A fault breaks the answer off.
pub fn body_of(pieces: Pieces, length: Option<u64>) -> Body {
    Body::new(PieceBody { state: State::Idle(pieces), left: length })
}

/// A part of a file as the body of an answer.
pub fn file_body(mut file: File, start: u64, length: u64) -> io::Result<Body> {
    file.seek(SeekFrom::Start(start))?;
    let mut left = length;
    let read = move || {
        let mut bytes = vec![0; usize::try_from(left).unwrap_or(PIECE).min(PIECE)];
        // A file that ends before is an error: the answer's length is promised.
        file.read_exact(&mut bytes)?;
        left -= bytes.len() as u64;
        Ok((!bytes.is_empty()).then_some(bytes))
    };
    Ok(body_of(Box::new(read), Some(length)))
}

struct PieceBody {
    state: State,
    left: Option<u64>,
}

enum State {
    Idle(Pieces),
    Making(JoinHandle<(Pieces, io::Result<Option<Vec<u8>>>)>),
    Done,
}

impl HttpBody for PieceBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == Some(0) {
            return Poll::Ready(None);
        }
        if matches!(self.state, State::Idle(_))
            && let State::Idle(mut pieces) = std::mem::replace(&mut self.state, State::Done)
        {
            self.state = State::Making(spawn_blocking(move || {
                let piece = pieces();
                (pieces, piece)
            }));
        }
        let State::Making(making) = &mut self.state else { return Poll::Ready(None) };
        let made = ready!(Pin::new(making).poll(context)).map_err(io::Error::other);
        self.state = State::Done;
        match made {
            Ok((pieces, Ok(Some(bytes)))) => {
                self.left = self.left.map(|left| left.saturating_sub(bytes.len() as u64));
                self.state = State::Idle(pieces);
                Poll::Ready(Some(Ok(Frame::data(bytes.into()))))
            }
            Ok((_, Ok(None))) => Poll::Ready(None),
            Ok((_, Err(fault))) | Err(fault) => {
                self.left = self.left.map(|_| 0);
                Poll::Ready(Some(Err(fault)))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_goes_to_the_cache_and_back_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path());
        let bytes: Vec<u8> = (0..3 * PIECE + 7).map(|at| (at % 251) as u8).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (digest, size) = receive(blobs.clone(), &mut Body::from(bytes.clone())).await.unwrap();
            assert_eq!(size, bytes.len() as u64);
            let body = file_body(blobs.open(&digest).unwrap(), 5, size - 5).unwrap();
            assert_eq!(axum::body::to_bytes(body, usize::MAX).await.unwrap(), &bytes[5..]);
            let body = file_body(blobs.open(&digest).unwrap(), 0, size + 1).unwrap();
            assert!(axum::body::to_bytes(body, usize::MAX).await.is_err(), "shorter than promised");
        });
    }
}
