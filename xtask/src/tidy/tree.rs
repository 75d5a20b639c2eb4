//! The files of the repository: which they are, how large, and whether they name places on one machine.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::Finding;

/// A larger file does not belong into a repository of source text.
const MAX_FILE_BYTES: u64 = 2 << 20;
/// Folders at the root of somebody's machine; a path that begins with one of them means nothing elsewhere.
const MACHINE_FOLDERS: [&str; 6] = ["home", "root", "tmp", "work", "Users", "mnt"];

/// Every file that git tracks or would track, relative to the root, with `/` between folders.
pub(crate) fn files(root: &Path) -> Result<Vec<String>> {
    let output =
        Command::new("git").current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).output();
    let mut files: Vec<String> = match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).split('\0').filter(|file| !file.is_empty()).map(String::from).collect()
        }
        // A source archive has no git: then every file counts that is not built.
        _ => {
            let mut files = Vec::new();
            walk(root, "", &mut files)?;
            files
        }
    };
    files.retain(|file| root.join(file).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}

fn walk(root: &Path, prefix: &str, files: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(root.join(prefix)).with_context(|| format!("cannot list {}", root.join(prefix).display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let relative = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() && name != "target" && name != ".git" {
            walk(root, &relative, files)?;
        } else if kind.is_file() {
            files.push(relative);
        }
    }
    Ok(())
}

/// A file as text; `None` for one that holds something else.
pub(crate) fn text(root: &Path, file: &str) -> Result<Option<String>> {
    let bytes = fs::read(root.join(file)).with_context(|| format!("cannot read {file}"))?;
    Ok(if bytes.contains(&0) { None } else { String::from_utf8(bytes).ok() })
}

/// Size, and paths of a machine.
pub(crate) fn check(root: &Path, file: &str) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let size = fs::metadata(root.join(file)).with_context(|| format!("cannot read {file}"))?.len();
    if size > MAX_FILE_BYTES {
        findings.push(Finding::new(file, format!("{size} bytes; at most {MAX_FILE_BYTES} belong into the repository")));
    }
    if !file.ends_with(".lock")
        && let Some(text) = text(root, file)?
    {
        findings.extend(machine_paths(file, &text));
    }
    Ok(findings)
}

fn machine_paths(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for folder in MACHINE_FOLDERS {
            let path = format!("/{folder}/");
            let begins = |at: usize| {
                let before = line[..at].chars().next_back();
                before.is_none_or(|c| !(c.is_alphanumeric() || "._-*/}){~$".contains(c)))
            };
            if line.match_indices(&path).any(|(at, _)| begins(at)) {
                findings.push(Finding::new(
                    format!("{file}:{}", number + 1),
                    format!("names the machine path `{path}…`; make it relative"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_paths(line: &str, expected: usize) {
        assert_eq!(machine_paths("file", line).len(), expected, "{line}");
    }

    #[test]
    fn only_paths_from_the_root_of_a_machine_count() {
        for folder in MACHINE_FOLDERS {
            check_paths(&format!("see /{folder}/me/data"), 1);
            check_paths(&format!("\"/{folder}/\""), 1);
            check_paths(&format!("target/{folder}/x"), 0);
            check_paths(&format!("https://example.org/{folder}/x"), 0);
            check_paths(&format!("$HOME/{folder}/x ../{folder}/y"), 0);
        }
    }

    #[test]
    fn large_files_and_binary_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("large.bin"), vec![0; (MAX_FILE_BYTES + 1) as usize]).unwrap();
        fs::write(folder.path().join("small.md"), "text").unwrap();
        assert_eq!(check(folder.path(), "large.bin").unwrap().len(), 1);
        assert_eq!(check(folder.path(), "small.md").unwrap(), []);
        assert_eq!(text(folder.path(), "large.bin").unwrap(), None);
        assert_eq!(files(folder.path()).unwrap(), ["large.bin", "small.md"]);
    }
}
