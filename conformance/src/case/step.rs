//! Reads one line of a conversation.

use super::cursor::Cursor;
use super::error::{Mistake, did_you_mean};
use super::value::{Piece, Value, hex_bytes, parse_string};
use super::{
    Action, Content, DEFAULT_SILENCE, Expectation, Field, FrameKind, Item, Outgoing, Suite, Template,
};

/// The connection of a line that names none.
pub(super) const DEFAULT_CONNECTION: &str = "a";

/// The connection, and what to do on it: two actions for `connected`, one for everything else.
pub(super) fn parse_step(suite: Suite, mut cursor: Cursor) -> Result<(String, Vec<Action>), Mistake> {
    let connection = parse_connection(&mut cursor)?;
    cursor.skip_spaces();
    let actions = parse_action(suite, &mut cursor)?;
    cursor.finish()?;
    Ok((connection, actions))
}

fn parse_connection(cursor: &mut Cursor) -> Result<String, Mistake> {
    let column = cursor.column();
    if cursor.peek().is_none_or(|first| !first.is_ascii_lowercase()) {
        return Ok(DEFAULT_CONNECTION.to_owned());
    }
    for word in VERBS {
        if cursor.take_word(word) {
            *cursor = cursor.rewound(column);
            return Ok(DEFAULT_CONNECTION.to_owned());
        }
    }
    let name = cursor.name("a connection's name")?;
    if cursor.take(":") {
        return Ok(name);
    }
    let hint = did_you_mean(&name, VERBS.into_iter().chain(["repeat"]));
    Err(Mistake::new(column, format!("no action is called `{name}`{hint}; {ACTIONS}")))
}

fn parse_action(suite: Suite, cursor: &mut Cursor) -> Result<Vec<Action>, Mistake> {
    let column = cursor.column();
    let action = if cursor.take(">") {
        let hold = cursor.take("+");
        Action::Send(parse_outgoing(cursor, hold)?)
    } else if cursor.take("<?") {
        let many = cursor.take("*");
        Action::Tolerate { item: parse_item(cursor)?, many }
    } else if cursor.take("<") {
        cursor.skip_spaces();
        parse_expected(cursor)?
    } else if cursor.take_word("connected") {
        return parse_connected(suite, cursor, column);
    } else if cursor.take_word("open") {
        Action::Open(parse_fields(cursor)?.0)
    } else if cursor.take_word("prove") {
        Action::Prove(parse_fields(cursor)?.0)
    } else if cursor.take_word("close") {
        Action::Close
    } else if cursor.take_word("drop") {
        Action::Drop
    } else {
        return Err(Mistake::new(column, ACTIONS));
    };
    Ok(vec![action])
}

fn parse_outgoing(cursor: &mut Cursor, hold: bool) -> Result<Outgoing, Mistake> {
    cursor.skip_spaces();
    let column = cursor.column();
    let kind = cursor.name("a packet or frame, `hex` or `text`")?;
    let mut outgoing = Outgoing { content: Content::Bytes(Vec::new()), hold, chunk: None, frame: None };
    let mut content = match kind.as_str() {
        "hex" | "text" => Content::Bytes(parse_bytes(cursor)?),
        _ => Content::Template(Template { kind, fields: Vec::new(), exact: false, column }),
    };
    let (fields, exact) = parse_fields(cursor)?;
    if exact {
        return Err(Mistake::new(column, "`exact` belongs to what is expected, not to what is sent"));
    }
    for field in fields {
        match (field.name.as_str(), &field.value) {
            ("chunk", Some(Value::Number(size))) if *size > 0 => outgoing.chunk = usize::try_from(*size).ok(),
            ("frame", Some(value)) => outgoing.frame = Some(parse_frame(value, field.column)?),
            _ => match &mut content {
                Content::Template(template) => template.fields.push(field),
                Content::Bytes(_) => {
                    let message =
                        format!("bytes as they are have no field `{}`; only chunk= and frame=", field.name);
                    return Err(Mistake::new(field.column, message));
                }
            },
        }
    }
    outgoing.content = content;
    Ok(outgoing)
}

fn parse_frame(value: &Value, column: usize) -> Result<FrameKind, Mistake> {
    let is = |word: &[u8]| *value == Value::Bytes(vec![Piece::Bytes(word.to_vec())]);
    if is(b"text") {
        Ok(FrameKind::Text)
    } else if is(b"binary") {
        Ok(FrameKind::Binary)
    } else {
        Err(Mistake::new(column, "a WebSocket frame is `frame=text` or `frame=binary`"))
    }
}

/// `10 0e 00 04 "MQTT" $id`: pairs of digits, strings and variables, up to a field or the end.
fn parse_bytes(cursor: &mut Cursor) -> Result<Vec<Value>, Mistake> {
    let mut values = Vec::new();
    while !cursor.at_end() {
        let column = cursor.column();
        match cursor.peek() {
            Some('"') => values.push(Value::parse(cursor)?),
            Some('$') => values.push(Value::parse(cursor)?),
            _ => {
                let digits = cursor.take_while(|character| character.is_ascii_alphanumeric());
                if cursor.peek() == Some('=') {
                    *cursor = cursor.rewound(column);
                    break;
                }
                let bytes = hex_bytes(&digits, column)?;
                if bytes.is_empty() {
                    return Err(Mistake::new(
                        column,
                        "bytes are pairs of hexadecimal digits or strings in quotes",
                    ));
                }
                values.push(Value::Bytes(vec![Piece::Bytes(bytes)]));
            }
        }
    }
    Ok(values)
}

fn parse_expected(cursor: &mut Cursor) -> Result<Action, Mistake> {
    if cursor.take_word("nothing") {
        let silence = Expectation { items: Vec::new(), all: true, within: None, after: None };
        let silence = parse_timing(cursor, silence)?;
        return Ok(Action::Nothing(silence.within.unwrap_or(DEFAULT_SILENCE)));
    }
    let mut expectation =
        Expectation { items: vec![parse_item(cursor)?], all: true, within: None, after: None };
    parse_continuation(cursor, &mut expectation)?;
    Ok(Action::Expect(expectation))
}

/// `& item`, `| item` and timing, on the same line or on the next one.
pub(super) fn parse_continuation(cursor: &mut Cursor, expectation: &mut Expectation) -> Result<(), Mistake> {
    *expectation = parse_timing(cursor, expectation.clone())?;
    while !cursor.at_end() {
        let column = cursor.column();
        let all = match cursor.next() {
            Some('&') => true,
            Some('|') => false,
            _ => {
                return Err(Mistake::new(
                    column,
                    "`&`, `|`, `within 2s` or the end of the line must stand here",
                ));
            }
        };
        if expectation.items.len() > 1 && expectation.all != all {
            return Err(Mistake::new(column, "a line uses either `&` (all of them) or `|` (one of them)"));
        }
        expectation.all = all;
        cursor.skip_spaces();
        expectation.items.push(parse_item(cursor)?);
        *expectation = parse_timing(cursor, expectation.clone())?;
    }
    Ok(())
}

fn parse_timing(cursor: &mut Cursor, mut expectation: Expectation) -> Result<Expectation, Mistake> {
    loop {
        cursor.skip_spaces();
        if cursor.take_word("within") {
            expectation.within = Some(cursor.duration()?);
        } else if cursor.take_word("after") {
            expectation.after = Some(cursor.duration()?);
        } else {
            return Ok(expectation);
        }
    }
}

fn parse_item(cursor: &mut Cursor) -> Result<Item, Mistake> {
    cursor.skip_spaces();
    if cursor.take_word("end") {
        cursor.skip_spaces();
        let code = if cursor.take("ws=") { Some(Value::parse(cursor)?) } else { None };
        return Ok(Item::End(code));
    }
    let column = cursor.column();
    let kind = cursor.name("a packet, a frame or `end`")?;
    let (fields, exact) = parse_fields(cursor)?;
    Ok(Item::Answer(Template { kind, fields, exact, column }))
}

/// Fields up to `&`, `|`, timing or the end, and whether `exact` stood among them.
fn parse_fields(cursor: &mut Cursor) -> Result<(Vec<Field>, bool), Mistake> {
    let mut fields = Vec::new();
    let mut exact = false;
    loop {
        if cursor.at_end() || matches!(cursor.peek(), Some('&' | '|')) {
            return Ok((fields, exact));
        }
        let column = cursor.column();
        if ["within", "after"].into_iter().any(|word| cursor.take_word(word)) {
            *cursor = cursor.rewound(column);
            return Ok((fields, exact));
        }
        if cursor.take_word("exact") {
            exact = true;
        } else if cursor.take("!") {
            fields.push(Field { name: parse_field_name(cursor)?, value: None, column });
        } else {
            let name = parse_field_name(cursor)?;
            if !cursor.take("=") {
                let message =
                    format!("`=` must stand here: `{name}=value`, or `!{name}` for a field that is absent");
                return Err(Mistake::new(cursor.column(), message));
            }
            fields.push(Field { name, value: Some(Value::parse(cursor)?), column });
        }
    }
}

/// A word, or a string where a STOMP header's name has other characters.
fn parse_field_name(cursor: &mut Cursor) -> Result<String, Mistake> {
    let column = cursor.column();
    if cursor.peek() != Some('"') {
        return cursor.name("a field's name");
    }
    let mut name = Vec::new();
    for piece in parse_string(cursor)? {
        match piece {
            Piece::Bytes(bytes) => name.extend(bytes),
            _ => return Err(Mistake::new(column, "a header's name holds no variable")),
        }
    }
    String::from_utf8(name)
        .map_err(|_| Mistake::new(column, "a header's name is UTF-8; use `text` for other bytes"))
}

/// `connected`: opening a session is not what most cases are about, so it is one line.
fn parse_connected(suite: Suite, cursor: &mut Cursor, column: usize) -> Result<Vec<Action>, Mistake> {
    let (fields, _) = parse_fields(cursor)?;
    let template =
        |kind: &str, fields: Vec<Field>| Template { kind: kind.to_owned(), fields, exact: false, column };
    let is = |name: &str, number| {
        vec![Field { name: name.to_owned(), value: Some(Value::Number(number)), column }]
    };
    let (opening, answer, success) = match suite {
        Suite::Mqtt5 | Suite::Mqtt311 => ("CONNECT", "CONNACK", is("reason", 0)),
        Suite::Stomp => ("CONNECT", "CONNECTED", Vec::new()),
        Suite::WebSocket => ("REQUEST", "RESPONSE", is("status", 101)),
    };
    let connect = Outgoing {
        content: Content::Template(template(opening, fields)),
        hold: false,
        chunk: None,
        frame: None,
    };
    let expected = Expectation {
        items: vec![Item::Answer(template(answer, success))],
        all: true,
        within: None,
        after: None,
    };
    Ok(vec![Action::Send(connect), Action::Expect(expected)])
}

const VERBS: [&str; 5] = ["connected", "open", "prove", "close", "drop"];
const ACTIONS: &str = "an action must stand here: `> PACKET …`, `>+ PACKET …`, `< PACKET …`, `<? PACKET …`, \
                       `< nothing`, `< end`, `connected`, `open`, `prove`, `close`, `drop` or `repeat`";
