//! Datasets and weights of a Hub that the test itself is.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod server;

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use gst_data::hub::{Hub, HubError, HubKind, HubRequest};
use server::{Asked, COMMIT, Offer, Server};

fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 7 % 251) as u8).collect()
}

fn dataset() -> Offer {
    let files = [("README.md", bytes(10)), ("data/train-00000.parquet", bytes(300_000)), ("data/test-00000.parquet", bytes(900))];
    Offer { files: files.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec(), ..Offer::default() }
}

fn hub(server: &Server) -> Hub {
    Hub { endpoint: server.endpoint.clone(), token: None, offline: false }
}

fn request(kind: HubKind, include: &[&str]) -> HubRequest {
    let include = include.iter().map(|&pattern| pattern.to_owned()).collect();
    HubRequest { kind, id: "lab/sounds".into(), revision: "main".into(), include }
}

fn fetch(hub: &Hub, request: &HubRequest, folder: &Path) -> Result<gst_data::hub::Fetched, HubError> {
    hub.fetch(request, folder, &|_, _| {})
}

fn files(asked: &[Asked]) -> Vec<&str> {
    asked.iter().filter_map(|asked| asked.path.split_once(&format!("/resolve/{COMMIT}/"))).map(|(_, file)| file).collect()
}

#[test]
fn what_is_asked_for_is_fetched_once() {
    let (server, folder) = (Server::new(dataset()), tempfile::tempdir().unwrap());
    let (wanted, seen) = (request(HubKind::Dataset, &[]), Mutex::new(Vec::new()));
    let own = wanted.folder(folder.path());
    let fetched = hub(&server).fetch(&wanted, &own, &|done, total| seen.lock().unwrap().push((done, total))).unwrap();
    assert_eq!((fetched.commit.as_str(), fetched.bytes, fetched.files.len()), (COMMIT, 300_900, 2));
    assert_eq!(fs::read(own.join("data/train-00000.parquet")).unwrap(), bytes(300_000));
    assert_eq!(fs::read(own.join("data/test-00000.parquet")).unwrap(), bytes(900));
    assert!(!own.join("README.md").exists(), "it was not asked for");
    let seen = seen.into_inner().unwrap();
    assert!(seen.is_sorted() && seen.last() == Some(&(300_900, 300_900)), "{seen:?}");
    let asked = server.asked();
    assert!(asked[0].path.ends_with("/api/datasets/lab/sounds/revision/main"), "{asked:?}");
    assert_eq!(files(&asked), ["data/test-00000.parquet", "data/train-00000.parquet"]);

    // The second time only the list is asked for; another pattern brings another file.
    assert_eq!(fetch(&hub(&server), &wanted, &own).unwrap().bytes, 0);
    assert!(files(&server.asked()).is_empty());
    assert_eq!(fetch(&hub(&server), &request(HubKind::Dataset, &["*.md"]), &own).unwrap().bytes, 10);

    // Offline it is all there, or said what is not.
    let offline = Hub { offline: true, endpoint: "http://127.0.0.1:1".into(), ..hub(&server) };
    assert_eq!(fetch(&offline, &wanted, &own).unwrap().files.len(), 2);
    fs::remove_file(own.join("data/test-00000.parquet")).unwrap();
    for (request, folder) in [
        (wanted.clone(), own.clone()),
        (HubRequest { revision: "v2".into(), ..wanted.clone() }, own.clone()),
        (wanted, folder.path().join("other")),
    ] {
        let error = fetch(&offline, &request, &folder).unwrap_err().to_string();
        assert!(error.contains("HF_HUB_OFFLINE"), "{error}");
    }
}

#[test]
fn what_changed_is_fetched_again_though_its_size_did_not() {
    let (server, folder) = (Server::new(dataset()), tempfile::tempdir().unwrap());
    let wanted = request(HubKind::Dataset, &[]);
    fetch(&hub(&server), &wanted, folder.path()).unwrap();
    let changed: Vec<u8> = bytes(900).into_iter().rev().collect();
    server.offer.lock().unwrap().files[2].1.clone_from(&changed);
    server.asked();
    assert_eq!(fetch(&hub(&server), &wanted, folder.path()).unwrap().bytes, 900);
    assert_eq!(files(&server.asked()), ["data/test-00000.parquet"]);
    assert_eq!(fs::read(folder.path().join("data/test-00000.parquet")).unwrap(), changed);
    // A file that somebody cut is fetched again too.
    fs::write(folder.path().join("data/test-00000.parquet"), b"cut").unwrap();
    assert_eq!(fetch(&hub(&server), &wanted, folder.path()).unwrap().bytes, 900);
}

#[test]
fn what_broke_off_goes_on_where_it_was() {
    let (server, folder) = (Server::new(dataset()), tempfile::tempdir().unwrap());
    let wanted = request(HubKind::Dataset, &["data/train*"]);
    server.offer.lock().unwrap().breaks = Some(200_000);
    let error = fetch(&hub(&server), &wanted, folder.path()).unwrap_err();
    assert!(error.to_string().contains("goes on"), "{error}");
    assert!(!folder.path().join("data/train-00000.parquet").exists(), "no half file has a file's name");
    server.asked();
    let fetched = fetch(&hub(&server), &wanted, folder.path()).unwrap();
    let asked = server.asked();
    let range = asked.last().unwrap().range.clone().unwrap();
    let from: u64 = range["bytes=".len()..range.len() - 1].parse().unwrap();
    assert!(from > 0 && fetched.bytes == 300_000 - from, "{range}");
    assert_eq!(fs::read(folder.path().join("data/train-00000.parquet")).unwrap(), bytes(300_000));
    assert_eq!(fs::read_dir(folder.path().join("data")).unwrap().count(), 1, "nothing is left over");
}

#[test]
fn the_token_goes_to_the_hub_and_no_further() {
    let elsewhere = Server::new(dataset());
    // Another name of this machine, so another host.
    let host = elsewhere.endpoint.replace("127.0.0.1", "localhost");
    let offer = Offer { token: Some("secret".into()), elsewhere: Some(host), ..dataset() };
    let (server, folder) = (Server::new(offer), tempfile::tempdir().unwrap());
    let wanted = request(HubKind::Dataset, &[]);
    let error = fetch(&hub(&server), &wanted, folder.path()).unwrap_err();
    assert!(matches!(error, HubError::Status { status: 401, .. }) && error.to_string().contains("HF_TOKEN"), "{error}");
    let known = Hub { token: Some("secret".into()), ..hub(&server) };
    fetch(&known, &wanted, folder.path()).unwrap();
    let asked = elsewhere.asked();
    assert!(asked.len() == 2 && asked.iter().all(|asked| asked.token.is_none()), "{asked:?}");
    assert!(server.asked().iter().skip(1).all(|asked| asked.token.as_deref() == Some("Bearer secret")));
}

#[test]
fn what_is_not_what_the_hub_says_is_refused() {
    let (server, folder) = (Server::new(Offer { lies: true, ..dataset() }), tempfile::tempdir().unwrap());
    let wanted = request(HubKind::Dataset, &["*train*"]);
    assert!(matches!(fetch(&hub(&server), &wanted, folder.path()).unwrap_err(), HubError::Damaged { .. }));
    assert_eq!(fs::read_dir(folder.path().join("data")).unwrap().count(), 0, "nothing of it is kept");

    let message = |request: HubRequest| fetch(&hub(&server), &request, folder.path()).unwrap_err().to_string();
    let model = message(request(HubKind::Model, &["*.bin"]));
    assert!(model.contains("*.bin") && model.contains("README.md") && !model.contains("convert"), "{model}");
    let none = message(request(HubKind::Dataset, &["*x.parquet"]));
    assert!(none.contains("refs/convert/parquet"), "{none}");
    for id in ["", "a/b/c", "../a", "a/..", "a b", "-a"] {
        let error = message(HubRequest { id: id.into(), ..request(HubKind::Model, &[]) });
        assert!(error.contains("expected ORGANISATION/NAME"), "{id}: {error}");
    }
    let gone = Hub { endpoint: "http://127.0.0.1:1".into(), ..hub(&server) };
    assert!(matches!(fetch(&gone, &wanted, folder.path()).unwrap_err(), HubError::Connection { .. }));
}

#[test]
fn the_line_for_a_list_can_be_read() {
    let (folder, wanted) = (tempfile::tempdir().unwrap(), request(HubKind::Dataset, &[]));
    let own = folder.path().join("a \"quoted\" folder");
    let list = folder.path().join("sets.toml");
    fs::write(&list, format!("[datasets]\n{}\n", wanted.list_line(&own))).unwrap();
    let read = gst_data::sources::SourceList::read(&list).unwrap();
    assert_eq!((read.datasets[0].name.as_str(), &read.datasets[0].path), ("sounds", &own));
}
