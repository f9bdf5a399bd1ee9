//! Why a command did not succeed: what is said, what to try, and the exit status.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use tidewire_client::Error;

use super::colour;

/// Why a command did not succeed: one line for a person.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Client(#[from] Error),
    /// The same, with what to try.
    #[error("{error}")]
    Advised {
        error: Error,
        /// The beginning of a sentence such as `begin the URL with ws://`.
        advice: String,
    },
    #[error("cannot read {what}: {error}")]
    Input { what: String, error: io::Error },
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    #[error("{received} of {wanted} messages came")]
    TooFew { received: u64, wanted: u64 },
    #[error("nothing came within {0:?}")]
    Nothing(Duration),
    #[error("the broker has not acknowledged everything within {0:?}")]
    NotAcknowledged(Duration),
    #[error("interrupted")]
    Interrupted,
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// 2 where the user has asked for what cannot be, 3 where too little came in time, 1 for everything else.
    pub(super) fn status(&self) -> u8 {
        match self {
            Self::Client(error) | Self::Advised { error, .. } => match error {
                Error::Invalid(_) | Error::Unsupported(_) | Error::WrongScheme { .. } => WRONG_USAGE,
                Error::NoReply(_) => TOO_LITTLE,
                _ => FAILED,
            },
            Self::TooFew { .. } | Self::Nothing(_) | Self::NotAcknowledged(_) => TOO_LITTLE,
            Self::Input { .. } | Self::Output(_) | Self::Interrupted | Self::Other(_) => FAILED,
        }
    }

    /// Says it on standard error, and gives the status to end with.
    pub(super) fn report(&self) -> ExitCode {
        say(&self.to_string());
        if let Self::Advised { advice, .. } = self {
            // Where not even this can be said, the status says it.
            let _ = writeln!(io::stderr().lock(), "    try: {advice}");
        }
        ExitCode::from(self.status())
    }
}

/// A line on standard error, behind the program's name.
pub(super) fn say(text: &str) {
    let error = io::stderr();
    let (begin, end) = match error.is_terminal() && colour::is_wanted() {
        true => (colour::ERROR, colour::PLAIN),
        false => ("", ""),
    };
    // Nobody is left to be told.
    let _ = writeln!(error.lock(), "{begin}tw:{end} {text}");
}

/// The exit statuses, beside 0.
const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;
pub(super) const TOO_LITTLE: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for (failure, status) in [
            (Failure::Client(Error::Refused("no".to_owned())), 1),
            (Failure::Client(Error::Invalid("no topic".to_owned())), 2),
            (Failure::Client(Error::Unsupported("transactions")), 2),
            (Failure::Client(Error::NoReply(Duration::from_secs(1))), 3),
            (Failure::Advised { error: Error::NoReply(Duration::from_secs(1)), advice: String::new() }, 3),
            (Failure::TooFew { received: 1, wanted: 2 }, 3),
            (Failure::Nothing(Duration::from_secs(1)), 3),
            (Failure::NotAcknowledged(Duration::from_secs(1)), 3),
            (Failure::Interrupted, 1),
            (Failure::Other("no".to_owned()), 1),
        ] {
            assert_eq!(failure.status(), status, "{failure:?}");
        }
    }
}
