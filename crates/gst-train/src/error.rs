//! What can stop a run.

use std::path::{Path, PathBuf};

/// Why something could not be trained, probed or evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The data cannot be used.
    #[error(transparent)]
    Data(#[from] gst_data::DataError),
    /// The tokenizer cannot be used.
    #[error(transparent)]
    Text(#[from] gst_data::text::TextError),
    /// The features cannot be made.
    #[error(transparent)]
    Mel(#[from] gst_data::mel::MelError),
    #[cfg(feature = "model")]
    /// The model cannot be made or loaded.
    #[error(transparent)]
    Model(#[from] gst_model::ModelError),
    /// The schedule cannot be followed.
    #[error(transparent)]
    Schedule(#[from] gst_schedule::ScheduleError),
    /// The datasets cannot be grouped.
    #[error(transparent)]
    Grouping(#[from] gst_grouping::GroupingError),
    /// The affinity cannot be estimated.
    #[error(transparent)]
    Affinity(#[from] gst_affinity::AffinityError),
    #[cfg(feature = "model")]
    /// The gradients cannot be taken.
    #[error(transparent)]
    Probe(#[from] gst_affinity::ProbeError),
    /// The gradients cannot be sketched.
    #[error(transparent)]
    Sketch(#[from] gst_affinity::SketchError),
    /// A file between two steps cannot be used.
    #[error(transparent)]
    Artifact(#[from] gst_affinity::artifact::ArtifactError),
    #[cfg(feature = "model")]
    /// The device is not there.
    #[error(transparent)]
    Device(#[from] crate::device::DeviceError),
    #[cfg(feature = "model")]
    /// The system gives no threads.
    #[error("no threads for the CPU's cores: {0}; set RAYON_NUM_THREADS to use fewer")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// A setting is out of range.
    #[error("setting `{field}` is {found}; expected {expected}")]
    Setting {
        /// Name of the setting, as in the TOML and (with dashes) on the command line.
        field: &'static str,
        /// What was given.
        found: String,
        /// What is accepted.
        expected: &'static str,
    },
    /// Parameters of a group cannot be found.
    #[error("parameter group `{pattern}`: {reason}")]
    ParameterGroup {
        /// The group's pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A configuration file is not one.
    #[error("{}: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, with its line where known.
        reason: String,
    },
    /// The schedule was made for other data.
    #[error("the schedule does not fit the data: {0}; make it again with `gst schedule` for this data")]
    ScheduleMismatch(String),
    /// The run folder holds something else already.
    #[error("{}: {reason}", path.display())]
    RunFolder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    #[cfg(feature = "model")]
    /// A run cannot go on with settings that differ from its own.
    #[error(
        "{}: the run cannot be continued with other settings than it began with:\n{}give the run's own, or add `--fork DIR` to \
         follow the given ones in a new run that begins with its checkpoint",
        path.display(),
        differences.iter().map(|difference| format!("  {difference}\n")).collect::<String>()
    )]
    Changed {
        /// The run folder.
        path: PathBuf,
        /// What differs.
        differences: Vec<crate::run::difference::Difference>,
    },
    #[cfg(feature = "model")]
    /// The checkpoints are not those that a run's adapters belong to.
    #[error(
        "{}: not the checkpoints that the run {} was trained on, which lay in {}; other than then: {}. Give the folder that has them \
         with `--weights DIR`",
        root.display(),
        run.display(),
        trained_on.display(),
        files.join(", ")
    )]
    OtherWeights {
        /// The folder of the checkpoints.
        root: PathBuf,
        /// The run folder.
        run: PathBuf,
        /// Where the run's checkpoints lay.
        trained_on: PathBuf,
        /// Files that differ, or are on one side only.
        files: Vec<String>,
    },
    /// A checkpoint could not be saved.
    #[error(
        "the checkpoint of step {step} could not be saved{}",
        last.map_or_else(|| " (there is none before it)".to_owned(), |last| format!(" (the one of step {last} is untouched)"))
    )]
    NotSaved {
        /// The step it was for.
        step: u64,
        /// Step of the newest checkpoint there is.
        last: Option<u64>,
        /// The cause.
        source: Box<TrainError>,
    },
    /// A file of a checkpoint is not as it was written.
    #[error("{}: damaged: found {found}; the checkpoint was written with {expected}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What `checkpoint.json` says.
        expected: String,
    },
    /// The state of an optimizer cannot be written or read.
    #[error("{}: not the state of this model's optimizer: {reason}", path.display())]
    Moments {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A weight is not a number any more, so there is nothing to save.
    #[error(
        "after step {step} a weight is NaN or infinite; the last good checkpoint stays. A lower `learning_rate` usually helps"
    )]
    WeightsNotFinite {
        /// Optimizer steps done.
        step: u64,
    },
    /// What a model is to begin with does not fit.
    #[error("{}: found {found}; expected {expected}", path.display())]
    Start {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What would fit.
        expected: String,
    },
    /// A loss of the pretext is not a number any more.
    #[error(
        "pretext, step {step}: the losses are {:?} (masked frames, question text, repeated word); nothing was written. A lower `learning_rate` usually \
         helps",
        losses
    )]
    Pretext {
        /// The optimizer step.
        step: u64,
        /// The losses.
        losses: [f64; 3],
    },
    /// More samples are broken than a run may leave out.
    #[error(
        "{broken} broken {split} records of {of}, more than the share of {share} that `max_broken_share` allows; the last: {last}.{} \
         `gst data check` finds all",
        list.as_ref().map(|path| format!(" {} lists them;", path.display())).unwrap_or_default()
    )]
    TooManyBroken {
        /// Distinct broken records met.
        broken: usize,
        /// Records that the share is of.
        of: usize,
        /// Their split.
        split: gst_data::Split,
        /// The share allowed.
        share: f64,
        /// `dataset/id` of the last, and what is wrong with it.
        last: String,
        /// The run's list.
        list: Option<PathBuf>,
    },
    /// The loss is not a number any more.
    #[error(
        "step {step}: the loss is {loss}; the batch holds {}; the last good checkpoint is in the run folder. A lower \
         `learning_rate` usually helps",
        samples.join(", ")
    )]
    NotFinite {
        /// The optimizer step.
        step: u64,
        /// The loss.
        loss: f64,
        /// `dataset/id` of the samples in the batch.
        samples: Vec<String>,
    },
    /// The device has no memory left for what it was to do.
    #[cfg(feature = "model")]
    #[error("{0}")]
    OutOfMemory(Box<crate::device::memory::Shortage>),
    /// A file could not be read or written.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl TrainError {
    /// An error that names the file it happened on; for `map_err`.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}
