//! Where settings come from: the file, then `TIDEWIRE_SECTION__KEY` of the environment, then `--set section.key=value`;
//! the later ones win. Every error names the place, what is wrong, and what would be right.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Table;

use super::document::Document;
use super::files::find_file;
use super::overrides::Assignment;
use super::{Config, check, warnings};

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

/// A setting that was made somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its key, as `log.level` or `listeners[0].bind`; of a section that was set as a whole, the section's.
    pub key: String,
    /// The file and the line, the environment variable, or the `--set`.
    pub place: String,
}

/// A configuration that is right.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What holds.
    pub config: Config,
    /// What can be used and should not be, such as a certificate that has expired.
    pub warnings: Vec<ConfigError>,
    /// What was set where; of two for one key the later one holds.
    pub origins: Vec<Origin>,
}

/// Reads, merges and checks a configuration.
///
/// # Errors
///
/// Everything that is wrong with it, as far as it could be read.
pub fn load(sources: &Sources) -> Result<Config, Vec<ConfigError>> {
    load_with_warnings(sources).map(|loaded| loaded.config)
}

/// The same, with what can be used and should not be, and where each setting comes from.
///
/// # Errors
///
/// See [`load`].
pub fn load_with_warnings(sources: &Sources) -> Result<Loaded, Vec<ConfigError>> {
    read(sources, |read| {
        let locate = |(key, fault): (String, String)| read.locate(&key, fault);
        let faults = check(&read.config);
        if !faults.is_empty() {
            return Err(faults.into_iter().map(locate).collect());
        }
        let warnings = warnings(&read.config).into_iter().map(locate).collect();
        let origins = read.origins();
        Ok(Loaded { config: read.config, warnings, origins })
    })
}

/// Reads and merges a configuration, no more: for who wants a setting of a broker that runs, whatever else is wrong by now.
///
/// # Errors
///
/// What keeps it from being read.
pub fn load_unchecked(sources: &Sources) -> Result<Config, Vec<ConfigError>> {
    read(sources, |read| Ok(read.config))
}

/// The place of a fault of a configuration that can be read, by the key that it belongs to.
///
/// # Errors
///
/// What keeps the configuration from being read.
pub fn locate(
    sources: &Sources,
    faults: Vec<(String, String)>,
) -> Result<Vec<ConfigError>, Vec<ConfigError>> {
    read(sources, |read| Ok(faults.into_iter().map(|(key, fault)| read.locate(&key, fault)).collect()))
}

/// A configuration that was read and not checked.
struct Read<'t> {
    config: Config,
    document: Document<'t>,
    name: &'t Path,
    /// What was set outside the file.
    overrides: Vec<Origin>,
}

impl Read<'_> {
    fn locate(&self, key: &str, fault: String) -> ConfigError {
        match self.overrides.iter().rev().find(|origin| origin.key == key) {
            Some(origin) => at(&origin.place, fault),
            None => self.document.locate(key, fault),
        }
    }

    fn origins(&self) -> Vec<Origin> {
        let origin = |(key, line)| Origin { key, place: format!("{}:{line}", self.name.display()) };
        let in_file = self.document.keys().into_iter().map(origin);
        in_file.chain(self.overrides.iter().cloned()).collect()
    }
}

fn read<T>(
    sources: &Sources,
    then: impl FnOnce(Read<'_>) -> Result<T, Vec<ConfigError>>,
) -> Result<T, Vec<ConfigError>> {
    let name = sources.name();
    let bytes = match &sources.file {
        Some(path) => std::fs::read(path).map_err(|error| vec![at(path.display(), error)])?,
        None => Vec::new(),
    };
    let document = Document::parse(name, &bytes)?;
    // The file alone first: an error in it is shown at its line, which a merged table no longer knows.
    let mut config: Config = document.read()?;
    let mut table: Table = document.read()?;
    let (mut overrides, mut faults) = (Vec::new(), Vec::new());
    for assignment in Assignment::all(sources)? {
        // Read after each, so that what is wrong is said of the one that brought it in.
        match assignment.apply(&mut table) {
            Ok((changed, key)) => {
                config = changed;
                overrides.push(Origin { key, place: assignment.origin });
            }
            Err(text) => faults.push(at(&assignment.origin, text)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    config.resolve(&|file: &Path| find_file(file, sources));
    then(Read { config, document, name, overrides })
}

pub(super) fn at(place: impl fmt::Display, text: impl fmt::Display) -> ConfigError {
    ConfigError { place: place.to_string(), text: text.to_string(), excerpt: None }
}
