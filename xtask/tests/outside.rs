//! A crate outside the workspace depends on one planning crate: it gets that crate, and no Burn.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like the tests themselves")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each planning crate, what a dependent writes beside its path, and the crates of ours that it brings.
const CRATES: [(&str, &str, &[&str]); 3] = [
    ("gst-affinity", ", default-features = false", &["gst-affinity"]),
    ("gst-grouping", "", &["gst-affinity", "gst-grouping"]),
    ("gst-schedule", "", &["gst-affinity", "gst-grouping", "gst-schedule"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A crate in `folder` that depends on `name`; with the workspace's lock, so that what was built here needs no network there.
fn dependent(folder: &Path, name: &str, options: &str, code: &str) {
    let path = root().join("crates").join(name);
    let manifest = format!(
        "[package]\nname = \"outside\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n{name} = {{ path = '{}'{options} }}\n\n\
         [workspace]\n",
        path.display()
    );
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.join("src/main.rs"), format!("fn main() {{ {code} }}\n")).unwrap();
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
}

fn cargo(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    // A target folder that outlives the test: what was compiled once is not compiled again.
    command.current_dir(folder).args(arguments).arg("--offline").env("CARGO_TARGET_DIR", env!("CARGO_TARGET_TMPDIR"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "cargo {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_dependent_of_a_planning_crate_gets_no_burn() {
    for (name, options, ours) in CRATES {
        let folder = tempfile::tempdir().unwrap();
        dependent(folder.path(), name, options, "");
        let tree = cargo(folder.path(), &["tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
        let mut found: Vec<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.iter().filter(|found| found.starts_with("burn")).count(), 0, "{name} brings Burn: {found:?}");
        let gst: Vec<&str> = found.iter().copied().filter(|found| found.starts_with("gst-")).collect();
        assert_eq!(gst, ours, "{name}");
    }
}

/// The same test can fail: with its default features the affinity crate brings its probe for Burn.
#[test]
fn a_dependent_that_asks_for_the_probe_gets_burn() {
    let folder = tempfile::tempdir().unwrap();
    dependent(folder.path(), "gst-affinity", "", "");
    let tree = cargo(folder.path(), &["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    assert!(tree.lines().any(|line| line.starts_with("burn ")), "{tree}");
}

/// Not only resolved but compiled: the crate with the fewest dependencies. `cargo xtask ci package` compiles all three from their
/// packages.
#[test]
fn a_dependent_of_the_affinity_crate_compiles() {
    let folder = tempfile::tempdir().unwrap();
    let (name, options, _) = CRATES[0];
    let code = "let mut samples = gst_affinity::GradientSamples::new([\"a\"]).unwrap(); samples.push(0, vec![1.0]).unwrap();";
    dependent(folder.path(), name, options, code);
    cargo(folder.path(), &["check", "--quiet"]);
}
