//! The arrows between crates: who may stand on whom, and where Burn must not come in.

use std::path::Path;

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, Metadata, Package};

use super::Finding;
use crate::workspace;

/// Each crate and the crates of ours that it may stand on. A crate knows only what stands to its left; the planning wing (affinity,
/// grouping, schedule) and the audio wing (data, model) meet in `gst-train`, and `xtask` stands outside.
const ARROWS: [(&str, &[&str]); 8] = [
    ("gst-affinity", &[]),
    ("gst-grouping", &["gst-affinity"]),
    ("gst-schedule", &["gst-affinity", "gst-grouping"]),
    ("gst-data", &[]),
    ("gst-model", &["gst-data"]),
    ("gst-train", &["gst-affinity", "gst-grouping", "gst-schedule", "gst-data", "gst-model"]),
    ("xtask", &[]),
    ("benches", &["gst-affinity", "gst-grouping", "gst-schedule", "gst-data", "gst-model", "gst-train"]),
];

/// Packages that must compile without any crate of Burn, and the features to leave out.
const WITHOUT_BURN: [(&str, &[&str]); 4] =
    [("gst-affinity", &["--no-default-features"]), ("gst-grouping", &[]), ("gst-schedule", &[]), ("gst-data", &[])];

/// Features of Burn that bring in a backend beside the CPU one.
const BACKEND_FEATURES: [&str; 8] = ["wgpu", "vulkan", "metal", "webgpu", "cuda", "rocm", "tch", "ndarray"];

/// Checks the dependencies of every member.
pub(crate) fn check(root: &Path, metadata: &Metadata) -> Result<Vec<Finding>> {
    let ours: Vec<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut findings: Vec<Finding> = metadata.packages.iter().flat_map(|package| package_findings(package, &ours)).collect();
    for (package, flags) in WITHOUT_BURN.into_iter().filter(|(package, _)| ours.contains(package)) {
        let tree = tree(root, package, flags)?;
        let burn = burn_crates(&tree);
        if let Some(first) = burn.first() {
            let features = if flags.is_empty() { String::new() } else { format!(" with {}", flags.join(" ")) };
            findings.push(Finding::new(package, format!("compiles {first}{features}: Burn must stay out of it")));
        }
    }
    Ok(findings)
}

fn package_findings(package: &Package, ours: &[&str]) -> Vec<Finding> {
    let name = package.name.as_str();
    let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
        return vec![Finding::new(
            name,
            "a new crate: give it its place in ARROWS in xtask/src/tidy/arrows.rs and in ARCHITECTURE.md",
        )];
    };
    // Benchmarks and tests may look further than the crate itself does.
    let shipped = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
    let names: Vec<&str> =
        shipped.map(|dependency| dependency.name.as_str()).filter(|dependency| ours.contains(dependency)).collect();
    let mut findings = forbidden(name, &names, allowed);
    if name != "gst-train" {
        let asked = package.dependencies.iter().filter(|dependency| dependency.name.starts_with("burn"));
        let asked =
            asked.flat_map(|dependency| &dependency.features).filter(|feature| BACKEND_FEATURES.contains(&feature.as_str()));
        let offered = package
            .features
            .values()
            .flatten()
            .filter(|feature| BACKEND_FEATURES.iter().any(|name| **feature == format!("burn/{name}")));
        findings.extend(
            asked
                .chain(offered)
                .map(|feature| Finding::new(name, format!("asks for `{feature}`: only gst-train names backends"))),
        );
    }
    findings
}

fn forbidden(package: &str, dependencies: &[&str], allowed: &[&str]) -> Vec<Finding> {
    let wrong = dependencies.iter().filter(|dependency| !allowed.contains(dependency));
    let stands_on = if allowed.is_empty() { "no crate of ours".to_string() } else { allowed.join(", ") };
    wrong.map(|dependency| Finding::new(package, format!("stands on {dependency}; it may stand on {stands_on}"))).collect()
}

/// Names of all packages that are compiled for one, its own feature set alone taken.
fn tree(root: &Path, package: &str, flags: &[&str]) -> Result<Vec<String>> {
    let mut command = workspace::cargo(root);
    command.args(["tree", "--package", package, "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]).args(flags);
    let output = command.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("`cargo tree --package {package}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(String::from).collect())
}

fn burn_crates(tree: &[String]) -> Vec<&str> {
    tree.iter().map(String::as_str).filter(|name| *name == "burn" || name.starts_with("burn-")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wings_meet_in_training_only() {
        let allowed = |name: &str| ARROWS.iter().find(|(known, _)| *known == name).unwrap().1;
        for (package, dependency, findings) in [
            ("gst-grouping", "gst-affinity", 0),
            ("gst-grouping", "gst-schedule", 1),
            ("gst-schedule", "gst-data", 1),
            ("gst-model", "gst-affinity", 1),
            ("gst-data", "gst-schedule", 1),
            ("gst-train", "gst-model", 0),
            ("xtask", "gst-schedule", 1),
        ] {
            assert_eq!(forbidden(package, &[dependency], allowed(package)).len(), findings, "{package} on {dependency}");
        }
    }

    #[test]
    fn no_arrow_goes_round() {
        for (index, (_, allowed)) in ARROWS.iter().enumerate() {
            for name in *allowed {
                let place = ARROWS.iter().position(|(known, _)| known == name).unwrap();
                assert!(place < index, "{name} stands to the right");
            }
        }
    }

    #[test]
    fn burn_is_found_in_a_tree() {
        let names = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
        assert_eq!(burn_crates(&names("serde burn-tensor ndarray")), ["burn-tensor"]);
        assert_eq!(burn_crates(&names("serde burning sunburn")), [""; 0]);
    }

    /// The real workspace: what `cargo xtask tidy` proves of it.
    #[test]
    fn this_workspace_keeps_its_arrows() {
        let root = workspace::root().unwrap();
        let metadata = workspace::members(&root).unwrap();
        assert_eq!(
            metadata.packages.iter().filter(|package| ARROWS.iter().any(|(name, _)| *name == package.name.as_str())).count(),
            ARROWS.len()
        );
        assert_eq!(check(&root, &metadata).unwrap(), []);
    }
}
