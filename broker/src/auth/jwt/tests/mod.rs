//! Tokens that are right, tokens that are not, and the keys that tell them apart.

mod attacks;
mod claims;
mod signer;
mod sources;

use serde_json::{Value, json};

use super::{Algorithm, Rules};

/// The time in these tests, in seconds since 1970.
const NOW: u64 = 1_700_000_000;

/// Rules that allow every algorithm.
fn rules() -> Rules {
    Rules { algorithms: Algorithm::ALL.to_vec(), ..Rules::default() }
}

/// Claims that are right.
fn ann() -> Value {
    json!({ "sub": "ann", "exp": NOW + 300 })
}
