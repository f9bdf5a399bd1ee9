//! Rules as their authors see them: files and claims, what they answer, and what is wrong with them.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tidewire_protocols::topic::{TopicFilter, TopicName};

use super::{Acl, Bound, FilterJudgement, Subject};
use crate::auth::Action::{self, Consume, Publish, Receive, Retain, Subscribe};

const ALLOWED: FilterJudgement = FilterJudgement { verdict: Some(true), is_partial: false };
const IN_PART: FilterJudgement = FilterJudgement { verdict: Some(true), is_partial: true };
const DENIED: FilterJudgement = FilterJudgement { verdict: Some(false), is_partial: false };
const UNRULED: FilterJudgement = FilterJudgement { verdict: None, is_partial: false };
const UNRULED_IN_PART: FilterJudgement = FilterJudgement { verdict: None, is_partial: true };

fn parse(text: &str) -> Acl {
    Acl::parse(Path::new("acl.toml"), text).unwrap_or_else(|error| panic!("{error}"))
}

/// A file with these rules, each of them a line.
fn rules(rules: &[&str]) -> Acl {
    let rules: String = rules.iter().map(|rule| format!("  {{ {rule} }},\n")).collect();
    parse(&format!("rules = [\n{rules}]\n[groups]\nteam = [\"ann\", \"bot-*\"]\ntokens = []\n"))
}

fn judge(bound: &Bound, action: Action, name: &str) -> Option<bool> {
    bound.judge(action, TopicName::parse(name).unwrap())
}

fn judge_filter(bound: &Bound, filter: &str) -> FilterJudgement {
    bound.judge_filter(Subscribe, TopicFilter::parse(filter).unwrap())
}

fn ann() -> Subject<'static> {
    Subject { user: Some("ann"), client_id: "c1", listener: "browsers", ..Subject::default() }
}

#[test]
fn conditions_say_whom_a_rule_is_for() {
    let groups: [Arc<str>; 2] = ["tokens".into(), "unknown".into()];
    let user = |user| Subject { user, ..ann() };
    let from = |address: &str| Subject { address: Some(address.parse().unwrap()), ..ann() };
    let cases = [
        ("", ann(), true),
        ("", Subject::default(), true),
        ("users = ['ann']", ann(), true),
        ("users = ['bob', 'ann']", ann(), true),
        ("users = ['bob', 'carl', 'ann']", ann(), true),
        ("users = ['bob', 'carl', 'an']", ann(), false),
        ("users = ['Ann']", ann(), false),
        ("users = ['an*']", ann(), true),
        ("users = ['ann*']", ann(), true),
        ("users = ['b*']", ann(), false),
        ("users = ['a*n']", ann(), false),
        ("users = ['a*n']", user(Some("a*n")), true),
        ("users = ['*']", ann(), true),
        ("users = ['*']", user(None), false),
        ("users = ['*']", user(Some("")), false),
        ("users = ['']", user(None), true),
        ("users = ['']", ann(), false),
        ("users = ['', 'ann']", ann(), true),
        ("groups = ['team']", ann(), true),
        ("groups = ['team']", user(Some("bot-7")), true),
        ("groups = ['team']", user(Some("bob")), false),
        ("groups = ['team']", user(None), false),
        ("groups = ['tokens']", ann(), false),
        ("groups = ['tokens']", Subject { groups: &groups, ..user(Some("bob")) }, true),
        ("groups = ['team']", Subject { groups: &groups, ..user(Some("bob")) }, false),
        ("groups = ['team', 'tokens']", ann(), true),
        ("client_ids = ['c1']", ann(), true),
        ("client_ids = ['c*']", ann(), true),
        ("client_ids = ['c2']", ann(), false),
        ("listeners = ['browsers']", ann(), true),
        ("listeners = ['devices']", ann(), false),
        ("addresses = ['10.0.0.0/8']", from("10.1.2.3"), true),
        ("addresses = ['10.9.9.9/8']", from("10.1.2.3"), true),
        ("addresses = ['10.0.0.0/8']", from("::ffff:10.1.2.3"), true),
        ("addresses = ['10.0.0.0/8']", from("11.1.2.3"), false),
        ("addresses = ['10.1.2.3', '::1']", from("::1"), true),
        ("addresses = ['10.1.2.3', '::1']", from("10.1.2.4"), false),
        ("addresses = ['::/0']", ann(), false),
        ("addresses = ['unix']", ann(), true),
        ("addresses = ['unix']", from("::1"), false),
        ("users = ['ann'], client_ids = ['c1'], groups = ['team']", ann(), true),
        ("users = ['ann'], client_ids = ['c2'], groups = ['team']", ann(), false),
        ("users = ['bob'], client_ids = ['c1'], groups = ['team']", ann(), false),
        ("users = ['ann'], client_ids = ['c1'], groups = ['tokens']", ann(), false),
    ];
    for (conditions, subject, expected) in cases {
        let comma = if conditions.is_empty() { "" } else { ", " };
        for (effect, allows) in [("allow", true), ("deny", false)] {
            let bound = rules(&[&format!("{conditions}{comma}{effect} = ['publish']")]).bind(&subject);
            let answer = judge(&bound, Publish, "a");
            assert_eq!(answer, expected.then_some(allows), "{conditions} {:?}", subject.user);
            assert_eq!(bound.is_empty(), !expected, "{conditions}");
        }
    }
}

#[test]
fn actions_include_the_finer_ones() {
    let all = [Publish, Subscribe, Retain, Receive, Consume];
    let cases: [(&str, &[Action]); 7] = [
        ("'publish'", &[Publish, Retain]),
        ("'subscribe'", &[Subscribe, Receive, Consume]),
        ("'retain'", &[Retain]),
        ("'receive'", &[Receive]),
        ("'consume'", &[Consume]),
        ("'all'", &all),
        ("'retain', 'consume'", &[Retain, Consume]),
    ];
    for (words, expected) in cases {
        let bound = rules(&[&format!("allow = [{words}]")]).bind(&ann());
        let allowed: Vec<_> =
            all.into_iter().filter(|action| judge(&bound, *action, "a").is_some()).collect();
        assert_eq!(allowed, expected, "{words}");
    }
    let bound = rules(&["deny = ['retain']", "allow = ['publish']"]).bind(&ann());
    assert_eq!((judge(&bound, Publish, "a"), judge(&bound, Retain, "a")), (Some(true), Some(false)));
}

#[test]
fn topics_are_filters_destinations_and_placeholders() {
    let claims = |name: &str| (name == "https://a/tenant").then(|| "acme".to_owned());
    let subject = Subject { claims: Some(&claims), ..ann() };
    let cases = [
        ("a/b", "a/b", true),
        ("a/b", "a", false),
        ("a/+", "a/b", true),
        ("a/#", "a", true),
        ("a/#", "a/b/c", true),
        ("#", "a", true),
        ("#", "/", true),
        ("#", "$SYS/load", false),
        ("+/load", "$SYS/load", false),
        ("$SYS/#", "$SYS/load", true),
        ("/#", "/a", true),
        ("/#", "a", false),
        ("/topic/a/+", "a/b", true),
        ("/topic//topic/a", "/topic/a", true),
        ("/topics/a", "/topics/a", true),
        ("/queue/orders", "$queue/orders", true),
        ("/queue/orders", "orders", false),
        ("$queue/orders", "$queue/orders", true),
        ("/queue/+", "$queue/orders", true),
        ("/queue/+", "$queue/orders/new", false),
        ("/queue/#", "$queue/orders/new", true),
        ("/queue/a/#", "$queue/a/b", true),
        ("/queue/a/#", "$queue/a", true),
        ("/queue/orders.#", "$queue/orders.new", true),
        ("/queue/orders.#", "$queue/orders.new/today", true),
        ("/queue/orders.#", "$queue/orders", false),
        ("/queue/a/b#", "$queue/a/bc", true),
        ("/queue/a/b#", "$queue/a/ab", false),
        ("/queue/%u.#", "$queue/ann.jobs", true),
        ("/queue/%u.#", "$queue/anne.jobs", false),
        ("/queue/x%u-y#", "$queue/xann-yes", true),
        ("devices/%u/#", "devices/ann/lamp", true),
        ("devices/%u/#", "devices/bob/lamp", false),
        ("%c", "c1", true),
        ("dev-%c-x/+", "dev-c1-x/a", true),
        ("dev-%c-x/+", "dev-c2-x/a", false),
        ("%{https://a/tenant}/%u", "acme/ann", true),
        ("100%%/%%u", "100%/%u", true),
        ("%%%u", "%ann", true),
    ];
    for (topic, name, expected) in cases {
        for (effect, allows) in [("allow", true), ("deny", false)] {
            let bound =
                rules(&[&format!("{effect} = ['publish'], topics = ['other', '{topic}']")]).bind(&subject);
            assert_eq!(judge(&bound, Publish, name), expected.then_some(allows), "{effect} {topic} {name}");
        }
    }
    let bound = rules(&["allow = ['publish']"]).bind(&subject);
    assert_eq!(judge(&bound, Publish, "$SYS/load"), Some(true), "without topics, everything");
}

/// A value that cannot be filled in: an allow rule shrinks, a deny rule grows.
#[test]
fn a_clever_name_gains_nothing() {
    let cases = [
        // The user, the topic, a name, whether an allow rule and whether a deny rule is about it.
        (Some("bob"), "u/%u", "u/ann", false, false),
        (Some("ann"), "u/%u", "u/ann", true, true),
        (None, "u/%u", "u/ann", false, true),
        (Some(""), "u/%u", "u/", false, true),
        (Some("+"), "u/%u", "u/ann", false, true),
        (Some("#"), "u/%u/#", "u/ann/x", false, true),
        (Some("a/b"), "u/%u/#", "u/a/b", false, true),
        (Some("a/b"), "u/%u/#", "v/a/b", false, false),
        (Some("a+"), "u/x%u/y", "u/xb/y", false, true),
        (Some("a\0"), "u/%u", "u/a", false, true),
        (Some("$SYS"), "%u/#", "$SYS/load", false, true),
        (Some("$SYS"), "u/%u", "u/$SYS", true, true),
        (None, "%u/#", "$SYS/load", false, true),
        (Some("al"), "/queue/%u.#", "$queue/al.ice.jobs", true, true),
        (Some("al.ice"), "/queue/%u.#", "$queue/al.ice.jobs", false, true),
        (Some("al.ice"), "/queue/%u.#", "$queue/bob.jobs/a", false, true),
        (Some("xa"), "/queue/%uaa#", "$queue/xaaa", false, true),
        (Some("al.ice"), "/queue/%u/#", "$queue/al.ice/jobs", true, true),
        (Some("ann"), "%{tenant}/x", "acme/x", false, true),
    ];
    for (user, topic, name, is_allowed, is_denied) in cases {
        let subject = Subject { user, ..ann() };
        for (effect, allows, expected) in [("allow", true, is_allowed), ("deny", false, is_denied)] {
            let bound = rules(&[&format!("{effect} = ['publish'], topics = ['{topic}']")]).bind(&subject);
            assert_eq!(judge(&bound, Publish, name), expected.then_some(allows), "{effect} {topic} {user:?}");
        }
    }
}

#[test]
fn filters_are_judged_as_the_names_they_stand_for() {
    let secret = "deny = ['subscribe'], topics = ['secret/#']";
    let all = "allow = ['subscribe'], topics = ['#']";
    let cases: [(&[&str], &str, FilterJudgement); 18] = [
        (&[], "a", UNRULED),
        (&[all], "#", ALLOWED),
        (&[all], "+/#", ALLOWED),
        (&[all], "$SYS/#", UNRULED),
        (&[all], "$share/g/a", ALLOWED),
        (&[secret, all], "#", IN_PART),
        (&[secret, all], "+/a", IN_PART),
        (&[secret, all], "open/#", ALLOWED),
        (&[secret, all], "secret/a/+", DENIED),
        (&[all, secret], "#", ALLOWED),
        (&["deny = ['all'], topics = ['secret/a']", secret], "secret/#", DENIED),
        (&[secret], "#", UNRULED_IN_PART),
        (&["allow = ['subscribe'], topics = ['secret/news']", secret, all], "secret/news", ALLOWED),
        (&["allow = ['subscribe'], topics = ['secret/news']", secret, all], "secret/#", DENIED),
        (&["allow = ['subscribe'], topics = ['a', 'a/+/#']"], "a/#", UNRULED),
        (&["deny = ['receive'], topics = ['a/b']", all], "a/#", IN_PART),
        (&["deny = ['publish'], topics = ['a/b']", all], "a/#", ALLOWED),
        (&["deny = ['all'], topics = ['a/b']", "allow = ['subscribe']"], "$SYS/#", ALLOWED),
    ];
    for (list, filter, expected) in cases {
        assert_eq!(judge_filter(&rules(list).bind(&ann()), filter), expected, "{list:?} {filter}");
    }
    let bound = rules(&[secret, all]).bind(&ann());
    let delivered = ["secret/a", "secret", "open"].map(|name| judge(&bound, Receive, name));
    assert_eq!(delivered, [Some(false), Some(false), Some(true)]);
}

#[test]
fn only_denials_make_deliveries_worth_a_look() {
    let cases = [
        ("allow = ['all']", false),
        ("deny = ['publish']", false),
        ("deny = ['consume']", false),
        ("deny = ['receive']", true),
        ("deny = ['subscribe'], topics = ['a']", true),
        ("deny = ['subscribe'], users = ['bob']", false),
    ];
    for (line, expected) in cases {
        assert_eq!(rules(&[line]).bind(&ann()).may_deny_receiving(), expected, "{line}");
    }
}

#[test]
fn a_tokens_rules_follow_a_files() {
    let file = rules(&["deny = ['subscribe'], topics = ['secret/#']"]).bind(&ann());
    let token = Acl::from_claim(&json!([{"allow": ["subscribe"]}])).unwrap().bind(&ann());
    let both = file.followed_by(token.clone());
    assert_eq!(judge_filter(&both, "#"), IN_PART, "what the file denies in part stays denied");
    assert_eq!(judge_filter(&token.followed_by(rules(&["deny = ['all']"]).bind(&ann())), "#"), ALLOWED);
}

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
        ("[[rules]]\nallow = ['all']\naddresses = ['::ffff:10.0.0.0/104']", "IPv4 is written as 10.0.0.0/8"),
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
        ("[[rules]]\nallow = ['all']\ntopics = ['orders.#']", "topic \"orders.#\": + fills a whole level"),
        (
            "[[rules]]\nallow = ['all']\ntopics = ['/queue/a.#.b']",
            "topic \"/queue/a.#.b\": + fills a whole level",
        ),
        ("[[rules]]\nallow = ['all']\ntopics = ['+%u']", "topic \"+%u\": + fills a whole level"),
        ("[[rules]]\nallow = ['all']\ntopics = ['a/%x']", "topic \"a/%x\": a % is followed by u, c, {"),
        ("[[rules]]\nallow = ['all']\ntopics = ['a/%']", "topic \"a/%\": a % is followed by u, c, {"),
        ("[[rules]]\nallow = ['all']\ntopics = ['a/%{}']", "topic \"a/%{}\": a % is followed by u, c, {"),
        ("[[rules]]\nallow = ['all']\ntopics = ['a/%{b']", "topic \"a/%{b\": a % is followed by u, c, {"),
        ("[[rules]]\nallow = ['all']\ntopics = ['%u.%c']", "topic \"%u.%c\": a level holds one placeholder"),
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
    let error = Acl::parse(Path::new("acl.toml"), "[[rules]]\nallow = ['write']").unwrap_err().to_string();
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
    let claim = |count| Acl::from_claim(&Value::from(vec![json!({"deny": ["all"]}); count]));
    assert_eq!(claim(100).unwrap().len(), 100);
    assert_eq!(claim(101).unwrap_err(), "there are 101 rules, and may be 100");
    assert!(parse("").is_empty());
}

#[test]
fn claims_have_two_forms() {
    let cases = [
        (json!([]), Publish, "a", None),
        (json!({}), Publish, "a", None),
        (json!([{"allow": ["publish"], "topics": ["a/#"]}]), Publish, "a/b", Some(true)),
        (json!([{"allow": ["publish"], "topics": ["a/#"]}]), Subscribe, "a/b", None),
        (json!([{"deny": ["publish"], "topics": ["a/b"]}, {"allow": ["all"]}]), Publish, "a/b", Some(false)),
        (json!([{"deny": ["publish"], "topics": ["a/b"]}, {"allow": ["all"]}]), Publish, "a/c", Some(true)),
        (json!([{"allow": ["publish"], "topics": []}]), Publish, "a", None),
        (json!({"publish": ["a/#"], "subscribe": ["b"]}), Publish, "a/b", Some(true)),
        (json!({"publish": ["a/#"], "subscribe": ["b"]}), Publish, "b", None),
        (json!({"publish": ["a/#"], "subscribe": ["b"]}), Receive, "b", Some(true)),
        (json!({"publish": [], "all": ["users/%u"]}), Retain, "users/ann", Some(true)),
        (json!({"publish": [], "all": ["users/%u"]}), Publish, "users/bob", None),
    ];
    for (claim, action, name, expected) in cases {
        let bound = Acl::from_claim(&claim).unwrap().bind(&ann());
        assert_eq!(judge(&bound, action, name), expected, "{claim} {action:?} {name}");
    }
    let nothing = Acl::from_claim(&json!([{"allow": ["all"], "topics": []}])).unwrap();
    assert_eq!((nothing.len(), nothing.bind(&ann()).is_empty()), (1, true));
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
        (json!([7]), "rule 1: invalid type: integer \"7\", expected a rule with allow or deny, and topics"),
    ];
    for (claim, expected) in cases {
        let error = Acl::from_claim(&claim).unwrap_err();
        assert!(error.starts_with(expected), "{claim}: {error}");
    }
}

/// Every example of the document is read, and every row of the table below it judged.
#[test]
fn the_document_says_what_rules_do() {
    let document = include_str!("../../../../docs/access-rules.md");
    let mut rows = 0;
    for example in document.split("```toml\n").skip(1) {
        let (text, rest) = example.split_once("```").unwrap();
        let acl = parse(text);
        let table = rest
            .split("```")
            .next()
            .unwrap()
            .split("\n\n")
            .find(|part| part.starts_with("| user | client |"));
        for row in table.expect("a table follows an example").lines().skip(2) {
            judge_row(&acl, row);
            rows += 1;
        }
    }
    assert!(rows > 20, "only {rows} rows were found");
    for example in document.split("```json\n").skip(1) {
        let claim = serde_json::from_str(example.split_once("```").unwrap().0).unwrap();
        assert!(!Acl::from_claim(&claim).unwrap().is_empty());
    }
}

/// `| user | client | action | topic | answer |`, the client coming over a Unix socket.
fn judge_row(acl: &Acl, row: &str) {
    let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
    let [_, user, client_id, action, topic, answer, _] = cells[..] else { panic!("{row}") };
    let user = Some(user).filter(|user| *user != "-");
    let bound = acl.bind(&Subject { user, client_id, ..Subject::default() });
    let judgement = match action {
        "publish" => (judge(&bound, Publish, topic), false),
        "retain" => (judge(&bound, Retain, topic), false),
        "receive" => (judge(&bound, Receive, topic), false),
        "consume" => (judge(&bound, Consume, topic), false),
        "subscribe" => {
            let judgement = judge_filter(&bound, topic);
            (judgement.verdict, judgement.is_partial)
        }
        other => panic!("{other}: {row}"),
    };
    let said = match judgement {
        (Some(true), false) => "yes",
        (Some(true), true) => "in part",
        _ => "no",
    };
    assert_eq!(said, answer, "{row}");
}
