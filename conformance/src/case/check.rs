//! What can be known about a case before it is played: names that exist, variables that have a value.

use std::collections::BTreeMap;

use Direction::{Received, Sent};

use super::error::{Mistake, ParseError, did_you_mean};
use super::{Action, Case, Content, Field, Item, Piece, Step, Suite, Template, Value};
use crate::variables::PREDEFINED;
use crate::{mqtt, scram, stomp, websocket};

/// Checks every step of the case.
pub(super) fn check(case: &Case) -> Result<(), ParseError> {
    let mut names = Names { bound: BTreeMap::new() };
    for step in &case.steps {
        check_step(case.suite, step, &mut names).map_err(|mistake| mistake.at(&case.file, step.line))?;
    }
    match names.bound.into_iter().find(|(_, seen)| seen.uses == 0) {
        Some((name, seen)) => {
            let message = format!("`${name}` is bound here and never used; `*` stands for any value");
            Err(Mistake::new(seen.column, message).at(&case.file, seen.line))
        }
        None => Ok(()),
    }
}

/// The variables that have a value at this point of the conversation.
struct Names {
    bound: BTreeMap<String, Seen>,
}

struct Seen {
    line: usize,
    column: usize,
    uses: usize,
}

fn check_step(suite: Suite, step: &Step, names: &mut Names) -> Result<(), Mistake> {
    match &step.action {
        Action::Send(outgoing) if suite == Suite::WebSocket && outgoing.frame.is_some() => {
            Err(Mistake::new(1, "here frames are what is sent: `> TEXT …`, not `frame=text`"))
        }
        Action::Send(outgoing) => match &outgoing.content {
            Content::Template(template) => {
                check_template(suite, template, Sent)?;
                check_sent(&template.fields, names)
            }
            Content::Bytes(values) => values.iter().try_for_each(|value| names.use_all(value, 1)),
        },
        Action::Expect(expectation) => {
            expectation.items.iter().try_for_each(|item| check_item(suite, item, step.line, names))
        }
        Action::Tolerate { item, .. } => check_item(suite, item, step.line, names),
        Action::Open(fields) => {
            if let Some(field) = fields.iter().find(|field| !["path", "subprotocol"].contains(&&*field.name))
            {
                return Err(Mistake::new(field.column, "`open` has the fields path= and subprotocol="));
            }
            check_sent(fields, names)
        }
        Action::Prove(fields) => {
            let names_of_fields = fields.iter().map(|field| field.name.as_str());
            if !names_of_fields.eq(scram::INPUTS) {
                return Err(Mistake::new(
                    1,
                    "`prove` has the fields password=, client_first= and server_first=",
                ));
            }
            check_sent(fields, names)?;
            // A case about a failure has no use for the second.
            for name in scram::OUTPUTS {
                names.bound.insert(name.to_owned(), Seen { line: step.line, column: 1, uses: 1 });
            }
            Ok(())
        }
        Action::Round { counter, .. } => {
            // A repeat may be there for its number of rounds alone.
            names.bound.insert(counter.clone(), Seen { line: step.line, column: 1, uses: 1 });
            Ok(())
        }
        Action::Nothing(_) | Action::Close | Action::Drop => Ok(()),
    }
}

fn check_sent(fields: &[Field], names: &mut Names) -> Result<(), Mistake> {
    for field in fields {
        let Some(value) = &field.value else { continue };
        if !value.is_definite() {
            let message = format!("`{}` is sent, so it has one value: no `*`, no range, no `|`", field.name);
            return Err(Mistake::new(field.column, message));
        }
        names.use_all(value, field.column)?;
    }
    Ok(())
}

fn check_item(suite: Suite, item: &Item, line: usize, names: &mut Names) -> Result<(), Mistake> {
    let Item::Answer(template) = item else { return Ok(()) };
    check_template(suite, template, Received)?;
    for field in &template.fields {
        if let Some(value) = &field.value {
            names.compare_or_bind(value, line, field.column)?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Direction {
    Sent,
    Received,
}

/// The packet or frame exists, and so does each of its fields.
fn check_template(suite: Suite, template: &Template, direction: Direction) -> Result<(), Mistake> {
    let kinds: &[&str] = match (suite, direction) {
        (Suite::Mqtt5 | Suite::Mqtt311, _) => mqtt::KINDS,
        (Suite::Stomp, _) => stomp::KINDS,
        (Suite::WebSocket, Sent) => websocket::SENT,
        (Suite::WebSocket, Received) => websocket::RECEIVED,
    };
    if !kinds.contains(&&*template.kind) {
        let hint = did_you_mean(&template.kind, kinds.iter().copied());
        let message = format!("`{}` is none of {}{hint}", template.kind, kinds.join(", "));
        return Err(Mistake::new(template.column, message));
    }
    let (known, own) = match (suite, direction) {
        (Suite::Stomp, _) => return Ok(()), // a STOMP frame may have any header
        (Suite::Mqtt5 | Suite::Mqtt311, _) => {
            (mqtt::field_names(&template.kind), mqtt::own_field_names(&template.kind).to_vec())
        }
        (Suite::WebSocket, Sent) => match websocket::fields_to_send(&template.kind) {
            Some(names) => (names.clone(), names),
            None => return Ok(()),
        },
        (Suite::WebSocket, Received) => match websocket::fields_to_receive(&template.kind) {
            Some(names) => (names.to_vec(), names.to_vec()),
            None => return check_lower_case(template),
        },
    };
    match template.fields.iter().find(|field| !known.contains(&&*field.name)) {
        Some(field) => {
            let hint = did_you_mean(&field.name, known.iter().copied());
            let has = if own.is_empty() { String::new() } else { format!("; it has {}", own.join(", ")) };
            let message = format!("{} has no field `{}`{hint}{has}", template.kind, field.name);
            Err(Mistake::new(field.column, message))
        }
        None => Ok(()),
    }
}

/// Names of headers do not depend on case; what came is compared in lower case.
fn check_lower_case(template: &Template) -> Result<(), Mistake> {
    let upper = |field: &&Field| field.name.chars().any(|character| character.is_ascii_uppercase());
    match template.fields.iter().find(upper) {
        Some(field) => {
            Err(Mistake::new(field.column, "the headers of an answer are written in lower case here"))
        }
        None => Ok(()),
    }
}

impl Names {
    fn use_name(&mut self, name: &str, column: usize) -> Result<(), Mistake> {
        if PREDEFINED.contains(&name) {
            return Ok(());
        }
        match self.bound.get_mut(name) {
            Some(seen) => {
                seen.uses += 1;
                Ok(())
            }
            None => {
                let known = self.bound.keys().map(String::as_str).chain(PREDEFINED.iter().copied());
                let hint = did_you_mean(name, known);
                let message = format!("`${name}` has no value here{hint}; `name=$new` after `<` binds one");
                Err(Mistake::new(column, message))
            }
        }
    }

    fn use_all(&mut self, value: &Value, column: usize) -> Result<(), Mistake> {
        match value {
            Value::Variable(name) => self.use_name(name, column),
            Value::Bytes(pieces) => self.use_pieces(pieces, column),
            Value::Pair(name, value) => {
                self.use_pieces(name, column)?;
                self.use_pieces(value, column)
            }
            Value::List(values) | Value::OneOf(values) => {
                values.iter().try_for_each(|value| self.use_all(value, column))
            }
            Value::Number(_) | Value::Range(..) | Value::Any => Ok(()),
        }
    }

    fn use_pieces(&mut self, pieces: &[Piece], column: usize) -> Result<(), Mistake> {
        pieces.iter().try_for_each(|piece| match piece {
            Piece::Variable(name) => self.use_name(name, column),
            Piece::Bytes(_) | Piece::Repeated(..) | Piece::Noise(_) | Piece::Words(_) => Ok(()),
        })
    }

    /// A whole value `$name` that is new gets its value from the answer.
    fn compare_or_bind(&mut self, value: &Value, line: usize, column: usize) -> Result<(), Mistake> {
        match value {
            Value::Variable(name) if !PREDEFINED.contains(&&**name) && !self.bound.contains_key(name) => {
                self.bound.insert(name.clone(), Seen { line, column, uses: 0 });
                Ok(())
            }
            other => self.use_all(other, column),
        }
    }
}
