//! Beam search: several answers are followed at one time, and the best that ended is kept.
//!
//! The rules are those of the `transformers` library with `early_stopping=False`, so that published results can be compared:
//! each step takes the best `(1 + stop tokens) · width` continuations; those that end compete by score / lengthᵖ when they are
//! among the first `width`; the search ends when the best open beam, at its present length, cannot beat the worst kept answer.

use burn::tensor::activation::log_softmax;

use super::{Generation, Prompts, select_rows};
use crate::lm::LanguageModel;

/// An answer that is still being written.
#[derive(Debug, Clone)]
struct Open {
    tokens: Vec<u32>,
    score: f64,
    /// The row of the batch that it grew from.
    row: usize,
}

/// The search of one sample.
#[derive(Debug)]
struct Search {
    open: Vec<Open>,
    /// Ended answers with their scores, best first, at most `width`.
    ended: Vec<(f64, Vec<u32>)>,
    done: bool,
}

impl LanguageModel {
    pub(super) fn beam_search(
        &self,
        prompts: &Prompts,
        generation: &Generation,
        width: usize,
        length_penalty: f64,
    ) -> Vec<Vec<u32>> {
        let samples = prompts.padding.len();
        let mut cache = self.cache();
        let first = self.last_logits(prompts.embeddings.clone(), &prompts.padding, &mut cache);
        let device = first.device();
        // All beams of a sample begin alike; one counts at first.
        let rows: Vec<usize> = (0..samples).flat_map(|sample| std::iter::repeat_n(sample, width)).collect();
        let padding: Vec<usize> = rows.iter().map(|&sample| prompts.padding[sample]).collect();
        cache.select(&rows, &device);
        let mut logits = select_rows(first, &rows);
        let begin = |sample: usize| Search {
            open: vec![Open { tokens: Vec::new(), score: 0.0, row: sample * width }],
            ended: Vec::new(),
            done: false,
        };
        let mut searches: Vec<Search> = (0..samples).map(begin).collect();

        for length in 1..=generation.max_tokens {
            let vocabulary = logits.dims()[1];
            let values: Vec<f32> = log_softmax(logits, 1).into_data().iter::<f32>().collect();
            let last = length == generation.max_tokens;
            for search in searches.iter_mut().filter(|search| !search.done) {
                search.step(&values, vocabulary, &Rules { generation, width, length_penalty, length, last });
            }
            if last || searches.iter().all(|search| search.done) {
                break;
            }
            // A finished sample keeps its rows and says what it likes.
            let mut from = Vec::with_capacity(samples * width);
            let mut tokens = Vec::with_capacity(samples * width);
            for (sample, search) in searches.iter_mut().enumerate() {
                for beam in 0..width {
                    let row = sample * width + beam;
                    let open = search.open.get_mut(beam).filter(|_| !search.done);
                    from.push(open.as_ref().map_or(row, |open| open.row));
                    tokens.push(open.as_ref().and_then(|open| open.tokens.last().copied()).unwrap_or(0));
                    if let Some(open) = open {
                        open.row = row;
                    }
                }
            }
            cache.select(&from, &device);
            logits = self.last_logits(self.embed(&tokens).unsqueeze_dim(1), &padding, &mut cache);
        }
        searches.into_iter().map(|search| search.ended.into_iter().next().map_or(Vec::new(), |(_, answer)| answer)).collect()
    }
}

struct Rules<'a> {
    generation: &'a Generation,
    width: usize,
    length_penalty: f64,
    length: usize,
    last: bool,
}

impl Search {
    fn step(&mut self, values: &[f32], vocabulary: usize, rules: &Rules<'_>) {
        let keep = rules.width * (1 + rules.generation.stops.len()).max(2);
        let mut best: Vec<(f64, usize, usize)> = Vec::new();
        for (beam, open) in self.open.iter().enumerate() {
            let row = &values[open.row * vocabulary..][..vocabulary];
            best.extend(row.iter().enumerate().map(|(token, &value)| (open.score + f64::from(value), beam, token)));
        }
        let order = |left: &(f64, usize, usize), right: &(f64, usize, usize)| {
            right.0.total_cmp(&left.0).then((left.1, left.2).cmp(&(right.1, right.2)))
        };
        if best.len() > keep {
            best.select_nth_unstable_by(keep, order);
            best.truncate(keep);
        }
        best.sort_by(order);

        let mut open = Vec::with_capacity(rules.width);
        for (rank, (score, beam, token)) in best.into_iter().enumerate() {
            let token = token as u32;
            let parent = &self.open[beam];
            let stops = rules.generation.stops.contains(&token);
            if stops || rules.last {
                if rank < rules.width {
                    let mut answer = parent.tokens.clone();
                    if !stops {
                        answer.push(token);
                    }
                    self.ended.push((score / (rules.length as f64).powf(rules.length_penalty), answer));
                }
            } else if open.len() < rules.width {
                let mut tokens = parent.tokens.clone();
                tokens.push(token);
                open.push(Open { tokens, score, row: parent.row });
            }
        }
        self.ended.sort_by(|left, right| right.0.total_cmp(&left.0));
        self.ended.truncate(rules.width);
        self.open = open;
        let reachable = self.open.first().map(|open| open.score / (rules.length as f64).powf(rules.length_penalty));
        let worst = self.ended.last().filter(|_| self.ended.len() == rules.width).map(|(score, _)| *score);
        self.done = match (reachable, worst) {
            (None, _) => true,
            (Some(reachable), Some(worst)) => reachable <= worst,
            (Some(_), None) => false,
        };
    }
}
