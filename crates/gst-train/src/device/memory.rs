//! A device that runs out of memory: an error that says what was asked of it and what helps.
//!
//! Burn's backends end such a step with a panic where a result is read back: the allocation fails before that, and the buffer keeps why.
//! Host memory is another matter: an allocation that fails there ends the process, and most systems end it before one fails.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use gst_model::plan::Load;

use crate::{Setup, TrainConfig, TrainError};

/// What the backends say before the number of bytes that they could not have: a device that is full, a buffer that no device could hold,
/// page sizes that all hold something (`IoError` of `cubecl-runtime` 0.11.3).
const REFUSALS: [&str; 3] = ["out of device memory allocating ", "can't allocate buffer of size: ", "Can't allocate "];

/// What drivers say beneath them.
const DRIVERS: [&str; 4] = ["CUDA_ERROR_OUT_OF_MEMORY", "OUT_OF_DEVICE_MEMORY", "OutOfMemory", "Out of Memory"];

/// A device had no memory left.
#[derive(Debug, Clone, PartialEq)]
pub struct Shortage {
    /// The device.
    pub device: String,
    /// Bytes that could not be had, where the backend says.
    pub bytes: Option<u64>,
    /// The largest part of the step at work, and the bytes that its plan says; none before the first step.
    pub step: Option<(Load, u64)>,
    /// Largest number of samples in one forward pass.
    pub micro_batch: usize,
    /// Whether activations are computed again.
    pub gradient_checkpointing: bool,
    /// The model.
    pub model: String,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
        let Self { micro_batch, gradient_checkpointing, model, .. } = self;
        write!(f, "{}: out of memory", self.device)?;
        if let Some(bytes) = self.bytes {
            write!(f, ", which could not hold {} more", mib(bytes))?;
        }
        if let Some((load, planned)) = &self.step {
            let Load { batch, seconds, prompt, answer } = load;
            write!(
                f,
                "; the step's largest part ({batch} samples of up to {seconds:.1} s, {prompt} question and {answer} answer tokens) takes \
                 {} by the plan, without gradient checkpointing",
                mib(*planned)
            )?;
        }
        write!(
            f,
            ". What helps: a smaller `micro_batch` (now {micro_batch}; the batch of a step stays the same, in more parts), \
             `gradient_checkpointing` (now {gradient_checkpointing}), a smaller `model` (now {model}); `gst model plan` shows how much"
        )
    }
}

/// Does `work`, and makes an error of a panic that tells of a device without memory; any other panic goes on. `load` holds the largest
/// part of the step at work.
///
/// # Errors
/// [`TrainError::OutOfMemory`], and whatever `work` returns.
pub fn guard<T>(
    setup: &Setup,
    config: &TrainConfig,
    load: &Cell<Option<Load>>,
    work: impl FnOnce() -> Result<T, TrainError>,
) -> Result<T, TrainError> {
    // What the work has changed is given up with it: nothing looks at it after the error.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let Some(bytes) = refused(panic.as_ref()) else { resume_unwind(panic) };
        let planned = |load: Load| Some((load, setup.plan(load).ok()?.peak()));
        Err(TrainError::OutOfMemory(Box::new(Shortage {
            device: config.device.clone(),
            bytes,
            step: load.get().and_then(planned),
            micro_batch: config.micro_batch,
            gradient_checkpointing: config.gradient_checkpointing,
            model: config.model.clone(),
        })))
    })
}

/// Whether a panic tells of a device without memory, and of how many bytes.
fn refused(panic: &(dyn Any + Send)) -> Option<Option<u64>> {
    let message = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied())?;
    let bytes = |words: &str| {
        let (_, after) = message.split_once(words)?;
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        after[..digits].parse().ok()
    };
    let bytes = REFUSALS.into_iter().find_map(bytes);
    (bytes.is_some() || DRIVERS.into_iter().any(|words| message.contains(words))).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The payload of a panic, as `guard` gets it.
    fn payload(panic: impl FnOnce() + std::panic::UnwindSafe) -> Box<dyn Any + Send> {
        catch_unwind(panic).err().unwrap()
    }

    #[test]
    fn panics_of_backends_are_told_from_others() {
        // As `Tensor::into_data` panics: the error with its cause as `Debug` writes it, line feeds escaped.
        let read = |cause: &str| {
            let error = format!("An IO error happened\nCaused by:\n  {cause}\n   0: backtrace");
            payload(move || {
                panic!("Error while reading data: use `try_into_data` instead to catch the error at runtime: {error:?}")
            })
        };
        assert_eq!(refused(read("out of device memory allocating 1099511627776 bytes").as_ref()), Some(Some(1 << 40)));
        assert_eq!(refused(read("can't allocate buffer of size: 4096").as_ref()), Some(Some(4096)));
        let held = "Can't allocate 77 bytes: every page size the memory tracks still holds live allocations";
        assert_eq!(refused(read(held).as_ref()), Some(Some(77)));
        let driver = "CUDA error: DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")";
        assert_eq!(refused(read(driver).as_ref()), Some(None));
        assert_eq!(refused(read("a validation error").as_ref()), None);
        assert_eq!(refused(payload(|| panic!("index 3 is out of range")).as_ref()), None);
        assert_eq!(refused(payload(|| std::panic::panic_any(5)).as_ref()), None);
    }

    #[test]
    fn the_message_names_what_was_asked_and_three_settings() {
        let load = Load { batch: 16, seconds: 12.34, prompt: 20, answer: 7 };
        let shortage = Shortage {
            device: "cuda:1".into(),
            bytes: Some(3 << 20),
            step: Some((load, 5 << 20)),
            micro_batch: 16,
            gradient_checkpointing: false,
            model: "small".into(),
        };
        let text = shortage.to_string();
        let parts = [
            "cuda:1: out of memory",
            "3.0 MiB more",
            "16 samples of up to 12.3 s",
            "takes 5.0 MiB by the plan",
            "`micro_batch` (now 16;",
            "`gradient_checkpointing` (now false)",
            "`model` (now small)",
        ];
        for part in parts {
            assert!(text.contains(part), "no `{part}` in: {text}");
        }
        let unknown = Shortage { bytes: None, step: None, ..shortage }.to_string();
        assert!(!unknown.contains("MiB") && unknown.contains("cuda:1: out of memory. What helps"), "{unknown}");
    }
}
