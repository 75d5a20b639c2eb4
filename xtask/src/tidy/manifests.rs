//! Every crate's manifest: inherited fields and lints, a description, a README; the workspace's changelog.

use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::Metadata;
use toml::{Table, Value};

use super::Finding;

/// Fields of `[package]` that every crate takes from the workspace.
const INHERITED: [&str; 4] = ["version", "edition", "rust-version", "license"];

/// Checks every member of the workspace.
pub(crate) fn check(root: &Path, metadata: &Metadata) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let path = package.manifest_path.as_std_path();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: Table = text.parse().with_context(|| format!("{} is no TOML", path.display()))?;
        let place = path.strip_prefix(root).unwrap_or(path).display().to_string();
        findings.extend(manifest_findings(&place, &manifest));
        let folder = path.parent().unwrap_or(root);
        if !folder.join("README.md").is_file() {
            findings.push(Finding::new(&place, "no README.md beside it"));
        }
    }
    Ok(findings)
}

fn manifest_findings(place: &str, manifest: &Table) -> Vec<Finding> {
    let package = manifest.get("package").and_then(Value::as_table);
    let inherits = |value: Option<&Value>| value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true);
    let mut findings = Vec::new();
    for field in INHERITED {
        if !inherits(package.and_then(|package| package.get(field))) {
            findings.push(Finding::new(place, format!("write `{field}.workspace = true`")));
        }
    }
    if !inherits(manifest.get("lints")) {
        findings.push(Finding::new(place, "write `[lints] workspace = true`"));
    }
    let description = package.and_then(|package| package.get("description")).and_then(Value::as_str);
    if description.is_none_or(|text| text.trim().is_empty()) {
        findings.push(Finding::new(place, "give the crate a `description`"));
    }
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (name, value) in manifest.get(kind).and_then(Value::as_table).into_iter().flatten() {
            if !inherits(Some(value)) {
                findings.push(Finding::new(
                    place,
                    format!("`{name}` under [{kind}]: take it from the workspace's table of dependencies"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
        [package]
        name = 'a'
        description = 'What it is'
        version.workspace = true
        edition.workspace = true
        rust-version.workspace = true
        license.workspace = true
        [dependencies]
        serde = { workspace = true, features = ['rc'] }
        [lints]
        workspace = true
    ";

    fn check(text: &str, expected: &[&str]) {
        let findings = manifest_findings("Cargo.toml", &text.parse().unwrap());
        assert_eq!(findings.len(), expected.len(), "{findings:?}");
        for (finding, expected) in findings.iter().zip(expected) {
            assert!(finding.what.contains(expected), "{finding:?}");
        }
    }

    #[test]
    fn a_crate_takes_from_the_workspace_what_all_share() {
        check(GOOD, &[]);
        check(&GOOD.replace("version.workspace = true\n        edition", "version = '0.1.0'\n        edition"), &["version"]);
        check(&GOOD.replace("[lints]\n        workspace = true", ""), &["lints"]);
        check(&GOOD.replace("'What it is'", "' '"), &["description"]);
        check(&GOOD.replace("{ workspace = true, features = ['rc'] }", "'1'"), &["serde"]);
    }
}
