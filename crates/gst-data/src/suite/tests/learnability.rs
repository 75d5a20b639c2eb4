//! The labels can be heard: a linear classifier on plain statistics of the spectrum beats guessing, on the test half.

use realfft::RealFftPlanner;
use std::f64::consts::PI;

use super::super::clip::Clip;
use super::super::task::Task;
use super::super::tasks::TASKS;
use super::both_halves;

/// Share of each dataset that is used.
const SCALE: f64 = 0.6;
/// Bands between 80 Hz and 7 kHz, evenly spaced on a logarithmic axis: a quarter of an octave each.
const BANDS: usize = 26;
/// Parts of a clip over which band levels are averaged.
const SEGMENTS: usize = 8;
/// Lags of the autocorrelation of the onset curve, in frames of 10 ms.
const LAGS: usize = 100;
/// Weight of the ridge penalty for standardized features.
const RIDGE: f64 = 300.0;

#[test]
fn a_linear_classifier_beats_guessing_on_most_tasks() {
    let mut beaten = 0;
    let mut table = String::new();
    for task in TASKS {
        let [train, test] = both_halves(task, SCALE, 21);
        let accuracy = ridge_accuracy(task, &train, &test);
        let guess = 1.0 / task.choices.len() as f64;
        beaten += usize::from(accuracy > guess + 0.1);
        table += &format!("{:18} {accuracy:.2} (guess {guess:.2})\n", task.name);
    }
    println!("{table}");
    assert!(beaten >= 11, "only {beaten} of 14 tasks are learnable by these means:\n{table}");
}

/// Accuracy on the test half of ridge regression to one-hot answers, in its dual form.
fn ridge_accuracy(task: &Task, train: &[Clip], test: &[Clip]) -> f64 {
    let mut seen: Vec<_> = train.iter().map(|clip| features(task, clip)).collect();
    let mut unseen: Vec<_> = test.iter().map(|clip| features(task, clip)).collect();
    standardize(&mut seen, &mut unseen);
    let classes = task.choices.len();
    let class = |clip: &Clip| task.choices.iter().position(|&choice| choice == clip.row.answer).unwrap();
    let targets: Vec<Vec<f64>> = (0..classes)
        .map(|index| train.iter().map(|clip| f64::from(u8::from(class(clip) == index)) - 1.0 / classes as f64).collect())
        .collect();
    let gram = seen
        .iter()
        .enumerate()
        .map(|(row, a)| seen.iter().enumerate().map(|(column, b)| dot(a, b) + if row == column { RIDGE } else { 0.0 }).collect())
        .collect();
    let weights = solve(gram, &targets);
    let right = unseen.iter().zip(test).filter(|(features, clip)| {
        let near: Vec<f64> = seen.iter().map(|other| dot(other, features)).collect();
        let scores: Vec<f64> = weights.iter().map(|weights| dot(weights, &near)).collect();
        let best = (0..classes).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        best == Some(class(clip))
    });
    right.count() as f64 / test.len() as f64
}

/// Mean and deviation of each band, means over eight parts of the clip, and the rhythm. Where the question decides what is right,
/// each form has features of its own.
fn features(task: &Task, clip: &Clip) -> Vec<f64> {
    let levels = band_levels(task, clip);
    let frames = levels.len();
    let mut features = Vec::new();
    for band in 0..BANDS {
        let mean = |range: std::ops::Range<usize>| {
            let count = range.len().max(1) as f64;
            levels[range].iter().map(|frame| frame[band]).sum::<f64>() / count
        };
        let whole = mean(0..frames);
        features.push(whole);
        features.push((levels.iter().map(|frame| (frame[band] - whole).powi(2)).sum::<f64>() / frames as f64).sqrt());
        features.extend((0..SEGMENTS).map(|part| mean(part * frames / SEGMENTS..(part + 1) * frames / SEGMENTS)));
    }
    features.extend(rhythm(&levels));
    match clip.row.facts.get("asked").and_then(|asked| asked.as_str()) {
        Some(asked) => {
            let blank = vec![0.0; features.len()];
            if asked == "first" { [features, blank].concat() } else { [blank, features].concat() }
        }
        None => features,
    }
}

/// Normalized autocorrelation of the rises in loudness, and how many strong ones there are.
fn rhythm(levels: &[[f64; BANDS]]) -> Vec<f64> {
    let loudness: Vec<f64> = levels.iter().map(|frame| frame.iter().sum::<f64>() / BANDS as f64).collect();
    let rises: Vec<f64> = loudness.windows(2).map(|pair| (pair[1] - pair[0]).max(0.0)).collect();
    let energy = dot(&rises, &rises).max(1e-9);
    let strongest = rises.iter().fold(0.0, |a: f64, &b| a.max(b));
    let mut curve: Vec<f64> =
        (1..=LAGS).map(|lag| rises.iter().zip(rises.iter().skip(lag)).map(|(a, b)| a * b).sum::<f64>() / energy).collect();
    curve.push(10.0 * rises.iter().filter(|&&rise| rise > 0.4 * strongest).count() as f64);
    curve
}

/// Levels of the bands, in decades below the loudest, frame by frame (25 ms windows, 10 ms apart).
fn band_levels(task: &Task, clip: &Clip) -> Vec<[f64; BANDS]> {
    let rate = f64::from(task.rate);
    let channels = usize::from(task.channels());
    let mono: Vec<f64> = clip.samples.chunks_exact(channels).map(|frame| f64::from(frame[0]) / 32_768.0).collect();
    let (size, hop) = ((0.025 * rate) as usize, (0.01 * rate) as usize);
    let transform = RealFftPlanner::<f64>::new().plan_fft_forward(size);
    let mut spectrum = transform.make_output_vec();
    let mut levels: Vec<[f64; BANDS]> = Vec::new();
    for start in (0..mono.len().saturating_sub(size)).step_by(hop) {
        let mut window: Vec<f64> =
            (0..size).map(|index| mono[start + index] * (0.5 - 0.5 * (2.0 * PI * index as f64 / size as f64).cos())).collect();
        transform.process(&mut window, &mut spectrum).unwrap();
        let mut frame = [0.0; BANDS];
        for (bin, value) in spectrum.iter().enumerate() {
            let place = (bin as f64 * rate / size as f64 / 80.0).log2() * 4.0;
            if place >= 0.0 && (place as usize) < BANDS {
                frame[place as usize] += value.norm_sqr();
            }
        }
        levels.push(frame.map(|power| (power + 1e-9).log10()));
    }
    let loudest = levels.iter().flatten().fold(f64::MIN, |a, &b| a.max(b));
    levels.iter_mut().flatten().for_each(|level| *level = (*level - loudest).max(-6.0));
    levels
}

/// Subtracts the training mean and divides by the training deviation.
fn standardize(seen: &mut [Vec<f64>], unseen: &mut [Vec<f64>]) {
    let count = seen.len() as f64;
    for feature in 0..seen[0].len() {
        let mean = seen.iter().map(|row| row[feature]).sum::<f64>() / count;
        let deviation = (seen.iter().map(|row| (row[feature] - mean).powi(2)).sum::<f64>() / count).sqrt() + 0.01;
        for row in seen.iter_mut().chain(unseen.iter_mut()) {
            row[feature] = (row[feature] - mean) / deviation;
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Solves a symmetric positive definite system for several right sides (Cholesky).
fn solve(mut matrix: Vec<Vec<f64>>, sides: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let size = matrix.len();
    for row in 0..size {
        for column in 0..=row {
            let (left, right) = (&matrix[row][..column], &matrix[column][..column]);
            let rest = matrix[row][column] - dot(left, right);
            matrix[row][column] = if row == column { rest.sqrt() } else { rest / matrix[column][column] };
        }
    }
    let solved = sides.iter().map(|side| {
        let mut values = side.clone();
        for row in 0..size {
            values[row] = (values[row] - dot(&matrix[row][..row], &values[..row])) / matrix[row][row];
        }
        for row in (0..size).rev() {
            let below: f64 = (row + 1..size).map(|other| matrix[other][row] * values[other]).sum();
            values[row] = (values[row] - below) / matrix[row][row];
        }
        values
    });
    solved.collect()
}
