//! What a grouping says to a person: sentences, each with the number behind it, and a recommendation.

use gst_affinity::{Affinity, Dependence, Metric};

use crate::order::rounded;
use crate::{GroupCount, Grouping, Method, Recommendation};

/// Groups that agree less than this with those of bootstrap replicates (mean adjusted Rand index) are not to be built on.
pub const STABLE_FROM: f64 = 0.6;

/// Numbers of groups that the sentence on within shares goes through.
const MOST_SHOWN: usize = 5;

/// What is known beside the grouping itself.
pub(crate) struct Evidence<'a> {
    pub(crate) affinity: &'a Affinity,
    pub(crate) undetermined: usize,
    pub(crate) order_note: &'a str,
    pub(crate) replicates: usize,
    /// Within share of the squared distances that were grouped by: of these groups, and the least there is for as many groups.
    pub(crate) optimum: Option<(f64, f64)>,
}

/// The recommendation and the sentences.
pub(crate) fn judge(grouping: &Grouping, evidence: &Evidence<'_>) -> (Recommendation, Vec<String>) {
    let mut sentences = vec![groups(grouping)];
    sentences.extend(count(grouping));
    sentences.extend(heterogeneity(grouping));
    sentences.extend(within_shares(grouping));
    if let Some((here, least)) = evidence.optimum.filter(|(_, least)| *least > 0.0) {
        let (metric, groups) = (grouping.metric, grouping.groups.len());
        sentences.push(format!(
            "Of the squared distances by {metric}, {:.1} % is left inside; the best of all groupings into {groups} leaves {:.1} %.",
            100.0 * here,
            100.0 * least
        ));
    }
    if evidence.undetermined > 0 {
        let (undetermined, noun) = (evidence.undetermined, if evidence.undetermined == 1 { "pair" } else { "pairs" });
        sentences.push(format!(
            "{undetermined} {noun} of datasets undetermined (gradients lost in noise), counted as the median distance; more probe batches would tell."
        ));
    }
    sentences.extend(structure(grouping));
    sentences.extend(stability(grouping, evidence.replicates));
    sentences.extend(dependence(evidence.affinity));
    sentences.push(evidence.order_note.to_owned());
    let (recommendation, reason) = recommend(grouping, evidence.affinity);
    sentences.push(reason);
    (recommendation, sentences)
}

fn groups(grouping: &Grouping) -> String {
    let sizes = grouping.groups.iter().map(|g| g.len().to_string()).collect::<Vec<_>>().join(" + ");
    let (datasets, groups, method, metric) = (grouping.datasets.len(), grouping.groups.len(), grouping.method, grouping.metric);
    let by = if method.uses_distances() { format!("{method} over {metric}") } else { method.to_string() };
    let noun = if groups == 1 { "group" } else { "groups" };
    format!("{datasets} datasets in {groups} {noun} ({sizes}) by {by}; mean silhouette {:.2}.", grouping.silhouette)
}

fn count(grouping: &Grouping) -> Option<String> {
    let chosen = grouping.groups.len();
    let of = |groups: usize| grouping.count_scores.iter().find(|s| s.groups == groups).map(|s| s.score);
    let here = of(chosen)?;
    let others = grouping.count_scores.iter().filter(|s| s.groups != chosen && s.groups > 1);
    Some(match grouping.count {
        GroupCount::Eigengap => {
            let next =
                others.map(|s| s.score).max_by(f64::total_cmp).map_or(String::new(), |gap| format!(", the next widest {gap:.3}"));
            let whole = of(1).filter(|gap| *gap > here);
            let one = whole
                .map(|gap| format!(" The gap after 1 is wider still ({gap:.3}): the graph itself does not fall into parts."));
            format!("K by eigengap: {here:.3} after {chosen}{next}.{}", one.unwrap_or_default())
        }
        GroupCount::Silhouette => {
            let next = others
                .map(|s| s.score)
                .max_by(f64::total_cmp)
                .map_or(String::new(), |score| format!(", the next best {score:.3}"));
            format!("K by silhouette: {here:.3} at {chosen}{next}.")
        }
        _ => {
            format!("K by the elbow of the within share: {here:.3} at {chosen}, {:.3} before it.", of(chosen - 1).unwrap_or(1.0))
        }
    })
}

fn heterogeneity(grouping: &Grouping) -> Option<String> {
    let share = 100.0 * grouping.within_share()?;
    let total = rounded(grouping.zeta_squared);
    if share < 0.0 {
        return Some(format!(
            "Heterogeneity ζ² = {total} lies between groups; what is left inside them is no more than noise (debiased {share:.0} %)."
        ));
    }
    Some(format!(
        "Of the heterogeneity ζ² = {total}, {share:.0} % is left inside groups and {:.0} % lies between them.",
        100.0 - share
    ))
}

/// Two groups and up, as far as a person reads.
fn within_shares(grouping: &Grouping) -> Option<String> {
    let shown = grouping.within_shares.iter().filter(|s| s.groups > 1).take(MOST_SHOWN);
    let shares: Vec<String> = shown.map(|s| format!("{} leave {:.0} %", s.groups, 100.0 * s.score)).collect();
    (!shares.is_empty()).then(|| format!("Inside groups, by their number: {} of ζ².", shares.join(", ")))
}

fn structure(grouping: &Grouping) -> Option<String> {
    let test = grouping.structure?;
    let numbers = format!(
        "contrast {:.2} against {:.2} ± {:.2} in {} matrices without structure, p = {:.2}",
        test.contrast, test.null_mean, test.null_deviation, test.samples, test.p_value
    );
    Some(if test.found() {
        format!("The groups are told apart from chance ({numbers}).")
    } else {
        format!("No structure: chance gives groups as distinct as these ({numbers}).")
    })
}

fn stability(grouping: &Grouping, replicates: usize) -> Option<String> {
    let index = grouping.stability?;
    let word = if index >= STABLE_FROM { "stable" } else { "not stable" };
    Some(format!(
        "The groups are {word} over {replicates} bootstrap replicates of the probe batches: mean adjusted Rand index {index:.2}. One probe of one model overstates this; compare with another seed."
    ))
}

/// A sentence for every directed metric that was measured often enough to have intervals.
fn dependence(affinity: &Affinity) -> Vec<String> {
    let sentence = |found: &Dependence| {
        let (directed, pairs, metric) = (found.directed.len(), found.pairs, found.metric);
        let chance = pairs as f64 * (1.0 - found.level);
        format!(
            "Dependence: in {directed} of {pairs} pairs one dataset prepares the other more than the reverse, beyond the interval ({metric}); {chance:.0} would by chance."
        )
    };
    let sentences: Vec<String> = repeated(affinity).map(sentence).collect();
    if sentences.is_empty() {
        return vec![
            "Dependence was not measured (it takes two repeats of `lookahead`, `commutator` or `transferability`): whether an order of groups can pay is open.".to_owned(),
        ];
    }
    sentences
}

fn repeated(affinity: &Affinity) -> impl Iterator<Item = &Dependence> {
    affinity.dependence.iter().filter(|found| found.repeats > 1)
}

fn recommend(grouping: &Grouping, affinity: &Affinity) -> (Recommendation, String) {
    let mix_all = |reason: String| (Recommendation::MixAll, format!("Recommendation: no groups. {reason}"));
    if grouping.groups.len() == 1 {
        return mix_all("All datasets are in one group.".to_owned());
    }
    let compare = |reason: &str| {
        (Recommendation::Compare, format!("Recommendation: compare these groups with none, over several seeds. {reason}"))
    };
    if grouping.method == Method::Given {
        return compare("They are your own: nothing that was measured speaks for or against them.");
    }
    if !matches!(grouping.method, Method::Spectral | Method::Agglomerative | Method::Exact | Method::Community) {
        let method = grouping.method;
        return mix_all(format!("These groups (`{method}`) are a baseline; they say nothing of the data."));
    }
    let structured = grouping.structure.map(|test| test.found());
    let unstable = grouping.stability.filter(|index| *index < STABLE_FROM);
    // Dependence first: in the runs that we know of it went with a gain, structure alone did not.
    if let Some(found) = affinity.prerequisites() {
        let order = if found.metric == Metric::Commutator { "commutator" } else { "prerequisite" };
        let doubt = match (structured, unstable) {
            (Some(false), _) => " The groups themselves are no better than chance makes them.",
            (_, Some(_)) => " The groups themselves would be others with other probe batches.",
            _ => "",
        };
        return compare(&format!("Datasets build on one another: order the groups by `{order}`.{doubt}"));
    }
    if structured == Some(false) {
        return mix_all("The data give no reason to group.".to_owned());
    }
    if let Some(index) = unstable {
        return mix_all(format!("The groups would be others with other probe batches (index {index:.2}, wanted {STABLE_FROM})."));
    }
    let points = affinity.stability.points.filter(|_| affinity.changes_along_the_run() && !grouping.metric.is_directed());
    if let Some(points) = points {
        return mix_all(format!(
            "What sets the datasets apart changes along the run (rank correlation {points:.2} between probe points)."
        ));
    }
    match (structured, repeated(affinity).next()) {
        (None, _) => mix_all("Whether there is structure was not tested, and nothing speaks for an order.".to_owned()),
        (_, Some(_)) => {
            mix_all("There are groups, but no dataset prepares for another; conflict alone has not made grouping pay.".to_owned())
        }
        (_, None) => compare("There are groups; groups alone have not made grouping pay, dependence was not measured."),
    }
}
