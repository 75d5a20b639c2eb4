//! Groups of training datasets, and the order to introduce them in.
//!
//! Grouped Sequential Training adds groups of datasets to the training set one after another. This crate makes the groups from
//! distances between the datasets' gradients ([`gst_affinity`]) and puts them in order; `gst-schedule` makes stages of them.
//! It computes only: no files, no Burn, and everything drawn by chance comes from a seed.
//!
//! The whole way is [`Grouping::new`]: an affinity in, groups in order and a verdict in plain sentences out. Every step of it
//! can be used alone, on any matrix:
//!
//! ```
//! use gst_grouping::{Distances, Kernel, exact, silhouette, spectral};
//! use ndarray::array;
//!
//! let distances = Distances::new(array![
//!     [0.0, 1.0, 5.0, 5.2],
//!     [1.0, 0.0, 5.1, 4.9],
//!     [5.0, 5.1, 0.0, 0.8],
//!     [5.2, 4.9, 0.8, 0.0],
//! ])?;
//! let groups = spectral(&distances, 2, Kernel::SelfTuning, 0)?;
//! assert_eq!(groups.groups(), [[0, 1], [2, 3]]);
//! assert_eq!(groups, exact(&distances, 2)?.partition); // no grouping into two leaves less distance inside
//! assert!(silhouette(&distances, &groups)? > 0.8);
//! # Ok::<(), gst_grouping::GroupingError>(())
//! ```
//!
//! # Map
//! - [`Distances`] in, [`Partition`] out: [`spectral()`] (the paper's), [`agglomerative()`], [`exact()`], [`community()`], and
//!   the baselines [`random`] and [`by_domain`]. Datasets may be listed in any order: the groups are the same.
//! - How many groups: [`GroupCount`] by the spectrum of an [`Embedding`], by [`silhouette`] or by the elbow of the within term.
//! - Whether to believe them: [`structure_test`] against chance; [`Grouping::stability`] over bootstrap replicates; [`compare`] with
//!   the affinity of another seed, probe point or model, the hardest test and the one that counts.
//! - Their order: [`OrderBy`], with [`shortest_path`], [`prerequisite_order`] and [`best_linear_order`] behind it.
//!
//! # The terms
//! - *Distance* of two datasets: how far apart the gradients are that they give one model, by some
//!   [`Metric`](gst_affinity::Metric). A [`Kernel`] turns it into a similarity from 0 to 1.
//! - *Partition*: every dataset in exactly one of K groups. A *grouping* is a partition in an order of introduction, with the numbers
//!   that speak for or against it.
//! - *Spectral clustering*: datasets become points, by the low eigenvectors of the similarities' graph Laplacian, and k-means
//!   groups the points. *Eigengap*: the step between two neighbouring eigenvalues; a wide one after the K-th says that the graph nearly
//!   falls into K parts.
//! - *Linkage*: the distance of two groups, for merging the nearest two until K are left. *Modularity*: how much more similarity
//!   lies inside groups than chance would put there.
//! - *Silhouette*: how much nearer a dataset is to its own group than to the next one, −1 to 1.
//! - *Adjusted Rand index*: how far two partitions agree; 1 the same, 0 as chance would have it.
//! - *Stability*: that agreement over bootstrap replicates of the probe's batches. *Structure*: groups that are more distinct than the
//!   same method finds in matrices without any.
//! - *Dependence*: training on one dataset lowers the loss of another more than the reverse; what an order can use.
//!
//! With weights p_i, gradients g_i and their mean g, the *heterogeneity* ζ² = Σ p_i ‖g_i − g‖² falls into a part *within* the
//! groups and a part *between* them, for any grouping; the paper's analysis hangs on the two, and [`Distances::within`] is the
//! first. Which K, which order and when to believe a grouping the paper does not say: those definitions are ours.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;

mod agglomerative;
mod agreement;
mod baseline;
mod clustering;
mod community;
mod count;
mod distances;
mod error;
mod exact;
mod grouping;
mod method;
mod names;
mod order;
mod params;
mod partition;
mod spectral;
mod structure;
mod verdict;

pub use agglomerative::{Linkage, Merge, agglomerative, dendrogram};
pub use agreement::{Agreement, Comparison, compare};
pub use baseline::{by_domain, random};
pub use community::{communities, community, modularity, neighbour_graph};
pub use count::{CountScore, GroupCount, silhouette};
pub use distances::Distances;
pub use error::GroupingError;
pub use exact::{MAX_EXACT_DATASETS, Optimum, exact};
pub use grouping::{Grouping, Recommendation};
pub use method::Method;
pub use order::{
    MAX_EXACT_ORDER, MAX_EXACT_PATH, OrderBy, Prerequisite, PrerequisiteOrder, best_linear_order, prerequisite_order,
    shortest_path,
};
pub use params::{DEFAULT_MOST_GROUPS, DEFAULT_NULL_SAMPLES, GroupingParams};
pub use partition::{Partition, co_assignment};
pub use spectral::{Embedding, Kernel, spectral};
pub use structure::{MAX_TESTED_DATASETS, STRUCTURE_LEVEL, StructureTest, structure_test};
pub use verdict::STABLE_FROM;
