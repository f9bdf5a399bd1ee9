//! One rule, as a file or a token has it.

use std::sync::Arc;

use super::Subject;
use super::actions::Actions;
use super::bound::BoundRule;
use super::pattern::Pattern;
use super::template::Template;
use super::who::Who;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) who: Who,
    pub(super) allows: bool,
    pub(super) actions: Actions,
    pub(super) topics: Topics,
}

/// The topics of a rule.
#[derive(Clone, Debug)]
pub(super) struct Topics {
    /// Those without placeholders, once for all clients.
    fixed: Arc<[Pattern]>,
    templates: Box<[Template]>,
}

impl Rule {
    /// The rule for a client that it includes, in up to two parts.
    pub(super) fn bind(&self, subject: &Subject<'_>) -> impl Iterator<Item = BoundRule> {
        let fill = |template: &Template| template.fill(subject, self.allows);
        let filled: Arc<[Pattern]> = self.topics.templates.iter().filter_map(fill).collect();
        let parts = [self.topics.fixed.clone(), filled].into_iter().filter(|topics| !topics.is_empty());
        parts.map(|topics| BoundRule { allows: self.allows, actions: self.actions, topics })
    }
}

impl Topics {
    /// Every topic there is.
    pub(super) fn everything() -> Self {
        Self { fixed: [Pattern::everything()].into(), templates: Box::default() }
    }

    pub(super) fn new(templates: Vec<Template>) -> Self {
        let (fixed, templates): (Vec<_>, Vec<_>) = templates.into_iter().partition(Template::is_fixed);
        let fixed = fixed.iter().filter_map(|template| template.fill(&Subject::default(), true)).collect();
        Self { fixed, templates: templates.into() }
    }
}

/// Of `allow` and `deny`, the one that says something, and whether it is `allow`.
pub(super) fn one_of<T>(allow: Vec<T>, deny: Vec<T>) -> Result<(bool, Vec<T>), String> {
    match (allow.is_empty(), deny.is_empty()) {
        (false, true) => Ok((true, allow)),
        (true, false) => Ok((false, deny)),
        (true, true) => Err("a rule has allow or deny, with at least one action".to_owned()),
        (false, false) => Err("a rule has either allow or deny: make two rules of it".to_owned()),
    }
}
