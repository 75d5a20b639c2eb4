//! Datasets and weights of the Hugging Face Hub, fetched into a folder (feature `hub`).
//!
//! The Hub is asked for the commit that a revision stands for and for the files of that commit; those that are wanted and not there
//! yet are fetched one by one. A file is written aside, under its content's hash, checked for its size and, where the Hub knows it, its
//! SHA-256, and renamed. So what was broken off goes on where it was, and no half file has a file's name. Offline, the list of the last
//! time is used, and what is missing is an error.

mod error;
mod fetch;
mod listing;

use std::fs;
use std::path::{Path, PathBuf};

pub use error::HubError;
pub use listing::{HubFile, MAX_FILES};

use fetch::Client;
use listing::Listing;

/// Where the Hub is, unless `HF_ENDPOINT` says otherwise.
pub const ENDPOINT: &str = "https://huggingface.co";

/// What a repository holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HubKind {
    /// Rows, and with them audio.
    Dataset,
    /// Weights.
    Model,
}

impl HubKind {
    /// Files that are fetched unless others are asked for.
    #[must_use]
    pub fn usual(self) -> &'static [&'static str] {
        match self {
            Self::Dataset => &["*.parquet"],
            Self::Model => &["*.safetensors", "*.json", "*.txt", "*.model"],
        }
    }

    /// The word in addresses of the programming interface.
    fn word(self) -> &'static str {
        match self {
            Self::Dataset => "datasets",
            Self::Model => "models",
        }
    }

    /// What stands before the repository's name in the address of its page.
    fn prefix(self) -> &'static str {
        match self {
            Self::Dataset => "datasets/",
            Self::Model => "",
        }
    }
}

/// What to fetch.
#[derive(Debug, Clone)]
pub struct HubRequest {
    /// Dataset or model.
    pub kind: HubKind,
    /// `ORGANISATION/NAME`, or `NAME` alone as some old ones are called.
    pub id: String,
    /// Branch, tag or commit.
    pub revision: String,
    /// Patterns of paths, of which one must fit: `*` stands for any text, `/` included. Empty for [`HubKind::usual`].
    pub include: Vec<String>,
}

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The folder with the files.
    pub folder: PathBuf,
    /// The commit that they are of.
    pub commit: String,
    /// The files that were asked for, by path.
    pub files: Vec<HubFile>,
    /// Bytes that came over the network this time.
    pub bytes: u64,
}

/// How the Hub is reached.
#[derive(Debug, Clone)]
pub struct Hub {
    /// Its address, without a slash at the end.
    pub endpoint: String,
    /// A token for repositories that need one.
    pub token: Option<String>,
    /// Whether only what is on disk may be used.
    pub offline: bool,
}

impl Hub {
    /// As the environment says, in the variables of Hugging Face's own programs: `HF_ENDPOINT`, `HF_TOKEN` (else the file that `HF_TOKEN_PATH`
    /// names, `token` in `HF_HOME`, or `~/.cache/huggingface/token`), `HF_HUB_OFFLINE`.
    #[must_use]
    pub fn from_env() -> Self {
        let text = |name: &str| std::env::var(name).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let home = || Some(PathBuf::from(text("HF_HOME").or_else(|| Some(format!("{}/.cache/huggingface", text("HOME")?)))?));
        let kept = || text("HF_TOKEN_PATH").map(PathBuf::from).or_else(|| Some(home()?.join("token")));
        let token = text("HF_TOKEN").or_else(|| fs::read_to_string(kept()?).ok().map(|text| text.trim().to_owned()));
        let on = |text: String| ["1", "on", "yes", "true"].contains(&text.to_ascii_lowercase().as_str());
        Self {
            endpoint: text("HF_ENDPOINT").map_or_else(|| ENDPOINT.to_owned(), |text| text.trim_end_matches('/').to_owned()),
            token: token.filter(|token| !token.is_empty()),
            offline: text("HF_HUB_OFFLINE").is_some_and(on),
        }
    }

    /// Fetches what `request` asks for into `folder`; `progress` is told how many bytes of how many are there.
    ///
    /// # Errors
    /// [`HubError`]: a name that is none, an answer other than expected, no file that fits, a file that is not what the Hub said it was, a
    /// folder that cannot be written, or, offline, something that is not there.
    pub fn fetch(&self, request: &HubRequest, folder: &Path, progress: &dyn Fn(u64, u64)) -> Result<Fetched, HubError> {
        request.check()?;
        let client = Client::new(self);
        let mut listing = if self.offline {
            Listing::read(folder, request)?
        } else {
            let listing = Listing::ask(&client, request, folder)?;
            listing.write(folder)?;
            listing
        };
        let files = listing.fitting(&client, request)?;
        let total = files.iter().map(|file| file.size).sum();
        let (mut there, mut bytes) = (0, 0);
        for file in &files {
            progress(there, total);
            if listing.has(folder, file) {
                there += file.size;
                continue;
            }
            if self.offline {
                return Err(HubError::Offline { what: folder.join(&file.path).display().to_string() });
            }
            let address = request.address(&client, &listing.commit, &file.path);
            bytes += client.fetch(&address, file, folder, &|done| progress(there + done, total))?;
            listing.add(folder, file)?;
            there += file.size;
        }
        progress(there, total);
        Ok(Fetched { folder: folder.to_owned(), commit: listing.commit, files, bytes })
    }
}

impl HubRequest {
    /// The folder below `cache` that is this repository's own.
    #[must_use]
    pub fn folder(&self, cache: &Path) -> PathBuf {
        cache.join(self.kind.word()).join(&self.id)
    }

    /// The line of a list of datasets that reads what lies in `folder`; the columns are the user's to fill in.
    #[must_use]
    pub fn list_line(&self, folder: &Path) -> String {
        let own = self.id.rsplit('/').next().unwrap_or_default();
        let name: String = own.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
        let path = toml::Value::String(folder.display().to_string());
        format!(
            r#"{name} = {{ reader = "parquet", path = {path}, audio = "audio", answer = "COLUMN", question = "QUESTION", domain = "DOMAIN" }}"#
        )
    }

    fn check(&self) -> Result<(), HubError> {
        let word = |text: &str| {
            let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
            first && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        if self.id.split('/').count() > 2 || !self.id.split('/').all(word) {
            return Err(HubError::Name { what: "repository", found: self.id.clone(), expected: "ORGANISATION/NAME" });
        }
        if self.revision.split('/').all(word) {
            return Ok(());
        }
        Err(HubError::Name { what: "revision", found: self.revision.clone(), expected: "a branch, tag or commit" })
    }

    /// Where a file of a commit is to be had.
    fn address(&self, client: &Client<'_>, commit: &str, path: &str) -> String {
        format!("{}/{}{}/resolve/{commit}/{}", client.endpoint(), self.kind.prefix(), self.id, fetch::escaped(path))
    }

    /// The page that people look at.
    fn page(&self, endpoint: &str) -> String {
        format!("{endpoint}/{}{}", self.kind.prefix(), self.id)
    }
}
