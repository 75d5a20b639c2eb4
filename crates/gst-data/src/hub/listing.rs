//! The files of a commit.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use super::fetch::{self, Client};
use super::{HubError, HubRequest};

/// Most files of a repository that are looked at.
pub const MAX_FILES: usize = 100_000;

/// Most pages of a list that are asked for: a page of the Hub's has 1,000 files.
const MAX_PAGES: usize = 1_000;

/// The file beside those fetched that says what the commit has, for the time without a network, and what was fetched.
pub(super) const LISTING: &str = ".hub.json";

/// Files that an error names.
const SHOWN: usize = 8;

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubFile {
    /// Its path in the repository.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 of its bytes in hexadecimal, where the Hub knows it: of large files only.
    pub sha256: Option<String>,
    /// What the Hub calls its content.
    pub content: String,
}

/// What a revision stood for when the Hub was asked last.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Listing {
    id: String,
    revision: String,
    pub(super) commit: String,
    files: Vec<HubFile>,
    /// What the Hub called the content of the files that are there, by path.
    #[serde(default)]
    fetched: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Revision {
    sha: String,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    oid: String,
    lfs: Option<LargeFile>,
}

#[derive(Deserialize)]
struct LargeFile {
    oid: String,
    size: u64,
}

impl Listing {
    /// Asks the Hub; what lies in `folder` is known from the last time.
    pub(super) fn ask(client: &Client<'_>, request: &HubRequest, folder: &Path) -> Result<Self, HubError> {
        let repository = format!("{}/api/{}/{}", client.endpoint(), request.kind.word(), request.id);
        let address = format!("{repository}/revision/{}", fetch::component(&request.revision));
        let (Revision { sha: commit }, _) = client.json(&address, "revision")?;
        if commit.is_empty() || !commit.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(HubError::Answer { address, expected: "revision", reason: format!("its commit is `{commit}`") });
        }
        let mut files = Vec::new();
        let mut next = Some(format!("{repository}/tree/{commit}?recursive=true"));
        let mut pages = 0;
        while let Some(address) = next {
            pages += 1;
            if pages > MAX_PAGES {
                let reason = format!("it has more than {MAX_PAGES} pages");
                return Err(HubError::Answer { address, expected: "list of files", reason });
            }
            let (entries, more) = client.json::<Vec<Entry>>(&address, "list of files")?;
            for entry in entries.into_iter().filter(|entry| entry.kind == "file") {
                let broken = |reason| HubError::Answer { address: address.clone(), expected: "list of files", reason };
                if files.len() == MAX_FILES {
                    return Err(broken(format!("it has more than {MAX_FILES} files")));
                }
                files.push(entry.file().map_err(broken)?);
            }
            next = more;
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let fetched = Self::last(folder).filter(|last| last.id == request.id).map(|last| last.fetched).unwrap_or_default();
        Ok(Self { id: request.id.clone(), revision: request.revision.clone(), commit, files, fetched })
    }

    /// The list of the last time, if there is one.
    fn last(folder: &Path) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(folder.join(LISTING)).ok()?).ok()
    }

    /// Whether a file lies in `folder` as this commit has it: fetched as the same content, and not cut since.
    pub(super) fn has(&self, folder: &Path, file: &HubFile) -> bool {
        let whole = fs::metadata(folder.join(&file.path)).is_ok_and(|found| found.len() == file.size);
        whole && self.fetched.get(&file.path) == Some(&file.content)
    }

    /// A file was fetched into `folder`.
    pub(super) fn add(&mut self, folder: &Path, file: &HubFile) -> Result<(), HubError> {
        self.fetched.insert(file.path.clone(), file.content.clone());
        self.write(folder)
    }

    /// What the Hub said the last time.
    pub(super) fn read(folder: &Path, request: &HubRequest) -> Result<Self, HubError> {
        let missing = || HubError::Offline { what: folder.join(LISTING).display().to_string() };
        let listing = Self::last(folder).ok_or_else(missing)?;
        if (&listing.id, &listing.revision) == (&request.id, &request.revision) {
            return Ok(listing);
        }
        Err(HubError::Offline { what: format!("revision {} of {} in {}", request.revision, request.id, folder.display()) })
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), HubError> {
        let path = folder.join(LISTING);
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::from).map_err(HubError::io(&path))?;
        fs::create_dir_all(folder).map_err(HubError::io(folder))?;
        let aside = folder.join(format!("{LISTING}.partial"));
        fs::write(&aside, text).map_err(HubError::io(&aside))?;
        fs::rename(&aside, &path).map_err(HubError::io(&path))
    }

    /// The files that are asked for.
    pub(super) fn fitting(&self, client: &Client<'_>, request: &HubRequest) -> Result<Vec<HubFile>, HubError> {
        let usual = || request.kind.usual().iter().map(|&pattern| pattern.to_owned()).collect();
        let patterns: Vec<String> = if request.include.is_empty() { usual() } else { request.include.clone() };
        let fits = |file: &&HubFile| patterns.iter().any(|pattern| fits(pattern, &file.path));
        let files: Vec<HubFile> = self.files.iter().filter(fits).cloned().collect();
        if !files.is_empty() {
            return Ok(files);
        }
        let mut has: Vec<&str> = self.files.iter().map(|file| file.path.as_str()).take(SHOWN).collect();
        if self.files.len() > SHOWN {
            has.push("…");
        }
        let has = if has.is_empty() { "none".to_owned() } else { has.join(", ") };
        Err(HubError::NoFiles { page: request.page(client.endpoint()), commit: self.commit.clone(), patterns, has })
    }
}

impl Entry {
    /// The file, unless its path leads out of the folder or is one of ours.
    fn file(self) -> Result<HubFile, String> {
        let path = Path::new(&self.path);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        if self.path.is_empty() || self.path.contains('\\') || !inside || self.path.starts_with(LISTING) {
            return Err(format!("`{}` is no path of a file inside of it", self.path));
        }
        let is_hash = |text: &str| !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_ascii_hexdigit());
        let (content, size, sha256) = match self.lfs {
            Some(large) => (large.oid.clone(), large.size, Some(large.oid)),
            None => (self.oid, self.size, None),
        };
        if !is_hash(&content) {
            return Err(format!("`{}` has the hash `{content}`", self.path));
        }
        Ok(HubFile { path: self.path, size, sha256, content })
    }
}

/// Whether `path` fits `pattern`, in which `*` stands for any text.
fn fits(pattern: &str, path: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| path.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, path, expected) in [
            ("*.parquet", "data/train-0.parquet", true),
            ("*.parquet", "data/train-0.parquet.txt", false),
            ("config.json", "config.json", true),
            ("config.json", "a/config.json", false),
            ("data/*-0*.parquet", "data/train-00.parquet", true),
            ("data/*-0*.parquet", "data/train-1.parquet", false),
            ("*", "anything", true),
            ("a*a", "a", false),
            ("a*b*b", "ab", false),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn paths_and_hashes_of_a_hostile_list_are_refused() {
        let entry = |path: &str, oid: &str| Entry { kind: "file".into(), path: path.into(), size: 1, oid: oid.into(), lfs: None };
        for path in ["", "/etc/passwd", "../up", "a/../b", "a\\b", ".hub.json", ".hub.json.partial"] {
            assert!(entry(path, "ab").file().is_err(), "{path}");
        }
        for oid in ["", "..", "a/b", &"a".repeat(65)] {
            assert!(entry("a", oid).file().is_err(), "{oid}");
        }
        assert_eq!(entry("a/b.parquet", "ab").file().unwrap().path, "a/b.parquet");
    }
}
