//! The sounds of speech that the tasks string together: vowels and consonants as targets for the formant synthesizer.

/// One stretch of speech with constant targets. Formants in Hz for a long vocal tract.
#[derive(Debug, Clone, Copy)]
pub(in crate::suite) struct Phone {
    pub(in crate::suite) seconds: f64,
    pub(in crate::suite) formants: [f64; 3],
    /// Amplitude of the voice, 0 to 1.
    pub(in crate::suite) voicing: f64,
    /// Amplitude and centre (Hz) of hissing noise made in the mouth.
    pub(in crate::suite) hiss: f64,
    pub(in crate::suite) hiss_hz: f64,
    /// Time constant of the way to this phone's formants, in seconds.
    pub(in crate::suite) glide: f64,
}

/// A vowel of `seconds` with these first three formants.
pub(in crate::suite) fn vowel(formants: [f64; 3], seconds: f64) -> Phone {
    Phone { seconds, formants, voicing: 1.0, hiss: 0.0, hiss_hz: 4000.0, glide: 0.018 }
}

/// Five plain vowels. Close to the averages for men in Peterson and Barney (1952), rounded.
pub(in crate::suite) fn plain_vowel(letter: char) -> [f64; 3] {
    match letter {
        'i' => [290.0, 2250.0, 2950.0],
        'e' => [520.0, 1850.0, 2500.0],
        'o' => [560.0, 860.0, 2400.0],
        'u' => [320.0, 900.0, 2250.0],
        _ => [740.0, 1150.0, 2450.0],
    }
}

/// The parts of one consonant before a vowel: closure or murmur, then burst; `pace` stretches them.
pub(in crate::suite) fn consonant(letter: char, pace: f64) -> Vec<Phone> {
    let part = |seconds: f64, formants: [f64; 3], voicing: f64, hiss: f64, hiss_hz: f64| Phone {
        seconds: seconds * pace,
        formants,
        voicing,
        hiss,
        hiss_hz,
        glide: 0.008,
    };
    let (lips, ridge, palate) = ([220.0, 850.0, 2100.0], [230.0, 1750.0, 2700.0], [230.0, 2250.0, 2500.0]);
    match letter {
        'b' => vec![part(0.05, lips, 0.12, 0.0, 900.0), part(0.008, lips, 0.4, 0.35, 900.0)],
        'd' => vec![part(0.045, ridge, 0.12, 0.0, 3600.0), part(0.012, ridge, 0.4, 0.6, 3600.0)],
        'g' => vec![part(0.045, palate, 0.12, 0.0, 2100.0), part(0.02, palate, 0.3, 0.6, 2100.0)],
        'm' => vec![part(0.075, [250.0, 1000.0, 2200.0], 0.35, 0.0, 900.0)],
        'n' => vec![part(0.07, [250.0, 1500.0, 2500.0], 0.35, 0.0, 900.0)],
        's' => vec![part(0.1, ridge, 0.0, 0.55, 5600.0), part(0.01, ridge, 0.1, 0.15, 5600.0)],
        'f' => vec![part(0.09, lips, 0.0, 0.16, 3000.0)],
        _ => Vec::new(),
    }
}

/// A consonant and a plain vowel written with two letters, such as "ba"; the vowel lasts `seconds`.
pub(in crate::suite) fn syllable(letters: &str, seconds: f64, pace: f64) -> Vec<Phone> {
    let mut letters = letters.chars();
    let mut phones = consonant(letters.next().unwrap_or(' '), pace);
    phones.push(vowel(plain_vowel(letters.next().unwrap_or('a')), seconds));
    phones
}
