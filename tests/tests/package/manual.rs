//! Completions and manual pages, as `tidewire` and `tw` make them of themselves.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{PROGRAMS, done, outcome, program};

/// What bash offers for the last of these words.
fn completed_by_bash(words: &[&str]) -> Vec<String> {
    let name = words[0];
    let script = done(Command::new(program(name)).args(["completions", "bash"]));
    // What bash itself does for a person who presses the tabulator.
    let ask = format!(
        "{script}\n[[ $(complete -p {name}) == *'-F _{name} '* ]] || exit 1\nCOMP_WORDS=(\"$@\")\nCOMP_CWORD=$(($# - 1))\n\
         _{name} \"$1\" \"${{@: -1}}\" \"${{@: -2:1}}\"\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let answer = done(Command::new("bash").args(["--norc", "-c", &ask, "bash"]).args(words));
    answer.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    let cases: [(&[&str], &str); 7] = [
        (&["tidewire", "se"], "serve"),
        (&["tidewire", "serve", "--con"], "--config"),
        (&["tidewire", "store", "ex"], "export"),
        (&["tidewire", "completions", "fi"], "fish"),
        (&["tw", "pu"], "pub"),
        (&["tw", "bench", "fan"], "fanout"),
        (&["tw", "sub", "--sto"], "--stomp"),
    ];
    for (words, expected) in cases {
        assert_eq!(completed_by_bash(words), [expected], "{words:?}");
    }
}

#[test]
fn other_shells_get_scripts_of_their_own() {
    for (shell, beginning) in
        [("zsh", "#compdef NAME\n"), ("fish", "# Print an optspec"), ("elvish", "\nuse builtin")]
    {
        for name in PROGRAMS {
            let script = done(Command::new(program(name)).args(["completions", shell]));
            assert!(script.starts_with(&beginning.replace("NAME", name)), "{shell}: {}", &script[..100]);
        }
    }
    let (text, is_done) = outcome(Command::new(program("tidewire")).args(["completions", "sh"]));
    assert!(!is_done && text.contains("possible values: bash"), "{text}");
}

/// The pages of both programs, by name.
fn pages(directory: &Path) -> Vec<String> {
    for name in PROGRAMS {
        done(Command::new(program(name)).arg("man").arg(directory.join("made")));
    }
    let entries = fs::read_dir(directory.join("made")).expect("it is made");
    entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn every_command_has_a_page() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let pages = pages(directory.path());
    for page in [
        "tidewire.1",
        "tidewire-serve.1",
        "tidewire-store-export.1",
        "tw.1",
        "tw-reply.1",
        "tw-bench-pairs.1",
    ] {
        assert!(pages.iter().any(|name| name == page), "{page} is not among {pages:?}");
    }
    assert!(!pages.iter().any(|name| name.contains("help")), "{pages:?}");
    let read = |name: &str| fs::read_to_string(directory.path().join("made").join(name)).expect("it is text");
    let page = read("tidewire-store-export.1");
    let version = env!("CARGO_PKG_VERSION");
    let heading = format!(".TH tidewire-store-export 1 \" \" \"tidewire {version}\" Tidewire\n");
    assert!(page.contains(&heading), "{page}");
    assert!(page.contains("Where to; standard output where it is left out"), "{page}");
    assert!(read("tidewire-store.1").contains("tidewire\\-store\\-export(1)"), "a list leads on");
    let page = read("tw-sub.1");
    for part in ["\n.SH EXAMPLES\n", "  tw sub \\-t", "\n.SH \"EXIT STATUS\"\n0 fine", "\\-\\-selector"] {
        assert!(page.contains(part), "{part:?} is not in {page}");
    }
}

#[test]
fn mandoc_finds_nothing_in_the_pages() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let pages = pages(directory.path());
    let (text, _) = outcome(
        Command::new("mandoc")
            .args(["-Tlint", "-Wwarning"])
            .args(&pages)
            .current_dir(directory.path().join("made")),
    );
    // Their date is left out, so that a version has the same pages always; and clap_mangen leaves two lines between what
    // an argument is and its values.
    let known =
        |line: &str| line.contains("cannot parse date") || line.contains("skipping paragraph macro: br");
    let found: Vec<_> = text.lines().filter(|line| !known(line)).collect();
    assert_eq!(found, [""; 0]);
    assert!(text.contains("cannot parse date"), "it has read them: {text}");
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    for name in PROGRAMS {
        let (text, is_done) = outcome(Command::new(program(name)).arg("man").arg(file.path()));
        assert!(!is_done && text.contains(&format!("{}: ", file.path().display())), "{text}");
    }
}
