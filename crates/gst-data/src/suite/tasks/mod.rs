//! The fourteen tasks.

use super::task::Task;

mod chord_quality;
mod event_count;
mod event_order;
mod impact_material;
mod instrument;
mod intonation;
mod melodic_interval;
mod noise_colour;
mod pitch_class;
mod rhythm_pattern;
mod syllable_pair;
mod tempo;
mod voice;
mod vowel;

/// Every generated dataset, in alphabetical order of their folders. To add one: a file beside this one with its `TASK`, a line
/// here, a row in `docs/generated-suite.md`.
pub(super) const TASKS: [&Task; 14] = [
    &chord_quality::TASK,
    &event_count::TASK,
    &event_order::TASK,
    &impact_material::TASK,
    &instrument::TASK,
    &intonation::TASK,
    &melodic_interval::TASK,
    &noise_colour::TASK,
    &pitch_class::TASK,
    &rhythm_pattern::TASK,
    &syllable_pair::TASK,
    &tempo::TASK,
    &voice::TASK,
    &vowel::TASK,
];
