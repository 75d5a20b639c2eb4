//! Links in Markdown files lead somewhere, and the changelog has a place for the next change.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use super::Finding;

/// Every relative link of a Markdown file: the file must exist, and the heading behind `#` too.
pub(crate) fn check(root: &Path, file: &str, text: &str) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (line, target) in links(text) {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (path, anchor) = target.split_once('#').map_or((target.as_str(), None), |(path, anchor)| (path, Some(anchor)));
        let folder = Path::new(file).parent().unwrap_or(Path::new(""));
        let here = if path.is_empty() { root.join(file) } else { root.join(folder).join(path.trim_end_matches('/')) };
        let place = format!("{file}:{line}");
        if !here.exists() {
            findings.push(Finding::new(place, format!("the link `{target}` leads nowhere")));
        } else if let Some(anchor) = anchor.filter(|_| here.extension().is_some_and(|ending| ending == "md")) {
            let linked = std::fs::read_to_string(&here).with_context(|| format!("cannot read {}", here.display()))?;
            if !anchors(&linked).contains(&anchor.to_string()) {
                findings.push(Finding::new(
                    place,
                    format!("there is no heading for `#{anchor}` in `{}`", if path.is_empty() { file } else { path }),
                ));
            }
        }
    }
    Ok(findings)
}

/// The changelog exists and has a section for what is not released.
pub(crate) fn changelog(root: &Path) -> Result<Vec<Finding>> {
    let path = root.join("CHANGELOG.md");
    if !path.is_file() {
        return Ok(vec![Finding::new("CHANGELOG.md", "is missing")]);
    }
    let text = std::fs::read_to_string(&path).context("cannot read CHANGELOG.md")?;
    let found = text.lines().any(|line| line.starts_with("## ") && line.to_lowercase().contains("unreleased"));
    Ok(if found { Vec::new() } else { vec![Finding::new("CHANGELOG.md", "has no section `## Unreleased`")] })
}

/// Line and target of every `[text](target)` and `[name]: target` outside of code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        let mut rest = line.as_str();
        while let Some(at) = rest.find("](") {
            rest = &rest[at + 2..];
            let Some(end) = closing(rest) else { break };
            let target = rest[..end].split_whitespace().next().unwrap_or("").trim_matches(['<', '>']);
            if !target.is_empty() {
                links.push((number, target.to_string()));
            }
            rest = &rest[end..];
        }
        if let Some((name, target)) = line.trim_start().strip_prefix('[').and_then(|line| line.split_once("]: "))
            && !name.starts_with('^')
        {
            links.extend(target.split_whitespace().next().map(|target| (number, target.to_string())));
        }
    }
    links
}

/// Where the parenthesis that is open closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Numbered lines outside of code blocks, with inline code blanked.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut fence: Option<&str> = None;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => {
                let outside = line.split('`').enumerate().map(|(part, text)| if part % 2 == 0 { text } else { " " });
                lines.push((index + 1, outside.collect()));
            }
            _ => {}
        }
    }
    lines
}

/// The anchors of a file's headings, as Git hosts make them: lower case, spaces to hyphens, punctuation dropped, repeats numbered.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut in_code = false;
    let mut anchors = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let title = line.trim_start_matches('#');
        let level = line.len() - title.len();
        if in_code || !(1..=6).contains(&level) || !title.starts_with(' ') {
            continue;
        }
        let kept = title.trim().to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
        let slug = kept.replace(' ', "-");
        let count = seen.entry(slug.clone()).or_insert(0);
        anchors.push(if *count == 0 { slug } else { format!("{slug}-{count}") });
        *count += 1;
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_of_code_only() {
        let text =
            "[a](b.md) and [c](d(1).md \"title\") `[no](x.md)`\n```\n[no](y.md)\n```\n![e](f.svg)\n[g]: h.md\n[^1]: a note";
        let found: Vec<(usize, String)> = links(text);
        let expected = [(1, "b.md"), (1, "d(1).md"), (5, "f.svg"), (6, "h.md")];
        assert_eq!(found, expected.map(|(line, target)| (line, target.to_string())));
    }

    #[test]
    fn headings_become_anchors() {
        let text = "# The `gst` tool\n## What's new?\n## What's new?\n```\n# no\n```\n#hash\n### Two wings, one hall";
        assert_eq!(anchors(text), ["the-gst-tool", "whats-new", "whats-new-1", "two-wings-one-hall"]);
    }

    #[test]
    fn a_link_must_lead_to_a_file_and_its_heading() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir(root.join("docs")).unwrap();
        std::fs::write(root.join("README.md"), "# Read me\n").unwrap();
        let text = "[a](../README.md) [b](../README.md#read-me) [c](../README.md#gone) [d](gone.md) [e](https://example.org/x) [f](#here)\n# Here";
        std::fs::write(root.join("docs/a.md"), text).unwrap();
        let found: Vec<String> = check(root, "docs/a.md", text).unwrap().into_iter().map(|finding| finding.what).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("#gone") && found[1].contains("gone.md"), "{found:?}");
    }

    #[test]
    fn the_changelog_has_room_for_the_next_change() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(changelog(folder.path()).unwrap().len(), 1);
        std::fs::write(folder.path().join("CHANGELOG.md"), "# Changelog\n\n## 0.1.0\n").unwrap();
        assert_eq!(changelog(folder.path()).unwrap().len(), 1);
        std::fs::write(folder.path().join("CHANGELOG.md"), "# Changelog\n\n## [Unreleased]\n").unwrap();
        assert_eq!(changelog(folder.path()).unwrap(), []);
    }
}
