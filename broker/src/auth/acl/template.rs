//! A topic as it stands in a rule, with places for what is known of a client.
//!
//! ```text
//! topic       = [ "/topic/" ] filter | "/queue/" queue
//! filter      = an MQTT topic filter without $share, with at most one placeholder in a level
//! queue       = filter, whose last level may end with "#": whatever begins so
//! placeholder = "%u" user name | "%c" client identifier | "%{" claim "}" | "%%" a percent sign
//! ```
//!
//! **A value is one level, never a wildcard.** One that is absent, empty, or holds `/`, `+`, `#` or NUL
//! cannot be filled in, nor one that would make the first level begin with `$`. Then an allow rule's topic
//! matches nothing, and in a deny rule the whole level is `+`: a client cannot get around a denial by how it
//! calls itself.

use std::borrow::Cow;

use tidewire_protocols::topic::TopicFilter;

use super::Subject;
use super::pattern::{Level, Pattern};

const TOPIC: &str = "/topic/";
const QUEUE: &str = "/queue/";
/// What the topic names of queues begin with inside the broker.
const QUEUE_TOPIC: &str = "$queue/";

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// At least one; without the `#`.
    levels: Vec<LevelTemplate>,
    /// Whether `#` follows.
    is_open: bool,
    /// Whether the last level stands for all that begins with it.
    is_prefix: bool,
}

/// A client identifier as it stands in a rule: with one placeholder at most, and with `*` behind it for any ending.
#[derive(Clone, Debug)]
pub(super) struct NameTemplate {
    text: LevelTemplate,
    is_prefix: bool,
}

/// `before`, then the placeholder's value, then `after`.
#[derive(Clone, Debug, Default)]
struct LevelTemplate {
    before: String,
    placeholder: Option<Placeholder>,
    after: String,
}

#[derive(Clone, Debug)]
enum Placeholder {
    User,
    ClientId,
    Claim(Box<str>),
}

/// What a `%` begins.
enum Escape {
    Percent,
    Placeholder(Placeholder),
}

impl Template {
    /// Reads a topic of a rule.
    ///
    /// # Errors
    ///
    /// The topic, and what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Self::read(text).map_err(|fault| format!("topic {text:?}: {fault}"))
    }

    fn read(text: &str) -> Result<Self, String> {
        let (filter, is_prefix) = match text.strip_prefix(QUEUE) {
            Some(queue) => {
                let begun =
                    queue.strip_suffix('#').filter(|begun| !begun.is_empty() && !begun.ends_with('/'));
                (Cow::Owned(format!("{QUEUE_TOPIC}{}", begun.unwrap_or(queue))), begun.is_some())
            }
            None => (Cow::Borrowed(text.strip_prefix(TOPIC).unwrap_or(text)), false),
        };
        if filter == QUEUE_TOPIC {
            return Err(format!("a queue's name follows {QUEUE}"));
        }
        let mut levels = read_levels(&filter, &['/'])?;
        check(&levels, is_prefix)?;
        let is_open = levels.pop_if(|level| level.is("#")).is_some();
        // The longer spelling: see `pattern`.
        if is_open && levels.iter().all(|level| level.is("")) && levels.len() < 2 {
            levels.push(LevelTemplate { before: "+".to_owned(), ..LevelTemplate::default() });
        }
        Ok(Self { levels, is_open: is_open || is_prefix, is_prefix })
    }

    /// Whether there are no placeholders.
    pub(super) fn is_fixed(&self) -> bool {
        self.levels.iter().all(|level| level.placeholder.is_none())
    }

    /// The pattern for a client; `None` if it would match nothing. `allows` tells what an allow rule and what
    /// a deny rule does with a value that cannot be filled in.
    pub(super) fn fill(&self, subject: &Subject<'_>, allows: bool) -> Option<Pattern> {
        let mut reaches_dollar = false;
        let mut levels = Vec::with_capacity(self.levels.len());
        for (index, level) in self.levels.iter().enumerate() {
            let is_prefix = self.is_prefix && index + 1 == self.levels.len();
            let text = level.fill(subject, is_prefix).filter(|text| {
                // What stands in the file may begin with `$`, a value may not: that is the server's own.
                index > 0 || level.placeholder.is_none() || !text.starts_with('$')
            });
            levels.push(match text {
                Some(text) if is_prefix => Level::Prefix(text.into()),
                Some(_) if level.is("+") => Level::Any,
                Some(text) => Level::Exact(text.into()),
                None if allows => return None,
                None => {
                    reaches_dollar |= index == 0;
                    Level::Any
                }
            });
        }
        Some(Pattern::new(levels, self.is_open, reaches_dollar))
    }
}

impl NameTemplate {
    /// Whether a text of a rule is not simply a name.
    pub(super) fn is_one(text: &str) -> bool {
        text.contains('%')
    }

    /// Reads a client identifier of a rule; none where it is simply a name.
    ///
    /// # Errors
    ///
    /// The client identifier, and what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, String> {
        let template = Self::is_one(text).then(|| Self::read(text)).transpose();
        template.map_err(|fault| format!("client identifier {text:?}: {fault}"))
    }

    fn read(text: &str) -> Result<Self, String> {
        let begun = text.strip_suffix('*');
        let is_prefix = begun.is_some();
        // It has no levels: a slash is a character as any.
        let text = read_levels(begun.unwrap_or(text), &[])?.pop().unwrap_or_default();
        match text.placeholder {
            Some(Placeholder::ClientId) => Err("it is not made of itself, as %c would say".to_owned()),
            Some(_) if is_prefix && text.after.is_empty() => {
                Err("between a placeholder and * stands a character such as a dash".to_owned())
            }
            _ => Ok(Self { text, is_prefix }),
        }
    }

    /// Whether it is that of a client. As with topics, what cannot be filled in is nobody's in an allow rule, and
    /// everybody's in a deny rule.
    pub(super) fn includes(&self, subject: &Subject<'_>, allows: bool) -> bool {
        match self.text.fill(subject, self.is_prefix) {
            Some(text) if self.is_prefix => subject.client_id.starts_with(&text),
            Some(text) => subject.client_id == text,
            None => !allows,
        }
    }
}

impl LevelTemplate {
    /// Whether it is this text, without a placeholder.
    fn is(&self, text: &str) -> bool {
        self.placeholder.is_none() && self.before == text
    }

    fn push(&mut self, text: &str) {
        match self.placeholder {
            None => self.before.push_str(text),
            Some(_) => self.after.push_str(text),
        }
    }

    fn fill(&self, subject: &Subject<'_>, is_prefix: bool) -> Option<String> {
        let Some(placeholder) = &self.placeholder else { return Some(self.before.clone()) };
        let value = placeholder.value(subject)?;
        let is_usable = !value.is_empty() && !value.contains(['/', '+', '#', '\0']);
        // With `%u.#`, the user `al` would reach the queues of `al.ice`: only a value that ends at the first
        // text that may follow it can be told from all others.
        let is_clear = !is_prefix || format!("{value}{}", self.after).find(&self.after) == Some(value.len());
        (is_usable && is_clear).then(|| format!("{}{value}{}", self.before, self.after))
    }

    /// The level with something harmless in the placeholder.
    fn shape(&self) -> String {
        let value = if self.placeholder.is_some() { "x" } else { "" };
        format!("{}{value}{}", self.before, self.after)
    }
}

impl Placeholder {
    fn value<'s>(&self, subject: &Subject<'s>) -> Option<Cow<'s, str>> {
        match self {
            Self::User => subject.user.map(Cow::Borrowed),
            Self::ClientId => Some(Cow::Borrowed(subject.client_id)),
            Self::Claim(name) => subject.claims.and_then(|claims| claims(name)).map(Cow::Owned),
        }
    }
}

/// Parts the levels, at these ends; only here, since a claim's name may hold slashes.
fn read_levels(text: &str, ends: &[char]) -> Result<Vec<LevelTemplate>, String> {
    let mut levels = Vec::new();
    let mut level = LevelTemplate::default();
    let mut rest = text;
    while let Some(position) = rest.find(|character| character == '%' || ends.contains(&character)) {
        level.push(&rest[..position]);
        let mark = &rest[position..];
        if let Some(behind) = mark.strip_prefix(ends) {
            levels.push(std::mem::take(&mut level));
            rest = behind;
            continue;
        }
        let (escape, behind) =
            read_escape(&mark[1..]).ok_or("a % is followed by u, c, {the name of a claim} or another %")?;
        match escape {
            Escape::Percent => level.push("%"),
            Escape::Placeholder(_) if level.placeholder.is_some() => {
                // "%u.%c" is the same for the user a.b with client c and the user a with client b.c.
                return Err("a level holds one placeholder: two could be read in several ways".to_owned());
            }
            Escape::Placeholder(placeholder) => level.placeholder = Some(placeholder),
        }
        rest = behind;
    }
    level.push(rest);
    levels.push(level);
    Ok(levels)
}

/// What stands behind a `%`, and what follows that.
fn read_escape(text: &str) -> Option<(Escape, &str)> {
    let first = text.chars().next()?;
    let behind = &text[first.len_utf8()..];
    match first {
        '%' => Some((Escape::Percent, behind)),
        'u' => Some((Escape::Placeholder(Placeholder::User), behind)),
        'c' => Some((Escape::Placeholder(Placeholder::ClientId), behind)),
        '{' => {
            let (name, behind) = behind.split_once('}').filter(|(name, _)| !name.is_empty())?;
            Some((Escape::Placeholder(Placeholder::Claim(name.into())), behind))
        }
        _ => None,
    }
}

fn check(levels: &[LevelTemplate], is_prefix: bool) -> Result<(), String> {
    let shape = levels.iter().map(LevelTemplate::shape).collect::<Vec<_>>().join("/");
    let filter = TopicFilter::parse(&shape).map_err(|error| error.to_string())?;
    if filter.share_name().is_some() {
        return Err("rules are about the filter behind $share/group/: leave that out".to_owned());
    }
    let is_filled = |level: &&LevelTemplate| level.placeholder.is_some();
    if levels.first().filter(is_filled).is_some_and(|level| level.before.starts_with('$')) {
        return Err("a first level that begins with $ has no placeholder".to_owned());
    }
    if is_prefix && levels.last().filter(is_filled).is_some_and(|level| level.after.is_empty()) {
        return Err("between a placeholder and # stands a character such as a dot".to_owned());
    }
    Ok(())
}
