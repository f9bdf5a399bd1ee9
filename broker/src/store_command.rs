//! `tidewire store`: looks at a store that no broker has open, and copies it.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use tidewire::store::{DiskStore, Exported, Options, Store as _};

/// What the command takes.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Read every record and every message: exit 0, or 1 with the name of each that is damaged.
    Check(Place),
    /// Count what there is.
    Stats(Place),
    /// Write everything as text, one JSON object a line.
    Export {
        #[command(flatten)]
        place: Place,
        /// Where to; standard output where it is left out.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Take what an export has written into an empty data directory.
    Import {
        #[command(flatten)]
        place: Place,
        /// Where from; standard input where it is left out.
        #[arg(long, short, value_name = "FILE")]
        input: Option<PathBuf>,
    },
}

#[derive(Args)]
struct Place {
    /// The broker's data directory (`data_dir`).
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

impl Place {
    fn open(&self) -> Result<Arc<DiskStore>, String> {
        if !self.data_dir.is_dir() {
            return Err(format!("{}: there is no such directory", self.data_dir.display()));
        }
        self.open_or_make()
    }

    fn open_or_make(&self) -> Result<Arc<DiskStore>, String> {
        let opened = DiskStore::open(&self.data_dir, Options::default());
        opened.map(|(store, _)| store).map_err(|error| error.to_string())
    }
}

/// Runs it.
pub(super) fn run(arguments: &Arguments) -> Result<(), String> {
    match &arguments.action {
        Action::Check(place) => check(place),
        Action::Stats(place) => say(&place.open()?.stats().to_string()),
        Action::Export { place, output } => export(place, output.as_ref()),
        Action::Import { place, input } => import(place, input.as_ref()),
    }
}

fn check(place: &Place) -> Result<(), String> {
    let store = place.open()?;
    let unreadable = store.unreadable_messages().map_err(|error| error.to_string())?;
    let faults: Vec<_> = store.damaged().iter().chain(&unreadable).map(String::as_str).collect();
    let stats = store.stats();
    match faults.as_slice() {
        [] => say(&format!("{}: {} messages, no fault found\n", place.data_dir.display(), stats.messages)),
        faults => Err(faults.join("\n")),
    }
}

fn export(place: &Place, output: Option<&PathBuf>) -> Result<(), String> {
    let store = place.open()?;
    let exported = match output {
        Some(path) => store.backup(path).map_err(|error| format!("{}: {error}", path.display()))?,
        None => store.export(BufWriter::new(io::stdout())).map_err(|error| error.to_string())?,
    };
    let Exported { lines, messages, unreadable } = exported;
    complain(&format!("{lines} lines, {messages} messages"));
    match unreadable {
        0 => Ok(()),
        count => Err(format!("{count} messages could not be read and are not in it")),
    }
}

fn import(place: &Place, input: Option<&PathBuf>) -> Result<(), String> {
    let store = place.open_or_make()?;
    let (name, lines) = match input {
        Some(path) => {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|error| format!("{name}: {error}"))?;
            (name, store.import(BufReader::new(file)))
        }
        None => ("standard input".to_owned(), store.import(io::stdin().lock())),
    };
    let lines = lines.map_err(|error| format!("{name}: {error}"))?;
    store.close();
    complain(&format!("{lines} lines"));
    Ok(())
}

/// A reader that has gone away is no failure of ours.
fn say(text: &str) -> Result<(), String> {
    let _ = io::stdout().lock().write_all(text.as_bytes());
    Ok(())
}

fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
