use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use gst_data::hub::{Hub, HubKind, HubRequest};
use gst_train::progress::Progress;
use serde_json::json;

use super::Shared;

/// Fetch a dataset (Parquet) or weights of the Hugging Face Hub, and say how to use them.
///
/// What is there already is not fetched again, and what broke off goes on where it was. HF_TOKEN, HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE
/// are heeded as by Hugging Face's own programs.
///
/// Examples:
///   gst data download ORGANISATION/SET
///   gst data download ORGANISATION/SET --revision refs/convert/parquet --include 'default/*'
///   gst data download openai/whisper-tiny --weights --out whisper
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct DownloadArgs {
    /// Name of the repository.
    #[arg(value_name = "ORGANISATION/NAME")]
    id: String,
    /// A model and not a dataset.
    #[arg(long)]
    weights: bool,
    /// Branch, tag or commit.
    #[arg(long, value_name = "NAME", default_value = "main")]
    revision: String,
    /// Files whose paths fit this pattern, in which * stands for any text; may be given several times
    /// [default: *.parquet; with --weights *.safetensors, *.json, *.txt, *.model].
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// Folder to fetch to [default: the repository's own in ~/.cache/gst/hub].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl DownloadArgs {
    pub(crate) fn run(self, shared: &Shared) -> anyhow::Result<()> {
        let kind = if self.weights { HubKind::Model } else { HubKind::Dataset };
        let request = HubRequest { kind, id: self.id, revision: self.revision, include: self.include };
        let folder = match self.out {
            Some(folder) => folder,
            None => request.folder(&cache().context("no home folder is known; give --out DIR")?),
        };
        let progress = Progress::new("download", "bytes", 0);
        let fetched = Hub::from_env().fetch(&request, &folder, &|done, total| {
            progress.total(total);
            progress.set(done);
        })?;
        progress.finish();
        let whole = std::fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
        let line = (kind == HubKind::Dataset).then(|| request.list_line(&whole));
        let told = json!({
            "folder": folder,
            "commit": fetched.commit,
            "files": fetched.files.len(),
            "bytes": fetched.bytes,
            "line": line,
        });
        shared.result(&told, || {
            let count = format!("{} files of commit {} in {}", fetched.files.len(), fetched.commit, folder.display());
            match line {
                Some(line) => format!("{count}\nfor a list of datasets, with the columns of yours:\n\n[datasets]\n{line}"),
                None => format!("{count}\n--weights {}", whole.display()),
            }
        })
    }
}

/// Where what is fetched is kept.
fn cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|text| !text.is_empty()).map(PathBuf::from);
    let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(caches.join("gst").join("hub"))
}
