//! The file of rules, in TOML.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::Acl;
use super::actions::{Actions, OF_FILES};
use super::rule::{Rule, Topics, one_of};
use super::template::{NameTemplate, Template};
use super::who::{ClientIds, Group, Names, Origin, Who};
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
        client_ids: rule.client_ids.map(|names| read_client_ids(&names)).transpose()?,
        origins: rule.addresses.map(|origins| read_each("addresses", &origins, Origin::parse)).transpose()?,
        listeners: rule.listeners.map(|names| read_names("listeners", &names)).transpose()?,
    };
    let (allows, words) = one_of(rule.allow, rule.deny).map_err(|text| Fault { text, span: Some(span) })?;
    let mut actions = Actions::default();
    for word in words {
        let with = actions.with(word.get_ref(), &OF_FILES);
        actions = with.map_err(|text| Fault { text, span: Some(word.span()) })?;
    }
    let topics = match rule.topics {
        Some(topics) if actions.are_about_connecting() => {
            let text = "to connect is about no topic: leave topics out, or make two rules of it".to_owned();
            return Err(Fault { text, span: Some(topics.span()) });
        }
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

fn read_client_ids(names: &Texts) -> Result<ClientIds, Fault> {
    let templates: Vec<_> = read_each("client_ids", names, NameTemplate::parse)?;
    let texts = names.get_ref().iter().map(|name| name.get_ref().as_str());
    let fixed = texts.filter(|name| !NameTemplate::is_one(name));
    Ok(ClientIds { names: Names::new(fixed), templates: templates.into_iter().flatten().collect() })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_in_a_file_is_shown_where_it_is() {
        let group = "[groups]\nteam = ['ann']\n\n";
        let cases = [
            ("[[rules]", "1:9: unclosed array table"),
            (
                "[[rules]]\nuser = ['ann']",
                "2:1: unknown key \"user\": did you mean \"users\"? (known here: users, groups,",
            ),
            ("[rule]", "1:2: unknown key \"rule\": did you mean \"rules\"?"),
            ("[[rules]]\nallow = 'publish'", "2:9: invalid type: string \"publish\", expected"),
            (
                "[[rules]]\nallow = ['publish', 'write']",
                "2:21: unknown action \"write\" (known here: publish, subscribe,",
            ),
            ("[[rules]]\ntopics = ['a']", "1:1: a rule has allow or deny, with at least one action"),
            ("[[rules]]\nallow = []", "1:1: a rule has allow or deny, with at least one action"),
            (
                "[[rules]]\nallow = ['all']\ndeny = ['all']",
                "1:1: a rule has either allow or deny: make two rules of it",
            ),
            ("[[rules]]\nallow = ['all']\nusers = []", "3:9: users is empty: leave it out for all of them"),
            ("[[rules]]\nallow = ['all']\ntopics = []", "3:10: topics is empty"),
            ("[[rules]]\nallow = ['all']\naddresses = []", "3:13: addresses is empty"),
            ("[[rules]]\nallow = ['all']\ngroups = ['tem']", "there is no group \"tem\" under [groups]"),
            (
                "[[rules]]\nallow = ['all']\naddresses = ['10.0.0.0/33']",
                "3:14: \"10.0.0.0/33\" is no network such as",
            ),
            (
                "[[rules]]\nallow = ['all']\naddresses = ['::ffff:10.0.0.0/104']",
                "IPv4 is written as 10.0.0.0/8",
            ),
            (
                "[[rules]]\nallow = ['all']\ntopics = ['a', 'a/#/b']",
                "3:16: topic \"a/#/b\": + fills a whole level",
            ),
            ("[[rules]]\nallow = ['all']\ntopics = ['']", "topic \"\": a topic has at least one character"),
            (
                "[[rules]]\nallow = ['all']\ntopics = ['/topic/']",
                "topic \"/topic/\": a topic has at least one character",
            ),
            (
                "[[rules]]\nallow = ['all']\ntopics = ['/queue/']",
                "topic \"/queue/\": a queue's name follows /queue/",
            ),
            (
                "[[rules]]\nallow = ['all']\ntopics = ['orders.#']",
                "topic \"orders.#\": + fills a whole level",
            ),
            (
                "[[rules]]\nallow = ['all']\ntopics = ['/queue/a.#.b']",
                "topic \"/queue/a.#.b\": + fills a whole level",
            ),
            ("[[rules]]\nallow = ['all']\ntopics = ['+%u']", "topic \"+%u\": + fills a whole level"),
            (
                "[[rules]]\nallow = ['connect']\ntopics = ['a']",
                "3:10: to connect is about no topic: leave topics out",
            ),
            (
                "[[rules]]\nallow = ['connect']\nclient_ids = ['a', '%x']",
                "3:20: client identifier \"%x\": a % is followed by u, c, {",
            ),
            ("[[rules]]\nallow = ['connect']\nclient_ids = ['%c']", "is not made of itself"),
            (
                "[[rules]]\nallow = ['connect']\nclient_ids = ['%u*']",
                "between a placeholder and * stands a character such as a dash",
            ),
            ("[[rules]]\nallow = ['all']\ntopics = ['a/%x']", "topic \"a/%x\": a % is followed by u, c, {"),
            ("[[rules]]\nallow = ['all']\ntopics = ['a/%']", "topic \"a/%\": a % is followed by u, c, {"),
            ("[[rules]]\nallow = ['all']\ntopics = ['a/%{}']", "topic \"a/%{}\": a % is followed by u, c, {"),
            ("[[rules]]\nallow = ['all']\ntopics = ['a/%{b']", "topic \"a/%{b\": a % is followed by u, c, {"),
            (
                "[[rules]]\nallow = ['all']\ntopics = ['%u.%c']",
                "topic \"%u.%c\": a level holds one placeholder",
            ),
            (
                "[[rules]]\nallow = ['all']\ntopics = ['$%u/a']",
                "topic \"$%u/a\": a first level that begins with $ has no",
            ),
            (
                "[[rules]]\nallow = ['all']\ntopics = ['/queue/%u#']",
                "between a placeholder and # stands a character",
            ),
            (
                "[[rules]]\nallow = ['all']\ntopics = ['$share/g/a']",
                "rules are about the filter behind $share/group/",
            ),
            (
                "[[rules]]\nallow = ['all']\ntopics = ['$share/%u/a']",
                "rules are about the filter behind $share/group/",
            ),
        ];
        for (text, expected) in cases {
            for (before, lines) in [("", 0), (group, 3)] {
                let error =
                    Acl::parse(Path::new("acl.toml"), &format!("{before}{text}")).unwrap_err().to_string();
                let expected = match expected.split_once(':') {
                    Some((line, rest)) if line.parse::<usize>().is_ok() => {
                        format!("acl.toml:{}:{rest}", line.parse::<usize>().unwrap() + lines)
                    }
                    _ => expected.to_owned(),
                };
                assert!(error.contains(&expected), "{text}\n{error}");
            }
        }
        let error =
            Acl::parse(Path::new("acl.toml"), "[[rules]]\nallow = ['write']").unwrap_err().to_string();
        assert!(error.ends_with("\n    allow = ['write']\n             ^^^^^^^"), "{error}");
        let error = Acl::parse(Path::new("acl.toml"), "rules = [7]").unwrap_err();
        assert_eq!(
            error.text,
            "invalid type: integer \"7\", expected a rule with allow or deny, topics, and whom it is for"
        );
    }

    #[test]
    fn rules_are_bounded_in_number() {
        let file = |count| Acl::parse(Path::new("acl.toml"), &"[[rules]]\ndeny = ['all']\n".repeat(count));
        assert_eq!(file(10_000).unwrap().len(), 10_000);
        let error = file(10_001).unwrap_err();
        assert_eq!(
            (error.place.as_str(), error.text.as_str()),
            ("acl.toml:20001:1", "there are 10001 rules, and may be 10000")
        );
        assert!(Acl::parse(Path::new("acl.toml"), "").unwrap().is_empty());
    }
}
