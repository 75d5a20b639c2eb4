//! What must not stay in a source file: unfinished code, skipped tests, backends outside their place, an overgrown `lib.rs`.

use super::Finding;
use super::rust_code::{code_only, lines_of_code};

/// Most lines of code in a `lib.rs`: a page that a reader can hold.
const MAX_LIB_LINES: usize = 45;
/// Left-overs of work in progress.
const LEFTOVERS: [(&str, &str); 4] = [
    ("#[ignore", "a test that does not run is no test: run it or delete it"),
    ("todo!", "finish it"),
    ("unimplemented!", "finish it"),
    ("dbg!", "remove it"),
];
/// What names a backend of Burn in code.
const BACKENDS: [&str; 12] = [
    "burn::backend",
    "burn_flex",
    "burn_wgpu",
    "burn_cuda",
    "burn_ndarray",
    "burn_cubecl",
    "Device::flex",
    "Device::wgpu",
    "Device::vulkan",
    "Device::cuda",
    "Device::metal",
    "Device::rocm",
];
/// Where backends are named.
const BACKEND_HOME: &str = "crates/gst-train/";

/// Checks one file of the repository.
pub(crate) fn check(file: &str, text: &str) -> Vec<Finding> {
    if !file.ends_with(".rs") {
        return Vec::new();
    }
    let code = code_only(text);
    let mut findings = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let place = || format!("{file}:{}", number + 1);
        for (word, remedy) in LEFTOVERS {
            if has_word(line, word) {
                findings.push(Finding::new(place(), format!("`{word}`: {remedy}")));
            }
        }
    }
    findings.extend(backends(file, &code));
    if file.ends_with("/src/lib.rs") {
        let lines = lines_of_code(text);
        if lines > MAX_LIB_LINES {
            findings.push(Finding::new(file, format!("{lines} lines of code; at most {MAX_LIB_LINES}: move some into modules")));
        }
    }
    findings
}

/// Tests, examples and benchmarks may open a device of their own; the code that ships may not.
fn backends(file: &str, code: &str) -> Vec<Finding> {
    if file.starts_with(BACKEND_HOME) || !file.starts_with("crates/") || !file.contains("/src/") {
        return Vec::new();
    }
    let shipped = code.split_once("#[cfg(test)]").map_or(code, |(shipped, _)| shipped);
    let named = shipped.lines().enumerate().flat_map(|(number, line)| BACKENDS.iter().map(move |name| (number, line, *name)));
    let named = named.filter(|(_, line, name)| has_word(line, name));
    named
        .map(|(number, _, name)| {
            Finding::new(
                format!("{file}:{}", number + 1),
                format!("`{name}`: only gst-train names backends; take a device instead"),
            )
        })
        .collect()
}

/// Whether a word stands in a line and is not the end of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(file: &str, text: &str, expected: &[&str]) {
        let found: Vec<String> = check(file, text).into_iter().map(|finding| finding.place).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn unfinished_code_is_found_in_code_only() {
        check_one("a.rs", "fn a() {\n    todo!()\n}\n", &["a.rs:2"]);
        check_one("a.rs", "#[test]\n#[ignore = \"slow\"]\nfn a() { dbg!(1); }", &["a.rs:2", "a.rs:3"]);
        check_one("a.rs", "// todo!()\nlet text = \"dbg!\"; my_todo!();", &[]);
        check_one("notes.md", "todo!()", &[]);
    }

    #[test]
    fn backends_are_named_in_one_crate_only() {
        let code = "fn a() { Device::cuda(0); }\n#[cfg(test)]\nmod tests { fn b() { Device::flex(); } }";
        check_one("crates/gst-model/src/a.rs", code, &["crates/gst-model/src/a.rs:1"]);
        check_one("crates/gst-train/src/device.rs", code, &[]);
        check_one("crates/gst-model/examples/a.rs", code, &[]);
        check_one("crates/gst-model/src/b.rs", "//! See `burn::backend`.\nuse burn::tensor::Device;", &[]);
    }

    #[test]
    fn a_lib_file_stays_a_page() {
        let lines = |count: usize| format!("//! Page.\n{}", "pub mod a;\n".repeat(count));
        check_one("crates/a/src/lib.rs", &lines(MAX_LIB_LINES), &[]);
        check_one("crates/a/src/lib.rs", &lines(MAX_LIB_LINES + 1), &["crates/a/src/lib.rs"]);
    }
}
