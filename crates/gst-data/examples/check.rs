//! Checks a folder of datasets and prints what is in it: `cargo run -p gst-data --example check -- DIR`.

use std::{path::PathBuf, process::ExitCode};

use gst_data::{
    OpenParams,
    check::{CheckParams, check_folder},
};

fn main() -> ExitCode {
    let Some(root) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: check DIR (a folder of datasets, see the crate's README)");
        return ExitCode::FAILURE;
    };
    match check_folder(&root, &OpenParams::default(), &CheckParams::default()) {
        Ok(report) => {
            eprint!("{report}");
            if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
