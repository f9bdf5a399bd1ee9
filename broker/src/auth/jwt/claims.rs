//! What a verified token says of the client.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Refused, Rules};

/// The longest name of a user, a client identifier or a group, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// Who the client is, by the word of the token's issuer.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// The user: 1 to 256 bytes without control characters. It may hold `+`, `#` and `/`, which mean
    /// something in a topic filter: rules must not put such a name into one.
    pub user: Arc<str>,
    /// The client identifier that the token is for; of the same form.
    pub client_id: Option<Arc<str>>,
    /// The user's groups; each of the same form.
    pub groups: Vec<Arc<str>>,
    /// When the session must end, in seconds since 1970: `exp` and the leeway. `None`: the token does not
    /// expire.
    pub expires_at: Option<u64>,
    /// The rules that the token brings along, as they are.
    pub acl: Option<Value>,
    /// All claims.
    pub values: Arc<Map<String, Value>>,
}

impl Claims {
    /// Reads them, without a look at when, for whom and by whom the token is.
    pub(super) fn read(
        values: Map<String, Value>,
        rules: &Rules,
        expires_at: Option<u64>,
    ) -> Result<Self, Refused> {
        let user = find(&values, &rules.username_claim);
        let user = name(&rules.username_claim, user.unwrap_or(&Value::Null))?;
        let of_claim = |claim: &String| find(&values, claim).map(|value| name(claim, value));
        let client_id = rules.client_id_claim.as_ref().and_then(of_claim).transpose()?;
        let groups = match &rules.groups_claim {
            Some(claim) => names(claim, find(&values, claim))?,
            None => Vec::new(),
        };
        let acl = find(&values, &rules.acl_claim).cloned();
        Ok(Self { user, client_id, groups, expires_at, acl, values: Arc::new(values) })
    }
}

/// A claim as text, where it is a string, a number or a boolean. For its name see [`Rules`].
pub(in crate::auth) fn text<'v>(values: &'v Map<String, Value>, name: &str) -> Option<Cow<'v, str>> {
    match find(values, name)? {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A claim by its whole name, else by what stands before a dot and what is behind it in the object of that
/// name. The last dot is tried first, because a URL in front of it has dots as well.
fn find<'a>(values: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    values.get(name).or_else(|| {
        name.rmatch_indices('.')
            .find_map(|(dot, _)| find(values.get(&name[..dot])?.as_object()?, &name[dot + 1..]))
    })
}

/// A name: a string, or a whole number, since many issuers count their users.
fn name(claim: &str, value: &Value) -> Result<Arc<str>, Refused> {
    let text = match value {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        Value::Number(number) if !number.is_f64() => Cow::Owned(number.to_string()),
        _ => return Err(Refused::Claim(claim.to_owned())),
    };
    match is_name(&text) {
        true => Ok(text.into()),
        false => Err(Refused::Claim(claim.to_owned())),
    }
}

/// Whether somebody or a group may be called so by whoever vouches for it.
pub(in crate::auth) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.contains(char::is_control)
}

fn names(claim: &str, value: Option<&Value>) -> Result<Vec<Arc<str>>, Refused> {
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(|item| name(claim, item)).collect(),
        // One group, even with spaces: parts of a group's name are no groups.
        Some(value) => Ok(vec![name(claim, value)?]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(values: &Value, rules: &Rules) -> Result<Claims, Refused> {
        Claims::read(values.as_object().unwrap().clone(), rules, None)
    }

    #[test]
    fn a_claim_is_found_by_its_name_or_its_path() {
        let claims = json!({
            "sub": "ann", "a": { "b": { "c": 1 }, "b.c": 2, "d": "in a" }, "a.d": "whole",
            "deep": { "er": { "est": 1 } },
            "https://x.example/y": "url", "https://x.example/z": { "name": true },
            "list": [1], "none": null, "float": 1.5, "empty": { "": "nothing" },
        });
        let claims = read(&claims, &Rules::default()).unwrap();
        for (name, expected) in [
            ("sub", Some("ann")),
            ("a.b.c", Some("2")),
            ("deep.er.est", Some("1")),
            ("a.d", Some("whole")),
            ("https://x.example/y", Some("url")),
            ("https://x.example/z.name", Some("true")),
            ("float", Some("1.5")),
            ("empty.", Some("nothing")),
            ("a", None),
            ("a.", None),
            (".", None),
            ("", None),
            ("a.b", None),
            ("a.x", None),
            ("list", None),
            ("list.0", None),
            ("none", None),
            ("sub.ann", None),
        ] {
            assert_eq!(text(&claims.values, name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn a_name_is_short_text_or_a_whole_number() {
        let longest = "a".repeat(256);
        for (value, expected) in [
            (json!("ann"), Some("ann")),
            (json!("a/+#é 1"), Some("a/+#é 1")),
            (json!(42), Some("42")),
            (json!(-1), Some("-1")),
            (json!(longest), Some(longest.as_str())),
            (json!("a".repeat(257)), None),
            (json!(""), None),
            (json!("a\u{0}"), None),
            (json!("a\nb"), None),
            (json!("a\u{85}"), None),
            (json!(1.5), None),
            (json!(true), None),
            (json!(null), None),
            (json!(["ann"]), None),
        ] {
            let user = read(&json!({ "sub": value }), &Rules::default()).map(|claims| claims.user);
            assert_eq!(user.as_deref().ok(), expected, "{value}");
        }
    }

    #[test]
    fn client_groups_and_rules_come_from_their_claims() {
        let rules = Rules {
            username_claim: "user.name".to_owned(),
            client_id_claim: Some("device".to_owned()),
            groups_claim: Some("realm.roles".to_owned()),
            acl_claim: "mqtt.acl".to_owned(),
            ..Rules::default()
        };
        let values = json!({
            "user": { "name": "ann" }, "device": "d1", "realm": { "roles": ["a b", "c"] }, "mqtt": { "acl": [1] },
        });
        let claims = read(&values, &rules).unwrap();
        assert_eq!((&*claims.user, claims.client_id.as_deref()), ("ann", Some("d1")));
        assert_eq!(claims.groups, ["a b".into(), "c".into()]);
        assert_eq!(claims.acl, Some(json!([1])));

        let claims =
            read(&json!({ "user": { "name": "ann" }, "realm": { "roles": "a b" } }), &rules).unwrap();
        assert_eq!((claims.client_id, claims.acl), (None, None));
        assert_eq!(claims.groups, ["a b".into()]);

        for (wrong, claim) in [
            (json!({ "sub": "ann" }), "user.name"),
            (json!({ "user": { "name": "ann" }, "device": null }), "device"),
            (json!({ "user": { "name": "ann" }, "device": "" }), "device"),
            (json!({ "user": { "name": "ann" }, "realm": { "roles": ["a", ""] } }), "realm.roles"),
            (json!({ "user": { "name": "ann" }, "realm": { "roles": { "a": 1 } } }), "realm.roles"),
        ] {
            assert_eq!(read(&wrong, &rules), Err(Refused::Claim(claim.to_owned())), "{wrong}");
        }
    }
}
