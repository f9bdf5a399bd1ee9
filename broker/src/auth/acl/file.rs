//! The file of rules, in TOML.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::Acl;
use super::actions::Actions;
use super::rule::{Rule, Topics, one_of};
use super::template::Template;
use super::who::{Group, Names, Origin, Who};
use crate::excerpt::{describe, excerpt, place};

/// The rules of one file.
const RULES_MAX: usize = 10_000;

/// What is wrong with a file of rules, with the place where it can be put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclError {
    /// File, line and column.
    pub place: String,
    /// What is wrong, and what would be right.
    pub text: String,
    /// The line with a mark under the spot, where there is one.
    pub excerpt: Option<String>,
}

impl fmt::Display for AclError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.text)?;
        match &self.excerpt {
            Some(excerpt) => write!(formatter, "\n{excerpt}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for AclError {}

/// Texts, of which each and the whole have a place.
type Texts = Spanned<Vec<Spanned<String>>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    groups: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    rules: Vec<Spanned<FileRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a rule with allow or deny, topics, and whom it is for")]
struct FileRule {
    users: Option<Texts>,
    groups: Option<Texts>,
    client_ids: Option<Texts>,
    addresses: Option<Texts>,
    listeners: Option<Texts>,
    #[serde(default)]
    allow: Vec<Spanned<String>>,
    #[serde(default)]
    deny: Vec<Spanned<String>>,
    topics: Option<Texts>,
}

/// Something wrong, and where in the text.
struct Fault {
    text: String,
    span: Option<Range<usize>>,
}

/// Reads the file; see [`Acl::parse`].
pub(super) fn read(name: &Path, text: &str) -> Result<Acl, AclError> {
    read_file(text).map_err(|fault| AclError {
        place: match &fault.span {
            Some(span) => place(name, text, span.start),
            None => name.display().to_string(),
        },
        excerpt: fault.span.map(|span| excerpt(text, span)),
        text: fault.text,
    })
}

fn read_file(text: &str) -> Result<Acl, Fault> {
    let file: File = toml::from_str(text)
        .map_err(|error| Fault { text: describe(error.message()), span: error.span() })?;
    if let Some(rule) = file.rules.get(RULES_MAX) {
        return Err(Fault {
            text: format!("there are {} rules, and may be {RULES_MAX}", file.rules.len()),
            span: Some(rule.span()),
        });
    }
    let group = |(name, members): (String, Vec<String>)| Group {
        name: name.into(),
        members: Names::new(members.iter().map(String::as_str)),
    };
    let groups: Box<[Group]> = file.groups.into_iter().map(group).collect();
    let rules: Result<_, _> = file.rules.into_iter().map(|rule| read_rule(rule, &groups)).collect();
    Ok(Acl { rules: rules?, groups })
}

fn read_rule(rule: Spanned<FileRule>, groups: &[Group]) -> Result<Rule, Fault> {
    let span = rule.span();
    let rule = rule.into_inner();
    let who = Who {
        users: rule.users.map(|users| read_names("users", &users)).transpose()?,
        groups: rule
            .groups
            .map(|names| read_each("groups", &names, |name| find(groups, name)))
            .transpose()?,
        client_ids: rule.client_ids.map(|names| read_names("client_ids", &names)).transpose()?,
        origins: rule.addresses.map(|origins| read_each("addresses", &origins, Origin::parse)).transpose()?,
        listeners: rule.listeners.map(|names| read_names("listeners", &names)).transpose()?,
    };
    let (allows, words) = one_of(rule.allow, rule.deny).map_err(|text| Fault { text, span: Some(span) })?;
    let mut actions = Actions::default();
    for word in words {
        actions = actions.with(word.get_ref()).map_err(|text| Fault { text, span: Some(word.span()) })?;
    }
    let topics = match rule.topics {
        Some(topics) => Topics::new(read_each("topics", &topics, Template::parse)?),
        None => Topics::everything(),
    };
    Ok(Rule { who, allows, actions, topics })
}

fn find(groups: &[Group], name: &str) -> Result<usize, String> {
    groups.iter().position(|group| *group.name == *name).ok_or_else(|| {
        format!(
            "there is no group {name:?} under [groups]; for one that only tokens name, put {name} = [] there"
        )
    })
}

fn read_names(key: &str, names: &Texts) -> Result<Names, Fault> {
    check_not_empty(key, names)?;
    Ok(Names::new(names.get_ref().iter().map(|name| name.get_ref().as_str())))
}

/// Reads each of `texts`; a fault is shown at the one that it is in.
fn read_each<T, C: FromIterator<T>>(
    key: &str,
    texts: &Texts,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<C, Fault> {
    check_not_empty(key, texts)?;
    let read = |text: &Spanned<String>| {
        read(text.get_ref()).map_err(|fault| Fault { text: fault, span: Some(text.span()) })
    };
    texts.get_ref().iter().map(read).collect()
}

/// An empty list could be meant for nobody or for everybody.
fn check_not_empty(key: &str, texts: &Texts) -> Result<(), Fault> {
    match texts.get_ref().is_empty() {
        true => Err(Fault {
            text: format!("{key} is empty: leave it out for all of them"),
            span: Some(texts.span()),
        }),
        false => Ok(()),
    }
}
