//! `tidewire ctl`: tells a broker that runs what to do, over its admin listener.

mod action;
mod endpoint;
mod messages;
mod run;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use tidewire::config::{Change, ConfigError};

use self::action::Action;
use self::endpoint::{Endpoint, Reply};
use crate::{complain, say};

/// What the command takes.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Print what the broker answers in JSON: for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    action: Action,
}

/// Where the broker is.
#[derive(Args)]
struct Place {
    /// The admin listener, as http://127.0.0.1:8081, https://ops.example:8081 or unix:/path; without it, where the
    /// configuration has it.
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// A file with its token; without it, the configuration's.
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A file with the authority that has issued its certificate, besides those that this machine trusts (PEM).
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A file with the certificate to show it instead of the token (PEM); --key is for it.
    #[arg(long, global = true, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// A file with the certificate's key, not encrypted (PEM).
    #[arg(long, global = true, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The configuration that the broker runs with; without it and a URL, the embedded default.
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs it.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let asked = Endpoint::find(&arguments.place)
        .and_then(|endpoint| run::run(&endpoint, &arguments.action, arguments.json));
    asked.unwrap_or_else(|error| complain(&error))
}

/// Has files read again.
fn reload(endpoint: &Endpoint, is_json: bool) -> Result<ExitCode, String> {
    let reply = endpoint.ask(Method::POST, "/api/v1/reload", &serde_json::json!({}))?;
    if is_json { print(&reply) } else { reloaded(endpoint, &reply) }
}

/// The answer as it is.
fn print(reply: &Reply) -> Result<ExitCode, String> {
    say(&String::from_utf8_lossy(&reply.body));
    Ok(if reply.status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a reload came to.
#[derive(Deserialize)]
struct Report {
    reloaded: bool,
    #[serde(default)]
    warnings: Vec<ConfigError>,
    #[serde(default)]
    changes: Vec<Change>,
    #[serde(default)]
    errors: Vec<ConfigError>,
}

/// Says it in the words of the daemon's log.
fn reloaded(endpoint: &Endpoint, reply: &Reply) -> Result<ExitCode, String> {
    if !matches!(reply.status, StatusCode::OK | StatusCode::UNPROCESSABLE_ENTITY) {
        return Err(endpoint.explain(reply));
    }
    let Ok(report) = serde_json::from_slice::<Report>(&reply.body) else {
        return Err(endpoint.explain(reply));
    };
    if !report.reloaded {
        let errors: Vec<_> = report.errors.iter().map(ToString::to_string).collect();
        return Err(errors.join("\n"));
    }
    for warning in &report.warnings {
        complain(&format!("warning: {warning}"));
    }
    let changes: String = report.changes.iter().map(|change| format!("{change}\n")).collect();
    Ok(say(&format!("{changes}reloaded\n")))
}
