//! How the broker stops.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Span;

/// How the broker stops.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShutdownConfig {
    /// How long a stop may take in all: clients are told, they go, what is stored is flushed.
    pub timeout: Span,
    /// Over how much of that time clients are told to go, in random order, so that they do not all connect elsewhere at
    /// the same moment; less than `timeout`. `"0ms"`: all at once.
    pub spread: Span,
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self { timeout: Span(Duration::from_secs(10)), spread: Span(Duration::ZERO) }
    }
}

impl ShutdownConfig {
    /// What is wrong, with the key.
    pub(super) fn faults(&self) -> Option<(&'static str, String)> {
        if self.timeout.0.is_zero() {
            return Some(("timeout", "0s would leave no time to tell anybody: use at least 1ms".to_owned()));
        }
        (self.spread >= self.timeout).then(|| {
            let Self { timeout, spread } = self;
            (
                "spread",
                format!("{spread} leaves those who are told last no time: use less than timeout, {timeout}"),
            )
        })
    }
}
