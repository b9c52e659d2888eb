//! The `floe` binary: arguments, one verb, an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    floe::cli::main()
}
