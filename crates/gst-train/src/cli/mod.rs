//! What the command line looks like, and what every command shares.

mod affinity;
#[cfg(feature = "model")]
mod ask;
mod data;
#[cfg(feature = "model")]
mod devices;
#[cfg(feature = "hub")]
mod download;
#[cfg(feature = "model")]
mod evaluate;
mod group;
#[cfg(feature = "model")]
mod measured;
#[cfg(feature = "model")]
mod model;
#[cfg(feature = "model")]
mod pretrain;
mod saved;
mod schedule;
#[cfg(feature = "model")]
mod settings;
#[cfg(feature = "model")]
mod stop;
#[cfg(feature = "model")]
mod train;

use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use gst_affinity::artifact::content_hash;
use serde::Serialize;

/// Grouped Sequential Training for audio language models.
///
/// The steps in order, each of which leaves a file that the next one reads:
///   gst data generate DATA
///   gst affinity --data DATA --out affinity.json
///   gst group affinity.json --groups 3 --out grouping.json
///   gst schedule grouping.json --steps 600 --out schedule.json
///   gst train --data DATA --schedule schedule.json --out RUN
///   gst ask RUN DATA/pitch_class/audio/CLIP.wav "What note is this?"
#[derive(Debug, Parser)]
#[command(name = "gst", version, verbatim_doc_comment, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
pub(crate) struct Shared {
    /// Seed of everything random in this step [default: 0, or the configuration's].
    #[arg(long, global = true)]
    seed: Option<u64>,
    /// Print the result as JSON on standard output, and everything else on standard error.
    #[arg(long, global = true)]
    json: bool,
    /// Device: cpu, wgpu, vulkan, cuda or cuda:N [default: cpu, or the configuration's].
    #[cfg(feature = "model")]
    #[arg(long, global = true)]
    device: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the generated suite, list what can be read, read it, or check it.
    #[command(subcommand)]
    Data(data::DataCommand),
    // A comment on one of these would replace that of its arguments, examples and all.
    Affinity(affinity::AffinityArgs),
    Group(group::GroupArgs),
    Schedule(schedule::ScheduleArgs),
    #[cfg(feature = "model")]
    Pretrain(pretrain::PretrainArgs),
    #[cfg(feature = "model")]
    Train(train::TrainArgs),
    #[cfg(feature = "model")]
    Evaluate(evaluate::EvaluateArgs),
    #[cfg(feature = "model")]
    Ask(ask::AskArgs),
    #[cfg(feature = "model")]
    /// Print a model preset, or plan the memory of a training step.
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// List the devices that this build can use.
    ///
    /// Example: gst devices
    #[cfg(feature = "model")]
    #[command(verbatim_doc_comment)]
    Devices,
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// With a message that names the place and the remedy.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let shared = &self.shared;
        match self.command {
            Command::Data(command) => command.run(shared),
            Command::Affinity(args) => args.run(shared),
            Command::Group(args) => args.run(shared),
            Command::Schedule(args) => args.run(shared),
            #[cfg(feature = "model")]
            Command::Pretrain(args) => args.run(shared),
            #[cfg(feature = "model")]
            Command::Train(args) => args.run(shared),
            #[cfg(feature = "model")]
            Command::Evaluate(args) => args.run(shared),
            #[cfg(feature = "model")]
            Command::Ask(args) => args.run(shared),
            #[cfg(feature = "model")]
            Command::Model(command) => command.run(shared),
            #[cfg(feature = "model")]
            Command::Devices => devices::run(shared),
        }
    }
}

impl Shared {
    /// The result for a program (`--json`) or for a person, on standard output. A reader that has gone is no error.
    fn result<T: Serialize>(&self, value: &T, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        let text = match self.json {
            true => serde_json::to_string_pretty(value).context("the result has no JSON form")?,
            false => text(),
        };
        self.piece(&format!("{}\n", text.trim_end()))
    }

    /// A piece of a result that comes little by little, at once on standard output.
    fn piece(&self, text: &str) -> anyhow::Result<()> {
        let mut out = std::io::stdout();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to standard output"),
            _ => Ok(()),
        }
    }
}

/// Hash of a file, as later files carry it.
fn file_hash(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(content_hash(&bytes))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn every_command_has_an_example_in_its_help() {
        let mut waiting = vec![Cli::command()];
        while let Some(command) = waiting.pop() {
            let below: Vec<_> = command.get_subcommands().filter(|command| command.get_name() != "help").cloned().collect();
            if below.is_empty() && !command.is_hide_set() {
                let help = command.clone().render_long_help().to_string();
                assert!(help.contains("Example"), "{}: {help}", command.get_name());
            }
            waiting.extend(below);
        }
    }
}
