//! The configuration lines in the documentation are lines that are understood.

use std::{collections::BTreeSet, fs, path::Path};

use gst_data::{readers::DATASETS, sources::SourceList};

use super::host::Host;

/// The blocks marked `toml` of a page of `docs/`.
fn blocks(page: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
    let text = fs::read_to_string(path).unwrap();
    text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn every_list_in_the_documentation_is_understood() {
    let mut used = BTreeSet::new();
    for page in ["datasets.md", "bring-your-own.md"] {
        let blocks = blocks(page);
        assert!(blocks.len() > 3, "{page}: {} blocks", blocks.len());
        for block in blocks {
            let host = Host::new();
            let path = host.path().join("list.toml");
            let text = if block.contains("[datasets") { block.clone() } else { format!("[datasets]\n{block}") };
            fs::write(&path, text).unwrap();
            let list = SourceList::read(&path).unwrap_or_else(|error| panic!("{page}: {error}\n{block}"));
            used.extend(list.datasets.iter().map(|settings| settings.reader.name));
        }
    }
    let missing: Vec<&str> = gst_data::readers::all().map(|entry| entry.name).filter(|name| !used.contains(name)).collect();
    assert!(missing.is_empty(), "no example of {missing:?}");
}

#[test]
fn the_page_of_the_datasets_says_what_the_registry_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/datasets.md");
    let page = fs::read_to_string(path).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    for entry in DATASETS {
        let facts = entry.facts.unwrap();
        for fact in [facts.licence, facts.size, facts.splits, facts.citation, facts.page] {
            assert!(page.contains(fact), "{}: the page lacks `{fact}`", entry.name);
        }
        for key in entry.reader.keys() {
            assert!(page.contains(&format!("`{}`", key.name)), "{}: the page lacks `{}`", entry.name, key.name);
        }
    }
}
