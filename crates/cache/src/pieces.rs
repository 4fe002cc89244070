//! Hashing a large file by BLAKE3: what is read next arrives while other threads hash what was read before.
//!
//! Files are read and never mapped: others may write to them at any time, and touching a mapped page behind the end of a
//! file that was cut off meanwhile ends the process. Reading such a file merely ends early, and its stamp tells why.

use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much is read at once: enough to keep other threads busy, and little enough to stay in the processor's cache.
const PIECE: usize = 4 << 20;

/// So many files have pieces in memory at the same time, whatever the number of threads; the others are hashed by one
/// thread each, since there are others to hash at once.
const FILES: usize = 4;

/// So much of a file is hashed by one thread before it is asked again whether there is room.
const LULL: u64 = 16 << 20;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

/// Room for the pieces of a file.
struct Room;

impl Room {
    fn take() -> Option<Room> {
        let take = |used: usize| (used < FILES).then_some(used + 1);
        IN_USE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok().map(|_| Room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        IN_USE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Hashes what is left of a file, of `size` bytes at most.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn update_from(hasher: &mut blake3::Hasher, file: &mut File, size: u64) -> io::Result<()> {
    let mut left = size;
    while left > 0 {
        if let Some(_room) = Room::take() {
            return update_at_once(hasher, &mut file.take(left));
        }
        let before = hasher.count();
        hasher.update_reader(file.take(LULL.min(left)))?;
        match hasher.count() - before {
            0 => return Ok(()),
            count => left -= count,
        }
    }
    Ok(())
}

fn update_at_once(hasher: &mut blake3::Hasher, file: &mut io::Take<&mut File>) -> io::Result<()> {
    let size = usize::try_from(file.limit()).map_or(PIECE, |left| left.min(PIECE));
    let (mut piece, mut next) = (vec![0; size], Vec::new());
    let mut length = fill(file, &mut piece)?;
    // Only the last piece is shorter.
    while length == PIECE {
        next.resize(PIECE, 0);
        let (hasher, whole) = (&mut *hasher, &piece[..length]);
        length = rayon::in_place_scope(|scope| {
            scope.spawn(|_| {
                hasher.update_rayon(whole);
            });
            fill(file, &mut next)
        })?;
        mem::swap(&mut piece, &mut next);
    }
    hasher.update_rayon(&piece[..length]);
    Ok(())
}

/// Reads until the buffer is full or the file is at its end.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_any_length_hash_as_their_bytes_with_room_and_without() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..3 * PIECE + 17).map(|at| (at % 249) as u8).collect();
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE, bytes.len()] {
            disk::replace(&path, &bytes[..length]).unwrap();
            for rooms in [0, FILES] {
                // Other tests of this process may have some of them.
                let _taken: Vec<_> = (0..rooms).map_while(|_| Room::take()).collect();
                // One that has become longer or shorter since it was asked for its size.
                for size in [length, length + 5, length / 2] {
                    let mut hasher = blake3::Hasher::new();
                    update_from(&mut hasher, &mut disk::open(&path).unwrap(), size as u64).unwrap();
                    let expected = blake3::hash(&bytes[..length.min(size)]);
                    assert_eq!(hasher.finalize(), expected, "{length} {size} {rooms}");
                }
            }
        }
    }
}
