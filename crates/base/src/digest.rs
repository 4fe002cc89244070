//! Content digests, as they stand in locks, trees and cache file names.
//!
//! The written form is `algorithm:hex`, so that a reader never has to guess what it compares.
//! Native projects use BLAKE3; MD5 exists for projects whose pointers DVC wrote.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// BLAKE3, 32 bytes.
    Blake3,
    /// MD5, 16 bytes.
    Md5,
}

impl Algorithm {
    /// The name used before the colon.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Blake3 => "blake3",
            Algorithm::Md5 => "md5",
        }
    }
}

/// The digest of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Digest {
    /// A BLAKE3 digest.
    Blake3([u8; 32]),
    /// An MD5 digest.
    Md5([u8; 16]),
}

/// A text that is no digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseDigestError {
    text: String,
}

impl fmt::Display for ParseDigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a digest: expected `blake3:` and 64 hex digits, or `md5:` and 32", self.text)
    }
}

impl std::error::Error for ParseDigestError {}

impl Digest {
    /// The algorithm that made it.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Digest::Blake3(_) => Algorithm::Blake3,
            Digest::Md5(_) => Algorithm::Md5,
        }
    }

    /// The digest's bytes: 32 for BLAKE3, 16 for MD5.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Digest::Blake3(bytes) => bytes,
            Digest::Md5(bytes) => bytes,
        }
    }

    /// The bytes as lower-case hexadecimal, without the algorithm.
    pub fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(self.bytes().len() * 2);
        for byte in self.bytes() {
            text.push(DIGITS[usize::from(byte >> 4)] as char);
            text.push(DIGITS[usize::from(byte & 15)] as char);
        }
        text
    }

    /// The first ten hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.hex()[..10].to_owned()
    }

    /// Reads lower-case hexadecimal digits of the given algorithm.
    ///
    /// # Errors
    /// When the text has another length or a character that is no lower-case hexadecimal digit.
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Result<Self, ParseDigestError> {
        let fault = || ParseDigestError { text: hex.to_owned() };
        match algorithm {
            Algorithm::Blake3 => decode(hex).map(Digest::Blake3).ok_or_else(fault),
            Algorithm::Md5 => decode(hex).map(Digest::Md5).ok_or_else(fault),
        }
    }
}

fn decode<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let digits = hex.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

/// Upper case is refused: one digest has one spelling, or two cache files would hold one blob.
fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm().name(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || ParseDigestError { text: text.to_owned() };
        let (name, hex) = text.split_once(':').ok_or_else(fault)?;
        let algorithm = match name {
            "blake3" => Algorithm::Blake3,
            "md5" => Algorithm::Md5,
            _ => return Err(fault()),
        };
        Digest::from_hex(algorithm, hex).map_err(|_| fault())
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let digest = Digest::Blake3([0xa5; 32]);
        assert_eq!(digest.to_string(), format!("blake3:{}", "a5".repeat(32)));
        assert_eq!(digest.to_string().parse(), Ok(digest));
        let digest = Digest::Md5([0x0f; 16]);
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in
            ["", "blake3:", "blake3:zz", &format!("md5:{}", "A5".repeat(16)), &"a5".repeat(32), "sha1:aa"]
        {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
