//! Features kept on disk between runs, addressed by what they were made from.
//!
//! ```text
//! DIR/ab/ab12….features     magic, bands, frames, seconds, values (little-endian), SHA-256 of all before
//! ```
//!
//! An entry's name is the SHA-256 of the audio file's bytes, the extractor and its settings, so moved or renamed clips are
//! found, changed ones are not, and two datasets share equal clips. An entry is written aside and renamed; what does not
//! carry its own hash is made again. So any number of processes may share a folder.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use sha2::{Digest, Sha256};

use crate::{
    audio::{MAX_CLIP_SECONDS, MAX_FILE_BYTES, SAMPLE_RATE},
    cache::CachedClip,
    error::DataError,
    mel::{self, Features, HOP_LENGTH, LogMel},
};

/// Default size of a feature folder in bytes: 185 hours of audio at 80 bands.
pub const DEFAULT_DISK_CACHE_BYTES: u64 = 20 << 30;

/// What an entry begins with; another layout gets another number.
const MAGIC: &[u8; 8] = b"gstfeat1";

/// Magic, bands, frames, seconds.
const HEADER: usize = 8 + 4 + 8 + 8;

/// Length of the hash at the end.
const HASH: usize = 32;

/// Largest entry read: the longest clip in the most bands.
const MAX_ENTRY_BYTES: u64 =
    MAX_CLIP_SECONDS as u64 * (SAMPLE_RATE as u64 / HOP_LENGTH as u64) * LogMel::MAX_MELS as u64 * 4 + (HEADER + HASH) as u64;

/// After so long a file written aside is a leftover of a process that was killed.
const LEFTOVER_AGE: Duration = Duration::from_secs(24 * 3600);

/// An entry counts as used by this process when it is this little older: clocks of file systems tick coarsely.
const CLOCK_SLACK: Duration = Duration::from_secs(2);

/// Part of the limit that a process may add before it counts again what lies in the folder, where others add too.
const RECOUNT_SHARE: u64 = 16;

/// A folder of features with a limit in bytes, for many threads and processes.
///
/// What nobody has used since this process began makes room, the longest unused first; where there is no such entry, new clips are
/// not kept. Access is in shuffled epochs, where anything cleverer would lose clips just before they are asked for again.
/// Reading and writing never fail a run: what cannot be read is made again, what cannot be written is not kept.
#[derive(Debug)]
pub struct DiskCache {
    root: PathBuf,
    limit: u64,
    began: SystemTime,
    room: Mutex<Room>,
    hits: AtomicU64,
    misses: AtomicU64,
    refused: AtomicU64,
    damaged: AtomicU64,
    written: AtomicU64,
}

/// What is known of the folder's size.
#[derive(Debug, Default)]
struct Room {
    bytes: u64,
    /// Bytes added by this process since the last count.
    added: u64,
    /// Entries that may go, the longest unused first, with their size.
    stale: VecDeque<(PathBuf, u64)>,
}

/// What a feature folder has done for this process so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskCacheCounts {
    /// Clips found.
    pub hits: u64,
    /// Clips not found.
    pub misses: u64,
    /// Clips written.
    pub written: u64,
    /// Clips not kept: the limit is reached by what is in use, or writing failed.
    pub refused: u64,
    /// Entries found damaged, among the misses.
    pub damaged: u64,
}

/// Address of one clip's features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureKey(String);

impl FeatureKey {
    /// The key of the features that `mel` makes of the first `seconds` of the file at `path`, filled up to them when `padded`.
    ///
    /// # Errors
    /// When the file cannot be read, or is none that would be decoded.
    pub fn new(path: &Path, mel: &LogMel, seconds: f64, padded: bool) -> io::Result<Self> {
        Self::of(path, [mel::VERSION, u32::try_from(mel.mels()).unwrap_or(u32::MAX), u32::from(padded)], seconds)
    }

    /// The key of what an extractor of this version makes with these bands and this ending.
    pub(crate) fn of(path: &Path, [version, bands, ending]: [u32; 3], seconds: f64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() > MAX_FILE_BYTES {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut hasher = Sha256::new();
        hasher.update(MAGIC);
        for number in [version, SAMPLE_RATE, bands, ending] {
            hasher.update(number.to_le_bytes());
        }
        hasher.update(seconds.to_le_bytes());
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => hasher.update(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let text = crate::hash::finish(hasher);
        Ok(Self(text.trim_start_matches("sha256:").to_owned()))
    }
}

impl DiskCache {
    /// Opens the folder `root`, made if need be, for at most `limit` bytes.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub fn open(root: &Path, limit: u64) -> Result<Self, DataError> {
        let now = SystemTime::now();
        let began = now.checked_sub(CLOCK_SLACK).unwrap_or(now);
        let failed = |source| DataError::Read { path: root.into(), source };
        fs::create_dir_all(root).map_err(failed)?;
        let room = Room::count(root, began).map_err(failed)?;
        Ok(Self {
            root: root.into(),
            limit,
            began,
            room: Mutex::new(room),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
            written: AtomicU64::new(0),
        })
    }

    /// The features under `key`, if they are there and whole.
    pub fn get(&self, key: &FeatureKey) -> Option<CachedClip> {
        let path = self.path(key);
        let found = match read(&path) {
            Ok(clip) => Some(clip),
            Err(error) => {
                if error.kind() == io::ErrorKind::InvalidData {
                    self.damaged.fetch_add(1, Ordering::Relaxed);
                    // Whoever comes first removes it; it will be written again.
                    let _ = fs::remove_file(&path);
                }
                None
            }
        };
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        if found.is_some() {
            self.mark_used(&path);
        }
        found
    }

    /// Keeps `clip` under `key` if there is room; true if it is there now.
    pub fn put(&self, key: &FeatureKey, clip: &CachedClip) -> bool {
        let bytes = encode(clip);
        let size = bytes.len() as u64;
        let path = self.path(key);
        let kept = self.reserve(size) && write(&path, &bytes).is_ok();
        let counter = if kept { &self.written } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        kept
    }

    /// What it has done so far.
    pub fn counts(&self) -> DiskCacheCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        DiskCacheCounts {
            hits: read(&self.hits),
            misses: read(&self.misses),
            written: read(&self.written),
            refused: read(&self.refused),
            damaged: read(&self.damaged),
        }
    }

    /// The file of the entry under `key`, which may not be there.
    pub fn path(&self, key: &FeatureKey) -> PathBuf {
        self.root.join(&key.0[..2]).join(format!("{}.features", key.0))
    }

    /// An entry used by a run that is under way is not stale for any other.
    fn mark_used(&self, path: &Path) {
        let used = fs::metadata(path).and_then(|metadata| metadata.modified());
        if used.is_ok_and(|used| used < self.began) {
            let _ = File::options().append(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
        }
    }

    /// Makes room for `size` bytes; false when there is none.
    fn reserve(&self, size: u64) -> bool {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        if room.added > self.limit / RECOUNT_SHARE
            && let Ok(counted) = Room::count(&self.root, self.began)
        {
            *room = counted;
        }
        while room.bytes + size > self.limit {
            let Some((path, bytes)) = room.stale.pop_front() else { return false };
            let gone = match fs::metadata(&path).and_then(|metadata| metadata.modified()) {
                Ok(used) => used < self.began && fs::remove_file(&path).is_ok(),
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            };
            if gone {
                room.bytes = room.bytes.saturating_sub(bytes);
            }
        }
        room.bytes += size;
        room.added += size;
        true
    }
}

impl Room {
    /// Counts what lies below `root`; removes leftovers.
    fn count(root: &Path, began: SystemTime) -> io::Result<Self> {
        let mut room = Self::default();
        let mut stale = Vec::new();
        for folder in fs::read_dir(root)? {
            let folder = folder?.path();
            if !folder.is_dir() {
                continue;
            }
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                // Another process may remove it meanwhile.
                let Ok(metadata) = fs::metadata(&path) else { continue };
                let used = metadata.modified().unwrap_or(began);
                match path.extension().and_then(|extension| extension.to_str()) {
                    Some("features") => {
                        room.bytes += metadata.len();
                        if used < began {
                            stale.push((used, path, metadata.len()));
                        }
                    }
                    Some("partial") if used + LEFTOVER_AGE < began => {
                        let _ = fs::remove_file(&path);
                    }
                    _ => {}
                }
            }
        }
        stale.sort_unstable();
        room.stale = stale.into_iter().map(|(_, path, bytes)| (path, bytes)).collect();
        Ok(room)
    }
}

fn encode(clip: &CachedClip) -> Vec<u8> {
    let features = &clip.features;
    let mut bytes = Vec::with_capacity(HEADER + features.bytes() + HASH);
    bytes.extend(MAGIC);
    bytes.extend((features.mels as u32).to_le_bytes());
    bytes.extend((features.frames as u64).to_le_bytes());
    bytes.extend(clip.seconds.to_le_bytes());
    bytes.extend(features.values.iter().flat_map(|value| value.to_le_bytes()));
    let hash = Sha256::digest(&bytes);
    bytes.extend(hash);
    bytes
}

/// The clip that `bytes` encode; `None` unless they are what [`encode`] wrote, to the last bit.
fn decode(bytes: &[u8]) -> Option<CachedClip> {
    let (content, hash) = bytes.split_at_checked(bytes.len().checked_sub(HASH)?)?;
    let rest = content.strip_prefix(MAGIC)?;
    if Sha256::digest(content)[..] != *hash {
        return None;
    }
    let (mels, rest) = rest.split_first_chunk::<4>()?;
    let (frames, rest) = rest.split_first_chunk::<8>()?;
    let (seconds, rest) = rest.split_first_chunk::<8>()?;
    let mels = usize::try_from(u32::from_le_bytes(*mels)).ok()?;
    let frames = usize::try_from(u64::from_le_bytes(*frames)).ok()?;
    if frames.checked_mul(mels)?.checked_mul(4)? != rest.len() {
        return None;
    }
    let values = rest.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
    let features = Arc::new(Features { frames, mels, values });
    Some(CachedClip { features, seconds: f64::from_le_bytes(*seconds) })
}

fn read(path: &Path) -> io::Result<CachedClip> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_ENTRY_BYTES + 1).read_to_end(&mut bytes)?;
    decode(&bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Writes aside under a name that no other thread or process has, then renames: a reader sees a whole entry or none.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // Processes of two machines that share a folder may have one id, hardly at one nanosecond.
    let moment = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let aside = path.with_extension(format!("{}-{moment}-{number}.partial", std::process::id()));
    let result = fs::write(&aside, bytes).and_then(|()| fs::rename(&aside, path));
    if result.is_err() {
        // What is left of a full disk.
        let _ = fs::remove_file(&aside);
    }
    result
}
