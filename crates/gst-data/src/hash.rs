//! Hashes that are the same on every machine, in every version and for any order of the files.

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

/// `"sha256:<hex>"` of what `hasher` has seen.
pub(crate) fn finish(hasher: Sha256) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(71);
    text.push_str("sha256:");
    for byte in hasher.finalize() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
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
        assert_eq!(finish(hasher), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
