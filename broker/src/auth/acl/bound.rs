//! The rules that concern one client, filled in for it, and what they say.

use std::sync::Arc;

use tidewire_protocols::topic::{TopicFilter, TopicName};

use super::actions::Actions;
use super::pattern::Pattern;
use crate::auth::Action;

/// What [`Acl::bind`](super::Acl::bind) makes for one client. Judging walks the rules that concern it, in
/// their order, and allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Bound {
    /// Those about topics.
    rules: Box<[BoundRule]>,
    keeps_out: bool,
}

/// One rule, or a part of one: a rule's topics without placeholders are shared by all clients.
#[derive(Clone, Debug)]
pub(super) struct BoundRule {
    pub(super) allows: bool,
    pub(super) actions: Actions,
    pub(super) topics: Arc<[Pattern]>,
}

/// What rules say of a topic filter, which stands for many names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterJudgement {
    /// Whether a client may subscribe to it; `None` if no rule decides, which is a denial unless somebody
    /// else allows it.
    pub verdict: Option<bool>,
    /// Whether some of its names may be denied all the same, by an earlier rule. Then every delivery for the
    /// subscription is to be judged, as [`Action::Receive`]. It is never set beside a denial, but it may be
    /// where the verdict is `None`: it holds as well when somebody else then allows the subscription.
    pub is_partial: bool,
}

impl Bound {
    pub(super) fn new(mut rules: Vec<BoundRule>) -> Self {
        let about_connecting = rules.iter().find(|rule| rule.actions.are_about_connecting());
        let keeps_out = about_connecting.is_some_and(|rule| !rule.allows);
        rules.retain(|rule| rule.actions.are_about_topics());
        Self { rules: rules.into(), keeps_out }
    }

    /// These rules first, then those of `next`: a file's, then a token's. The two are one list afterwards, so
    /// what the first denies of a filter in part stays denied when the second allows the whole.
    #[must_use]
    pub fn followed_by(self, next: Self) -> Self {
        let keeps_out = self.keeps_out || next.keeps_out;
        Self { rules: self.rules.into_iter().chain(next.rules).collect(), keeps_out }
    }

    /// Whether the client may be connected, by the first rule about that. Where there is none, it may: who is let in, the
    /// authenticators decide.
    pub fn may_connect(&self) -> bool {
        !self.keeps_out
    }

    /// Whether no rule about topics concerns the client.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether the client may do `action` with a topic of this name, by the first rule that matches. `None`
    /// if there is none, which is a denial unless somebody else allows it.
    pub fn judge(&self, action: Action, name: TopicName<'_>) -> Option<bool> {
        let matches = |rule: &&BoundRule| rule.actions.contains(action) && rule.covers(name.as_str());
        self.rules.iter().find(matches).map(|rule| rule.allows)
    }

    /// Whether the client may do `action`, to subscribe or to consume, with what this filter stands for; a
    /// `$share` group is left out of account.
    ///
    /// The first rule that covers the filter wholly decides. So one that several rules allow only together is
    /// not allowed, and one that a rule denies wholly is denied, even where an earlier rule allows a part of
    /// it.
    pub fn judge_filter(&self, action: Action, filter: TopicFilter<'_>) -> FilterJudgement {
        let filter = filter.filter();
        // What denies deliveries without denying the subscription makes it partial as well.
        let delivery = if action == Action::Subscribe { Action::Receive } else { action };
        let mut is_partial = false;
        for rule in &self.rules {
            if rule.actions.contains(action) && rule.covers(filter) {
                return FilterJudgement { verdict: Some(rule.allows), is_partial: is_partial && rule.allows };
            }
            is_partial |= !rule.allows && rule.actions.contains(delivery) && rule.overlaps(filter);
        }
        FilterJudgement { verdict: None, is_partial }
    }
}

impl BoundRule {
    fn covers(&self, filter: &str) -> bool {
        self.topics.iter().any(|topic| topic.covers(filter))
    }

    fn overlaps(&self, filter: &str) -> bool {
        self.topics.iter().any(|topic| topic.overlaps(filter))
    }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::tests::{filters, names, set, set_of_filter};
    use super::*;
    use crate::auth::acl::{Acl, Subject};

    /// Xorshift, so that a seed gives the same steps on every machine.
    struct Random(u64);

    impl Random {
        fn one_of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            &all[(self.0 % all.len() as u64) as usize]
        }
    }

    /// Random rules: what is said of a filter, held against what is said of each of its names.
    #[test]
    fn a_filters_judgement_holds_for_its_names() {
        let (names, filters) = (names(), filters());
        let sets: Vec<_> = filters.iter().map(|filter| set_of_filter(&names, filter)).collect();
        let actions = ["subscribe", "subscribe", "receive", "publish", "all"];
        let mut verdicts = [0; 3];
        for seed in [1, 0x5EED, 0xDEAD_BEEF_CAFE] {
            println!("seed {seed:#x}");
            let mut random = Random(seed);
            for step in 0..40 {
                let rules: Vec<_> = (0..6)
                    .map(|_| {
                        let effect = *random.one_of(&["allow", "deny"]);
                        let action = *random.one_of(&actions);
                        let topics = [random.one_of(&filters), random.one_of(&filters)];
                        serde_json::json!({effect: [action], "topics": topics})
                    })
                    .collect();
                let rules = serde_json::Value::from(rules);
                let bound = Acl::from_claim(&rules).unwrap().bind(&Subject::default());
                let judged = |action, expected| {
                    set(&names, |name| bound.judge(action, TopicName::assume_valid(name)) == Some(expected))
                };
                let (subscribed, denied) = (judged(Action::Subscribe, true), judged(Action::Receive, false));
                for (filter, of_filter) in filters.iter().zip(&sets) {
                    let judgement =
                        bound.judge_filter(Action::Subscribe, TopicFilter::parse(filter).unwrap());
                    let within = |set: &[u64]| of_filter.iter().zip(set).all(|(name, set)| name & !set == 0);
                    let without = |set: &[u64]| of_filter.iter().zip(set).all(|(name, set)| name & set == 0);
                    let context = format!("seed {seed:#x}, step {step}, {filter}: {rules}");
                    if judgement.verdict != Some(false) && !judgement.is_partial {
                        assert!(without(&denied), "a delivery is denied without notice: {context}");
                    }
                    if judgement.verdict == Some(true) && !judgement.is_partial {
                        assert!(within(&subscribed), "a name is not allowed: {context}");
                    }
                    verdicts[judgement.verdict.map_or(2, usize::from)] += 1;
                }
            }
        }
        assert!(verdicts.iter().all(|count| *count > 100), "{verdicts:?}");
    }
}
