//! Libraries that panic on files they do not understand.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `work` gives, or what it said when it panicked. What it was working on is not used afterwards.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "panicked".into())
    })
}
