//! Is a ladder's dependence real? A small network learns the second rung sooner after the first than from scratch, and not the
//! reverse.

use super::super::dice::Dice;
use super::super::sound::filter::band_level;
use super::ladder::{Ladder, compose, letters_of};
use super::{ANSWERS, RATE};

/// Bands that the learner hears, and the width of its hidden layer.
const BANDS: usize = 20;
const HIDDEN: usize = 16;
/// Clips of one rung to learn from, and to judge by.
const TRAIN: usize = 360;
const TEST: usize = 120;
/// Samples of a lesson.
const LESSON: usize = 6_000;
const RATE_OF_LEARNING: f64 = 0.1;

/// Sounds as levels of bands in decades, one list a sound, and the value.
type Clip = (Vec<Vec<f64>>, usize);

#[test]
fn the_second_rung_stands_on_the_first_and_not_the_reverse() {
    let mut heard = 0;
    for ladder in [Ladder::Tone, Ladder::Burst, Ladder::Hit] {
        let [first, second] = [1, 2].map(|sounds| halves(ladder, sounds));
        let accuracy = |lessons: &[&[Vec<Clip>; 2]], judged: &[Vec<Clip>; 2]| {
            let all = (0..3_u64).map(|seed| {
                let mut learner = Learner::new(seed);
                lessons.iter().for_each(|lesson| learner.study(&lesson[0], seed));
                judged[1].iter().filter(|clip| learner.answer(clip) == clip.1).count() as f64 / judged[1].len() as f64
            });
            all.sum::<f64>() / 3.0
        };
        let (scratch, after) = (accuracy(&[&second], &second), accuracy(&[&first, &second], &second));
        let (alone, reverse) = (accuracy(&[&first], &first), accuracy(&[&second, &first], &first));
        println!(
            "{ladder:?}: second rung {scratch:.2} from scratch, {after:.2} after the first; first {alone:.2}, {reverse:.2} after the second"
        );
        // Hits differ over time, and their means over a whole sound are not enough for this ear: nothing can be built on letters that are
        // not heard.
        if alone < 0.9 {
            continue;
        }
        assert!(after > scratch + 0.2, "{ladder:?}: {scratch} from scratch, {after} after the first rung");
        assert!(reverse < alone + 0.1, "{ladder:?}: {alone} from scratch, {reverse} after the second rung");
        heard += 1;
    }
    assert!(heard >= 2, "this ear hears the letters of {heard} ladders only");
}

/// Clips to learn from and to judge by.
fn halves(ladder: Ladder, sounds: usize) -> [Vec<Clip>; 2] {
    [("train", TRAIN), ("test", TEST)].map(|(half, count)| {
        let clip = |index: usize| {
            let mut dice = Dice::keyed(5, &format!("learner/{ladder:?}/{sounds}/{half}/{index}"));
            let letters = letters_of(index % ANSWERS, sounds, &mut dice);
            let heard = letters.iter().map(|&letter| hear(&ladder.sound(letter, 5, &mut dice))).collect();
            (heard, compose(&letters))
        };
        (0..count).map(clip).collect()
    })
}

/// Levels of bands a third of an octave apart from 100 Hz on, in decades around their mean.
fn hear(sound: &[f64]) -> Vec<f64> {
    let level = |band: usize| {
        let hz = 100.0 * 2.0_f64.powf(band as f64 / 3.5);
        (band_level(sound, hz, 0.15 * hz, f64::from(RATE)) + 1e-4).log10()
    };
    let mut levels: Vec<f64> = (0..BANDS).map(level).collect();
    let mean = levels.iter().sum::<f64>() / BANDS as f64;
    levels.iter_mut().for_each(|level| *level -= mean);
    levels
}

/// An ear that gives each sound a chance of being each letter, and a head for one sound and for two, where the second reads the chances of
/// pairs of letters.
struct Learner {
    hidden: Vec<Vec<f64>>,
    letters: Vec<Vec<f64>>,
    heads: [Vec<Vec<f64>>; 2],
}

impl Learner {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::keyed(seed, "learner");
        let mut matrix = |rows: usize, columns: usize| -> Vec<Vec<f64>> {
            let scale = 1.0 / (columns as f64).sqrt();
            (0..rows).map(|_| (0..columns).map(|_| scale * dice.normal()).collect()).collect()
        };
        Self {
            hidden: matrix(HIDDEN, BANDS),
            letters: matrix(ANSWERS, HIDDEN),
            heads: [matrix(ANSWERS, ANSWERS), matrix(ANSWERS, ANSWERS * ANSWERS)],
        }
    }

    /// Goes over the clips in random order, one at a time, by gradient descent on the cross-entropy.
    fn study(&mut self, clips: &[Clip], seed: u64) {
        let mut dice = Dice::keyed(seed, "order");
        for _ in 0..LESSON {
            self.step(&clips[dice.below(clips.len())]);
        }
    }

    fn answer(&self, clip: &Clip) -> usize {
        let (_, _, scores) = self.forward(clip);
        (0..ANSWERS).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0)
    }

    /// Hidden layer and letters of each sound, and the chance of each answer.
    fn forward(&self, (sounds, _): &Clip) -> (Vec<Vec<f64>>, Vec<Vec<f64>>, Vec<f64>) {
        let hidden: Vec<Vec<f64>> =
            sounds.iter().map(|sound| times(&self.hidden, sound).iter().map(|v| v.tanh()).collect()).collect();
        let letters: Vec<Vec<f64>> = hidden.iter().map(|hidden| softmax(&times(&self.letters, hidden))).collect();
        let scores = softmax(&times(&self.heads[sounds.len() - 1], &joint(&letters)));
        (hidden, letters, scores)
    }

    fn step(&mut self, clip: &Clip) {
        let (hidden, letters, mut error) = self.forward(clip);
        error[clip.1] -= 1.0;
        let head = &mut self.heads[letters.len() - 1];
        let joint = joint(&letters);
        let mut on_joint = vec![0.0; joint.len()];
        for (row, error) in head.iter_mut().zip(&error) {
            for ((weight, &input), on_input) in row.iter_mut().zip(&joint).zip(&mut on_joint) {
                *on_input += error * *weight;
                *weight -= RATE_OF_LEARNING * error * input;
            }
        }
        for (sound, chances) in letters.iter().enumerate() {
            let on_chance: Vec<f64> = (0..ANSWERS)
                .map(|letter| match letters.as_slice() {
                    [_] => on_joint[letter],
                    [_, other] if sound == 0 => (0..ANSWERS).map(|b| on_joint[ANSWERS * letter + b] * other[b]).sum(),
                    [other, ..] => (0..ANSWERS).map(|a| on_joint[ANSWERS * a + letter] * other[a]).sum(),
                    [] => 0.0,
                })
                .collect();
            let mean: f64 = chances.iter().zip(&on_chance).map(|(p, d)| p * d).sum();
            let mut on_hidden = vec![0.0; HIDDEN];
            for ((row, p), d) in self.letters.iter_mut().zip(chances).zip(&on_chance) {
                let error = p * (d - mean);
                for ((weight, &input), on_input) in row.iter_mut().zip(&hidden[sound]).zip(&mut on_hidden) {
                    *on_input += error * *weight;
                    *weight -= RATE_OF_LEARNING * error * input;
                }
            }
            for ((row, value), d) in self.hidden.iter_mut().zip(&hidden[sound]).zip(&on_hidden) {
                let error = d * (1.0 - value * value);
                row.iter_mut().zip(&clip.0[sound]).for_each(|(weight, input)| *weight -= RATE_OF_LEARNING * error * input);
            }
        }
    }
}

/// The chances of one letter, or of each pair of letters.
fn joint(letters: &[Vec<f64>]) -> Vec<f64> {
    match letters {
        [first, second] => first.iter().flat_map(|a| second.iter().map(move |b| a * b)).collect(),
        _ => letters.concat(),
    }
}

fn times(matrix: &[Vec<f64>], vector: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum()).collect()
}

fn softmax(scores: &[f64]) -> Vec<f64> {
    let highest = scores.iter().copied().fold(f64::MIN, f64::max);
    let powers: Vec<f64> = scores.iter().map(|score| (score - highest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}
