//! What is logged, while the process runs.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::config::check_log_level;

/// The layer that decides.
pub(super) type Filter = reload::Layer<EnvFilter, Registry>;

/// A handle by which the log's level can be read and changed; its clones are handles to the same.
#[derive(Clone)]
pub struct LogLevel {
    filter: reload::Handle<EnvFilter, Registry>,
    /// As it was given. The lock also keeps two changes apart.
    text: Arc<Mutex<Box<str>>>,
}

/// What is wrong with a level that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LevelError(String);

impl LogLevel {
    pub(super) fn new(level: &str) -> Result<(Self, Filter), LevelError> {
        let (layer, filter) = reload::Layer::new(parse(level)?);
        Ok((Self { filter, text: Arc::new(Mutex::new(level.into())) }, layer))
    }

    /// The level, as it was given last.
    pub fn current(&self) -> String {
        self.text.lock().as_ref().to_owned()
    }

    /// Logs from now on what `level` says: `error`, `warn`, `info`, `debug`, `trace` or `off`, or a list such as
    /// `info,tidewire::mqtt=debug`.
    ///
    /// # Errors
    ///
    /// It says nothing of the kind; the level stays as it was.
    pub fn set(&self, level: &str) -> Result<(), LevelError> {
        let filter = parse(level)?;
        let mut text = self.text.lock();
        self.filter.reload(filter).map_err(|error| LevelError(error.to_string()))?;
        *text = level.into();
        Ok(())
    }
}

impl fmt::Debug for LogLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("LogLevel").field(&self.current()).finish()
    }
}

fn parse(level: &str) -> Result<EnvFilter, LevelError> {
    check_log_level(level).map_err(LevelError)?;
    EnvFilter::try_new(level).map_err(|error| LevelError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Whether events of these targets and levels are wanted.
    fn wanted(target_is_mqtt: bool) -> [bool; 3] {
        match target_is_mqtt {
            true => [
                tracing::enabled!(target: "tidewire::mqtt", tracing::Level::WARN),
                tracing::enabled!(target: "tidewire::mqtt", tracing::Level::INFO),
                tracing::enabled!(target: "tidewire::mqtt", tracing::Level::DEBUG),
            ],
            false => [
                tracing::enabled!(target: "tidewire::net", tracing::Level::WARN),
                tracing::enabled!(target: "tidewire::net", tracing::Level::INFO),
                tracing::enabled!(target: "tidewire::net", tracing::Level::DEBUG),
            ],
        }
    }

    #[test]
    fn a_level_takes_effect_at_once_and_a_wrong_one_changes_nothing() {
        let (level, filter) = LogLevel::new("info").unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(filter), || {
            for (text, is_right, mqtt, net) in [
                ("info", true, [true, true, false], [true, true, false]),
                ("warn,tidewire::mqtt=debug", true, [true, true, true], [true, false, false]),
                ("loud", false, [true, true, true], [true, false, false]),
                ("tidewire::mqtt=loud", false, [true, true, true], [true, false, false]),
                ("info,loud", false, [true, true, true], [true, false, false]),
                ("off", true, [false; 3], [false; 3]),
            ] {
                let before = level.current();
                assert_eq!(level.set(text).is_ok(), is_right, "{text:?}");
                assert_eq!(level.current(), if is_right { text } else { &before });
                assert_eq!((wanted(true), wanted(false)), (mqtt, net), "{text:?}");
            }
        });
    }
}
