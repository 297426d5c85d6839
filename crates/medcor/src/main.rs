//! The program `medcor`.

use std::process::ExitCode;

/// Saves a sixth of the CPU under load against the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    medcor::command::main()
}
