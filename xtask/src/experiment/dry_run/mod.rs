//! `--dry-run`: the commands of an experiment, whether what they need is there, and what they would cost. Nothing of it is run.

mod ask;
mod cost;
mod model;
mod page;
mod speed;
mod survey;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::gst::Gst;
use super::run::{Options, folder_of, named_data, no_data};
use super::settings::Settings;
use crate::workspace;
use ask::{Ask, Scratch};
use page::Page;
use speed::Speed;
use survey::Survey;

/// Says on standard output what `run` would do. `steps_per_second` is the throughput to reckon with, measured where it is not given
/// and a few steps can be trained here.
///
/// # Errors
/// When something is missing: all of it is listed.
pub(crate) fn dry_run(settings: &Settings, options: &Options, steps_per_second: Option<f64>) -> Result<()> {
    settings.check()?;
    let mut missing = Vec::new();
    let scratch = Scratch::new()?;
    let gst = match program(options) {
        Ok(gst) => Some(gst),
        Err(error) => {
            missing.push(format!("program: {error:#}"));
            None
        }
    };
    let ask = gst.as_ref().map(|gst| Ask { gst, scratch: &scratch });
    let out = whole(&folder_of(settings, options)?);

    let made = settings.data.generate.is_some();
    let data = if made { Some(out.join("data")) } else { named_data(settings) };
    let data = data.as_deref().map(whole);
    let survey = match &data {
        // What the experiment makes itself is looked at when it is there.
        Some(data) if made && !data.is_dir() => Survey::default(),
        Some(data) => Survey::of(data, settings, ask.as_ref(), &mut missing),
        None => {
            missing.push(format!("data: {}", no_data(settings)));
            Survey::default()
        }
    };
    let plan = ask.as_ref().and_then(|ask| match model::Plan::of(settings, ask, &survey) {
        Ok(plan) => Some(plan),
        Err(error) => {
            missing.push(format!("model: {error:#}"));
            None
        }
    });
    let weights = settings.training.weights.as_deref().map(whole);
    if let Some(plan) = &plan {
        missing.extend(plan.missing(weights.as_deref()));
    }
    let ready = missing.is_empty().then_some(()).and(ask.as_ref()).zip(data.as_deref().filter(|data| data.exists()));
    let speed = Speed::of(steps_per_second, settings, plan.as_ref(), &survey, ready);

    let page = Page {
        settings,
        gst: gst.as_ref(),
        out: &out,
        data: data.as_deref(),
        weights: weights.as_deref(),
        survey: &survey,
        plan: plan.as_ref(),
        speed: &speed,
    };
    std::io::stdout().write_all(page.to_string().as_bytes()).context("cannot write to standard output")?;
    if !missing.is_empty() {
        bail!("{} of what the experiment needs is missing:\n  - {}", missing.len(), missing.join("\n  - "));
    }
    Ok(())
}

/// A path as it is written in commands that are run elsewhere, whether anything is there or not.
fn whole(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_path_buf())
}

/// The given program, or the one that was built last.
fn program(options: &Options) -> Result<Gst> {
    if let Some(path) = &options.gst {
        return Gst::at(path);
    }
    let profile = if options.release { "release" } else { "debug" };
    let target = workspace::members(&workspace::root()?)?.target_directory;
    let name = format!("gst{}", std::env::consts::EXE_SUFFIX);
    Gst::at(target.join(profile).join(name).as_std_path()).context(
        "none is built yet; an experiment builds one, for a dry run give --gst FILE or `cargo build --workspace --bin gst`",
    )
}
