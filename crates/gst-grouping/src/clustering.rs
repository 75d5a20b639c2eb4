//! One call for every method: K groups of these datasets, and the choice of K.

use std::cell::OnceCell;

use crate::count::{candidates, elbow, gaps, greatest};
use crate::spectral::Embedding;
use crate::{
    CountScore, Distances, GroupCount, GroupingError, GroupingParams, Method, Partition, agglomerative, baseline, community,
    exact, silhouette,
};

/// Datasets about to be grouped by one method. What several K share (the spectrum) is computed once.
pub(crate) struct Clustering<'a> {
    distances: &'a Distances,
    domains: &'a [&'a str],
    params: &'a GroupingParams,
    order: Vec<usize>,
    embedding: OnceCell<Embedding>,
}

impl<'a> Clustering<'a> {
    pub(crate) fn new(distances: &'a Distances, domains: &'a [&'a str], params: &'a GroupingParams) -> Self {
        Self { distances, domains, params, order: distances.canonical_order(), embedding: OnceCell::new() }
    }

    /// The groups, and the scores of every K that was tried (empty if K was given or follows from the method).
    pub(crate) fn run(&self) -> Result<(Partition, Vec<CountScore>), GroupingError> {
        let count = match (self.params.count, self.params.method) {
            // Greatest modularity names its own K.
            (GroupCount::Fixed(groups), _) => return Ok((self.at(Some(groups))?, Vec::new())),
            (_, Method::Community) => return Ok((self.at(None)?, Vec::new())),
            (_, method) if !method.takes_count() => return Ok((self.at(None)?, Vec::new())),
            (count, _) => count,
        };
        let scores = self.scores(count)?;
        let groups = match count {
            GroupCount::Elbow => elbow(&scores),
            GroupCount::Eigengap => greatest(scores.get(1..).unwrap_or_default()),
            _ => greatest(&scores),
        };
        Ok((self.at(Some(groups))?, scores))
    }

    /// The datasets in `groups` groups; methods that do not take a number leave it out.
    pub(crate) fn at(&self, groups: Option<usize>) -> Result<Partition, GroupingError> {
        let (distances, params) = (self.distances, self.params);
        let datasets = distances.len();
        let wanted = groups.unwrap_or(1);
        match params.method {
            Method::Single => Ok(Partition::single(datasets)),
            Method::Singletons => Ok(Partition::singletons(datasets)),
            Method::ByDomain => Ok(baseline::by_domain(self.domains)),
            Method::Given => baseline::given(&params.partition, distances.names()),
            Method::Random => {
                // Dealt out by name, so that chance does not depend on how datasets are listed.
                let mut by_name: Vec<usize> = (0..datasets).collect();
                by_name.sort_by_key(|&dataset| &distances.names()[dataset]);
                Ok(baseline::random(datasets, wanted, params.seed)?.arranged(&places(&by_name)))
            }
            Method::Agglomerative => agglomerative(distances, wanted, params.linkage),
            Method::Exact => exact(distances, wanted).map(|optimum| optimum.partition),
            Method::Community => community(distances, groups, params.kernel),
            Method::Spectral => {
                distances.check_groups(wanted)?;
                if wanted == 1 || wanted == datasets {
                    return if wanted == 1 { Ok(Partition::single(datasets)) } else { Ok(Partition::singletons(datasets)) };
                }
                let here = self.embedding(wanted)?.groups(wanted, params.seed)?;
                Ok(here.arranged(&places(&self.order)))
            }
        }
    }

    fn scores(&self, count: GroupCount) -> Result<Vec<CountScore>, GroupingError> {
        let candidates = candidates(self.distances.len(), self.params.most_groups);
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        match count {
            GroupCount::Eigengap => Ok(gaps(&self.embedding(0)?.values()[..=*candidates.end()])),
            GroupCount::Silhouette => candidates
                .map(|groups| Ok(CountScore { groups, score: silhouette(self.distances, &self.at(Some(groups))?)? }))
                .collect(),
            _ => {
                let total = self.distances.total();
                let share = |partition: &Partition| if total > 0.0 { self.distances.within(partition) / total } else { 0.0 };
                (1..=*candidates.end()).map(|groups| Ok(CountScore { groups, score: share(&self.at(Some(groups))?) })).collect()
            }
        }
    }

    /// The spectrum of the affinity graph, with vectors enough for `groups` groups and for every K of an automatic choice.
    fn embedding(&self, groups: usize) -> Result<&Embedding, GroupingError> {
        if let Some(embedding) = self.embedding.get() {
            return Ok(embedding);
        }
        let size = match self.params.count {
            GroupCount::Fixed(fixed) => fixed,
            _ => candidates(self.distances.len(), self.params.most_groups).end() + 1,
        };
        let arranged = self.distances.arranged(&self.order);
        let embedding = Embedding::new(&arranged, self.params.kernel, size.max(groups), self.params.seed)?;
        Ok(self.embedding.get_or_init(|| embedding))
    }
}

/// Where each dataset is in an order.
fn places(order: &[usize]) -> Vec<usize> {
    let mut places = vec![0; order.len()];
    for (place, &dataset) in order.iter().enumerate() {
        places[dataset] = place;
    }
    places
}
