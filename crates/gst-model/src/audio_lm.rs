//! What everything above this crate knows of a model.

use std::ops::ControlFlow;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData};

use crate::Batch;

/// An audio language model: answers questions about sounds.
///
/// To add one, implement this and give it a preset; training, probing and evaluation need nothing else.
pub trait AudioLm: Module {
    /// Logits at every position that predicts an answer token, by teacher forcing.
    fn answer_logits(&self, batch: &Batch) -> AnswerLogits;

    /// Losses and likeliest tokens at the same positions: all that training and evaluation need. A model with a large
    /// vocabulary computes them without ever holding all logits.
    fn answers(&self, batch: &Batch) -> Answers {
        self.answer_logits(batch).into()
    }

    /// [`AudioLm::answers`], and the gradients of the sum of their losses divided by `tokens` with respect to what is trained.
    fn gradients(&self, batch: &Batch, tokens: f64) -> (Answers, GradientsParams) {
        let answers = self.answers(batch);
        let gradients = answers.token_losses().sum().div_scalar(tokens).backward();
        (answers, GradientsParams::from_grads(gradients, self))
    }

    /// Answers, greedy unless the model's preset says otherwise, without the end-of-sequence token, at most `max_tokens` long.
    /// `on_token` is told each token of each sample as it is chosen, and may stop everything. Answers in `batch` are not looked at.
    fn stream(&self, batch: &Batch, max_tokens: usize, on_token: &mut dyn FnMut(usize, u32) -> ControlFlow<()>) -> Vec<Vec<u32>>;

    /// The same, told at the end.
    fn generate(&self, batch: &Batch, max_tokens: usize) -> Vec<Vec<u32>> {
        self.stream(batch, max_tokens, &mut |_, _| ControlFlow::Continue(()))
    }

    /// Tokens the model knows.
    fn vocabulary(&self) -> usize;
}

/// Teacher-forced predictions of a batch's answers.
#[derive(Debug, Clone)]
pub struct AnswerLogits {
    /// `[answer tokens, vocabulary]`, the tokens of sample 0 first.
    pub logits: Tensor<2>,
    /// The token that each row should predict.
    pub targets: Vec<u32>,
    /// Answer tokens of each sample, end-of-sequence included.
    pub lengths: Vec<usize>,
}

impl AnswerLogits {
    /// Cross-entropy of each answer token in nats, `[answer tokens]`.
    pub fn token_losses(&self) -> Tensor<1> {
        let device = self.logits.device();
        let targets: Vec<i32> = self.targets.iter().map(|&token| i32::try_from(token).unwrap_or(0)).collect();
        let count = targets.len();
        let targets = Tensor::<2, Int>::from_data(TensorData::new(targets, [count, 1]), &device);
        log_softmax(self.logits.clone(), 1).gather(1, targets).neg().reshape([count])
    }

    /// See [`Answers::scores`].
    #[must_use]
    pub fn scores(&self) -> Vec<Scores> {
        Answers::from(self.clone()).scores()
    }
}

/// Teacher-forced predictions of a batch's answers, without the logits.
#[derive(Debug, Clone)]
pub struct Answers {
    /// Cross-entropy of each answer token in nats, `[answer tokens]`, the tokens of sample 0 first.
    pub losses: Tensor<1>,
    /// Σp² over the probabilities of all tokens at each position, `[answer tokens]`, without a gradient: 1 where the model is
    /// sure.
    pub squares: Tensor<1>,
    /// The token that each position thinks likeliest.
    pub predicted: Vec<u32>,
    /// The token that each position should predict.
    pub targets: Vec<u32>,
    /// Answer tokens of each sample, end-of-sequence included.
    pub lengths: Vec<usize>,
}

impl From<AnswerLogits> for Answers {
    fn from(answers: AnswerLogits) -> Self {
        let predicted = answers.logits.clone().argmax(1).into_data();
        let squares = log_softmax(answers.logits.clone().inner(), 1).mul_scalar(2.0).exp();
        let [count, _] = squares.dims();
        Self {
            losses: answers.token_losses(),
            squares: squares.sum_dim(1).reshape([count]),
            predicted: predicted.iter::<i64>().map(|token| u32::try_from(token).unwrap_or(0)).collect(),
            targets: answers.targets,
            lengths: answers.lengths,
        }
    }
}

impl Answers {
    /// Cross-entropy of each answer token in nats, `[answer tokens]`.
    pub fn token_losses(&self) -> Tensor<1> {
        self.losses.clone()
    }

    /// Loss and correctness of each sample, on the host.
    ///
    /// A greedy answer equals the reference exactly when every teacher-forced prediction, end-of-sequence included, is right:
    /// up to the first mistake both see the same prefix. So exact match needs no generation.
    #[must_use]
    pub fn scores(&self) -> Vec<Scores> {
        let losses: Vec<f32> = self.losses.clone().into_data().iter::<f32>().collect();
        let right: Vec<bool> = self.predicted.iter().zip(&self.targets).map(|(found, token)| found == token).collect();
        let mut start = 0;
        let mut scores = Vec::with_capacity(self.lengths.len());
        for &length in &self.lengths {
            let rows = start..start + length;
            start += length;
            let loss = losses[rows.clone()].iter().map(|&loss| f64::from(loss)).sum();
            let right = &right[rows];
            let words = &right[..length.saturating_sub(1)];
            scores.push(Scores {
                loss,
                tokens: length,
                right_tokens: words.iter().filter(|&&right| right).count(),
                right_eos: right.last().copied().unwrap_or(false),
                exact: right.iter().all(|&right| right),
            });
        }
        scores
    }
}

/// How one sample's answer was predicted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Sum of the token losses in nats, end-of-sequence included.
    pub loss: f64,
    /// Answer tokens, end-of-sequence included.
    pub tokens: usize,
    /// Correct tokens, end-of-sequence left out.
    pub right_tokens: usize,
    /// Whether end-of-sequence was predicted where it stands.
    pub right_eos: bool,
    /// Whether the greedy answer equals the reference.
    pub exact: bool,
}
