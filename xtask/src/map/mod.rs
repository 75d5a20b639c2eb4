//! The map: where grouping pays, over generated worlds of known conflict and dependence.
//!
//! A map is one experiment repeated over many worlds. Learning rates and the baseline are chosen on worlds of their own; every finished
//! cell becomes a row of a CSV file under a hash of all that made it, so that a stopped map goes on, elsewhere too, and tables and
//! figures are made again from the rows alone.

mod analysis;
mod figure;
mod forecast;
mod instance;
mod page;
mod rows;
mod run;
mod settings;

pub(crate) use page::write_report;
pub(crate) use run::{Options, commit, date, lock, run, usual_folder};
pub(crate) use settings::{MapSettings, World};
