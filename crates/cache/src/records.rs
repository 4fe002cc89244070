//! The records of a [state](crate::State) as its file has them, one after the other, and where that of each path lies.
//!
//! A tree may have millions of files: a record here takes the bytes that it takes in the file, and nine for its place.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};

use base::{Algorithm, Digest, ProjectPath};
use disk::Stamp;
use hashbrown::HashTable;

/// Name and version of the format, with BLAKE3 digests.
const HEADER: &[u8; 8] = b"pipest\x00\x01";

/// The same with MD5 digests. All records of a file are of one algorithm.
const MD5_HEADER: &[u8; 8] = b"pipest\x00\x02";

/// Bytes of a stamp in a record.
const STAMP: usize = 36;

/// New records go into pieces of this size, none of which ever moves; no record is larger.
const PIECE: usize = 1 << 20;

/// Stamps and digests by path, all digests of one algorithm.
#[derive(Debug)]
pub(crate) struct Records {
    algorithm: Algorithm,
    /// The file as it was read, or nothing.
    file: Vec<u8>,
    /// What came since.
    pieces: Vec<Vec<u8>>,
    /// Where records begin: in the file, or behind its end in the pieces.
    places: HashTable<usize>,
    hasher: RandomState,
}

impl Default for Records {
    fn default() -> Self {
        Records {
            algorithm: Algorithm::Blake3,
            file: Vec::new(),
            pieces: Vec::new(),
            places: HashTable::new(),
            hasher: RandomState::new(),
        }
    }
}

impl Records {
    /// Reads the bytes of a file; `None` when they are not those that were written.
    pub fn decode(file: Vec<u8>) -> Option<Self> {
        let (body, checksum) = file.split_last_chunk::<4>()?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let (algorithm, header) = match body {
            _ if body.starts_with(HEADER) => (Algorithm::Blake3, HEADER.len()),
            _ if body.starts_with(MD5_HEADER) => (Algorithm::Md5, MD5_HEADER.len()),
            _ => return None,
        };
        let end = body.len();
        let mut records = Records { algorithm, file, ..Records::default() };
        records.places.reserve(end / 100, |_| 0);
        let mut at = header;
        while at < end {
            let next = at + records.length_at(at, end)?;
            let path = str::from_utf8(path_of(&records.file[at..])).ok()?;
            ProjectPath::from_record(path).ok()?;
            records.link(at);
            at = next;
        }
        Some(records)
    }

    /// Writes all of them as a file.
    ///
    /// # Errors
    /// What `file` returns.
    pub fn encode(&self, file: &mut impl Write) -> io::Result<()> {
        let mut file = io::BufWriter::with_capacity(1 << 16, file);
        let mut checksum = 0;
        let mut put = |bytes: &[u8]| {
            checksum = crc32c::crc32c_append(checksum, bytes);
            file.write_all(bytes)
        };
        put(match self.algorithm {
            Algorithm::Blake3 => HEADER,
            Algorithm::Md5 => MD5_HEADER,
        })?;
        for place in &self.places {
            let bytes = self.bytes(*place);
            put(&bytes[..2 + path_of(bytes).len() + STAMP + self.digest_length()])?;
        }
        file.write_all(&checksum.to_le_bytes())?;
        file.flush()
    }

    /// The record of a path.
    pub fn get(&self, path: &ProjectPath) -> Option<(Stamp, Digest)> {
        let bytes = self.bytes(self.find(path.as_str().as_bytes())?);
        let rest = &bytes[2 + path.as_str().len()..];
        Some((stamp_of(rest)?, digest_of(self.algorithm, &rest[STAMP..])?))
    }

    /// Makes this the record of a path. Paths that are too long for a record have none. With a digest of another
    /// algorithm than those before, these are forgotten.
    pub fn insert(&mut self, path: &ProjectPath, stamp: &Stamp, digest: &Digest) {
        if digest.algorithm() != self.algorithm {
            *self = Records { algorithm: digest.algorithm(), ..Records::default() };
        }
        let name = path.as_str().as_bytes();
        let Ok(length) = u16::try_from(name.len()) else { return };
        let place = self.find(name).unwrap_or_else(|| {
            let mut record = Vec::with_capacity(2 + name.len() + STAMP + digest.bytes().len());
            record.extend_from_slice(&length.to_le_bytes());
            record.extend_from_slice(name);
            record.resize(record.capacity(), 0);
            self.append(&record)
        });
        let rest = &mut self.bytes_mut(place)[2 + name.len()..];
        let parts: [&[u8]; 6] = [
            &stamp.size.to_le_bytes(),
            &stamp.mtime.to_le_bytes(),
            &stamp.ctime.to_le_bytes(),
            &stamp.inode.to_le_bytes(),
            &stamp.mode.to_le_bytes(),
            digest.bytes(),
        ];
        let mut at = 0;
        for part in parts {
            rest[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
    }

    /// Forgets the record of a path. False when there was none.
    pub fn remove(&mut self, path: &ProjectPath) -> bool {
        let Some(place) = self.find(path.as_str().as_bytes()) else { return false };
        let hash = self.hash_at(place);
        self.places.find_entry(hash, |known| *known == place).is_ok_and(|entry| {
            entry.remove();
            true
        })
    }

    /// Takes records of paths that have none here.
    pub fn take_lacking(&mut self, others: &Records) {
        if others.algorithm != self.algorithm {
            return;
        }
        for place in &others.places {
            let bytes = others.bytes(*place);
            let name = path_of(bytes);
            if self.find(name).is_none() {
                self.append(&bytes[..2 + name.len() + STAMP + self.digest_length()]);
            }
        }
    }

    fn digest_length(&self) -> usize {
        match self.algorithm {
            Algorithm::Blake3 => 32,
            Algorithm::Md5 => 16,
        }
    }

    /// The length of the record that begins at a place of the file; `None` when it ends behind `end`.
    fn length_at(&self, at: usize, end: usize) -> Option<usize> {
        let length = self.file.get(at..at + 2)?;
        let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
        let whole = 2 + length + STAMP + self.digest_length();
        (at + whole <= end).then_some(whole)
    }

    fn bytes(&self, place: usize) -> &[u8] {
        match place.checked_sub(self.file.len()) {
            None => &self.file[place..],
            Some(behind) => &self.pieces[behind / PIECE][behind % PIECE..],
        }
    }

    fn bytes_mut(&mut self, place: usize) -> &mut [u8] {
        match place.checked_sub(self.file.len()) {
            None => &mut self.file[place..],
            Some(behind) => &mut self.pieces[behind / PIECE][behind % PIECE..],
        }
    }

    fn find(&self, name: &[u8]) -> Option<usize> {
        let hash = self.hasher.hash_one(name);
        self.places.find(hash, |place| path_of(self.bytes(*place)) == name).copied()
    }

    fn hash_at(&self, place: usize) -> u64 {
        self.hasher.hash_one(path_of(self.bytes(place)))
    }

    /// Adds a record of a path that has none. Returns its place.
    fn append(&mut self, record: &[u8]) -> usize {
        if self.pieces.last().is_none_or(|piece| piece.len() + record.len() > PIECE) {
            self.pieces.push(Vec::with_capacity(PIECE));
        }
        let last = self.pieces.len() - 1;
        let place = self.file.len() + last * PIECE + self.pieces[last].len();
        self.pieces[last].extend_from_slice(record);
        self.link(place);
        place
    }

    /// Notes where a record lies; of two of one path, the later counts.
    fn link(&mut self, place: usize) {
        let hash = self.hash_at(place);
        // What the table moves when it grows is hashed once more.
        let Records { file, pieces, places, hasher, .. } = self;
        let bytes_of = |place: usize| match place.checked_sub(file.len()) {
            None => &file[place..],
            Some(behind) => &pieces[behind / PIECE][behind % PIECE..],
        };
        let name = path_of(bytes_of(place));
        match places.find_mut(hash, |known| path_of(bytes_of(*known)) == name) {
            Some(known) => *known = place,
            None => {
                places.insert_unique(hash, place, |known| hasher.hash_one(path_of(bytes_of(*known))));
            }
        }
    }
}

/// The path of the record that `bytes` begin with.
fn path_of(bytes: &[u8]) -> &[u8] {
    &bytes[2..2 + usize::from(u16::from_le_bytes([bytes[0], bytes[1]]))]
}

fn stamp_of(bytes: &[u8]) -> Option<Stamp> {
    let eight = |at: usize| bytes.get(at..at + 8)?.try_into().ok();
    Some(Stamp {
        size: u64::from_le_bytes(eight(0)?),
        mtime: i64::from_le_bytes(eight(8)?),
        ctime: i64::from_le_bytes(eight(16)?),
        inode: u64::from_le_bytes(eight(24)?),
        mode: u32::from_le_bytes(bytes.get(32..STAMP)?.try_into().ok()?),
    })
}

fn digest_of(algorithm: Algorithm, bytes: &[u8]) -> Option<Digest> {
    Some(match algorithm {
        Algorithm::Blake3 => Digest::Blake3(*bytes.first_chunk()?),
        Algorithm::Md5 => Digest::Md5(*bytes.first_chunk()?),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn stamp(number: i64) -> Stamp {
        Stamp { size: 3, mtime: number, ctime: -number, inode: 9, mode: 0o100_644 }
    }

    fn digest(number: usize) -> Digest {
        Digest::Blake3(std::array::from_fn(|at| (number >> (at % 8 * 8)) as u8))
    }

    fn encoded(records: &Records) -> Vec<u8> {
        let mut bytes = Vec::new();
        records.encode(&mut bytes).unwrap();
        bytes
    }

    /// Random changes, beside a map that shares nothing with the records.
    #[test]
    fn records_are_what_was_inserted_last() {
        let mut random = 7_u64;
        let mut next = |limit: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % limit
        };
        let (mut records, mut map) = (Records::default(), HashMap::new());
        for number in 0..60_000 {
            let path = format!("{}/{}", next(90), "é".repeat(next(120) as usize + 1));
            let path = ProjectPath::from_record(&path).unwrap();
            match next(5) {
                0 => assert_eq!(records.remove(&path), map.remove(&path).is_some()),
                1 if next(2000) == 0 => records = Records::decode(encoded(&records)).unwrap(),
                _ => {
                    records.insert(&path, &stamp(number), &digest(number as usize));
                    map.insert(path, (stamp(number), digest(number as usize)));
                }
            }
        }
        let others = Records::decode(encoded(&records)).unwrap();
        let mut third = Records::default();
        let own = ProjectPath::from_record("own").unwrap();
        third.insert(&own, &stamp(1), &digest(1));
        let mut known = map.iter();
        let (path, _) = known.next().unwrap();
        third.insert(path, &stamp(2), &digest(2));
        third.take_lacking(&others);
        assert_eq!(third.get(path), Some((stamp(2), digest(2))));
        assert_eq!(third.get(&own), Some((stamp(1), digest(1))));
        for (path, record) in known {
            for records in [&records, &others, &third] {
                assert_eq!(records.get(path), Some(*record));
            }
        }
        assert_eq!((records.places.len(), third.places.len()), (map.len(), map.len() + 1));
    }

    #[test]
    fn a_path_that_is_too_long_has_no_record_and_another_algorithm_begins_anew() {
        let mut records = Records::default();
        let path = |length| ProjectPath::from_record(&"x".repeat(length)).unwrap();
        records.insert(&path(65_535), &stamp(1), &digest(1));
        records.insert(&path(65_536), &stamp(1), &digest(1));
        let mut again = Records::decode(encoded(&records)).unwrap();
        assert!(again.get(&path(65_535)).is_some() && again.get(&path(65_536)).is_none());
        again.insert(&path(1), &stamp(1), &Digest::Md5([1; 16]));
        let again = Records::decode(encoded(&again)).unwrap();
        assert!(again.get(&path(65_535)).is_none());
        assert_eq!(again.get(&path(1)), Some((stamp(1), Digest::Md5([1; 16]))));
    }
}
