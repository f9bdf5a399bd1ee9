//! Settings from outside the file: environment variables and `--set`.

use serde::Deserialize as _;
use toml::{Table, Value};

use super::document::split_index;
use super::load::at;
use super::{Config, ConfigError, Sources};
use crate::excerpt::describe;

/// The prefix of the environment variables that set something.
const PREFIX: &str = "TIDEWIRE_";

/// One setting from outside the file.
pub(super) struct Assignment {
    key: String,
    value: String,
    /// Where it was made, as errors name it.
    pub(super) origin: String,
}

impl Assignment {
    /// Those of the environment, then those of `--set`.
    ///
    /// # Errors
    ///
    /// Each `--set` that is none, with where it was made.
    pub(super) fn all(sources: &Sources) -> Result<Vec<Self>, Vec<ConfigError>> {
        let mut assignments: Vec<_> = sources.environment.iter().filter_map(Self::from_variable).collect();
        let mut faults = Vec::new();
        for text in &sources.overrides {
            let origin = format!("--set {text}");
            match text.split_once('=') {
                Some((key, value)) => assignments.push(Self {
                    key: key.trim().to_owned(),
                    value: value.trim().to_owned(),
                    origin,
                }),
                None => faults.push(at(&origin, "expected section.key=value, as in log.level=debug")),
            }
        }
        if faults.is_empty() { Ok(assignments) } else { Err(faults) }
    }

    /// `TIDEWIRE_LOG__LEVEL` is a setting; `TIDEWIRE_BIN` and the like are somebody else's, but for `TIDEWIRE_DATA_DIR`,
    /// the one setting outside a section.
    fn from_variable((name, value): &(String, String)) -> Option<Self> {
        let key = name.strip_prefix(PREFIX).filter(|key| key.contains("__") || *key == "DATA_DIR")?;
        let key = key.to_lowercase().replace("__", ".");
        Some(Self { key, value: value.clone(), origin: format!("environment variable {name}") })
    }

    /// Makes it in `table`. The value is TOML, a text, or a list of texts with commas between: whatever the setting takes,
    /// so that `limits.connections_max=5`, `log.level=debug` and `auth.credential_sources=connect,query` all work.
    /// Returns the configuration with it, and the setting's full key.
    ///
    /// # Errors
    ///
    /// What is wrong with the key or the value; `table` is as before then.
    pub(super) fn apply(&self, table: &mut Table) -> Result<(Config, String), String> {
        let mut faults = Vec::new();
        for value in candidates(&self.value) {
            let mut changed = table.clone();
            let key = set(&mut changed, &self.key, value)?;
            match Config::deserialize(Value::Table(changed.clone())) {
                Ok(config) => {
                    *table = changed;
                    return Ok((config, key));
                }
                Err(error) => faults.push(describe(error.message())),
            }
        }
        // The form that the setting has is the one whose value was looked at.
        let looked_at = faults.iter().position(|fault| !fault.starts_with("invalid type"));
        Err(faults.swap_remove(looked_at.unwrap_or(0)))
    }
}

/// What a text may stand for, the likeliest first.
fn candidates(text: &str) -> impl Iterator<Item = Value> {
    let parsed =
        format!("value = {text}").parse::<Table>().ok().and_then(|mut parsed| parsed.remove("value"));
    let list = text.split(',').map(|element| Value::String(element.trim().to_owned())).collect();
    parsed.into_iter().chain([Value::String(text.to_owned()), Value::Array(list)])
}

/// Puts `value` at `key`, as in `log.level`, `listeners.ws.bind` or `listeners[0].bind`. Returns the key with numbers for
/// names.
fn set(table: &mut Table, key: &str, value: Value) -> Result<String, String> {
    let steps = steps(key)?;
    if steps.first() == Some(&"listeners") && steps.len() > 1 && !table.contains_key("listeners") {
        // What is changed is one of those that there are without a file.
        let default = Table::try_from(Config::default()).map_err(|error| error.to_string())?;
        table.extend(default.into_iter().filter(|(name, _)| name == "listeners"));
    }
    let Some((first, rest)) = steps.split_first() else { return Err(no_key(key)) };
    let mut full = (*first).to_owned();
    let mut place = table.entry(*first).or_insert_with(|| section(rest));
    for (position, step) in rest.iter().enumerate() {
        place = match place {
            Value::Table(inner) => {
                full = format!("{full}.{step}");
                inner.entry(*step).or_insert_with(|| section(&rest[position + 1..]))
            }
            Value::Array(list) => {
                let index = find(list, step).ok_or_else(|| no_element(&full, list, step))?;
                full = format!("{full}[{index}]");
                &mut list[index]
            }
            _ => return Err(format!("\"{full}\" in \"{key}\" is not a section")),
        };
    }
    *place = value;
    Ok(full)
}

/// What is there before anything is in it: a section, where more of the key comes.
fn section(rest: &[&str]) -> Value {
    match rest {
        [] => Value::Boolean(false),
        _ => Value::Table(Table::new()),
    }
}

/// The names in a key, the number of `listeners[0]` being one of its own.
fn steps(key: &str) -> Result<Vec<&str>, String> {
    let mut steps = Vec::new();
    for part in key.split('.') {
        let (name, index) = split_index(part);
        if name.is_empty() {
            return Err(no_key(key));
        }
        steps.push(name);
        steps.extend(index.map(|_| &part[name.len() + 1..part.len() - 1]));
    }
    Ok(steps)
}

fn no_key(key: &str) -> String {
    format!("\"{key}\" is not a key: expected section.key")
}

/// The element of that number or name. Variables have neither small letters nor dashes, so that these are not told apart.
fn find(list: &[Value], step: &str) -> Option<usize> {
    if let Ok(index) = step.parse() {
        return (index < list.len()).then_some(index);
    }
    list.iter().position(|element| name_of(element).is_some_and(|name| plain(name) == plain(step)))
}

fn name_of(element: &Value) -> Option<&str> {
    element.as_table()?.get("name")?.as_str()
}

fn plain(name: &str) -> String {
    let plain =
        |character: char| if character.is_alphanumeric() { character.to_ascii_lowercase() } else { '_' };
    name.chars().map(plain).collect()
}

fn no_element(full: &str, list: &[Value], step: &str) -> String {
    let names: Vec<_> = list.iter().filter_map(name_of).map(|name| format!("\"{name}\"")).collect();
    match names.as_slice() {
        [] => format!("{full} has no element {step}: it has {}, counted from 0", list.len()),
        names => format!("{full} has none that is named \"{step}\": there are {}", names.join(", ")),
    }
}
