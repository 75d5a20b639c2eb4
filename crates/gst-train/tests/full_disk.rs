//! A disk that is full: the checkpoint before stays, the message says what happened, and the run goes on once there is room.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use std::process::{Command, Output};

use common::{Bench, DATASETS};

fn shell(bench: &Bench, script: &str) -> Output {
    Command::new("sh").args(["-c", script]).current_dir(bench.path("")).env("GST", env!("CARGO_BIN_EXE_gst")).output().unwrap()
}

fn planned() -> (Bench, String, u64) {
    let bench = Bench::new();
    bench.ok(&format!("schedule --data data --only {DATASETS} --strategy mix-all --steps 4 --batch-size 2 --out mix.json"));
    let train = format!("train --data data --only {DATASETS} --schedule mix.json --evaluate-every 0 --checkpoint-every 2");
    bench.ok(&format!("{train} --out whole"));
    let model = std::fs::metadata(bench.path("whole/checkpoints/step-4/model.safetensors")).unwrap().len();
    (bench, train, model)
}

fn check(stderr: &str, cause: &str) {
    for part in ["checkpoint of step 2", "step 0 is untouched", "optimizer.safetensors", cause] {
        assert!(stderr.contains(part), "expected `{part}` in: {stderr}");
    }
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn files_that_may_not_grow() {
    let (bench, train, model) = planned();
    // The weights may be written and the moments, twice as large, may not. Blocks are of 512 bytes.
    let blocks = model * 3 / 2 / 512;
    let output = shell(&bench, &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$GST\" {train} --out run"));
    assert!(!output.status.success());
    check(&String::from_utf8(output.stderr).unwrap(), "File too large");
    let left = std::fs::read_dir(bench.path("run/checkpoints")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["step-0"]);
    bench.ok("train --resume run");
    let weights = |run: &str| std::fs::read(bench.path(&format!("{run}/checkpoints/step-4/model.safetensors"))).unwrap();
    assert!(weights("run") == weights("whole"));
}

#[test]
fn a_small_file_system_fills_up() {
    let (bench, train, model) = planned();
    std::fs::create_dir(bench.path("disk")).unwrap();
    // Room for the first checkpoint, and for the weights of the second, but not for its moments.
    let room = model * 7 / 2;
    let script = format!(
        "mount -t tmpfs -o size={room} tmpfs disk || exit 77
         \"$GST\" {train} --out disk/run; echo \"ended $?\"
         ls disk/run/checkpoints
         mount -o remount,size=1g disk && \"$GST\" train --resume disk/run && ls disk/run/checkpoints/step-4
         cmp disk/run/checkpoints/step-4/model.safetensors whole/checkpoints/step-4/model.safetensors && echo equal"
    );
    for namespace in [&["--mount"][..], &["--mount", "--map-root-user"]] {
        let output = Command::new("unshare")
            .args(namespace)
            .args(["sh", "-c", &script])
            .current_dir(bench.path(""))
            .env("GST", env!("CARGO_BIN_EXE_gst"))
            .output();
        let Ok(output) = output.as_ref().map(|output| (output.status.code(), output)) else { continue };
        let (stdout, stderr) = (String::from_utf8_lossy(&output.1.stdout), String::from_utf8_lossy(&output.1.stderr));
        // 77: no right to mount. `unshare` itself ends with 1 and says nothing on standard output where it is not allowed.
        if output.0 == Some(77) || stdout.is_empty() {
            continue;
        }
        check(&stderr, "No space left on device");
        assert!(stdout.contains("ended 1\nstep-0\n") && stdout.trim_end().ends_with("equal"), "{stdout}\n{stderr}");
        return;
    }
    eprintln!("skipped: this system lets us mount no tmpfs");
}
