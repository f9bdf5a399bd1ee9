//! The commands `completions` and `man`: what a shell and a reader of manuals are told of a program's commands. Both are
//! made from the command line's own definition, so that they cannot say anything else. `tw` takes this file as well.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;

/// What `completions` takes.
#[derive(Args, Debug)]
pub(super) struct Completions {
    /// The shell that is to complete.
    shell: Shell,
}

impl Completions {
    /// The script that the shell reads.
    pub(super) fn script(&self, mut program: Command) -> Vec<u8> {
        let name = program.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, name, &mut script);
        script
    }
}

/// What `man` takes.
#[derive(Args, Debug)]
pub(super) struct Man {
    /// Where the pages go; it is made where it is not there.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Man {
    /// Writes a page for the program and one for each command, such as `tidewire-store-export.1`.
    ///
    /// # Errors
    ///
    /// When that cannot be written: what, and why.
    pub(super) fn write(&self, program: Command) -> Result<(), String> {
        // `help` would be one page more for each list of commands, and say nothing.
        let mut program = program.disable_help_subcommand(true);
        program.build();
        let source = format!("{} {}", program.get_name(), env!("CARGO_PKG_VERSION"));
        std::fs::create_dir_all(&self.directory)
            .and_then(|()| write_pages(program, &source, &self.directory))
            .map_err(|error| format!("{}: {error}", self.directory.display()))
    }
}

/// Writes the page of a command, and those of the commands within it.
fn write_pages(command: Command, source: &str, directory: &Path) -> io::Result<()> {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        write_pages(inner.clone(), source, directory)?;
    }
    // The same version makes the same page on every day. A date that is empty would be left out of the heading's fields,
    // and those behind it taken for it.
    let page = clap_mangen::Man::new(command).date(" ").source(source).manual("Tidewire");
    page.generate_to(directory).map(drop)
}
