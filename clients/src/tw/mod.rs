//! The commands of `tw`.
//!
//! Exit status: 0, or as [`Failure::status`] says, with a line on standard error.

mod advice;
mod arguments;
mod bench;
mod colour;
mod connecting;
mod failure;
mod input;
mod interrupt;
#[path = "../../../broker/src/manual.rs"]
mod manual;
mod progress;
mod proof;
mod publish;
mod render;
mod reply;
mod request;
mod subscribe;

use std::process::ExitCode;

use clap::CommandFactory;

use self::arguments::{Cli, Command};
pub(crate) use self::failure::Failure;

pub(crate) fn main() -> ExitCode {
    let outcome = match Cli::read().command {
        Command::Pub(args) => publish::run(&args),
        Command::Sub(args) => subscribe::run(&args),
        Command::Request(args) => request::run(&args),
        Command::Reply(args) => reply::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Manual(action) => action.run(Cli::command()).map_err(Failure::Other),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// A runtime whose one worker keeps the connection alive while the command blocks on standard input or output.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(format!("cannot start: {error}")))
}
