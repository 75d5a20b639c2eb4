//! Question forms, and splits that a dataset does not bring: both by hash.

use crate::{hash::rank, record::Split};

/// Asking for a caption.
pub(crate) const CAPTION: [&str; 5] = [
    "Describe what can be heard.",
    "What is happening in this recording?",
    "Summarise this recording in one sentence.",
    "Write a caption for this sound.",
    "What does this recording sound like?",
];

/// One of `forms`, by dataset and row.
pub(crate) fn form<'a>(forms: &[&'a str], dataset: &str, id: &str) -> &'a str {
    match u64::try_from(forms.len()) {
        Ok(count) if count > 0 => forms[(rank("question", &[dataset, id]) % count) as usize],
        _ => "",
    }
}

/// Test for `share` of all origins, training for the others.
pub(crate) fn split(dataset: &str, origin: &str, share: f64) -> Split {
    // The rank is uniform over u64; a share is compared at 53 bits.
    let position = (rank("test-split", &[dataset, origin]) >> 11) as f64 / (1_u64 << 53) as f64;
    if position < share { Split::Test } else { Split::Train }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_used_about_equally_often_and_depends_on_the_row_alone() {
        let mut counts = [0_usize; 5];
        for row in 0..5_000 {
            let chosen = form(&CAPTION, "clotho", &row.to_string());
            assert_eq!(chosen, form(&CAPTION, "clotho", &row.to_string()));
            counts[CAPTION.iter().position(|form| *form == chosen).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_share_of_origins_is_test() {
        let test = (0..10_000).filter(|origin| split("macs", &origin.to_string(), 0.1) == Split::Test).count();
        assert!((920..1_080).contains(&test), "{test}");
    }
}
