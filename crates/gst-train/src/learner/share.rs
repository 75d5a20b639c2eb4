//! How much of a step's gradient each sample makes, without a backward pass of its own.

use burn::tensor::Tensor;
use gst_model::Answers;

/// What a part's answers say of one sample.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct SampleShare {
    /// Answer tokens, end-of-sequence included.
    pub(crate) tokens: usize,
    /// Sum of the token losses in nats.
    pub(crate) loss: f64,
    /// Squared norm of the summed loss's gradient with respect to the sample's logits.
    pub(crate) squared_norm: f64,
}

/// Loss and gradient norm of each sample.
///
/// The gradient of a token's cross-entropy with respect to its logits is p − y, with p the softmax and y the one-hot target, so its
/// squared norm is Σp² − 2 p_y + 1, and p_y = exp(−loss). Logits of different samples are different variables: squared norms add up.
/// This is the norm at the last layer's output, which Katharopoulos and Fleuret (2018, arXiv 1803.00942, section 3.2) use as an upper
/// bound, up to a factor that the samples share, of a sample's gradient norm over all parameters. It is not that norm.
pub(crate) fn per_sample(answers: &Answers) -> Vec<SampleShare> {
    // One transfer from the device for both.
    let both = Tensor::cat(vec![answers.losses.clone().inner(), answers.squares.clone()], 0).into_data();
    let both: Vec<f64> = both.iter::<f32>().map(f64::from).collect();
    let (losses, squares) = both.split_at(both.len() / 2);
    let mut start = 0;
    let sample = |&length: &usize| {
        let rows = start..start + length;
        start = rows.end;
        let token = |(&loss, &square): (&f64, &f64)| (square - 2.0 * (-loss).exp() + 1.0).max(0.0);
        SampleShare {
            tokens: length,
            loss: losses[rows.clone()].iter().sum(),
            squared_norm: losses[rows.clone()].iter().zip(&squares[rows]).map(token).sum(),
        }
    };
    answers.lengths.iter().map(sample).collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use gst_model::AnswerLogits;

    use super::*;

    /// The closed form against the gradient that autodiff finds.
    #[test]
    fn the_closed_form_is_the_gradient_of_the_logits() {
        let device = Device::flex().autodiff();
        let logits = Tensor::<2>::from_floats(
            [[2.0, -1.0, 0.5, 0.0], [0.1, 0.2, 0.3, 0.4], [-3.0, 4.0, 1.0, 1.0], [0.0, 0.0, 9.0, -9.0]],
            &device,
        )
        .require_grad();
        let answers = AnswerLogits { logits: logits.clone(), targets: vec![0, 3, 2, 2], lengths: vec![1, 3] };
        let answers = Answers::from(answers);
        let losses = answers.token_losses();
        let found = per_sample(&answers);
        let gradients = losses.clone().sum().backward();
        let rows: Vec<f64> = logits.grad(&gradients).unwrap().into_data().iter::<f32>().map(f64::from).collect();
        let squared = |rows: &[f64]| rows.iter().map(|value| value * value).sum::<f64>();
        for (sample, expected) in found.iter().zip([squared(&rows[..4]), squared(&rows[4..])]) {
            assert!((sample.squared_norm - expected).abs() < 1e-5, "{sample:?} {expected}");
        }
        let losses: Vec<f64> = losses.into_data().iter::<f32>().map(f64::from).collect();
        assert_eq!((found[0].tokens, found[1].tokens), (1, 3));
        assert!((found[0].loss - losses[0]).abs() < 1e-9 && (found[1].loss - losses[1..].iter().sum::<f64>()).abs() < 1e-9);
    }
}
