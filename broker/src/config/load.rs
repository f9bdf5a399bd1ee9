//! Where settings come from: the file, then `TIDEWIRE_SECTION__KEY` of the environment, then `--set section.key=value`;
//! the later ones win. Every error names the place, what is wrong, and what would be right.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::files::find_file;
use super::{Config, check, warnings};
use crate::excerpt::{describe, excerpt, place};

/// The prefix of the environment variables that set something.
const ENVIRONMENT_PREFIX: &str = "TIDEWIRE_";

/// Where to read settings from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file; without one, the embedded default.
    pub file: Option<PathBuf>,
    /// Environment variables; the ones that begin with `TIDEWIRE_` count.
    pub environment: Vec<(String, String)>,
    /// `section.key=value`, in order.
    pub overrides: Vec<String>,
}

impl Sources {
    /// The file's name, as errors give it.
    fn name(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new("embedded default"))
    }
}

/// What is wrong, with the place where it can be put right.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ConfigError {
    /// File, line and column, the environment variable, or the key.
    pub place: String,
    /// What is wrong, and what would be right.
    pub text: String,
    /// The line with a mark under the spot, where there is one.
    pub excerpt: Option<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.text)?;
        match &self.excerpt {
            Some(excerpt) => write!(formatter, "\n{excerpt}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Reads, merges and checks a configuration.
///
/// # Errors
///
/// Everything that is wrong with it, as far as it could be read.
pub fn load(sources: &Sources) -> Result<Config, Vec<ConfigError>> {
    load_with_warnings(sources).map(|(config, _)| config)
}

/// The same, with what can be used and should not be, such as a certificate that has expired.
///
/// # Errors
///
/// See [`load`].
pub fn load_with_warnings(sources: &Sources) -> Result<(Config, Vec<ConfigError>), Vec<ConfigError>> {
    let Read { config, text, origins } = read(sources)?;
    let file_name = sources.name();
    let locate = |(key, fault): (String, String)| match origins.iter().rev().find(|(set, _)| *set == key) {
        Some((_, origin)) => at(origin, fault),
        None => locate_in_file(file_name, &text, &key, fault),
    };
    let faults = check(&config);
    if faults.is_empty() {
        let warnings = warnings(&config).into_iter().map(locate).collect();
        return Ok((config, warnings));
    }
    Err(faults.into_iter().map(locate).collect())
}

/// Reads and merges a configuration, no more: for who wants a setting of a broker that runs, whatever else is wrong by now.
///
/// # Errors
///
/// What keeps it from being read.
pub fn load_unchecked(sources: &Sources) -> Result<Config, Vec<ConfigError>> {
    read(sources).map(|read| read.config)
}

/// A configuration that was read and not checked.
struct Read {
    config: Config,
    /// The file's text.
    text: String,
    /// Keys that were set outside the file, each with where, as errors name it.
    origins: Vec<(String, String)>,
}

fn read(sources: &Sources) -> Result<Read, Vec<ConfigError>> {
    let text = match &sources.file {
        Some(path) => std::fs::read_to_string(path).map_err(|error| vec![at(path.display(), error)])?,
        None => String::new(),
    };
    let file_name = sources.name();
    // The file alone first: an error in it is shown at its line, which a merged table no longer knows.
    let mut config = parse_file(file_name, &text).map_err(|error| vec![error])?;
    let mut table: Table = text.parse().map_err(|error| vec![at(file_name.display(), error)])?;
    let mut origins = Vec::new();
    for Assignment { key, value, origin } in assignments(sources)? {
        // Read after each, so that what is wrong is said of the one that brought it in.
        set(&mut table, &key, &value).map_err(|text| vec![at(&origin, text)])?;
        config = Config::deserialize(Value::Table(table.clone()))
            .map_err(|error| vec![at(&origin, describe(error.message()))])?;
        origins.push((key, origin));
    }
    let find = |file: &Path| find_file(file, sources);
    let tls = config.listeners.iter_mut().filter_map(|listener| listener.tls.as_mut());
    tls.for_each(|tls| tls.resolve(&find));
    config.auth.resolve(&find);
    config.admin.resolve(&find);
    Ok(Read { config, text, origins })
}

/// One setting from outside the file.
struct Assignment {
    key: String,
    value: String,
    /// Where it was made, as errors name it.
    origin: String,
}

/// Those of the environment, then those of `--set`.
fn assignments(sources: &Sources) -> Result<Vec<Assignment>, Vec<ConfigError>> {
    let from_environment = |(name, value): &(String, String)| {
        let key = name.strip_prefix(ENVIRONMENT_PREFIX).filter(|key| is_setting(key))?;
        let key = key.to_lowercase().replace("__", ".");
        Some(Assignment { key, value: value.clone(), origin: format!("environment variable {name}") })
    };
    let mut assignments: Vec<_> = sources.environment.iter().filter_map(from_environment).collect();
    for assignment in &sources.overrides {
        let origin = format!("--set {assignment}");
        let (key, value) = assignment
            .split_once('=')
            .ok_or_else(|| vec![at(&origin, "expected section.key=value, as in log.level=debug")])?;
        assignments.push(Assignment { key: key.trim().to_owned(), value: value.trim().to_owned(), origin });
    }
    Ok(assignments)
}

/// `TIDEWIRE_LOG__LEVEL` is a setting; `TIDEWIRE_BIN` and the like are somebody else's, but for `TIDEWIRE_DATA_DIR`,
/// the one setting outside a section.
fn is_setting(key: &str) -> bool {
    key.contains("__") || key == "DATA_DIR"
}

fn parse_file(name: &Path, text: &str) -> Result<Config, ConfigError> {
    toml::from_str::<Config>(text).map_err(|error| {
        let place = match error.span() {
            Some(span) => place(name, text, span.start),
            None => name.display().to_string(),
        };
        let excerpt = error.span().map(|span| excerpt(text, span));
        ConfigError { place, text: describe(error.message()), excerpt }
    })
}

/// Puts `value` at the dotted `key`: read as TOML where it is TOML, else as a string, so that both
/// `limits.connections_max=5` and `log.level=debug` work.
fn set(table: &mut Table, key: &str, value: &str) -> Result<(), String> {
    let parsed =
        format!("value = {value}").parse::<Table>().ok().and_then(|mut parsed| parsed.remove("value"));
    let value = parsed.unwrap_or_else(|| Value::String(value.to_owned()));
    let mut names = key.split('.').peekable();
    let mut table = table;
    while let Some(name) = names.next() {
        if name.is_empty() {
            return Err(format!("\"{key}\" is not a key: expected section.key"));
        }
        if names.peek().is_none() {
            table.insert(name.to_owned(), value);
            return Ok(());
        }
        let entry = table.entry(name).or_insert_with(|| Value::Table(Table::new()));
        table = entry.as_table_mut().ok_or_else(|| format!("\"{name}\" in \"{key}\" is not a section"))?;
    }
    Err("the key is empty".to_owned())
}

/// The place of `key` in the file, or of the inline table that it stands in, as far as one can be found.
fn locate_in_file(name: &Path, text: &str, key: &str, fault: String) -> ConfigError {
    let mut path = key;
    loop {
        let (section, field) = path.rsplit_once('.').unwrap_or(("", path));
        if let Some(start) = find_field(text, section, field) {
            let excerpt = excerpt(text, start..start + field.len());
            let fault = format!("{key}: {fault}");
            return ConfigError { place: place(name, text, start), text: fault, excerpt: Some(excerpt) };
        }
        if section.is_empty() {
            return at(format!("{}: {key}", name.display()), fault);
        }
        path = section;
    }
}

/// Where the line of a field begins in its section.
fn find_field(text: &str, section: &str, field: &str) -> Option<usize> {
    let mut cursor = Cursor::default();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.starts_with('[') {
            cursor.enter(trimmed);
        }
        let is_field = trimmed.strip_prefix(field).is_some_and(|rest| rest.trim_start().starts_with('='));
        if is_field && cursor.section == section {
            return Some(offset + (line.len() - line.trim_start().len()));
        }
        offset += line.len();
    }
    None
}

/// The section that a line of a file stands in, as faults name it: `listeners[1].tls.certificates[0]`.
#[derive(Default)]
struct Cursor {
    section: String,
    /// The last of each list of sections, with its number.
    last: Vec<(String, usize)>,
}

impl Cursor {
    /// Takes a line such as `[auth]` or `[[listeners]]`.
    fn enter(&mut self, line: &str) {
        let name = line.split(']').next().unwrap_or("").trim_matches(['[', ' ']);
        if line.starts_with("[[") {
            match self.last.iter_mut().find(|(list, _)| list == name) {
                Some((_, number)) => *number += 1,
                None => self.last.push((name.to_owned(), 0)),
            }
            // What lies within begins anew.
            let within = format!("{name}.");
            self.last.retain(|(list, _)| !list.starts_with(&within));
        }
        self.section.clear();
        let mut path = String::new();
        for part in name.split('.') {
            let dot = if path.is_empty() { "" } else { "." };
            path = format!("{path}{dot}{part}");
            self.section = format!("{}{dot}{part}", self.section);
            if let Some((_, number)) = self.last.iter().find(|(list, _)| *list == path) {
                self.section = format!("{}[{number}]", self.section);
            }
        }
    }
}

fn at(place: impl fmt::Display, text: impl fmt::Display) -> ConfigError {
    ConfigError { place: place.to_string(), text: text.to_string(), excerpt: None }
}
