//! The commands `completions` and `man`: what a shell and a reader of manuals are told of a program's commands. Both are
//! made from the command line's own definition, so that they cannot say anything else. `tw` takes this file as well.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::{Command, Subcommand};
use clap_complete::Shell;
use clap_mangen::roff::{Roff, roman};

/// The two commands.
#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Print what a shell needs to complete these commands.
    Completions {
        /// The shell that is to complete.
        shell: Shell,
    },
    /// Write the manual pages of these commands.
    Man {
        /// Where the pages go; it is made where it is not there.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

impl Action {
    /// Prints the script of `program` for the shell, or writes its pages.
    ///
    /// # Errors
    ///
    /// When the pages cannot be written: where, and why.
    pub(super) fn run(&self, program: Command) -> Result<(), String> {
        match self {
            Self::Completions { shell } => {
                // A reader that has gone away is no failure of ours.
                let _ = io::stdout().lock().write_all(&script(*shell, program));
                Ok(())
            }
            Self::Man { directory } => write_all_pages(program, directory)
                .map_err(|error| format!("{}: {error}", directory.display())),
        }
    }
}

fn script(shell: Shell, mut program: Command) -> Vec<u8> {
    let name = program.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, name, &mut script);
    script
}

/// Writes a page for the program and one for each command, such as `tidewire-store-export.1`.
fn write_all_pages(program: Command, directory: &Path) -> io::Result<()> {
    // `help` would be one page more for each list of commands, and say nothing.
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let source = format!("{} {}", program.get_name(), env!("CARGO_PKG_VERSION"));
    std::fs::create_dir_all(directory)?;
    write_pages(program, &source, directory)
}

/// Writes the page of a command, and those of the commands within it.
fn write_pages(command: Command, source: &str, directory: &Path) -> io::Result<()> {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        write_pages(inner.clone(), source, directory)?;
    }
    // What stands behind the options has sections of its own here; clap_mangen would fill its lines into a paragraph.
    let behind = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let command = command.after_help(Resettable::Reset);
    // The same version makes the same page on every day. A date that is empty would be left out of the heading's fields,
    // and those behind it taken for it.
    let page = clap_mangen::Man::new(command).date(" ").source(source).manual("Tidewire");
    let mut file = File::create(directory.join(page.get_filename()))?;
    page.render(&mut file)?;
    match behind.is_empty() {
        true => Ok(()),
        false => sections(&behind).to_writer(&mut file),
    }
}

/// A line that begins at the margin, as `Examples:`, is a section's heading. Indented lines stay as they are.
fn sections(text: &str) -> Roff {
    let mut page = Roff::new();
    for line in text.lines() {
        match line.split_once(':') {
            Some((heading, rest)) if !line.starts_with(' ') => {
                page.control("SH", [heading.to_uppercase().as_str()]);
                if !rest.is_empty() {
                    page.text([roman(rest.trim_start())]);
                }
            }
            _ => {
                page.control("nf", []).text([roman(line)]).control("fi", []);
            }
        }
    }
    page
}
