//! Hashes that are the same on every machine, in every version and for any order of the files.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};

/// A 64-bit rank of `parts` under `purpose`: the first eight bytes of a SHA-256, big-endian.
///
/// Every part is preceded by its length, so `["ab", "c"]` and `["a", "bc"]` differ; `purpose` keeps two uses of the
/// same parts (hold-out, subset) independent of each other.
pub(crate) fn rank(purpose: &str, parts: &[&str]) -> u64 {
    let mut hasher = Sha256::new();
    for part in std::iter::once(&purpose).chain(parts) {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize();
    let mut first = [0u8; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}

/// A 64-bit hash of `text` for comparisons inside one process: it may be another one in the next build.
pub(crate) fn quick(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// `"sha256:<hex>"` of what `hasher` has seen.
pub(crate) fn finish(hasher: Sha256) -> String {
    ContentHash(hasher.finalize().into()).to_string()
}

/// A SHA-256, written as `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// Hash of all bytes that `input` gives.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(mut input: impl Read) -> io::Result<Self> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match input.read(&mut buffer)? {
                0 => return Ok(Self(hasher.finalize().into())),
                read => hasher.update(&buffer[..read]),
            }
        }
    }

    /// Its first half: enough to tell all clips of the world apart.
    pub(crate) fn short(&self) -> [u8; 16] {
        let mut short = [0; 16];
        short.copy_from_slice(&self.0[..16]);
        short
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for ContentHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "not a hash; expected sha256: and 64 hexadecimal digits";
        let digits = text.strip_prefix("sha256:").filter(|digits| digits.len() == 64 && digits.is_ascii()).ok_or(EXPECTED)?;
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| EXPECTED)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| EXPECTED)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_depend_on_purpose_and_boundaries() {
        let base = rank("hold-out", &["ab", "c"]);
        assert_eq!(base, rank("hold-out", &["ab", "c"]));
        assert_ne!(base, rank("hold-out", &["a", "bc"]));
        assert_ne!(base, rank("subset", &["ab", "c"]));
    }

    #[test]
    fn digest_of_abc() {
        let mut hasher = Sha256::new();
        hasher.update(b"abc");
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(finish(hasher), text);
        assert_eq!(ContentHash::of(&b"abc"[..]).unwrap(), text.parse().unwrap());
        for wrong in
            ["", "sha256:", "ba78", &text[..70], &format!("{text}0"), &text.replace("ba", "g0"), &text.replace("ba", "ä")]
        {
            assert!(wrong.parse::<ContentHash>().is_err(), "{wrong}");
        }
    }
}
