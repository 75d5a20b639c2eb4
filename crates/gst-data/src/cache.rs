//! Features kept in memory up to a budget of bytes.

pub(crate) mod disk;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::mel::Features;

/// Default budget in bytes: the features of about 4.6 hours of audio at 80 bands.
pub const DEFAULT_CACHE_BYTES: usize = 512 << 20;

/// What is kept of one clip.
#[derive(Debug, Clone)]
pub struct CachedClip {
    /// Its features.
    pub features: Arc<Features>,
    /// Its length in seconds.
    pub seconds: f64,
}

/// A map from a clip to its features, for many threads. When full, an arbitrary other clip makes room: access is in
/// shuffled epochs, where keeping the most recent would lose every clip just before it is asked for again.
#[derive(Debug)]
pub struct FeatureCache {
    budget: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    clips: HashMap<PathBuf, CachedClip>,
    /// The keys again, to pick one in O(1).
    keys: Vec<PathBuf>,
    bytes: usize,
    counts: CacheCounts,
}

/// What a cache has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Clips found.
    pub hits: u64,
    /// Clips not found.
    pub misses: u64,
    /// Clips that made room for others.
    pub evicted: u64,
}

impl FeatureCache {
    /// A cache of at most `budget` bytes of features; 0 keeps nothing.
    pub fn new(budget: usize) -> Self {
        Self { budget, state: Mutex::default() }
    }

    /// The clip's features, if kept.
    pub fn get(&self, clip: &Path) -> Option<CachedClip> {
        let mut state = self.lock();
        let found = state.clips.get(clip).cloned();
        match found.is_some() {
            true => state.counts.hits += 1,
            false => state.counts.misses += 1,
        }
        found
    }

    /// Keeps a clip's features if they fit the budget at all.
    pub fn put(&self, clip: PathBuf, value: CachedClip) {
        let bytes = value.features.bytes();
        let mut state = self.lock();
        if bytes > self.budget || state.clips.contains_key(&clip) {
            return;
        }
        while state.bytes + bytes > self.budget {
            state.evict_one();
        }
        state.bytes += bytes;
        state.keys.push(clip.clone());
        state.clips.insert(clip, value);
    }

    /// Bytes of features kept now.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Hits, misses and evictions so far.
    pub fn counts(&self) -> CacheCounts {
        self.lock().counts
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the map consistent, so a panic elsewhere does no harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn evict_one(&mut self) {
        if self.keys.is_empty() {
            self.bytes = 0;
            return;
        }
        // A multiplicative step over the keys: arbitrary, and free of any shared random state.
        let step = (self.counts.evicted.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as usize;
        let victim = self.keys.swap_remove(step % self.keys.len());
        if let Some(clip) = self.clips.remove(&victim) {
            self.bytes = self.bytes.saturating_sub(clip.features.bytes());
        }
        self.counts.evicted += 1;
    }
}
