//! The order in which a batch is read: text, audio, text, answer, padded on the left.

use super::AUDIO;

/// Where each slot of a batch takes its embedding from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// All text tokens of the batch.
    pub(super) text: Vec<u32>,
    /// For every slot of `[batch, length]` a row of (embeddings of `text`, then audio embeddings of sample 0, 1, …); 0 for
    /// padding.
    pub(super) order: Vec<usize>,
    /// Slots at the left of each sample that hold nothing.
    pub(super) padding: Vec<usize>,
    /// Slots of each sample.
    pub(super) length: usize,
    /// Slots, counted over the batch, that predict an answer token.
    pub(super) predicting: Vec<usize>,
}

enum Slot {
    Text(usize),
    Audio(usize),
}

impl Reading {
    /// `audio` embeddings of each sample stand where its prompt says [`AUDIO`]; where it does not say so, they stand first,
    /// behind a `bos` that begins the prompt. The last token of an answer predicts nothing, so it is not read.
    pub(super) fn new(prompts: &[Vec<u32>], answers: &[Vec<u32>], audio: usize, bos: Option<u32>) -> Self {
        let mut text = Vec::new();
        let mut rows = Vec::with_capacity(prompts.len());
        for (row, prompt) in prompts.iter().enumerate() {
            let mut slots = Vec::new();
            let first = usize::from(prompt.first().is_some_and(|token| Some(*token) == bos));
            let implied = !prompt.contains(&AUDIO);
            for (at, &token) in prompt.iter().enumerate() {
                if token == AUDIO || (implied && at == first) {
                    slots.extend((0..audio).map(|index| Slot::Audio(row * audio + index)));
                }
                if token != AUDIO {
                    slots.push(Slot::Text(text.len()));
                    text.push(token);
                }
            }
            let prompt = slots.len();
            let answer = answers.get(row).map_or(&[][..], Vec::as_slice);
            for &token in answer.iter().take(answer.len().saturating_sub(1)) {
                slots.push(Slot::Text(text.len()));
                text.push(token);
            }
            rows.push((slots, prompt, answer.len()));
        }
        let length = rows.iter().map(|(slots, ..)| slots.len()).max().unwrap_or(0);
        let mut reading = Self { order: Vec::new(), padding: Vec::new(), length, predicting: Vec::new(), text };
        for (row, (slots, prompt, answer)) in rows.into_iter().enumerate() {
            let padding = length - slots.len();
            let last = row * length + padding + prompt - 1;
            reading.predicting.extend(last..last + answer);
            reading.padding.push(padding);
            reading.order.extend(std::iter::repeat_n(0, padding));
            let count = reading.text.len();
            reading.order.extend(slots.into_iter().map(|slot| match slot {
                Slot::Text(index) => index,
                Slot::Audio(index) => count + index,
            }));
        }
        reading
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_stands_where_the_prompt_says_and_samples_end_together() {
        let prompts = [vec![1, 7, AUDIO, 8], vec![1, 9]];
        let answers = [vec![5, 2], vec![6, 4, 2]];
        let reading = Reading::new(&prompts, &answers, 2, Some(1));
        assert_eq!(reading.text, [1, 7, 8, 5, 1, 9, 6, 4]);
        assert_eq!(reading.length, 6);
        // 1 7 audio audio 8 5 | 1 audio audio 9 6 4
        assert_eq!(reading.order, [0, 1, 8, 9, 2, 3, 4, 10, 11, 5, 6, 7]);
        assert_eq!(reading.padding, [0, 0]);
        assert_eq!(reading.predicting, [4, 5, 9, 10, 11]);

        let generating = Reading::new(&prompts, &[], 2, None);
        assert_eq!(generating.padding, [0, 1]);
        assert_eq!(generating.order, [0, 1, 5, 6, 2, 0, 7, 8, 3, 4]);
        assert_eq!(generating.predicting, [] as [usize; 0]);
    }
}
