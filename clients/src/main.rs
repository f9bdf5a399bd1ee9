//! The program `tw`: publishes, subscribes and measures, from the command line.

mod tw;

use std::process::ExitCode;

fn main() -> ExitCode {
    tw::main()
}
