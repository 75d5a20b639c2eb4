use std::path::PathBuf;

use clap::Args;
use gst_affinity::artifact::Document;
use gst_affinity::{Affinity, Metric};
use gst_grouping::{Comparison, GroupCount, Grouping, GroupingParams, Method, OrderBy, compare};
use gst_schedule::forecast::{Forecast, Start, Verdict};
use gst_train::files;
use serde::Serialize;

use super::{Shared, file_hash};

/// Cluster datasets into groups, put the groups in order, and say which strategy to take.
///
/// Examples:
///   gst group affinity.json --method spectral --groups 3 --out grouping.json
///   gst group affinity.json --groups 3 --compare other-seed.json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct GroupArgs {
    /// What `gst affinity` wrote.
    affinity: PathBuf,
    /// How to cluster: spectral, agglomerative, exact, community, random, by-domain, single, singletons or given.
    #[arg(long, default_value_t = GroupingParams::default().method)]
    method: Method,
    /// How many groups: a number, eigengap, silhouette or elbow.
    #[arg(long, default_value_t = GroupingParams::default().count, value_name = "K")]
    groups: GroupCount,
    /// Which group comes first: size, slow-first, cost, heterogeneity, near-global, path, prerequisite, commutator, given, random.
    #[arg(long, default_value_t = GroupingParams::default().order)]
    order: OrderBy,
    /// Groups in an order of your own: names of datasets, at least one of every group; a group comes where its first-named dataset
    /// does.
    #[arg(long, value_delimiter = ',', value_name = "NAMES", conflicts_with = "order")]
    given: Vec<String>,
    /// Groups of your own in their order of introduction, every dataset in one of them: names separated by commas, groups by semicolons.
    /// Without any affinity: `gst schedule --data DATA --partition …`.
    #[arg(long, value_delimiter = ';', value_name = "A,B;C,D", conflicts_with_all = ["method", "groups", "order", "given"])]
    partition: Vec<String>,
    /// Metric to group by, of those that were measured [default: the affinity's own].
    #[arg(long)]
    metric: Option<Metric>,
    /// Another affinity, of another seed or probe: says how far its entries and the groups made of it agree.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Where to write.
    #[arg(long, value_name = "FILE", default_value = "grouping.json")]
    out: PathBuf,
}

impl GroupArgs {
    pub(crate) fn run(self, shared: &Shared) -> anyhow::Result<()> {
        let affinity: Document<Affinity> = files::read_artifact(&self.affinity)?;
        let names = |group: &String| group.split(',').map(|name| name.trim().to_owned()).collect();
        let partition: Vec<Vec<String>> = self.partition.iter().map(names).collect();
        let given = if partition.is_empty() { self.given } else { partition.concat() };
        let params = GroupingParams {
            method: if partition.is_empty() { self.method } else { Method::Given },
            count: self.groups,
            order: if given.is_empty() { self.order } else { OrderBy::Given },
            given,
            partition,
            metric: self.metric,
            seed: shared.seed.unwrap_or_default(),
            ..GroupingParams::default()
        };
        let mut document = Document::new(Grouping::new(&affinity.body, &params)?);
        document.made_from.clone_from(&affinity.made_from);
        let document = document.from_source("affinity", file_hash(&self.affinity)?);
        let other: Option<Document<Affinity>> = self.compare.as_deref().map(files::read_artifact).transpose()?;
        let comparison = other.map(|other| compare(&affinity.body, &other.body, &params)).transpose()?;
        files::write(&self.out, &document.to_json()?)?;
        let forecast = Forecast::built_in(Start::of(affinity.body.probe.pretrained))?.verdict(&document.body);
        let result = Grouped { grouping: &document.body, comparison, forecast };
        shared.result(&result, || {
            let grouping = result.grouping;
            let mut text =
                format!("{} groups in order of introduction, written to {}\n", grouping.groups.len(), self.out.display());
            for (number, names) in grouping.group_names.iter().enumerate() {
                text.push_str(&format!("  {}. {}\n", number + 1, names.join(", ")));
            }
            let compared = result.comparison.iter().flat_map(|comparison| &comparison.verdict);
            grouping
                .verdict
                .iter()
                .chain(compared)
                .chain(&result.forecast.sentences)
                .for_each(|sentence| text.push_str(&format!("  {sentence}\n")));
            text
        })
    }
}

/// What `gst group` prints.
#[derive(Serialize)]
struct Grouped<'a> {
    #[serde(flatten)]
    grouping: &'a Grouping,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
    /// What strategies have saved where as much was known.
    forecast: Verdict,
}
