//! What differs between two configurations, and what of it has to wait for a restart.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use toml::{Table, Value};

use super::{Config, ListenerConfig};

/// A setting that is another one than before, or whose file is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Change {
    /// Its key; listeners have their names in it, as in `listeners.browsers.bind`.
    pub key: String,
    /// What it was, as TOML without secrets; `None`: it was absent.
    pub old: Option<String>,
    /// What it is now; `None`: it is absent.
    pub new: Option<String>,
    /// It is the same, and names a file that has another content.
    #[serde(default)]
    pub is_content: bool,
    /// It holds only once the broker has been started again; until then the old one does.
    #[serde(default)]
    pub takes_restart: bool,
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "absent".to_owned());
        match self.is_content {
            true => write!(formatter, "{}: {} has another content", self.key, value(&self.new))?,
            false => write!(formatter, "{}: {} -> {}", self.key, value(&self.old), value(&self.new))?,
        }
        match self.takes_restart {
            true => formatter.write_str(" (takes a restart)"),
            false => Ok(()),
        }
    }
}

impl Config {
    /// What a broker that runs by `running` goes by after it was told of these settings: these, but for what is read at the
    /// start alone. Of a listener that is bound, its TLS can change, and its `overflow`.
    pub fn until_restart(&self, running: &Self) -> Self {
        let mut config = self.clone();
        config.data_dir.clone_from(&running.data_dir);
        config.storage = running.storage.clone();
        config.limits.memory_max = running.limits.memory_max;
        config.admin.bind.clone_from(&running.admin.bind);
        config.admin.metrics_token = running.admin.metrics_token;
        // What may be asked there without a token depends on what is bound, and how.
        let has_tls = running.admin.tls.is_some();
        if self.admin.bind != running.admin.bind || self.admin.tls.is_some() != has_tls {
            config.admin.token_file.clone_from(&running.admin.token_file);
            config.admin.tls.clone_from(&running.admin.tls);
        }
        config.log.format = running.log.format;
        config.telemetry = running.telemetry.clone();
        config.sys = running.sys.clone();
        config.listeners.clone_from(&running.listeners);
        for listener in &mut config.listeners {
            let is_it = |other: &&ListenerConfig| other.name == listener.name && other.bind == listener.bind;
            let Some(now) = self.listeners.iter().find(is_it) else { continue };
            listener.overflow = now.overflow;
            if now.tls.is_some() == listener.tls.is_some() {
                listener.tls.clone_from(&now.tls);
            }
        }
        config
    }

    /// The files that settings name, with their keys.
    fn files(&self) -> Vec<(String, PathBuf)> {
        let mut files = Vec::new();
        for (key, value) in leaves(self) {
            let name = key.rsplit('.').next().unwrap_or(&key);
            let is_file = name.ends_with("_file") || FILES.contains(&name);
            let paths = match &value {
                Value::String(path) => vec![PathBuf::from(path)],
                Value::Array(paths) => paths.iter().filter_map(Value::as_str).map(PathBuf::from).collect(),
                _ => Vec::new(),
            };
            files.extend(paths.into_iter().filter(|_| is_file).map(|path| (key.clone(), path)));
        }
        files
    }
}

/// Settings that name files, besides those whose names end in `_file`.
const FILES: [&str; 5] = ["cert", "key", "client_ca", "crl", "keys"];

/// Settings whose files are read when the broker starts, and by no reload.
const READ_AT_THE_START: &str = "telemetry.";

/// A configuration with what its files have held: by that a reload tells what has changed.
#[derive(Clone, Debug)]
pub struct Snapshot {
    config: Config,
    contents: BTreeMap<(String, PathBuf), Option<[u8; 32]>>,
}

impl Snapshot {
    /// Reads the files.
    pub fn take(config: &Config) -> Self {
        let content = |path: &PathBuf| Some(Sha256::digest(std::fs::read(path).ok()?).into());
        let contents = config.files().into_iter().map(|file| (file.clone(), content(&file.1)));
        Self { config: config.clone(), contents: contents.collect() }
    }

    /// The same content of files, with the settings that are in force.
    pub fn with(self, in_force: Config) -> Self {
        Self { config: in_force, ..self }
    }

    /// What differs in `now`, in the order of the keys. `in_force` is what of it holds already.
    pub fn changes(&self, now: &Self, in_force: &Config) -> Vec<Change> {
        let (old, new, in_force) = (texts(&self.config), texts(&now.config), texts(in_force));
        let mut changes = BTreeMap::new();
        for key in old.keys().chain(new.keys()).filter(|key| old.get(*key) != new.get(*key)) {
            let takes_restart = in_force.get(key) == old.get(key);
            let (old, new) = (old.get(key).cloned(), new.get(key).cloned());
            changes
                .insert(key.clone(), Change { key: key.clone(), old, new, is_content: false, takes_restart });
        }
        for (file, content) in &now.contents {
            if self.contents.get(file).is_some_and(|before| before != content) {
                let (key, path) = (file.0.clone(), Some(format!("\"{}\"", file.1.display())));
                let change = Change {
                    key: key.clone(),
                    old: path.clone(),
                    new: path,
                    is_content: true,
                    takes_restart: key.starts_with(READ_AT_THE_START),
                };
                changes.entry(key).or_insert(change);
            }
        }
        changes.into_values().collect()
    }
}

/// Every setting as TOML, without secrets.
fn texts(config: &Config) -> BTreeMap<String, String> {
    let leaves = leaves(&config.masked()).into_iter();
    leaves.map(|(key, value)| (key, value.to_string())).collect()
}

fn leaves(config: &Config) -> Vec<(String, Value)> {
    let mut leaves = Vec::new();
    // A name that is no UTF-8 cannot be written; the settings have come from text.
    gather("", Table::try_from(config).unwrap_or_default(), &mut leaves);
    leaves
}

fn gather(prefix: &str, table: Table, leaves: &mut Vec<(String, Value)>) {
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            Value::Table(inner) => gather(&format!("{key}."), inner, leaves),
            Value::Array(list) if list.iter().any(Value::is_table) => {
                for (index, element) in list.into_iter().enumerate() {
                    let Value::Table(inner) = element else { continue };
                    let name = inner.get("name").and_then(Value::as_str).map(str::to_owned);
                    let name = name.unwrap_or_else(|| index.to_string());
                    gather(&format!("{key}.{name}."), inner, leaves);
                }
            }
            value => leaves.push((key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    /// What a broker that runs with the first text says of the second.
    fn said(old: &str, new: &str) -> Vec<String> {
        let (old, new) = (config(old), config(new));
        let in_force = new.until_restart(&old);
        let changes = Snapshot::take(&old).changes(&Snapshot::take(&new), &in_force);
        changes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_change_says_what_was_and_what_is_and_whether_that_takes_a_restart() {
        for (old, new, expected) in [
            ("", "", &[][..]),
            ("", "limits.packet_size_max = \"1MiB\"\n", &["limits.packet_size_max: \"16MiB\" -> \"1MiB\""]),
            ("", "auth.anonymous = true\n", &["auth.anonymous: absent -> true"]),
            ("limits.exempt = []\n", "", &["limits.exempt: [] -> [\"127.0.0.0/8\", \"::1\"]"]),
            (
                "",
                "data_dir = \"/a\"\n[storage]\nsync = \"never\"\n[log]\nformat = \"json\"\nlevel = \"debug\"\n",
                &[
                    "data_dir: \"./tidewire-data\" -> \"/a\" (takes a restart)",
                    "log.format: \"auto\" -> \"json\" (takes a restart)",
                    "log.level: \"info\" -> \"debug\"",
                    "storage.sync: \"always\" -> \"never\" (takes a restart)",
                ],
            ),
            (
                "",
                "limits.memory_max = \"1GiB\"\nadmin.bind = \"\"\n",
                &[
                    "admin.bind: \"127.0.0.1:8081\" -> \"\" (takes a restart)",
                    "limits.memory_max: absent -> \"1GiB\" (takes a restart)",
                ],
            ),
            (
                "[auth.http]\nurl = \"https://a.example/?key=one\"\n",
                "[auth.http]\nurl = \"https://b.example/?key=two\"\n",
                &["auth.http.url: \"https://a.example/?…\" -> \"https://b.example/?…\""],
            ),
            (
                "[session]\noverflow_by_user = { ann = \"disconnect\", \"b.c\" = \"drop-oldest\" }\n",
                "[session.overflow_by_user]\nann = \"drop-newest\"\n",
                &[
                    "session.overflow_by_user.ann: \"disconnect\" -> \"drop-newest\"",
                    "session.overflow_by_user.b.c: \"drop-oldest\" -> absent",
                ],
            ),
            ("", "telemetry.sample = 0.5\n", &["telemetry.sample: 0.0 -> 0.5 (takes a restart)"]),
        ] {
            assert_eq!(said(old, new), expected, "{new}");
        }
    }

    #[test]
    fn a_listener_s_tls_and_overflow_change_and_the_listener_itself_does_not() {
        let listener = |rest: &str| {
            format!(
                "[[listeners]]\nname = \"a\"\nbind = \"127.0.0.1:1\"\ntransport = \"tcp\"\nprotocols = [\"mqtt\"]\n{rest}"
            )
        };
        let tls = |cert: &str| listener(&format!("[listeners.tls]\ncert = \"{cert}\"\nkey = \"k\"\n"));
        assert_eq!(said(&tls("one"), &tls("two")), ["listeners.a.tls.cert: \"one\" -> \"two\""]);
        assert_eq!(
            said(&listener(""), &listener("overflow = \"disconnect\"\n")),
            ["listeners.a.overflow: absent -> \"disconnect\""]
        );
        assert_eq!(
            said(&listener(""), &listener("max_connections = 5\n")),
            ["listeners.a.max_connections: 100000 -> 5 (takes a restart)"]
        );
        let started = said(&listener(""), &tls("one"));
        assert!(!started.is_empty() && started.iter().all(|line| line.ends_with("(takes a restart)")));
    }

    /// What is asked for at the admin listener that is bound must not be less than what is in force there.
    #[test]
    fn the_admin_listener_s_tls_changes_and_whether_it_has_any_does_not() {
        let tls =
            |cert: &str| format!("[admin.tls]\ncert = \"{cert}\"\nkey = \"k\"\nclient_auth = \"required\"\n");
        let with_token = "[admin]\ntoken_file = \"t\"\n";
        assert_eq!(said(&tls("one"), &tls("two")), ["admin.tls.cert: \"one\" -> \"two\""]);
        assert_eq!(
            said("", "[admin]\norigins = [\"https://ops.example\"]\n"),
            ["admin.origins: [] -> [\"https://ops.example\"]"]
        );
        for (old, new) in [(with_token, tls("one")), ("", tls("one"))] {
            let changes = said(old, &new);
            assert!(
                !changes.is_empty() && changes.iter().all(|line| line.ends_with("(takes a restart)")),
                "{changes:?}"
            );
        }
    }

    #[test]
    fn a_file_counts_by_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        let config = config(&format!("auth.password_file = \"{}\"\n", path.display()));
        let taken = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Snapshot::take(&config)
        };
        let before = taken("ann:secret-hash");
        assert_eq!(before.changes(&taken("ann:secret-hash"), &config), []);
        let changes = before.changes(&taken("bob:other-hash"), &config);
        assert_eq!(
            changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [format!("auth.password_file: \"{}\" has another content", path.display())]
        );
    }
}
