//! The groups that are right by construction: read from the marker of a generated world.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

#[derive(Deserialize)]
struct Marker {
    report: Option<Report>,
}

#[derive(Deserialize)]
struct Report {
    world: Option<World>,
}

#[derive(Deserialize)]
struct World {
    datasets: Vec<Dataset>,
}

#[derive(Deserialize)]
struct Dataset {
    name: String,
    rung: usize,
    style: String,
}

/// Groups in their order, as `gst group --partition` takes them; `None` for data that is no generated world.
///
/// What others stand on comes first: a group for each rung. Where nothing stands on anything, those that share a background: that
/// parts rivals, and holds no more of the truth than there is.
pub(crate) fn partition(data: &Path) -> Result<Option<String>> {
    let path = data.join("suite.json");
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let marker: Marker = serde_json::from_str(&text).with_context(|| format!("{} is no marker of a suite", path.display()))?;
    Ok(marker.report.and_then(|report| report.world).map(|world| groups(&world.datasets)))
}

fn groups(datasets: &[Dataset]) -> String {
    let by = |key: &dyn Fn(&Dataset) -> String| {
        let mut groups: std::collections::BTreeMap<String, Vec<&str>> = std::collections::BTreeMap::new();
        datasets.iter().for_each(|dataset| groups.entry(key(dataset)).or_default().push(&dataset.name));
        groups.into_values().map(|names| names.join(",")).collect::<Vec<_>>()
    };
    let rungs = by(&|dataset| dataset.rung.to_string());
    if rungs.len() > 1 { rungs } else { by(&|dataset| dataset.style.clone()) }.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_come_from_below_and_rivals_apart_where_there_are_none() {
        let dataset = |name: &str, rung, style: &str| Dataset { name: name.into(), rung, style: style.into() };
        let ladder = [dataset("a", 1, "hum"), dataset("b", 3, "hum"), dataset("c", 2, "white"), dataset("d", 1, "white")];
        assert_eq!(groups(&ladder), "a,d;c;b");
        let flat = [dataset("a", 1, "hum"), dataset("b", 1, "white"), dataset("c", 1, "hum")];
        assert_eq!(groups(&flat), "a,c;b");
    }

    #[test]
    fn data_that_is_no_world_has_no_such_groups() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(partition(folder.path()).unwrap(), None);
        std::fs::write(folder.path().join("suite.json"), r#"{"report":{"seed":1}}"#).unwrap();
        assert_eq!(partition(folder.path()).unwrap(), None);
        let world =
            r#"{"report":{"world":{"datasets":[{"name":"x","rung":1,"style":"hum"},{"name":"y","rung":2,"style":"hum"}]}}}"#;
        std::fs::write(folder.path().join("suite.json"), world).unwrap();
        assert_eq!(partition(folder.path()).unwrap().as_deref(), Some("x;y"));
    }
}
