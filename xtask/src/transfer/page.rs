use anyhow::Result;
use std::path::{Path, PathBuf};
pub(super) fn write_report(folder: &Path) -> Result<PathBuf> {
    super::rows::Rows::read(folder)?;
    Ok(folder.join("table.md"))
}
