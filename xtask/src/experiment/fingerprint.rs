//! What the data and the commands of a cell were, in one hash each.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Bytes of a file that are hashed at a time.
const PIECE: usize = 1 << 16;

/// `sha256:<hex>` of some bytes.
pub(crate) fn hash(bytes: &[u8]) -> String {
    hex(Sha256::new().chain_update(bytes))
}

/// `sha256:<hex>` of a file, read in pieces.
pub(crate) fn hash_file(path: &Path) -> Result<String> {
    let mut file = fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut digest = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece).with_context(|| format!("cannot read {}", path.display()))?;
        if read == 0 {
            return Ok(hex(digest));
        }
        digest.update(&piece[..read]);
    }
}

/// What `gst` calls the data at `path`, a folder of datasets or a TOML file that lists some: what is trained on counts (rows, clips, and
/// those set aside), not what lies beside it.
pub(crate) fn of_data(gst: &Path, path: &Path) -> Result<String> {
    #[derive(Deserialize)]
    struct Answer {
        fingerprint: String,
    }
    if !path.exists() {
        bail!("there is no data folder {}", path.display());
    }
    let output = Command::new(gst).args(["data", "fingerprint", "--json"]).arg(path).output();
    let output = output.with_context(|| format!("cannot start {}", gst.display()))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let answer: Answer = serde_json::from_slice(&output.stdout).context("what `gst data fingerprint` says is not understood")?;
    Ok(answer.fingerprint)
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().fold(String::from("sha256:"), |mut text, byte| {
        text.push_str(&format!("{byte:02x}"));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha256() {
        assert_eq!(hash(b"abc"), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
