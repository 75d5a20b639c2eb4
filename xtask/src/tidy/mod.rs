//! The house rules that a compiler does not hold: crate arrows, manifests, leftovers, links, sizes.

mod arrows;
mod leftovers;
mod links;
mod manifests;
mod rust_code;
mod tree;

use anyhow::{Result, bail};

use crate::workspace;

/// One rule broken at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// A file, with its line where there is one, or a crate.
    pub(crate) place: String,
    /// What is wrong, and what to do.
    pub(crate) what: String,
}

impl Finding {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

/// Checks everything and names all that is wrong at once.
pub(crate) fn run() -> Result<()> {
    let root = workspace::root()?;
    let metadata = workspace::members(&root)?;
    let files = tree::files(&root)?;
    let mut findings = arrows::check(&root, &metadata)?;
    findings.extend(manifests::check(&root, &metadata)?);
    for file in &files {
        findings.extend(tree::check(&root, file)?);
        if let Some(text) = tree::text(&root, file)? {
            findings.extend(leftovers::check(file, &text));
            if file.ends_with(".md") {
                findings.extend(links::check(&root, file, &text)?);
            }
        }
    }
    findings.extend(links::changelog(&root)?);
    findings.sort();
    for Finding { place, what } in &findings {
        eprintln!("{place}: {what}");
    }
    if !findings.is_empty() {
        bail!("{} house rules broken; each line above names its place", findings.len());
    }
    eprintln!("tidy: {} crates and {} files in order", metadata.packages.len(), files.len());
    Ok(())
}
