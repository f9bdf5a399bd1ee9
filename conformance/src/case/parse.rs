//! Reads a `.case` file: cases, their attributes, and `repeat`. One line of a conversation is read in step.rs.

use super::check;
use super::cursor::Cursor;
use super::error::{Mistake, ParseError, did_you_mean};
use super::step::{parse_continuation, parse_step};
use super::value::{Value, parse_number};
use super::{Action, Case, Item, Need, Plays, Step, Suite};
use crate::variables::PREDEFINED;

/// Reads one file of cases.
///
/// # Errors
///
/// The first mistake, with its place.
pub fn parse(suite: Suite, section: &str, file: &str, text: &str) -> Result<Vec<Case>, ParseError> {
    let mut reader = Reader { suite, section, file, cases: Vec::new(), repeats: Vec::new() };
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        reader.line(number, line).map_err(|mistake| mistake.at(file, number))?;
    }
    if let Some(repeat) = reader.repeats.first() {
        return Err(Mistake::new(1, "the `repeat` that starts here must end with `}`").at(file, repeat.line));
    }
    for case in &reader.cases {
        finish(case)?;
    }
    Ok(reader.cases)
}

struct Reader<'a> {
    suite: Suite,
    section: &'a str,
    file: &'a str,
    cases: Vec<Case>,
    /// The blocks that are open, outermost first.
    repeats: Vec<Repeat>,
}

struct Repeat {
    line: usize,
    variable: String,
    first: u64,
    last: u64,
    steps: Vec<Step>,
}

impl Reader<'_> {
    fn line(&mut self, number: usize, line: &str) -> Result<(), Mistake> {
        let mut cursor = Cursor::new(line);
        if cursor.at_end() {
            return Ok(());
        }
        if cursor.take_word("case") {
            return self.start_case(number, cursor);
        }
        let column = cursor.column();
        let Some(case) = self.cases.last_mut() else {
            return Err(Mistake::new(column, "a file starts with `case NAME`"));
        };
        let attributes_may_stand_here = case.steps.is_empty() && self.repeats.is_empty();
        if parse_attribute(case, &mut cursor)? {
            if attributes_may_stand_here {
                return Ok(());
            }
            return Err(Mistake::new(column, "an attribute stands before the first step of its case"));
        }
        if cursor.take_word("repeat") {
            return self.start_repeat(number, cursor);
        }
        if cursor.take("}") {
            cursor.finish()?;
            return self.end_repeat(number, column);
        }
        if matches!(cursor.peek(), Some('&' | '|')) {
            let previous = self.steps().and_then(|steps| steps.last_mut());
            let Some(Step { action: Action::Expect(expectation), text, .. }) = previous else {
                return Err(Mistake::new(column, "a line that goes on with `&` or `|` follows a `<` line"));
            };
            text.push(' ');
            text.push_str(line.trim());
            return parse_continuation(&mut cursor, expectation);
        }
        let (connection, actions) = parse_step(self.suite, cursor)?;
        let text = line.trim().to_owned();
        let steps = actions.into_iter().map(|action| Step {
            line: number,
            text: text.clone(),
            connection: connection.clone(),
            action,
        });
        self.steps().into_iter().for_each(|list| list.extend(steps.clone()));
        Ok(())
    }

    /// Where steps go at this place of the file.
    fn steps(&mut self) -> Option<&mut Vec<Step>> {
        match self.repeats.last_mut() {
            Some(repeat) => Some(&mut repeat.steps),
            None => self.cases.last_mut().map(|case| &mut case.steps),
        }
    }

    fn start_case(&mut self, number: usize, mut cursor: Cursor) -> Result<(), Mistake> {
        if let Some(repeat) = self.repeats.first() {
            let message =
                format!("the `repeat` of line {} must end with `}}` before the next case", repeat.line);
            return Err(Mistake::new(1, message));
        }
        cursor.skip_spaces();
        let column = cursor.column();
        let name = cursor.name("the case's name")?;
        cursor.finish()?;
        if let Some(other) = self.cases.iter().find(|case| case.name == name) {
            let message = format!("a name is used once; `{name}` is also the case of line {}", other.line);
            return Err(Mistake::new(column, message));
        }
        self.cases.push(Case {
            suite: self.suite,
            section: self.section.to_owned(),
            name,
            statements: Vec::new(),
            needs: Vec::new(),
            limit: None,
            plays: Plays::Parallel,
            steps: Vec::new(),
            file: self.file.to_owned(),
            line: number,
        });
        Ok(())
    }

    fn start_repeat(&mut self, line: usize, mut cursor: Cursor) -> Result<(), Mistake> {
        cursor.skip_spaces();
        let variable = cursor.name("the counter's name")?;
        cursor.skip_spaces();
        let column = cursor.column();
        let range = cursor.take_while(|character| !character.is_ascii_whitespace());
        cursor.skip_spaces();
        let (first, last) = range
            .split_once("..")
            .and_then(|(first, last)| Some((parse_number(first)?, parse_number(last)?)))
            .filter(|(first, last)| first <= last && last - first < 10_000)
            .ok_or_else(|| Mistake::new(column, "a repeat counts up, as in `repeat n 1..20 {`"))?;
        if !cursor.take("{") {
            return Err(Mistake::new(cursor.column(), "`{` must stand here, as in `repeat n 1..20 {`"));
        }
        cursor.finish()?;
        self.repeats.push(Repeat { line, variable, first, last, steps: Vec::new() });
        Ok(())
    }

    /// Writes the block out: each round binds the counter and repeats the steps.
    fn end_repeat(&mut self, line: usize, column: usize) -> Result<(), Mistake> {
        let Some(repeat) = self.repeats.pop() else {
            return Err(Mistake::new(column, "`}` ends a `repeat`, and none is open here"));
        };
        let before: Vec<String> = self.steps().map(|steps| compared(steps)).unwrap_or_default();
        let mut forgets = compared(&repeat.steps);
        forgets.retain(|name| !before.contains(name) && !PREDEFINED.contains(&&**name));
        let rounds = (repeat.first..=repeat.last).flat_map(|round| {
            let bind = Step {
                line,
                text: format!("repeat {} = {round}", repeat.variable),
                connection: super::step::DEFAULT_CONNECTION.to_owned(),
                action: Action::Round {
                    counter: repeat.variable.clone(),
                    number: round,
                    forgets: forgets.clone(),
                },
            };
            std::iter::once(bind).chain(repeat.steps.iter().cloned())
        });
        let rounds: Vec<Step> = rounds.collect();
        self.steps().into_iter().for_each(|list| list.extend(rounds.iter().cloned()));
        Ok(())
    }
}

/// The counters, and the variables that answers bind or are compared with.
fn compared(steps: &[Step]) -> Vec<String> {
    let mut names = Vec::new();
    for step in steps {
        let items = match &step.action {
            Action::Expect(expectation) => expectation.items.as_slice(),
            Action::Tolerate { item, .. } => std::slice::from_ref(item),
            Action::Round { counter, .. } => {
                names.push(counter.clone());
                continue;
            }
            _ => continue,
        };
        for item in items {
            let Item::Answer(template) = item else { continue };
            names.extend(template.fields.iter().filter_map(|field| match &field.value {
                Some(Value::Variable(name)) => Some(name.clone()),
                _ => None,
            }));
        }
    }
    names
}

/// What can only be seen once the case is whole.
fn finish(case: &Case) -> Result<(), ParseError> {
    let incomplete = |message: &str| Err(Mistake::new(1, message).at(&case.file, case.line));
    if case.statements.is_empty() {
        return incomplete("a case names what it checks: `statements: MQTT-3.1.0-1`");
    }
    if case.steps.is_empty() {
        return incomplete("a case has steps: `> CONNECT`, `< CONNACK reason=0x00`");
    }
    check::check(case)
}

const ATTRIBUTES: [&str; 5] = ["statements", "needs", "limit", "plays", "note"];

/// Whether the line was an attribute; the cursor is where it was when not.
fn parse_attribute(case: &mut Case, cursor: &mut Cursor) -> Result<bool, Mistake> {
    let Some(name) = ATTRIBUTES.into_iter().find(|name| cursor.take(&format!("{name}:"))) else {
        return Ok(false);
    };
    cursor.skip_spaces();
    let column = cursor.column();
    match name {
        "statements" => {
            while !cursor.at_end() {
                case.statements.push(cursor.name("a statement's id")?);
            }
        }
        "needs" => loop {
            cursor.skip_spaces();
            let key = cursor.name("the name of a setting")?;
            if !cursor.take("=") {
                return Err(Mistake::new(
                    cursor.column(),
                    "`=` must stand here, as in `needs: receive_maximum=2`",
                ));
            }
            case.needs.push(Need { key, value: cursor.name("the setting's value")? });
            cursor.skip_spaces();
            if !cursor.take(",") {
                break;
            }
        },
        "limit" => case.limit = Some(cursor.duration()?),
        "plays" => {
            let when = cursor.name("`alone` or `last`")?;
            case.plays = match when.as_str() {
                "alone" => Plays::Alone,
                "last" => Plays::Last,
                other => {
                    let hint = did_you_mean(other, ["alone", "last"]);
                    return Err(Mistake::new(column, format!("`alone` or `last` must stand here{hint}")));
                }
            };
        }
        _ => drop(cursor.rest()),
    }
    cursor.finish()?;
    Ok(true)
}
