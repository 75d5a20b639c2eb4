//! Ctrl-C and SIGTERM.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

/// Set by the first Ctrl-C or SIGTERM, so that the command can leave a checkpoint; the second ends the process at once.
///
/// Under a live table the word about it stays on the cursor's line, so that the table still knows where it begins.
pub(crate) fn flag(under_table: bool) -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        let end = if under_table { "" } else { "\n" };
        eprint!("stopping at the next step (once more ends at once) …{end}");
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(stop)
}
