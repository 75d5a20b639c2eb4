//! Why something of the Hub cannot be had.

use std::path::{Path, PathBuf};

/// Why something of the Hub cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// A name that no repository or revision has.
    #[error("{what} `{found}`; expected {expected}")]
    Name {
        /// What it names.
        what: &'static str,
        /// The name.
        found: String,
        /// What is expected.
        expected: &'static str,
    },
    /// The Hub refuses.
    #[error("{address} answers {status}: {}", hint(*status))]
    Status {
        /// What was asked for.
        address: String,
        /// The status of HTTP.
        status: u16,
    },
    /// The Hub cannot be reached, or the connection broke; what came is kept.
    #[error("{address}: {source}; the same command goes on with what is there")]
    Connection {
        /// What was asked for.
        address: String,
        /// What happened.
        source: Box<ureq::Error>,
    },
    /// An answer that is no list of files.
    #[error("{address} answers what is no {expected}: {reason}")]
    Answer {
        /// What was asked for.
        address: String,
        /// What it should be.
        expected: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// No file of the repository fits.
    #[error("{page} has no file like {} at commit {commit}; it has {has}{}", patterns.join(", "), parquet_hint(patterns))]
    NoFiles {
        /// The repository's page.
        page: String,
        /// The commit.
        commit: String,
        /// What was asked for.
        patterns: Vec<String>,
        /// Some of its files.
        has: String,
    },
    /// Something that is needed is not on disk, and the network may not be used.
    #[error("{what} is not there, and HF_HUB_OFFLINE is set: run the same command once without it")]
    Offline {
        /// What is missing.
        what: String,
    },
    /// A file is not what the Hub said it was; it was removed.
    #[error("{}: found {found}, the Hub says {expected}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its size or hash.
        found: String,
        /// What the Hub says.
        expected: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl HubError {
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => "private, gated or not there; accept its terms on its page and set HF_TOKEN",
        404 => "there is no such repository, revision or file",
        429 => "too many requests; wait, or set HF_TOKEN",
        _ => "another status was expected",
    }
}

fn parquet_hint(patterns: &[String]) -> &'static str {
    if patterns.iter().any(|pattern| pattern.ends_with(".parquet")) {
        ". The Hub keeps a copy in Parquet of many datasets: try the revision refs/convert/parquet"
    } else {
        ""
    }
}
