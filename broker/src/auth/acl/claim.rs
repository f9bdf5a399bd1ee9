//! Rules that a token brings along.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::actions::{Actions, OF_TOPICS};
use super::rule::{Rule, Topics, one_of};
use super::template::Template;
use super::who::Who;
use crate::excerpt::describe;

/// The rules of one token.
const RULES_MAX: usize = 100;

/// A rule of the long form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a rule with allow or deny, and topics")]
struct ClaimRule {
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    deny: Vec<String>,
    topics: Option<Vec<String>>,
}

/// Reads the claim; see [`Acl::from_claim`](super::Acl::from_claim).
pub(super) fn read(claim: &Value) -> Result<Vec<Rule>, String> {
    match claim {
        Value::Array(rules) if rules.len() > RULES_MAX => {
            Err(format!("there are {} rules, and may be {RULES_MAX}", rules.len()))
        }
        Value::Array(rules) => {
            let numbered = rules.iter().zip(1..);
            numbered
                .map(|(rule, number)| read_rule(rule).map_err(|fault| format!("rule {number}: {fault}")))
                .collect()
        }
        Value::Object(_) => read_lists(claim),
        _ => Err("expected a list of rules, or lists of topics by action".to_owned()),
    }
}

fn read_rule(rule: &Value) -> Result<Rule, String> {
    let rule = ClaimRule::deserialize(rule).map_err(|error| describe(&error.to_string()))?;
    let (allows, actions) = one_of(rule.allow, rule.deny)?;
    let actions =
        actions.iter().try_fold(Actions::default(), |actions, word| actions.with(word, &OF_TOPICS))?;
    let topics = match rule.topics {
        Some(topics) => read_topics(&topics)?,
        None => Topics::everything(),
    };
    Ok(Rule { who: Who::default(), allows, actions, topics })
}

/// The short form: whatever is listed is allowed.
fn read_lists(lists: &Value) -> Result<Vec<Rule>, String> {
    let lists = BTreeMap::<String, Vec<String>>::deserialize(lists).map_err(|error| error.to_string())?;
    let read = |(action, topics): (&String, &Vec<String>)| {
        let actions = Actions::default().with(action, &OF_TOPICS)?;
        Ok(Rule { who: Who::default(), allows: true, actions, topics: read_topics(topics)? })
    };
    lists.iter().map(read).collect()
}

fn read_topics(topics: &[String]) -> Result<Topics, String> {
    let templates: Result<_, _> = topics.iter().map(|topic| Template::parse(topic)).collect();
    templates.map(Topics::new)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidewire_protocols::topic::TopicName;

    use super::*;
    use crate::auth::Action::{Publish, Receive, Retain, Subscribe};
    use crate::auth::acl::{Acl, Subject};

    #[test]
    fn claims_have_two_forms() {
        let ann = Subject { user: Some("ann"), ..Subject::default() };
        let cases = [
            (json!([]), Publish, "a", None),
            (json!({}), Publish, "a", None),
            (json!([{"allow": ["publish"], "topics": ["a/#"]}]), Publish, "a/b", Some(true)),
            (json!([{"allow": ["publish"], "topics": ["a/#"]}]), Subscribe, "a/b", None),
            (
                json!([{"deny": ["publish"], "topics": ["a/b"]}, {"allow": ["all"]}]),
                Publish,
                "a/b",
                Some(false),
            ),
            (
                json!([{"deny": ["publish"], "topics": ["a/b"]}, {"allow": ["all"]}]),
                Publish,
                "a/c",
                Some(true),
            ),
            (json!([{"allow": ["publish"], "topics": []}]), Publish, "a", None),
            (json!({"publish": ["a/#"], "subscribe": ["b"]}), Publish, "a/b", Some(true)),
            (json!({"publish": ["a/#"], "subscribe": ["b"]}), Publish, "b", None),
            (json!({"publish": ["a/#"], "subscribe": ["b"]}), Receive, "b", Some(true)),
            (json!({"publish": [], "all": ["users/%u"]}), Retain, "users/ann", Some(true)),
            (json!({"publish": [], "all": ["users/%u"]}), Publish, "users/bob", None),
        ];
        for (claim, action, name, expected) in cases {
            let bound = Acl::from_claim(&claim).unwrap().bind(&ann);
            assert_eq!(
                bound.judge(action, TopicName::parse(name).unwrap()),
                expected,
                "{claim} {action:?} {name}"
            );
        }
        let nothing = Acl::from_claim(&json!([{"allow": ["all"], "topics": []}])).unwrap();
        assert_eq!((nothing.len(), nothing.bind(&ann).is_empty()), (1, true));
    }

    #[test]
    fn a_fault_in_a_claim_is_named() {
        let cases = [
            (json!("publish"), "expected a list of rules, or lists of topics by action"),
            (json!(null), "expected a list of rules, or lists of topics by action"),
            (json!({"write": ["a"]}), "unknown action \"write\" (known here: publish, subscribe,"),
            (json!({"publish": "a"}), "invalid type: string \"a\", expected a sequence"),
            (json!({"publish": ["a#"]}), "topic \"a#\": + fills a whole level"),
            (
                json!([{"allow": ["all"]}, {"allow": ["all"], "topic": ["a"]}]),
                "rule 2: unknown key \"topic\": did you mean",
            ),
            (json!([{"allow": ["all"], "users": ["ann"]}]), "rule 1: unknown key \"users\""),
            (json!([{"topics": ["a"]}]), "rule 1: a rule has allow or deny"),
            (json!([{"allow": ["all"], "deny": ["all"]}]), "rule 1: a rule has either allow or deny"),
            (json!([{"allow": ["write"]}]), "rule 1: unknown action \"write\""),
            (json!([{"deny": ["connect"]}]), "rule 1: unknown action \"connect\""),
            (
                json!([7]),
                "rule 1: invalid type: integer \"7\", expected a rule with allow or deny, and topics",
            ),
        ];
        for (claim, expected) in cases {
            let error = Acl::from_claim(&claim).unwrap_err();
            assert!(error.starts_with(expected), "{claim}: {error}");
        }
    }

    #[test]
    fn rules_are_bounded_in_number() {
        let claim = |count| Acl::from_claim(&Value::from(vec![json!({"deny": ["all"]}); count]));
        assert_eq!(claim(100).unwrap().len(), 100);
        assert_eq!(claim(101).unwrap_err(), "there are 101 rules, and may be 100");
    }
}
