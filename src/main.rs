//! The `floe` binary: arguments, one verb, an exit code.

fn main() {}
