//! What every fuzz target does with its bytes, and the inputs it starts from.
//!
//! Whatever the bytes are, a parser gives a value or an error: it does not panic, hang, or take memory that the input does not
//! justify. What it accepts has to hold what its type promises, which the targets use.

mod run;
mod targets;

#[cfg(feature = "libfuzzer")]
pub use libfuzzer_sys;
pub use run::main;
pub use targets::*;

/// The program of one target: libFuzzer's with the feature `libfuzzer`, a mutator of our own without.
#[cfg(feature = "libfuzzer")]
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        $crate::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::$name::check(bytes));
    };
}

/// The program of one target: libFuzzer's with the feature `libfuzzer`, a mutator of our own without.
#[cfg(not(feature = "libfuzzer"))]
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        fn main() -> std::process::ExitCode {
            $crate::main(stringify!($name), $crate::$name::seeds(), $crate::$name::check)
        }
    };
}
