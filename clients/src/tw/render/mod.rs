//! Messages as bytes for standard output.

mod json;
mod template;

use std::io::IsTerminal;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use tidewire_client::Message;

pub(super) use self::template::Template;
use super::arguments::OutputArgs;
use super::colour;

/// How messages are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Style {
    form: Form,
    /// Whether a message ends its line; its payload may have line ends of its own.
    ends_line: bool,
    /// Whether a person looks at it: then nothing is written that a terminal would take for a command.
    is_terminal: bool,
    is_coloured: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// The payload, behind the topic where that is asked for.
    Payload {
        encoding: Encoding,
        with_topic: bool,
    },
    Json,
    Template(Template),
}

/// How the bytes of a payload are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    AsItIs,
    Hex,
    Base64,
}

impl Style {
    /// As the arguments say, and as suits whoever reads standard output.
    pub(super) fn new(args: &OutputArgs) -> Self {
        let output = std::io::stdout();
        let form = match &args.format {
            Some(template) => Form::Template(template.clone()),
            None if args.json => Form::Json,
            None => Form::Payload {
                encoding: match (args.hex, args.base64) {
                    (true, _) => Encoding::Hex,
                    (false, true) => Encoding::Base64,
                    (false, false) => Encoding::AsItIs,
                },
                with_topic: args.verbose,
            },
        };
        let is_terminal = output.is_terminal();
        let is_coloured = is_terminal && colour::is_wanted();
        Self { form, ends_line: !args.no_line_end, is_terminal, is_coloured }
    }

    /// Appends one message, which came just now.
    pub(super) fn write(&self, message: &Message, out: &mut Vec<u8>) {
        match &self.form {
            Form::Payload { encoding, with_topic } => {
                if *with_topic {
                    self.write_topic(&message.topic, out);
                }
                match encoding {
                    Encoding::AsItIs => self.write_text(&message.payload, out),
                    Encoding::Hex => write_hex(&message.payload, out),
                    Encoding::Base64 => out.extend_from_slice(BASE64.encode(&message.payload).as_bytes()),
                }
            }
            Form::Json => {
                out.extend_from_slice(json::message(message, json::Payload::Text).to_string().as_bytes());
            }
            Form::Template(template) => {
                template.write(message, SystemTime::now(), |text, out| self.write_text(text, out), out);
            }
        }
        if self.ends_line {
            out.push(b'\n');
        }
    }

    fn write_topic(&self, topic: &str, out: &mut Vec<u8>) {
        if self.is_coloured {
            out.extend_from_slice(colour::TOPIC.as_bytes());
        }
        self.write_text(topic.as_bytes(), out);
        if self.is_coloured {
            out.extend_from_slice(colour::PLAIN.as_bytes());
        }
        out.push(b' ');
    }

    fn write_text(&self, bytes: &[u8], out: &mut Vec<u8>) {
        match self.is_terminal {
            true => write_shown(bytes, out),
            false => out.extend_from_slice(bytes),
        }
    }
}

/// For eyes: what is no text, and what would steer the terminal, is spelled as `\x1b`.
fn write_shown(bytes: &[u8], out: &mut Vec<u8>) {
    let spelled = |bytes: &[u8], out: &mut Vec<u8>| {
        for byte in bytes {
            out.extend_from_slice(b"\\x");
            write_hex(&[*byte], out);
        }
    };
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let mut buffer = [0; 4];
            let text = character.encode_utf8(&mut buffer).as_bytes();
            match character.is_control() && !matches!(character, '\n' | '\t') {
                true => spelled(text, out),
                false => out.extend_from_slice(text),
            }
        }
        spelled(chunk.invalid(), out);
    }
}

fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(
        bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
    );
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(encoding: Encoding, with_topic: bool) -> Form {
        Form::Payload { encoding, with_topic }
    }

    fn rendered(form: Form, is_terminal: bool, payload: &[u8]) -> String {
        let style = Style { form, ends_line: !is_terminal, is_terminal, is_coloured: false };
        let mut out = Vec::new();
        style.write(&Message::new("a/b", payload.to_vec()), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_message_in_every_form() {
        for (form, expected) in [
            (payload(Encoding::AsItIs, false), "hello\n"),
            (payload(Encoding::AsItIs, true), "a/b hello\n"),
            (payload(Encoding::Hex, false), "68656c6c6f\n"),
            (payload(Encoding::Base64, true), "a/b aGVsbG8=\n"),
            (Form::Template("%p, %t".parse().unwrap()), "hello, a/b\n"),
        ] {
            assert_eq!(rendered(form.clone(), false, b"hello"), expected, "{form:?}");
        }
        let json = rendered(Form::Json, false, b"hello");
        assert!(json.starts_with('{') && json.ends_with("}\n"), "{json}");
    }

    #[test]
    fn a_terminal_is_given_nothing_to_obey() {
        for (bytes, shown) in [
            (&b"plain\ttext\nof two lines"[..], "plain\ttext\nof two lines"),
            ("gr\u{fc}n".as_bytes(), "gr\u{fc}n"),
            (b"\x1b[2Jgone", "\\x1b[2Jgone"),
            (b"a\xFFb\x00", "a\\xffb\\x00"),
            ("\u{9b}2J".as_bytes(), "\\xc2\\x9b2J"),
        ] {
            assert_eq!(rendered(payload(Encoding::AsItIs, false), true, bytes), shown, "{bytes:?}");
        }
    }

    #[test]
    fn only_the_topic_is_coloured() {
        let style = Style {
            form: payload(Encoding::AsItIs, true),
            ends_line: true,
            is_terminal: true,
            is_coloured: true,
        };
        let mut out = Vec::new();
        style.write(&Message::new("a", "\x1b[0m"), &mut out);
        assert_eq!(out, b"\x1b[36ma\x1b[0m \\x1b[0m\n");
    }
}
