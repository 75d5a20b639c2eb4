//! The `gst` command: one subcommand for each step from audio files to a trained model.

mod cli;

use std::process::ExitCode;

use clap::Parser;

/// An error and its causes, each once: a message that already ends with its cause's is not followed by it.
fn in_words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if words.is_empty() {
            words = cause;
        } else if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", in_words(&error));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::in_words;

    #[test]
    fn a_cause_is_named_once() {
        let error = anyhow!("no such file").context("a.wav: no such file").context("dataset `a`");
        assert_eq!(in_words(&error), "dataset `a`: a.wav: no such file");
    }
}
