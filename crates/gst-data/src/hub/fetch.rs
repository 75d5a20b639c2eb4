//! Requests to the Hub.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::config::RedirectAuthHeaders;

use super::listing::HubFile;
use super::{Hub, HubError};
use crate::ContentHash;

/// Longest list of files that is read: a page of the Hub's has 1,000 files.
const MAX_LIST: u64 = 64 << 20;

/// How long the other side may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes that are read at a time.
const BLOCK: usize = 1 << 16;

/// What a file is called that is not whole: the hash of its content stands before this.
const PARTIAL: &str = "partial";

pub(super) struct Client<'h> {
    hub: &'h Hub,
    agent: Agent,
}

impl<'h> Client<'h> {
    pub(super) fn new(hub: &'h Hub) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE))
            // The token is for the Hub, not for the hosts it sends us to.
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .user_agent(concat!("gst/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { hub, agent: config.into() }
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.hub.endpoint
    }

    /// An answer in JSON, and the address of what follows it.
    pub(super) fn json<T: DeserializeOwned>(
        &self,
        address: &str,
        expected: &'static str,
    ) -> Result<(T, Option<String>), HubError> {
        let mut response = self.get(address, 0)?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(HubError::Status { address: address.to_owned(), status });
        }
        let link = response.headers().get("link").and_then(|value| value.to_str().ok()).and_then(next);
        // The next page is the Hub's as well: whoever answers may not send the token elsewhere.
        let next = link.filter(|link| link.starts_with(&format!("{}/", self.hub.endpoint)));
        let mut text = Vec::new();
        let read = response.body_mut().with_config().limit(MAX_LIST).reader().read_to_end(&mut text);
        let broken = |reason: String| HubError::Answer { address: address.to_owned(), expected, reason };
        read.map_err(|error| broken(error.to_string()))?;
        Ok((serde_json::from_slice(&text).map_err(|error| broken(error.to_string()))?, next))
    }

    /// Fetches a file into `folder` and returns how many bytes came; goes on with what an earlier time has left.
    pub(super) fn fetch(&self, address: &str, file: &HubFile, folder: &Path, progress: &dyn Fn(u64)) -> Result<u64, HubError> {
        let path = folder.join(&file.path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(HubError::io(parent))?;
        let aside = parent.join(format!(".{}.{PARTIAL}", file.content));
        let there = fs::metadata(&aside).map_or(0, |found| found.len());
        // A file that is longer than it should be, or whole but not yet named, is begun anew or only checked.
        let from = if there > file.size { 0 } else { there };
        let mut came = 0;
        if from < file.size || file.size == 0 {
            came = self.append(address, file, &aside, from, progress)?;
            let there = fs::metadata(&aside).map_err(HubError::io(&aside))?.len();
            if there < file.size {
                let reason = format!("it ends after {there} of {} bytes; the same command goes on there", file.size);
                return Err(HubError::Answer { address: address.to_owned(), expected: "whole file", reason });
            }
        }
        check(&aside, file).inspect_err(|_| {
            // What is wrong would be wrong again.
            let _ = fs::remove_file(&aside);
        })?;
        fs::rename(&aside, &path).map_err(HubError::io(&path))?;
        Ok(came)
    }

    /// Writes what follows byte `from` of a file behind the first `from` bytes of `aside`.
    fn append(&self, address: &str, file: &HubFile, aside: &Path, from: u64, progress: &dyn Fn(u64)) -> Result<u64, HubError> {
        let mut response = self.get(address, from)?;
        let from = match response.status().as_u16() {
            206 if from > 0 => from,
            // The other side knows no parts.
            200 => 0,
            status => return Err(HubError::Status { address: address.to_owned(), status }),
        };
        let mut out = File::options().create(true).write(true).truncate(false).open(aside).map_err(HubError::io(aside))?;
        out.set_len(from).and_then(|()| io::Seek::seek(&mut out, io::SeekFrom::Start(from))).map_err(HubError::io(aside))?;
        // One byte more than expected is enough to see that it is another file.
        let mut body = response.body_mut().with_config().limit(u64::MAX).reader().take(file.size - from + 1);
        let mut block = vec![0; BLOCK];
        let mut came = 0;
        loop {
            let read = match body.read(&mut block) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => {
                    out.sync_all().map_err(HubError::io(aside))?;
                    return Err(HubError::Connection { address: address.to_owned(), source: Box::new(error.into()) });
                }
            };
            out.write_all(&block[..read]).map_err(HubError::io(aside))?;
            came += read as u64;
            progress(from + came);
        }
        out.sync_all().map_err(HubError::io(aside))?;
        Ok(came)
    }

    /// Asks for what follows byte `from`.
    fn get(&self, address: &str, from: u64) -> Result<ureq::http::Response<ureq::Body>, HubError> {
        let mut request = self.agent.get(address);
        if let Some(token) = &self.hub.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        request.call().map_err(|error| HubError::Connection { address: address.to_owned(), source: Box::new(error) })
    }
}

/// The file has the size, and where it is known the hash, that the Hub says.
fn check(path: &Path, file: &HubFile) -> Result<(), HubError> {
    let damaged = |found: String, expected: String| HubError::Damaged { path: path.to_owned(), found, expected };
    let size = fs::metadata(path).map_err(HubError::io(path))?.len();
    if size != file.size {
        return Err(damaged(format!("{size} bytes"), format!("{} bytes", file.size)));
    }
    let Some(expected) = &file.sha256 else { return Ok(()) };
    let found = File::open(path).and_then(ContentHash::of).map_err(HubError::io(path))?.to_string();
    let found = found.trim_start_matches("sha256:");
    if found.eq_ignore_ascii_case(expected) { Ok(()) } else { Err(damaged(found.to_owned(), expected.clone())) }
}

/// The address marked `next` in a header `link` (RFC 8288).
fn next(header: &str) -> Option<String> {
    let marked = header.split(',').find(|link| link.contains("rel=\"next\""))?;
    let (address, _) = marked.trim().strip_prefix('<')?.split_once('>')?;
    Some(address.to_owned())
}

/// A path with what has a meaning in addresses written in hexadecimal; slashes stay.
pub(super) fn escaped(path: &str) -> String {
    path.split('/').map(component).collect::<Vec<_>>().join("/")
}

/// The same for one part of a path, slashes too.
pub(super) fn component(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(escaped("a b/ü#?.parquet"), "a%20b/%C3%BC%23%3F.parquet");
        assert_eq!(component("refs/convert/parquet"), "refs%2Fconvert%2Fparquet");
        let link = "<https://x/a?cursor=1>; rel=\"next\", <https://x/b>; rel=\"last\"";
        assert_eq!(next(link).as_deref(), Some("https://x/a?cursor=1"));
        assert_eq!(next("<https://x/b>; rel=\"last\""), None);
    }
}
