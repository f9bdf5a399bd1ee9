//! Rules as their authors see them, and what they answer.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
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
fn a_tokens_rules_follow_a_files() {
    let file = rules(&["deny = ['subscribe'], topics = ['secret/#']"]).bind(&ann());
    let token = Acl::from_claim(&json!([{"allow": ["subscribe"]}])).unwrap().bind(&ann());
    let both = file.followed_by(token.clone());
    assert_eq!(judge_filter(&both, "#"), IN_PART, "what the file denies in part stays denied");
    assert_eq!(judge_filter(&token.followed_by(rules(&["deny = ['all']"]).bind(&ann())), "#"), ALLOWED);
}

#[test]
fn who_may_connect_the_first_rule_about_that_says() {
    let claims = |name: &str| (name == "site").then(|| "kiel".to_owned());
    let as_client = |client_id| Subject { client_id, claims: Some(&claims), ..ann() };
    let own = "client_ids = ['%u', '%u-*', 'site/%{site}/*'], allow = ['connect']";
    let (others, all) = ("deny = ['connect']", "allow = ['all']");
    let cases: [(&[&str], Subject<'_>, bool); 19] = [
        (&[], as_client("c"), true),
        (&[all], as_client("c"), true),
        (&["deny = ['all']"], as_client("c"), true),
        (&[others], as_client("c"), false),
        (&[all, others], as_client("c"), false),
        (&["allow = ['connect']", others], as_client("c"), true),
        (&["users = ['bob'], deny = ['connect']"], as_client("c"), true),
        (&["users = ['ann'], deny = ['publish', 'connect']"], as_client("c"), false),
        (&[own, others], as_client("ann"), true),
        (&[own, others], as_client("ann-phone"), true),
        (&[own, others], as_client("anna"), false),
        (&[own, others], as_client("bob"), false),
        (&[own, others], as_client(""), false),
        (&[own, others], as_client("site/kiel/7"), true),
        (&[own, others], as_client("site/rome/7"), false),
        // Whoever is called so has no identifiers of ann's; nor has who has no name.
        (&[own, others], Subject { user: Some("ann-x"), ..as_client("ann-x-1") }, false),
        (&[own, others], Subject { user: None, ..as_client("-1") }, false),
        (&["client_ids = ['%u-*'], deny = ['connect']"], Subject { user: None, ..as_client("c") }, false),
        (&["client_ids = ['50%%'], deny = ['connect']"], as_client("50%"), false),
    ];
    for (list, subject, expected) in cases {
        let bound = rules(list).bind(&subject);
        assert_eq!(bound.may_connect(), expected, "{list:?} {:?} {}", subject.user, subject.client_id);
        assert_eq!(bound.followed_by(Bound::default()).may_connect(), expected, "{list:?}");
    }
    let bound = rules(&["deny = ['connect', 'publish']", all]).bind(&ann());
    assert_eq!((judge(&bound, Publish, "a"), judge(&bound, Subscribe, "a")), (Some(false), Some(true)));
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
        "connect" => (Some(bound.may_connect()), false),
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
