//! `tidewire check` and `tidewire config`: a configuration looked at, without a broker.

use std::process::ExitCode;

use clap::Args;
use tidewire::config::{self, Loaded, explained, load_with_warnings, plain};

use crate::{ConfigArgs, complain, fail, name, say, surroundings};

/// What `tidewire config` takes.
#[derive(Args)]
pub(super) struct Show {
    #[command(flatten)]
    from: ConfigArgs,
    /// Leave out where each setting comes from.
    #[arg(long)]
    plain: bool,
    /// Print a JSON Schema of the file instead, for editors.
    #[arg(long)]
    schema: bool,
}

/// What `tidewire check` takes.
#[derive(Args)]
pub(super) struct Check {
    #[command(flatten)]
    from: ConfigArgs,
    /// Leave out whether addresses and ports are free.
    #[arg(long)]
    no_bind: bool,
    /// Take a warning for a fault.
    #[arg(long)]
    strict: bool,
}

/// Prints the effective configuration.
pub(super) fn show(arguments: &Show) -> ExitCode {
    if arguments.schema {
        return say(&format!("{:#}\n", config::schema()));
    }
    let loaded = match load_with_warnings(&arguments.from.sources()) {
        Ok(loaded) => loaded,
        Err(errors) => return fail(&errors),
    };
    let text = match arguments.plain {
        true => plain(&loaded.config),
        false => explained(&loaded),
    };
    match text {
        Ok(text) => say(&text),
        Err(error) => complain(&error.to_string()),
    }
}

/// Tests a configuration, and what it stands on.
pub(super) fn check(arguments: &Check) -> ExitCode {
    let sources = arguments.from.sources();
    let found = load_with_warnings(&sources).and_then(|Loaded { config, warnings, .. }| {
        let faults = config::locate(&sources, surroundings::faults(&config, !arguments.no_bind))?;
        if faults.is_empty() { Ok(warnings) } else { Err([warnings, faults].concat()) }
    });
    match found {
        Err(found) => fail(&found),
        Ok(warnings) if arguments.strict && !warnings.is_empty() => fail(&warnings),
        Ok(warnings) => {
            for warning in &warnings {
                complain(&format!("warning: {warning}"));
            }
            say(&format!("{}: no fault found\n", name(&sources)))
        }
    }
}
