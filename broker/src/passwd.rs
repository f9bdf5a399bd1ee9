//! `tidewire passwd FILE USER`: keeps a file of users.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;
use tidewire::auth::{DEFAULT_ITERATIONS, Verifier, put_user};

/// What the command takes.
#[derive(Args)]
pub(super) struct Arguments {
    /// The file; it is made if it is not there.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The user's name.
    #[arg(value_name = "USER")]
    user: String,
    /// Keep a SCRAM-SHA-256 verifier, for auth.scram_file.
    #[arg(long, required_unless_present = "delete")]
    scram: bool,
    /// Remove the user.
    #[arg(long, conflicts_with = "scram")]
    delete: bool,
    /// Rounds of hashing; a client does them at each connect.
    #[arg(long, value_name = "COUNT", default_value_t = DEFAULT_ITERATIONS, conflicts_with = "delete")]
    iterations: u32,
}

/// Runs it.
pub(super) fn run(arguments: &Arguments) -> Result<(), String> {
    let verifier = match arguments.delete {
        true => None,
        false => {
            let verifier = Verifier::of_password(&password(&arguments.user)?, arguments.iterations);
            Some(verifier.map_err(|error| error.to_string())?)
        }
    };
    put_user(&arguments.file, &arguments.user, verifier.as_ref()).map_err(|error| error.to_string())
}

/// Asked twice on a terminal, where it is not shown; else the first line of standard input.
fn password(user: &str) -> Result<String, String> {
    let unreadable = |error: io::Error| format!("cannot read the password: {error}");
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map_err(unreadable)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let ask = |prompt: String| rpassword::prompt_password(prompt).map_err(unreadable);
    let password = ask(format!("Password for {user}: "))?;
    match ask("Once more: ".to_owned())? == password {
        true => Ok(password),
        false => Err("the two passwords differ".to_owned()),
    }
}
