//! Authorisation rules: who may do what with which topics.
//!
//! ```text
//!  file   ──▶ Acl ──bind, once per client──▶ Bound ──judge, per message──▶ allowed, denied, or nothing said
//!  claim  ──▶      rules that concern the client, its names filled in
//! ```
//!
//! The first rule that matches decides. `docs/access-rules.md` explains the file to those who write one.

mod actions;
mod bound;
mod claim;
mod file;
mod pattern;
mod rule;
mod template;
#[cfg(test)]
mod tests;
mod who;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use smallvec::SmallVec;

pub use self::bound::{Bound, FilterJudgement};
pub use self::file::AclError;
use self::rule::Rule;
use self::who::Group;

/// A list of rules, in their order.
#[derive(Clone, Debug, Default)]
pub struct Acl {
    rules: Vec<Rule>,
    groups: Box<[Group]>,
}

/// Finds a claim of a token by its name, as text; `None` if there is none, or none that is one text.
pub type FindClaim<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// What rules can know of a client.
#[derive(Clone, Copy, Default)]
pub struct Subject<'a> {
    /// The user, unless it is anonymous.
    pub user: Option<&'a str>,
    /// The groups that the client's token names.
    pub groups: &'a [Arc<str>],
    /// The client identifier. A client chooses its own.
    pub client_id: &'a str,
    /// Where the client comes from; `None` on a Unix socket.
    pub address: Option<IpAddr>,
    /// The listener's name.
    pub listener: &'a str,
    /// The claims of the client's token, if it has one.
    pub claims: Option<&'a FindClaim<'a>>,
}

impl Acl {
    /// Reads a file's text; `file_name` is for errors.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its place: no TOML, unknown keys, actions and groups, lists that
    /// are empty, topics that are no filters, addresses that are no networks, a rule that both allows and
    /// denies or does neither, one about connecting that has topics, more than 10,000 rules.
    pub fn parse(file_name: &Path, text: &str) -> Result<Self, AclError> {
        file::read(file_name, text)
    }

    /// Reads a token's claim. It is a list of rules without conditions on who, as in
    /// `[{"allow": ["publish"], "topics": ["a/#"]}]`, or topics by action, all of them allowed, as in
    /// `{"publish": ["a/#"], "subscribe": ["b"]}`. A list of topics that is empty is about none.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, as with a file; a token has at most 100 rules.
    pub fn from_claim(claim: &serde_json::Value) -> Result<Self, String> {
        Ok(Self { rules: claim::read(claim)?, groups: Box::default() })
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is none, so that nothing is allowed.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules that concern a client, with what is known of it filled in. Made once, when it connects.
    pub fn bind(&self, subject: &Subject<'_>) -> Bound {
        let memberships: SmallVec<[bool; 16]> =
            self.groups.iter().map(|group| group.includes(subject)).collect();
        let concerning =
            self.rules.iter().filter(|rule| rule.who.includes(subject, &memberships, rule.allows));
        Bound::new(concerning.flat_map(|rule| rule.bind(subject)).collect())
    }
}
