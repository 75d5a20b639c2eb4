use gst_train::device::backends;
use serde_json::json;

use super::Shared;

pub(crate) fn run(shared: &Shared) -> anyhow::Result<()> {
    let backends = backends();
    let rows: Vec<_> = backends.iter().map(|(name, built)| json!({ "backend": name, "built": built })).collect();
    shared.result(&rows, || {
        let state = |&(name, built): &(&str, bool)| match built {
            true => format!("{name:8} ready"),
            false => format!("{name:8} not in this build: cargo build --workspace --bin gst --features gst-train/{name}"),
        };
        backends.iter().map(state).collect::<Vec<_>>().join("\n")
    })
}
