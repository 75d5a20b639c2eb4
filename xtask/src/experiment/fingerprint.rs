//! What the data and the commands of a cell were, in one hash each.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Deepest folder below the data folder that is looked into: a symbolic link to a parent would have no end.
const MAX_DEPTH: usize = 8;
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

/// Hash of a data folder: the content of every JSONL file, the name and size of every other file.
pub(crate) fn of_folder(root: &Path) -> Result<String> {
    if !root.is_dir() {
        bail!("there is no data folder {}", root.display());
    }
    let mut files = Vec::new();
    collect(root, "", 0, &mut files)?;
    if !files.iter().any(|file| file.ends_with(".jsonl")) {
        bail!("{} holds no NAME/train.jsonl: it is no folder of datasets", root.display());
    }
    files.sort();
    let mut digest = Sha256::new();
    for file in files {
        let path = root.join(&file);
        let content = if file.ends_with(".jsonl") { hash_file(&path)? } else { fs::metadata(&path)?.len().to_string() };
        digest.update(format!("{file}\0{content}\0"));
    }
    Ok(hex(digest))
}

/// Hash of the datasets that a TOML file lists: `gst` reads them first, then the content of every JSONL file counts.
pub(crate) fn of_list(gst: &Path, list: &Path) -> Result<String> {
    #[derive(Deserialize)]
    struct Imported {
        name: String,
        manifests: PathBuf,
    }
    eprintln!("reading the datasets of {}", list.display());
    let output = Command::new(gst).args(["data", "import", "--json"]).arg(list).output();
    let output = output.with_context(|| format!("cannot start {}", gst.display()))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let datasets: Vec<Imported> =
        serde_json::from_slice(&output.stdout).context("what `gst data import` says is not understood")?;
    let mut digest = Sha256::new();
    for dataset in datasets {
        let mut files = Vec::new();
        collect(&dataset.manifests, "", 0, &mut files)?;
        files.sort();
        for file in files.iter().filter(|file| file.ends_with(".jsonl")) {
            digest.update(format!("{}/{file}\0{}\0", dataset.name, hash_file(&dataset.manifests.join(file))?));
        }
    }
    Ok(hex(digest))
}

fn collect(root: &Path, prefix: &str, depth: usize, files: &mut Vec<String>) -> Result<()> {
    if depth > MAX_DEPTH {
        bail!("{} is more than {MAX_DEPTH} folders deep at `{prefix}`: is there a link to a parent folder?", root.display());
    }
    let folder = root.join(prefix);
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let relative = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if fs::metadata(entry.path()).with_context(|| format!("cannot read {}", entry.path().display()))?.is_dir() {
            collect(root, &relative, depth + 1, files)?;
        } else {
            files.push(relative);
        }
    }
    Ok(())
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

    #[test]
    fn a_folder_changes_with_a_label_and_with_a_clip() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/audio")).unwrap();
        fs::write(folder.path().join("a/train.jsonl"), "{}").unwrap();
        fs::write(folder.path().join("a/audio/1.wav"), "12").unwrap();
        let first = of_folder(folder.path()).unwrap();
        assert_eq!(of_folder(folder.path()).unwrap(), first);
        fs::write(folder.path().join("a/train.jsonl"), "[]").unwrap();
        let relabelled = of_folder(folder.path()).unwrap();
        assert_ne!(relabelled, first);
        fs::write(folder.path().join("a/audio/2.wav"), "").unwrap();
        assert_ne!(of_folder(folder.path()).unwrap(), relabelled);
    }

    #[test]
    fn a_folder_without_datasets_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(of_folder(folder.path()).unwrap_err().to_string().contains("train.jsonl"));
        assert!(of_folder(&folder.path().join("missing")).unwrap_err().to_string().contains("no data folder"));
    }
}
