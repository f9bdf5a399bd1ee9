//! `tidewire passwd FILE USER`: keeps a file of users.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;

use clap::Args;
use tidewire::auth::{
    Argon2idCost, DEFAULT_ITERATIONS, PASSWORD_BYTES_MAX, PasswordHash, Verifier, delete_user,
    is_open_to_others, put_user,
};

/// What the command takes.
#[derive(Args)]
pub(super) struct Arguments {
    /// The file; it is made if it is not there.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The user's name.
    #[arg(value_name = "USER")]
    user: String,
    /// Keep a SCRAM-SHA-256 verifier instead of an argon2id hash, for auth.scram_file.
    #[arg(long)]
    scram: bool,
    /// Remove the user.
    #[arg(long, conflicts_with = "scram")]
    delete: bool,
    /// Rounds of hashing for SCRAM; a client does them at each connect.
    #[arg(long, value_name = "COUNT", default_value_t = DEFAULT_ITERATIONS, requires = "scram")]
    iterations: u32,
}

/// Runs it.
pub(super) fn run(arguments: &Arguments) -> Result<(), String> {
    let Arguments { file, user, .. } = arguments;
    let done = match arguments.delete {
        true => delete_user(file, user),
        false => put_user(file, user, &hash(arguments)?),
    };
    done.map_err(|error| error.to_string())?;
    if is_open_to_others(file).unwrap_or_default() {
        let name = file.display();
        let _ = writeln!(
            io::stderr().lock(),
            "{name}: everybody on this machine may read or write it: chmod o= {name} changes that"
        );
    }
    Ok(())
}

/// The hash of the password that is asked for.
fn hash(arguments: &Arguments) -> Result<PasswordHash, String> {
    let password = password(&arguments.user)?;
    if !arguments.scram {
        return PasswordHash::new(&password, Argon2idCost::default()).map_err(|error| error.to_string());
    }
    let password = String::from_utf8(password).map_err(|_| "for SCRAM the password has to be UTF-8")?;
    let verifier = Verifier::of_password(&password, arguments.iterations);
    verifier.map(PasswordHash::from).map_err(|error| error.to_string())
}

/// Asked twice on a terminal, where it is not shown; else the first line of standard input.
fn password(user: &str) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("cannot read the password: {error}");
    if !io::stdin().is_terminal() {
        return first_line().map_err(unreadable);
    }
    let ask = |prompt: String| rpassword::prompt_password(prompt).map_err(unreadable);
    let password = ask(format!("Password for {user}: "))?;
    match ask("Once more: ".to_owned())? == password {
        true => Ok(password.into_bytes()),
        false => Err("the two passwords differ".to_owned()),
    }
}

/// The first line of standard input without its end; may be cut where it is longer than a password may be.
fn first_line() -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    // One byte more than a password may have, and the line's end: a longer one is seen to be too long.
    io::stdin().lock().take(PASSWORD_BYTES_MAX as u64 + 3).read_until(b'\n', &mut line)?;
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
}
