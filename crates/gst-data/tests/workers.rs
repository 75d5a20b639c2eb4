//! Child processes that misbehave: each costs one clip, and the work goes on.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use std::{path::Path, process::Command, time::Duration};

use gst_data::{
    DataError,
    check::{Examined, Workers, serve},
};

/// A shell that answers like a worker, and misbehaves on files with certain names.
const STAND_IN: &str = r#"
    echo 'gst-examine 1'
    while read -r line; do
        case "$line" in
            *104,97,110,103*) sleep 600 ;;
            *99,114,97,115,104*) kill -SEGV $$ ;;
            *101,120,105,116*) exit 3 ;;
            *110,111,105,115,101*) echo 'noise' ;;
            *) echo '"same"' ;;
        esac
    done
"#;

fn shell(script: &'static str) -> impl Fn() -> Command + Send + Sync {
    move || {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }
}

#[test]
fn each_fault_costs_its_clip_only() {
    let workers = Workers::new(shell(STAND_IN), Duration::from_secs(2));
    let ask = |name: &str| workers.examine(Path::new(name), None).unwrap();
    for (name, part) in [
        ("hang.wav", "takes longer than 2 s"),
        ("crash.wav", "crashed on it (signal: 11"),
        ("exit.wav", "crashed on it (exit status: 3"),
        ("noise.wav", "answers nonsense"),
    ] {
        assert_eq!(ask("good.wav"), Examined::Same);
        let Examined::Bad { file_hash: None, reason } = ask(name) else { panic!("{name} passes") };
        assert!(reason.contains(name) && reason.contains(part), "{reason}");
    }
    assert_eq!(ask("good.wav"), Examined::Same);
}

#[test]
fn a_program_that_is_no_worker_stops_the_check() {
    for (script, part) in [("echo hello; sleep 600", "said `hello`"), ("exit 7", "exit status: 7"), ("sleep 600", "takes longer")]
    {
        let workers = Workers::new(shell(script), Duration::from_secs(1));
        let error = workers.examine(Path::new("a.wav"), None).unwrap_err();
        assert!(matches!(error, DataError::Worker { .. }) && error.to_string().contains(part), "{error}");
    }
    let workers = Workers::new(|| Command::new("/nowhere/gst"), Duration::from_secs(1));
    assert!(workers.examine(Path::new("a.wav"), None).unwrap_err().to_string().contains("/nowhere/gst"));
}

#[test]
fn a_worker_answers_line_by_line() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tone_16000_mono.flac");
    let request = |path: &str| format!("{{\"path\":{{\"Unix\":{:?}}},\"known\":null}}\n", path.as_bytes());
    let mut output = Vec::new();
    let input = request(golden) + &request("/nowhere/none.wav");
    serve(input.as_bytes(), &mut output, Duration::from_secs(60)).unwrap();
    let output = String::from_utf8(output).unwrap();
    let lines: Vec<&str> = output.lines().collect();
    assert!(
        lines.len() == 3 && lines[1].starts_with("{\"good\":{\"file_hash\":\"sha256:") && lines[2].contains("none.wav"),
        "{output}"
    );
    assert!(serve(&b"not a request\n"[..], Vec::new(), Duration::from_secs(60)).is_err());
}
