use gst_train::device::{Backend, identity};
use serde_json::json;

use super::Shared;

/// One line for each device that this build and this machine can use, and for each backend what is missing.
pub(crate) fn run(shared: &Shared) -> anyhow::Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rows = vec![json!({ "device": "cpu", "name": format!("{threads} threads"), "ready": true })];
    for backend in Backend::ALL {
        let name = backend.name();
        match backend.devices() {
            Ok(devices) if devices.is_empty() => {
                rows.push(
                    json!({ "device": name, "ready": false, "missing": format!("no device found: needs {}", backend.needs()) }),
                );
            }
            Ok(devices) => {
                let row =
                    |(index, device)| json!({ "device": format!("{name}:{index}"), "name": identity(device), "ready": true });
                rows.extend(devices.iter().enumerate().map(row));
            }
            Err(_) => {
                let missing = format!("not in this build: cargo build --workspace --bin gst --features gst-train/{name}");
                rows.push(json!({ "device": name, "ready": false, "missing": missing }));
            }
        }
    }
    shared.result(&rows, || {
        let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let line = |row: &serde_json::Value| match row["ready"].as_bool() {
            Some(true) => format!("{:10} ready      {}", text(row, "device"), text(row, "name")),
            _ => format!("{:10} not ready  {}", text(row, "device"), text(row, "missing")),
        };
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}
