//! broker/packaging/tidewire.toml is made of the settings' types: every key, its default and a sentence.
//!
//! A line `#key = value` is a setting, a line `# words` is for people. Behind those that are off by default stands
//! [`EXAMPLE`].

use serde_json::Value;
use tidewire::config::{Config, Sources, load_with_warnings, plain};
use tidewire_tests::settings::{Section, Setting, sections, toml_of};

use super::{document, held, root};

const PATH: &str = "broker/packaging/tidewire.toml";

/// Behind a setting or section that has no default.
const EXAMPLE: &str = "  # an example";

/// Characters of a line for people.
const WIDTH: usize = 110;

const HEAD: &str = "\
# Tidewire's settings. All are as they are without this file: take the # from before a setting, and the header of its
# section where that has one, to change it. What is marked as an example is off by default.
#
# `tidewire check --config FILE` tests a file, `tidewire config --config FILE` prints what holds and where it was set.
# Durations are written \"250ms\", \"10s\", \"5m\", \"2h\", \"7d\", sizes \"512B\", \"64KiB\", \"1MiB\", \"2GiB\".
# docs/configuration.md says more of each.
";

fn file() -> String {
    let mut config = serde_json::to_value(Config::default()).expect("a configuration can be written");
    let listeners = config["listeners"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let (first, others) = listeners.split_first().expect("there are listeners by default");
    let (of_listener, of_broker): (Vec<_>, Vec<_>) =
        sections().into_iter().partition(|section| section.path.starts_with("listeners"));
    let (before_all, rest) = of_broker.split_first().expect("there are settings before all sections");
    let mut text = HEAD.to_owned();
    text += &block(before_all, &Value::Null);
    text.extend(of_listener.iter().map(|section| block(section, first)));
    text.extend(others.iter().map(other_listener));
    text.extend(rest.iter().map(|section| block(section, &Value::Null)));
    text
}

/// A section with its settings; `own` are values that hold rather than the defaults.
fn block(section: &Section, own: &Value) -> String {
    let mut text = "\n".to_owned();
    if !section.path.is_empty() {
        let sign = if is_active(section) { "" } else { "#" };
        let mark = if section.is_optional && section.path != "listeners.compression" { EXAMPLE } else { "" };
        text += &format!("{}{sign}{}{mark}\n", comment(&section.text), section.header());
    }
    for setting in section.settings.iter().filter(|setting| !setting.is_section) {
        let own = own.get(&setting.key).filter(|_| section.path == "listeners");
        text += &comment(&sentence(setting));
        text += &line(setting, own.map(toml_of));
    }
    text
}

/// One of those that there are by default besides the first.
fn other_listener(listener: &Value) -> String {
    let line = |key| format!("#{key} = {}\n", toml_of(&listener[key]));
    let lines: String = ["name", "bind", "transport", "protocols"].map(line).concat();
    format!("\n#[[listeners]]\n{lines}")
}

/// Whether its header may stand without a setting below it: it turns nothing on.
fn is_active(section: &Section) -> bool {
    !section.is_optional && !section.is_list && !section.path.starts_with("listeners")
}

fn line(setting: &Setting, own: Option<String>) -> String {
    let example = setting.example.as_ref().or(setting.values.first());
    match (own.or(setting.default.clone()), example) {
        (Some(default), _) => format!("#{} = {default}\n", setting.key),
        (None, Some(example)) => format!("#{} = {example}{EXAMPLE}\n", setting.key),
        (None, None) => panic!("{} has neither a default nor an example", setting.key),
    }
}

/// The first sentence, with the values that there are.
fn sentence(setting: &Setting) -> String {
    let first = setting.text.split_once(". ").map_or(setting.text.as_str(), |(first, _)| first);
    format!("{}.", first.trim_end_matches('.'))
}

fn comment(words: &str) -> String {
    let mut text = String::new();
    let mut line = "#".to_owned();
    for word in words.replace('`', "").split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            text += &format!("{line}\n");
            line = "#".to_owned();
        }
        line += " ";
        line += word;
    }
    format!("{text}{line}\n")
}

/// The file without the signs before its settings, and without those that are examples if they are not wanted.
fn uncommented(with_examples: bool) -> String {
    let mut is_example = false;
    let mut lines = Vec::new();
    for line in document(PATH).lines().filter(|line| !line.starts_with("# ") && *line != "#") {
        let line = line.strip_prefix('#').unwrap_or(line);
        if line.starts_with('[') {
            is_example = line.ends_with(EXAMPLE);
        }
        if with_examples || !(is_example || line.ends_with(EXAMPLE)) {
            lines.push(line.to_owned());
        }
    }
    lines.join("\n")
}

fn read(text: &str) -> Config {
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_example_is_what_the_types_make() {
    held(PATH, &file());
}

#[test]
fn the_example_passes_the_check_and_changes_nothing() {
    let sources = Sources { file: Some(root().join(PATH)), ..Sources::default() };
    let loaded = load_with_warnings(&sources).unwrap_or_else(|errors| panic!("{errors:?}"));
    assert_eq!(loaded.warnings, []);
    assert_eq!(plain(&loaded.config), plain(&Config::default()));
}

#[test]
fn what_stands_in_comments_is_the_default() {
    assert_eq!(plain(&read(&uncommented(false))), plain(&Config::default()));
}

#[test]
fn every_example_is_of_its_setting_s_type() {
    let config = read(&uncommented(true));
    assert!(config.auth.jwt.is_some() && config.auth.http.is_some(), "sections that are off are there");
    assert!(config.listeners.iter().any(|listener| listener.tls.is_some()));
}

#[test]
fn the_example_has_every_key() {
    let text = document(PATH);
    for section in sections() {
        for setting in section.settings.iter().filter(|setting| !setting.is_section) {
            let is_there = text.contains(&format!("\n#{} = ", setting.key));
            assert!(is_there, "{PATH} lacks {}.{}", section.path, setting.key);
        }
    }
}
