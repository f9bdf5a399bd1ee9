//! Rules that a token brings along.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::actions::Actions;
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
    let actions = actions.iter().try_fold(Actions::default(), |actions, word| actions.with(word))?;
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
        let actions = Actions::default().with(action)?;
        Ok(Rule { who: Who::default(), allows: true, actions, topics: read_topics(topics)? })
    };
    lists.iter().map(read).collect()
}

fn read_topics(topics: &[String]) -> Result<Topics, String> {
    let templates: Result<_, _> = topics.iter().map(|topic| Template::parse(topic)).collect();
    templates.map(Topics::new)
}
