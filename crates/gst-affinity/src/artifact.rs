//! Files that one step leaves for the next: JSON with a format, a version and the hashes of what it was made from.
//!
//! ```
//! use gst_affinity::artifact::{Artifact, Document, content_hash};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Note { text: String }
//! impl Artifact for Note {
//!     const FORMAT: &'static str = "note";
//!     const VERSION: u32 = 1;
//! }
//!
//! let json = Document::new(Note { text: "hello".into() }).from_source("data", content_hash(b"abc")).to_json()?;
//! let read = Document::<Note>::from_json(&json, "note.json")?;
//! assert_eq!(read.body.text, "hello");
//! assert!(read.made_from["data"].starts_with("sha256:"));
//! # Ok::<(), gst_affinity::artifact::ArtifactError>(())
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The most bytes of JSON that [`Document::from_json`] takes: 2,000 datasets with their tables fit, a file that was
/// chosen by mistake (weights, audio) is refused before it is parsed.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 30;

/// Something that is kept as a JSON file between two steps.
pub trait Artifact: Serialize + DeserializeOwned {
    /// What kind of file this is, for example `gst-affinity`.
    const FORMAT: &'static str;
    /// The version of the format. A file of another version is refused.
    const VERSION: u32;
}

/// An [`Artifact`] with the hashes of what it was made from.
///
/// In JSON, `format`, `version` and `made_from` stand beside the body's own fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Document<T> {
    /// Name of a source (`data`, `affinity`, …) to its [`content_hash`].
    pub made_from: BTreeMap<String, String>,
    /// What the file holds.
    pub body: T,
}

/// Why a file between steps cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The text is not JSON, or the body's fields are missing or of the wrong kind.
    #[error("{source_name}: not a readable {format} file: {reason}")]
    Malformed {
        /// File name, as given by the caller.
        source_name: String,
        /// The format that was expected.
        format: &'static str,
        /// What the JSON reader found, with line and column where it knows them.
        reason: String,
    },
    /// A file of another kind.
    #[error("{source_name}: this is a `{found}` file, a `{expected}` file is needed here")]
    WrongFormat {
        /// File name, as given by the caller.
        source_name: String,
        /// The `format` field as found.
        found: String,
        /// The format that was expected.
        expected: &'static str,
    },
    /// A file of this kind, written by another version.
    #[error(
        "{source_name}: {format} version {found}, this program reads version {expected}: make the file again with this program"
    )]
    WrongVersion {
        /// File name, as given by the caller.
        source_name: String,
        /// The format.
        format: &'static str,
        /// The `version` field as found.
        found: u64,
        /// The version that was expected.
        expected: u32,
    },
    /// The text is longer than [`MAX_DOCUMENT_BYTES`].
    #[error("{source_name}: {found} bytes, at most {MAX_DOCUMENT_BYTES} are read: is this the right file?")]
    TooLarge {
        /// File name, as given by the caller.
        source_name: String,
        /// Bytes found.
        found: usize,
    },
    /// The body cannot be written as JSON.
    #[error("cannot write {format} as JSON: {reason}")]
    Unwritable {
        /// The format.
        format: &'static str,
        /// What the JSON writer says.
        reason: String,
    },
}

#[derive(Serialize)]
struct Written<'a, T> {
    format: &'static str,
    version: u32,
    made_from: &'a BTreeMap<String, String>,
    #[serde(flatten)]
    body: &'a T,
}

impl<T: Artifact> Document<T> {
    /// A document that names no sources yet.
    pub fn new(body: T) -> Self {
        Self { made_from: BTreeMap::new(), body }
    }

    /// Names a source and its [`content_hash`].
    #[must_use]
    pub fn from_source(mut self, key: impl Into<String>, hash: impl Into<String>) -> Self {
        self.made_from.insert(key.into(), hash.into());
        self
    }

    /// The document as JSON: one line, with a line feed at its end.
    ///
    /// # Errors
    /// [`ArtifactError::Unwritable`] where the body is not a JSON object.
    pub fn to_json(&self) -> Result<String, ArtifactError> {
        let unwritable = |e: serde_json::Error| ArtifactError::Unwritable { format: T::FORMAT, reason: e.to_string() };
        let written = Written { format: T::FORMAT, version: T::VERSION, made_from: &self.made_from, body: &self.body };
        let mut text = serde_json::to_string(&written).map_err(unwritable)?;
        text.push('\n');
        Ok(text)
    }

    /// Reads a document. `source_name` (the file's path) is for error messages only.
    ///
    /// # Errors
    /// Text that is too long, not JSON, of another format or version, or whose fields do not fit.
    pub fn from_json(text: &str, source_name: &str) -> Result<Self, ArtifactError> {
        let source_name = source_name.to_owned();
        if text.len() > MAX_DOCUMENT_BYTES {
            return Err(ArtifactError::TooLarge { source_name, found: text.len() });
        }
        let malformed = |reason: String| ArtifactError::Malformed { source_name: source_name.clone(), format: T::FORMAT, reason };
        let value: Value = serde_json::from_str(text).map_err(|e| malformed(e.to_string()))?;
        let Value::Object(mut fields) = value else {
            return Err(malformed("the top level is not an object".to_owned()));
        };
        match fields.remove("format") {
            Some(Value::String(format)) if format == T::FORMAT => {}
            Some(Value::String(found)) => {
                return Err(ArtifactError::WrongFormat { source_name, found, expected: T::FORMAT });
            }
            _ => return Err(malformed(format!("no `format` field; `\"format\": \"{}\"` is expected", T::FORMAT))),
        }
        match fields.remove("version").as_ref().and_then(Value::as_u64) {
            Some(found) if found == u64::from(T::VERSION) => {}
            Some(found) => {
                return Err(ArtifactError::WrongVersion { source_name, format: T::FORMAT, found, expected: T::VERSION });
            }
            None => return Err(malformed("no `version` field with a whole number".to_owned())),
        }
        let made_from = match fields.remove("made_from") {
            Some(value) => serde_json::from_value(value).map_err(|e| malformed(format!("`made_from`: {e}")))?,
            None => BTreeMap::new(),
        };
        let body = serde_json::from_value(Value::Object(fields)).map_err(|e| malformed(e.to_string()))?;
        Ok(Self { made_from, body })
    }
}

/// `"sha256:<hex>"` of the bytes: how files name what they were made from.
pub fn content_hash(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
