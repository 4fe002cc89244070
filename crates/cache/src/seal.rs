//! The seal of a blob: a time of last change whose fraction of a second is made from its digest and size.
//!
//! Whoever writes to a blob, through whatever link, moves that time and so breaks the seal; linking and touching the
//! inode do not. A sealed blob is therefore known without being read, by every user of a shared cache and with no
//! record anywhere. One that is not sealed (an older one, or on a file system that keeps whole seconds) is hashed before
//! it is linked. The law stands in docs/design/tree.md.

use base::Digest;
use disk::Stamp;

pub(crate) const SECOND: i64 = 1_000_000_000;

/// The finest steps (nanoseconds) of file systems that do not keep nanoseconds.
const COARSE: i64 = 100;

/// Nanoseconds that the seal of a blob has.
fn fraction(digest: &Digest, size: u64) -> i64 {
    let start = digest.bytes().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    i64::try_from(start.wrapping_add(size) % SECOND.unsigned_abs()).expect("less than a second")
}

/// Whether a file with this stamp is sealed as the blob of `digest`.
pub(crate) fn is_sealed(digest: &Digest, stamp: &Stamp) -> bool {
    stamp.mtime.rem_euclid(SECOND) == fraction(digest, stamp.size)
}

/// Whether the file system of a file with this stamp keeps times that are fine enough for a seal, as far as can be told.
pub(crate) fn may_be_sealed(stamp: &Stamp) -> bool {
    stamp.mtime % COARSE != 0 || stamp.ctime % COARSE != 0
}

/// The last moment up to `now` (nanoseconds since 1970) that seals a blob.
pub(crate) fn seal(digest: &Digest, size: u64, now: i64) -> i64 {
    let sealed = now - now.rem_euclid(SECOND) + fraction(digest, size);
    if sealed > now { sealed - SECOND } else { sealed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_of_one_content_and_size_and_in_the_past() {
        let digest = Digest::Blake3(std::array::from_fn(|at| at as u8 + 1));
        let other = Digest::Blake3([9; 32]);
        for now in [1_763_721_727_000_000_000, 1_763_721_727_999_999_999, -5] {
            let mtime = seal(&digest, 3, now);
            assert!(mtime <= now && mtime > now - SECOND, "{now}");
            let stamp = Stamp { size: 3, mtime, ctime: 0, inode: 1, mode: 0o100_444 };
            assert!(is_sealed(&digest, &stamp));
            assert!(!is_sealed(&other, &stamp));
            assert!(!is_sealed(&digest, &Stamp { size: 4, ..stamp }));
            assert!(!is_sealed(&digest, &Stamp { mtime: mtime + 1, ..stamp }));
        }
        // 0x0102030405060708 + 3, modulo 1,000,000,000: as docs/design/tree.md says.
        assert_eq!(fraction(&digest, 3), 72_623_859_790_382_859 % SECOND);
    }
}
