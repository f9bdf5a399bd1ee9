//! docs/releasing.md: what its commands name is there. They are not run here: they build, and run all tests.

use std::fs;
use std::process::Command;

use crate::{done, root};

/// The lines of its `sh` blocks; those that are `bash` need what is not on every machine.
fn commands() -> Vec<String> {
    let text = fs::read_to_string(root().join("docs/releasing.md")).expect("the document is there");
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(|block| block.lines().map(str::trim).filter(|line| !line.is_empty()));
    lines.map(str::to_owned).collect()
}

#[test]
fn every_command_of_a_release_can_be_run() {
    let commands = commands();
    assert_eq!(commands.len(), 6, "{commands:?}");
    for command in commands {
        done(Command::new("bash").args(["-n", "-c", &command]));
        let words: Vec<_> = command.split_whitespace().collect();
        done(Command::new("bash").args(["-c", "type \"$1\"", "bash", words[0]]).current_dir(root()));
        if words[0] == "bash" {
            assert!(root().join(words[1]).is_file(), "{command}");
        }
    }
}
