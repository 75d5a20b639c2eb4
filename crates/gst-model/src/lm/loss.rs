//! Cross-entropy over a large vocabulary, a few rows at a time.

use burn::tensor::activation::log_softmax;
use burn::tensor::{DType, Tensor};

use super::LanguageModel;
use super::model::indices;

/// Rows whose logits exist at one time: 64 rows of 150,000 tokens are 38 MB in f32.
pub(crate) const CHUNK: usize = 64;

impl LanguageModel {
    /// Cross-entropy in nats of each row of `hidden` `[rows, width]` against its target, `[rows]` in f32, Σp² of each row's
    /// probabilities, and the token each row thinks likeliest.
    ///
    /// Only the logits of a few rows exist at one time. With a frozen output layer this holds for the backward pass too: the
    /// gradient with respect to a row's hidden state is known as soon as its logits are, so it is taken at once, and what stays
    /// is `[rows, width]` instead of `[rows, vocabulary]`.
    pub fn token_losses(&self, hidden: Tensor<2>, targets: &[u32]) -> (Tensor<1>, Tensor<1>, Vec<u32>) {
        let trainable = self.head().is_require_grad();
        let (mut losses, mut squares, mut predicted) = (Vec::new(), Vec::new(), Vec::with_capacity(targets.len()));
        for (chunk, targets) in targets.chunks(CHUNK).enumerate() {
            let rows = hidden.clone().slice_dim(0, chunk * CHUNK..chunk * CHUNK + targets.len());
            let (loss, square, likeliest) = if trainable { self.tracked(rows, targets) } else { self.at_once(rows, targets) };
            losses.push(loss);
            squares.push(square);
            predicted.extend(likeliest);
        }
        (Tensor::cat(losses, 0), Tensor::cat(squares, 0), predicted)
    }

    fn tracked(&self, hidden: Tensor<2>, targets: &[u32]) -> Chunk {
        let device = hidden.device();
        let logits = self.logits(hidden).cast(DType::F32);
        let predicted = likeliest(&logits);
        let target = indices(targets.iter().map(|&token| token as usize), &device).reshape([targets.len(), 1]);
        let log_probabilities = log_softmax(logits, 1);
        let squares = squares(log_probabilities.clone().inner());
        (log_probabilities.gather(1, target).neg().reshape([targets.len()]), squares, predicted)
    }

    fn at_once(&self, hidden: Tensor<2>, targets: &[u32]) -> Chunk {
        let head = self.head().inner();
        let constant = hidden.clone().inner();
        let dtype = constant.dtype();
        let device = constant.device();
        let logits = constant.matmul(head.clone().transpose()).cast(DType::F32);
        let predicted = likeliest(&logits);
        let target = indices(targets.iter().map(|&token| token as usize), &device);
        let log_probabilities = log_softmax(logits, 1);
        let squares = squares(log_probabilities.clone());
        let loss: Tensor<1> =
            log_probabilities.clone().gather(1, target.clone().reshape([targets.len(), 1])).neg().reshape([targets.len()]);
        if !hidden.is_autodiff() {
            return (loss, squares, predicted);
        }
        // d loss / d hidden = (probabilities − one-hot target) · head.
        let expected = log_probabilities.exp().cast(dtype).matmul(head.clone());
        let slope = expected.cast(DType::F32) - head.select(0, target).cast(DType::F32);
        // Zero in value, with this slope.
        let product = (hidden.cast(DType::F32) * slope).sum_dim(1).reshape([targets.len()]);
        (product.clone() - product.detach() + loss, squares, predicted)
    }
}

/// Losses, Σp² and likeliest tokens of a few rows.
type Chunk = (Tensor<1>, Tensor<1>, Vec<u32>);

fn squares(log_probabilities: Tensor<2>) -> Tensor<1> {
    let [rows, _] = log_probabilities.dims();
    log_probabilities.mul_scalar(2.0).exp().sum_dim(1).reshape([rows])
}

fn likeliest(logits: &Tensor<2>) -> Vec<u32> {
    let found = logits.clone().inner().argmax(1).into_data();
    found.iter::<i64>().map(|token| u32::try_from(token).unwrap_or(0)).collect()
}
