//! Bytes between sockets and disk, piece by piece: nothing large is ever whole in memory, and no slow client keeps a
//! thread.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use base::Digest;
use cache::{Blobs, CacheError, Incoming};
use http_body::{Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::{Code, Fault};

/// How much is written or read at once.
const PIECE: usize = 1 << 18;

/// Stores a request's body in the cache; returns its digest and length. A request that breaks off leaves nothing.
pub async fn receive(blobs: Blobs, body: Body) -> Result<(Digest, u64), Fault> {
    let mut incoming = blocking(move || blobs.begin()).await?;
    let mut body = body;
    let mut gathered: Vec<Bytes> = Vec::new();
    loop {
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
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

/// A part of a file as the body of an answer.
pub fn file_body(path: &Path, start: u64, length: u64) -> io::Result<Body> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    Ok(Body::new(FileBody { state: State::Idle(file), left: length }))
}

struct FileBody {
    state: State,
    left: u64,
}

enum State {
    Idle(File),
    Reading(JoinHandle<io::Result<(File, Vec<u8>)>>),
    Done,
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if matches!(self.state, State::Idle(_))
            && let State::Idle(file) = std::mem::replace(&mut self.state, State::Done)
        {
            let wanted = usize::try_from(self.left).unwrap_or(PIECE).min(PIECE);
            self.state = State::Reading(spawn_blocking(move || read(file, wanted)));
        }
        let State::Reading(reading) = &mut self.state else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(context)).map_err(io::Error::other).and_then(|read| read);
        match read {
            Ok((file, bytes)) => {
                self.left -= bytes.len() as u64;
                self.state = State::Idle(file);
                Poll::Ready(Some(Ok(Frame::data(bytes.into()))))
            }
            Err(fault) => {
                self.left = 0;
                self.state = State::Done;
                Poll::Ready(Some(Err(fault)))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Reads so many bytes. A file that ends before is an error: the answer's length is promised.
fn read(mut file: File, wanted: usize) -> io::Result<(File, Vec<u8>)> {
    let mut bytes = vec![0; wanted];
    file.read_exact(&mut bytes)?;
    Ok((file, bytes))
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
            let (digest, size) = receive(blobs.clone(), Body::from(bytes.clone())).await.unwrap();
            assert_eq!(size, bytes.len() as u64);
            let path = blobs.path(&digest);
            let body = file_body(&path, 5, size - 5).unwrap();
            assert_eq!(axum::body::to_bytes(body, usize::MAX).await.unwrap(), &bytes[5..]);
            let body = file_body(&path, 0, size + 1).unwrap();
            assert!(axum::body::to_bytes(body, usize::MAX).await.is_err(), "shorter than promised");
        });
    }
}
