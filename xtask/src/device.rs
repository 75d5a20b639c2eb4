//! From `--device` to the cargo features to build with, and to the `gst` binary built with them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// The backend features of `gst-train` that a device needs: none for the CPU, else the kind before the colon.
pub(crate) fn features(device: &str) -> Result<&'static [&'static str]> {
    let (kind, index) = device.split_once(':').map_or((device, None), |(kind, index)| (kind, Some(index)));
    if let Some(index) = index
        && index.parse::<usize>().is_err()
    {
        bail!("--device {device}: `{index}` is no device number; write for instance {kind}:0");
    }
    match kind {
        "cpu" => Ok(&[]),
        "wgpu" => Ok(&["wgpu"]),
        "vulkan" => Ok(&["vulkan"]),
        "cuda" => Ok(&["cuda"]),
        _ => bail!("--device {device}: unknown kind `{kind}`; known are cpu, cuda (cuda:0), wgpu and vulkan"),
    }
}

/// Builds `gst` for a device and returns the path of the executable that cargo names.
///
/// The default is the dev profile, which compiles the crates that do the arithmetic as a release build does.
pub(crate) fn build_gst(root: &Path, device: &str, release: bool) -> Result<PathBuf> {
    let features = features(device)?;
    let mut command = workspace::cargo(root);
    // With `--workspace` dependencies get the same features as in `cargo test --workspace`, and are not compiled a second time.
    command.args(["build", "--workspace", "--bin", "gst"]);
    if release {
        command.arg("--release");
    }
    if !features.is_empty() {
        command
            .arg("--features")
            .arg(features.iter().map(|feature| format!("gst-train/{feature}")).collect::<Vec<_>>().join(","));
    }
    let built = workspace::build(&mut command).with_context(|| format!("cannot build gst for --device {device}"))?;
    let gst = built.into_iter().find(|program| program.name == "gst");
    Ok(gst.context("cargo built gst-train but named no executable `gst`")?.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_names_its_features() {
        for (device, expected) in [
            ("cpu", &[][..]),
            ("wgpu", &["wgpu"]),
            ("vulkan", &["vulkan"]),
            ("cuda", &["cuda"]),
            ("cuda:3", &["cuda"]),
            ("wgpu:1", &["wgpu"]),
        ] {
            assert_eq!(features(device).unwrap(), expected, "{device}");
        }
    }

    #[test]
    fn a_device_nobody_knows_is_refused_with_the_known_ones() {
        let message = features("cud:0").unwrap_err().to_string();
        assert!(message.contains("cuda") && message.contains("vulkan"), "{message}");
        assert!(features("cuda:first").unwrap_err().to_string().contains("cuda:0"));
    }
}
