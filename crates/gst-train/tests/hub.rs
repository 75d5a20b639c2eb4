//! `gst data download`, from a Hub that the test itself is.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

#[path = "../../gst-data/tests/hub/server.rs"]
#[allow(dead_code, reason = "not every test uses all of it")]
mod server;

use std::process::{Command, Output};

use server::{COMMIT, Offer, Server};

fn gst(server: &Server, folder: &std::path::Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gst"));
    command.args(["data", "download"]).args(arguments).current_dir(folder);
    for name in ["HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"] {
        command.env_remove(name);
    }
    command.env("HF_HOME", folder).env("XDG_CACHE_HOME", folder.join("cache")).env("HF_ENDPOINT", &server.endpoint);
    command.output().unwrap()
}

#[test]
fn datasets_and_weights_are_fetched_and_told_how_to_use() {
    let files = [("config.json", vec![7; 20]), ("model.safetensors", vec![8; 5_000]), ("train.parquet", vec![9; 2_000])];
    let files = files.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec();
    let (server, folder) = (Server::new(Offer { files, ..Offer::default() }), tempfile::tempdir().unwrap());
    let said = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();

    let output = gst(&server, folder.path(), &["lab/Sounds-1"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let own = folder.path().join("cache/gst/hub/datasets/lab/Sounds-1");
    assert_eq!(std::fs::read(own.join("train.parquet")).unwrap(), vec![9; 2_000]);
    let expected = format!("sounds_1 = {{ reader = \"parquet\", path = \"{}\"", own.display());
    assert!(said(&output).contains(&expected), "{}", said(&output));

    let output = gst(&server, folder.path(), &["lab/small", "--weights", "--out", "small", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: serde_json::Value = serde_json::from_str(&said(&output)).unwrap();
    assert_eq!((&told["commit"], &told["folder"], &told["files"]), (&COMMIT.into(), &"small".into(), &2.into()));
    assert!(folder.path().join("small/model.safetensors").is_file());

    server.offer.lock().unwrap().token = Some("other".into());
    let output = gst(&server, folder.path(), &["lab/small", "--weights", "--out", "small"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && message.contains("HF_TOKEN") && !message.contains("panicked"), "{message}");
}
