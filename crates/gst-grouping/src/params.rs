//! What a grouping is asked for.

use gst_affinity::Metric;
use serde::{Deserialize, Serialize};

use crate::{GroupCount, GroupingError, Kernel, Linkage, Method, OrderBy};

/// Most groups an automatic choice of K looks at, unless told otherwise: more stages than this leave too few steps for each.
pub const DEFAULT_MOST_GROUPS: usize = 12;
/// Null matrices of the structure test, unless told otherwise: enough for p = 0.01.
pub const DEFAULT_NULL_SAMPLES: usize = 99;
/// With fewer matrices the least p-value, 1 / (1 + samples), is above [`STRUCTURE_LEVEL`](crate::STRUCTURE_LEVEL).
const LEAST_NULL_SAMPLES: usize = 49;

/// How to group and order datasets; [`Default`] is spectral clustering with K by eigengap, largest group first.
///
/// ```
/// use gst_grouping::{GroupCount, GroupingParams, Method};
/// let params = GroupingParams { method: Method::Agglomerative, count: GroupCount::Fixed(3), ..GroupingParams::default() };
/// assert_eq!(params.seed, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupingParams {
    /// How groups are made.
    pub method: Method,
    /// How many; methods that find K themselves (`by-domain`, `single`, `singletons`) do not look at it.
    pub count: GroupCount,
    /// In which order they are introduced.
    pub order: OrderBy,
    /// Seed of k-means, random groups, random order and null matrices.
    pub seed: u64,
    /// The metric to group by; the affinity's own if not given. A table of it must have been measured.
    pub metric: Option<Metric>,
    /// How distances become similarities, for `spectral`, `community` and the eigengap.
    pub kernel: Kernel,
    /// The distance between groups, for `agglomerative`.
    pub linkage: Linkage,
    /// Most groups an automatic choice of K looks at, 2 or more.
    pub most_groups: usize,
    /// Null matrices of the [`structure_test`](crate::structure_test), 0 or at least 49; it is made up to
    /// [`MAX_TESTED_DATASETS`](crate::MAX_TESTED_DATASETS) datasets. 0 leaves out that test and the comparison with the exact
    /// optimum: then a grouping of 14 datasets without bootstrap replicates takes some milliseconds.
    pub null_samples: usize,
    /// For order `given`: names of datasets, at least one of every group; a group comes where its first-named dataset does.
    /// Empty for every other order.
    pub given: Vec<String>,
    /// For method `given`: the names of the datasets of each group. Empty for every other method.
    pub partition: Vec<Vec<String>>,
}

impl Default for GroupingParams {
    fn default() -> Self {
        Self {
            method: Method::default(),
            count: GroupCount::default(),
            order: OrderBy::default(),
            seed: 0,
            metric: None,
            kernel: Kernel::default(),
            linkage: Linkage::default(),
            most_groups: DEFAULT_MOST_GROUPS,
            null_samples: DEFAULT_NULL_SAMPLES,
            given: Vec::new(),
            partition: Vec::new(),
        }
    }
}

impl GroupingParams {
    /// Refuses what cannot be right for `datasets` datasets, before anything is computed.
    pub(crate) fn check(&self, datasets: usize) -> Result<(), GroupingError> {
        if datasets == 0 {
            return Err(GroupingError::NoDatasets);
        }
        self.kernel.check()?;
        if self.most_groups < 2 {
            let found = self.most_groups.to_string();
            return Err(GroupingError::Parameter { field: "most_groups", found, expected: "2 or more" });
        }
        if (1..LEAST_NULL_SAMPLES).contains(&self.null_samples) {
            let found = self.null_samples.to_string();
            let expected = "0, or 49 or more: fewer cannot reach the level of 0.02";
            return Err(GroupingError::Parameter { field: "null_samples", found, expected });
        }
        if self.order != OrderBy::Given && !self.given.is_empty() {
            return Err(GroupingError::GivenUnused { found: self.given.join(", "), order: self.order.name() });
        }
        if self.method != Method::Given && !self.partition.is_empty() {
            let found = format!("{} groups with method `{}`", self.partition.len(), self.method);
            return Err(GroupingError::Parameter { field: "partition", found, expected: "none, or method `given`" });
        }
        match self.count {
            GroupCount::Fixed(_) if !self.method.takes_count() => Ok(()),
            GroupCount::Fixed(0) => Err(GroupingError::ZeroGroups { datasets }),
            GroupCount::Fixed(groups) if groups > datasets => Err(GroupingError::TooManyGroups { groups, datasets }),
            _ => Ok(()),
        }
    }
}

impl GroupingParams {
    /// Whether groups, their number or their order rest on what a probe has measured.
    pub fn uses_probe(&self) -> bool {
        let count = self.method.takes_count() && !matches!(self.count, GroupCount::Fixed(_));
        let order = !matches!(self.order, OrderBy::Size | OrderBy::Given | OrderBy::Random);
        self.method.uses_distances() || count || order
    }
}
