//! Which dataset stands on which place, how large and how noisy it is.

use serde::{Deserialize, Serialize};

use super::super::dice::Dice;
use super::super::sound::noise::Backdrop;
use super::ladder::Ladder;
use super::params::WorldParams;
use super::skill::Skill;
use super::{ANSWERS, WORLD_VERSION};

/// Columns and rungs of the board.
const COLUMNS: usize = 4;
const RUNGS: usize = 3;
/// Clips of a dataset at scale 1: training on average, test.
const TRAIN: f64 = 160.0;
const TEST: f64 = 48.0;
/// Signal-to-noise ratio in dB, and how far it moves either way at full difficulty.
const SNR_DB: f64 = 24.0;
const SNR_SPREAD_DB: f64 = 18.0;

/// What is true of one dataset of a world, for whoever judges groups and orders: part of `suite.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorldDataset {
    /// Folder name.
    pub name: String,
    /// What it asks; rivals ask the same.
    pub skill: String,
    /// How many sounds its answer is composed of: 1 for a skill that stands on no other.
    pub rung: usize,
    /// By how many answers its convention is turned: rivals differ in it, all others have 0.
    pub turn: usize,
    /// The background by which its convention is known.
    pub style: String,
    /// Signal-to-noise ratio in dB.
    pub snr_db: f64,
    /// Datasets that teach what it is composed of, directly or by lower rungs.
    pub needs: Vec<String>,
    /// Datasets that ask the same question of the same sounds under another convention.
    pub rivals: Vec<String>,
}

/// What a place of the board asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::suite) enum Ask {
    /// A skill of its own.
    Own(Skill),
    /// So many sounds of a column's alphabet, 1 to 3.
    Rung(Ladder, usize),
}

/// One dataset of a world, ready to make clips.
#[derive(Debug, Clone)]
pub(in crate::suite) struct Place {
    pub(in crate::suite) name: String,
    pub(super) ask: Ask,
    pub(super) turn: usize,
    pub(super) style: Backdrop,
    pub(super) snr_db: f64,
    /// Clips of the training half and of the test half.
    pub(in crate::suite) sizes: [usize; 2],
}

impl Place {
    /// The skill, in a few words.
    pub(in crate::suite) fn skill(&self) -> String {
        match self.ask {
            Ask::Own(skill) => skill.name().to_owned(),
            Ask::Rung(ladder, sounds) => ladder.name(sounds).to_owned(),
        }
    }

    /// `speech`, `music` or `environment`.
    pub(in crate::suite) fn domain(&self) -> &'static str {
        match self.ask {
            Ask::Own(skill) => skill.domain(),
            Ask::Rung(ladder, _) => ladder.domain(),
        }
    }

    /// How many sounds the answer is composed of.
    fn rung(&self) -> usize {
        match self.ask {
            Ask::Own(_) => 1,
            Ask::Rung(_, sounds) => sounds,
        }
    }

    /// Whether `other` teaches a part of what this place is composed of.
    fn needs(&self, other: &Self) -> bool {
        match (self.ask, other.ask) {
            (Ask::Rung(ladder, sounds), Ask::Rung(below, fewer)) => ladder == below && fewer < sounds,
            _ => false,
        }
    }
}

/// The twelve places of a world, in order of their names.
pub(in crate::suite) fn board(params: &WorldParams) -> Vec<Place> {
    let dice = |what: &str| Dice::keyed(params.seed, &format!("world {WORLD_VERSION}/{what}"));
    let composed = composed(params.dependence, &mut dice("dependence"));
    let (partners, rivals) = rivals(params.conflict, &mut dice("conflict"));
    let mut turns = dice("turns");
    let mut styles = dice("styles");
    let asked = |column: usize, rung: usize| match (Ladder::ALL[column], rung) {
        (ladder, 0) => Ask::Rung(ladder, 1),
        (ladder, rung) if composed[column][rung] => Ask::Rung(ladder, rung + 1),
        (_, rung) => Ask::Own(Skill::ALL[2 * column + rung - 1]),
    };
    let repeats = |column: usize, rung: usize| rivals[column][rung];
    let mut places = Vec::new();
    for [first, second] in partners {
        let style = styles.permutation(2);
        for rung in 0..RUNGS {
            for (column, index) in [(first, 0), (second, 1)] {
                let rival = index == 1 && repeats(column, rung);
                // Drawn for every place, so that a turned knob moves no other place's draw.
                let turn = 1 + turns.below(ANSWERS - 1);
                places.push(Place {
                    name: String::new(),
                    ask: asked(if rival { first } else { column }, rung),
                    turn: if rival { turn } else { 0 },
                    style: [Backdrop::Hum, Backdrop::White][style[index]],
                    snr_db: SNR_DB,
                    sizes: [0; 2],
                });
            }
        }
    }
    share_out(&mut places, params, &mut dice("sizes"), &mut dice("noise"));
    for place in &mut places {
        place.name = if place.turn == 0 { place.skill() } else { format!("{}_other", place.skill()) };
    }
    places.sort_by(|a, b| a.name.cmp(&b.name));
    places
}

/// Which places above the lowest rung are composed: first the second rung of every column, then the third, columns in random order.
fn composed(dependence: f64, dice: &mut Dice) -> [[bool; RUNGS]; COLUMNS] {
    let columns = dice.permutation(COLUMNS);
    let count = (dependence * (COLUMNS * (RUNGS - 1)) as f64).round() as usize;
    let mut composed = [[false; RUNGS]; COLUMNS];
    let upper = (1..RUNGS).flat_map(|rung| columns.iter().map(move |&column| (column, rung)));
    for (column, rung) in upper.take(count) {
        composed[column][rung] = true;
    }
    composed
}

/// Pairs of columns, and the places of each second column that take over their partner's question: pair by pair, from below.
fn rivals(conflict: f64, dice: &mut Dice) -> ([[usize; 2]; COLUMNS / 2], [[bool; RUNGS]; COLUMNS]) {
    let columns = dice.permutation(COLUMNS);
    let partners = [[columns[0], columns[1]], [columns[2], columns[3]]];
    let count = (conflict * (RUNGS * COLUMNS / 2) as f64).round() as usize;
    let mut rivals = [[false; RUNGS]; COLUMNS];
    let places = partners.iter().flat_map(|[_, second]| (0..RUNGS).map(move |rung| (*second, rung)));
    for (column, rung) in places.take(count) {
        rivals[column][rung] = true;
    }
    (partners, rivals)
}

/// Gives every place its size and its noise, evenly spread in an order that the seed shuffles.
fn share_out(places: &mut [Place], params: &WorldParams, sizes: &mut Dice, noise: &mut Dice) {
    let count = places.len();
    let at = |rank: usize| rank as f64 / (count - 1) as f64;
    let shares: Vec<f64> = sizes.permutation(count).into_iter().map(|rank| params.inequality.powf(at(rank))).collect();
    let sum: f64 = shares.iter().sum();
    let ranks = noise.permutation(count);
    for ((place, share), rank) in places.iter_mut().zip(shares).zip(ranks) {
        let whole = |clips: f64| (clips.round() as usize).max(2 * ANSWERS);
        place.sizes = [whole(TRAIN * params.scale * share * count as f64 / sum), whole(TEST * params.scale)];
        place.snr_db = SNR_DB + SNR_SPREAD_DB * params.difficulty * (2.0 * at(rank) - 1.0);
    }
}

/// What is true of every place.
pub(in crate::suite) fn truth(places: &[Place]) -> Vec<WorldDataset> {
    let names =
        |keep: &dyn Fn(&Place) -> bool| places.iter().filter(|other| keep(other)).map(|other| other.name.clone()).collect();
    let facts = |place: &Place| WorldDataset {
        name: place.name.clone(),
        skill: place.skill(),
        rung: place.rung(),
        turn: place.turn,
        style: place.style.name().to_owned(),
        snr_db: place.snr_db,
        needs: names(&|other| place.needs(other)),
        rivals: names(&|other| other.ask == place.ask && other.name != place.name),
    };
    places.iter().map(facts).collect()
}
