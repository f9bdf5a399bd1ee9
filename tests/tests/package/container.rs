//! The container's file, as far as it can be held without Docker: what it names is there.

use std::fs;

use tidewire::config::{Bind, Config};

use crate::{PROGRAMS, root};

fn dockerfile() -> String {
    let text = fs::read_to_string(root().join("broker/packaging/docker/Dockerfile")).expect("it is there");
    text.replace("\\\n", " ")
}

/// What stands behind an instruction, each time that it is there.
fn instructions(text: &str, name: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn what_is_copied_is_there() {
    let text = dockerfile();
    let mut copied = 0;
    for words in instructions(&text, "COPY") {
        let is_built = words.iter().any(|word| word == "--from=build");
        let paths: Vec<_> = words.iter().filter(|word| !word.starts_with("--")).collect();
        let (_, sources) = paths.split_last().expect("COPY has a target");
        for source in sources {
            let is_there = match source.strip_prefix("/source/target/release/") {
                Some(name) => PROGRAMS.contains(&name),
                None if is_built => text.contains(&format!("mkdir {source}")),
                None => root().join(source).exists(),
            };
            assert!(is_there, "{source} is copied and not there");
            copied += 1;
        }
    }
    assert_eq!(copied, 7, "all were looked at");
}

#[test]
fn it_is_built_by_the_rust_that_the_sources_ask_for() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("it is there");
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'));
    let image = format!("rust:{}-bookworm", version.expect("a version is asked for"));
    assert_eq!(instructions(&dockerfile(), "FROM")[0][0], image);
}

#[test]
fn the_ports_are_those_of_the_default() {
    let config = Config::default();
    let binds = config.listeners.iter().map(|listener| &listener.bind).chain([&config.admin.bind]);
    let port = |bind: &String| match Bind::parse(bind) {
        Some(Bind::Ip(address)) => address.port().to_string(),
        other => panic!("{other:?} has no port"),
    };
    assert_eq!(instructions(&dockerfile(), "EXPOSE"), [binds.map(port).collect::<Vec<_>>()]);
}
