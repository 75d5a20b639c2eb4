//! Audio language models on Burn.
//!
//! A model answers a question about a sound: an audio encoder turns log-mel features into frames, window-level queries turn
//! each window of frames into one embedding (SALMONN's bridge, arXiv 2310.13289), a projector carries these into the language
//! model's space, and a causal decoder reads `[audio][question][answer]`. Only answer tokens and the end-of-sequence token
//! carry loss.
//!
//! Everything above this crate speaks to models through [`AudioLm`]: a [`Batch`] goes in, [`AnswerLogits`] come out.
//!
//! ```
//! use gst_model::{AudioLm, Batch, ModelConfig, Sample};
//!
//! let device = burn::tensor::Device::flex();
//! let config = ModelConfig::preset("mini")?.with_vocabulary(64);
//! let model = config.init(7, &device)?;
//! let features = gst_data::mel::Features { frames: 50, mels: 80, values: vec![0.0; 50 * 80] };
//! let batch = Batch::collate(&[Sample { features: &features, prompt: &[5, 6], answer: &[7, 2] }], 2)?;
//! assert_eq!(model.answer_logits(&batch).logits.dims(), [2, 64]);
//! # Ok::<(), gst_model::ModelError>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`audio_lm`] | the trait, what it returns, loss and scores |
//! | [`audio_model`] | every kind of model behind one type |
//! | [`batch`] | samples of unequal length put side by side |
//! | [`config`] | the presets and their checked sizes |
//! | [`encoder`], [`bridge`], [`summary`], [`decoder`] | the parts of a model |
//! | [`mini`] | the model put together from them |
//! | [`pretext`] | what encoder and decoder can learn before that |
//! | [`attention`] | multi-head attention and the pre-norm block |
//! | [`whisper`], [`beats`] | published audio encoders |
//! | [`qformer`], [`projector`] | bridges from their frames to a language model |
//! | [`lm`], [`lora`], [`generate`] | published language models, their adapters, their answers |
//! | [`salmonn`] | the pretrained parts put together |
//! | [`pretrained`] | checkpoints by name |
//! | [`plan`] | the memory of a training step, from sizes alone |
//! | [`weights`] | weights to and from safetensors, by parameter path |

pub mod attention;
pub mod audio_lm;
pub mod audio_model;
pub mod batch;
pub mod beats;
pub mod bridge;
pub mod config;
mod config_file;
pub mod decoder;
pub mod dropout;
pub mod encoder;
pub mod error;
pub mod generate;
mod linear;
pub mod lm;
pub mod lora;
pub mod mini;
pub mod plan;
pub mod pretext;
pub mod pretrained;
pub mod projector;
pub mod qformer;
pub mod salmonn;
pub mod summary;
pub mod weights;
pub mod whisper;

pub use audio_lm::{AnswerLogits, Answers, AudioLm, Scores};
pub use audio_model::{AudioModel, AudioModelConfig};
pub use batch::{Batch, FilterBanks, Sample};
pub use config::{ModelConfig, PRESETS};
pub use error::ModelError;
pub use mini::MiniAudioLm;
pub use salmonn::PretrainedAudioLm;
