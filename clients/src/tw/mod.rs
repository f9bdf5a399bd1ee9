//! The commands of `tw`.
//!
//! Exit status: 0, 1 with one line on standard error when something failed, 2 for wrong usage.

mod arguments;
mod bench;
#[path = "../../../broker/src/manual.rs"]
mod manual;
mod publish;
mod render;
mod subscribe;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use tidewire_client::{Client, Error, Messages, mqtt, stomp};

use self::arguments::{Cli, Command, ConnectionArgs, Spoken, UsageError};

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(UsageError(wrong)) = cli.check() {
        Cli::command().error(ErrorKind::ArgumentConflict, wrong).exit();
    }
    let outcome = match cli.command {
        Command::Pub(args) => publish::run(args),
        Command::Sub(args) => subscribe::run(args),
        Command::Bench(args) => bench::run(&args),
        Command::Manual(action) => action.run(Cli::command()).map_err(Failure::Other),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Where not even this can be said, the status says it.
            let _ = writeln!(io::stderr().lock(), "tw: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Why a command did not succeed: one line for a person.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Client(#[from] Error),
    #[error("cannot read standard input: {0}")]
    Input(io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    #[error("{0}")]
    Other(String),
}

/// Connects as the arguments say.
async fn connect(args: &ConnectionArgs) -> Result<(Client, Messages), Error> {
    let client_id = args.client_id.clone().unwrap_or_default();
    match args.spoken() {
        Spoken::Mqtt(version) => {
            mqtt::connect(&args.url, mqtt::Options { version, client_id, ..Default::default() }).await
        }
        Spoken::Stomp => stomp::connect(&args.url, stomp::Options { client_id, ..Default::default() }).await,
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
