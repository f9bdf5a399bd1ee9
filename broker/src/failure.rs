//! Why the broker does not serve, and what its exit code says of that.

use std::process::ExitCode;

use tidewire::net;
use tidewire::service_manager::ServiceManager;

use crate::complain;

/// The exit code of a broker whose configuration is wrong: starting it again would change nothing. (`sysexits.h`, EX_CONFIG;
/// `RestartPreventExitStatus=78` in its unit)
const EXIT_CONFIGURATION: u8 = 78;

/// Why the broker does not serve.
pub(crate) struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    /// For a reason that may be another the next time.
    pub(crate) fn new(text: impl ToString) -> Self {
        Self { text: text.to_string(), code: 1 }
    }

    /// For a fault of the configuration.
    pub(crate) fn configuration(text: impl ToString) -> Self {
        Self { text: text.to_string(), code: EXIT_CONFIGURATION }
    }

    /// Tells it, and whoever has started the process as well.
    pub(crate) fn say(&self, manager: &ServiceManager) -> ExitCode {
        manager.failed(&self.text);
        complain(&self.text);
        ExitCode::from(self.code)
    }
}

impl From<net::BindError> for Failure {
    fn from(error: net::BindError) -> Self {
        match error {
            net::BindError::Tls { .. } => Self::configuration(error),
            net::BindError::Address { .. } => Self::new(error),
        }
    }
}
