//! A Hub on this machine: a few files, asked for as the Hugging Face Hub is.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

/// The commit that every revision stands for.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What a request said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) token: Option<String>,
}

/// What is on offer, and what was asked for.
#[derive(Default)]
pub(crate) struct Offer {
    pub(crate) files: Vec<(String, Vec<u8>)>,
    pub(crate) asked: Vec<Asked>,
    /// Bytes of a file after which the connection breaks, the next time.
    pub(crate) breaks: Option<usize>,
    /// Where files really lie, if the Hub sends its clients there.
    pub(crate) elsewhere: Option<String>,
    /// A token without which nothing is told.
    pub(crate) token: Option<String>,
    /// A wrong hash is told of every large file.
    pub(crate) lies: bool,
}

/// Files from this size on have a SHA-256.
const LARGE: usize = 1_000;

pub(crate) struct Server {
    pub(crate) endpoint: String,
    pub(crate) offer: Arc<Mutex<Offer>>,
}

impl Server {
    /// Serves until the test ends.
    pub(crate) fn new(offer: Offer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let offer = Arc::new(Mutex::new(offer));
        let (own, shared) = (endpoint.clone(), Arc::clone(&offer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away is its own affair.
                let _ = answer(stream, &own, &shared);
            }
        });
        Self { endpoint, offer }
    }

    /// What was asked for since the last time this was asked.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.offer.lock().unwrap().asked)
    }
}

fn answer(stream: TcpStream, endpoint: &str, offer: &Mutex<Offer>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut asked = Asked { path: path.clone(), range: None, token: None };
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        match header.trim().split_once(": ") {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("range") => asked.range = Some(value.to_owned()),
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => asked.token = Some(value.to_owned()),
            Some(_) => {}
        }
    }
    let mut offer = offer.lock().unwrap();
    offer.asked.push(asked.clone());
    let mut out = stream;
    if let Some(token) = &offer.token
        && asked.token.as_deref() != Some(&format!("Bearer {token}"))
    {
        return write!(out, "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    if path.contains("/revision/") {
        return json(&mut out, "", &format!(r#"{{"id": "x", "sha": "{COMMIT}"}}"#));
    }
    if let Some((repository, query)) = path.split_once(&format!("/tree/{COMMIT}?")) {
        // One file a page.
        let page: usize = query.split("cursor=").nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
        let entries: Vec<String> =
            offer.files.iter().skip(page).take(1).map(|(path, bytes)| entry(path, bytes, offer.lies)).collect();
        let more = if page + 1 < offer.files.len() {
            format!("link: <{endpoint}{repository}/tree/{COMMIT}?recursive=true&cursor={}>; rel=\"next\"\r\n", page + 1)
        } else {
            String::new()
        };
        let folder = r#"{"type": "directory", "path": "data", "oid": "00", "size": 0}"#.to_owned();
        return json(&mut out, &more, &format!("[{}]", [vec![folder], entries].concat().join(", ")));
    }
    let file = offer.files.iter().find(|(name, _)| path.ends_with(&format!("/{COMMIT}/{name}"))).cloned();
    let Some((_, bytes)) = file else {
        return write!(out, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    };
    if let Some(elsewhere) = &offer.elsewhere {
        return write!(
            out,
            "HTTP/1.1 302 Found\r\nlocation: {elsewhere}{path}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
    }
    let from: usize =
        asked.range.as_deref().and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()).unwrap_or(0);
    let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
    write!(out, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", bytes.len() - from)?;
    let end = offer.breaks.take().map_or(bytes.len(), |after| (from + after).min(bytes.len()));
    out.write_all(&bytes[from..end])
}

fn json(out: &mut TcpStream, headers: &str, text: &str) -> std::io::Result<()> {
    write!(out, "HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{text}", text.len())
}

fn entry(path: &str, bytes: &[u8], lies: bool) -> String {
    let size = bytes.len();
    let hash: String =
        Sha256::digest(if lies { &b"another"[..] } else { bytes }).iter().map(|byte| format!("{byte:02x}")).collect();
    let lfs = if size >= LARGE {
        format!(r#", "lfs": {{"oid": "{hash}", "size": {size}, "pointerSize": 130}}"#)
    } else {
        String::new()
    };
    format!(r#"{{"type": "file", "path": "{path}", "oid": "{}", "size": {size}{lfs}}}"#, &hash[..40])
}
