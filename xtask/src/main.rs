//! `cargo xtask`: see the library's page.

fn main() -> std::process::ExitCode {
    xtask::main()
}
