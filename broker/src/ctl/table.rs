//! What is shown: a table on a terminal, and lines with tabs for programs.

use std::io::{IsTerminal as _, stdout};

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

/// A column: its heading, and where its value stands in an item, as a JSON Pointer. (RFC 6901)
pub(super) type Column = (&'static str, &'static str);

/// The items, one a line, below the headings.
pub(super) fn table(columns: &[Column], items: &[Value]) -> String {
    let rows = items.iter().map(|item| columns.iter().map(|(_, at)| cell(item, at)).collect::<Vec<_>>());
    let headings = columns.iter().map(|(heading, _)| *heading);
    match stdout().is_terminal() {
        true => {
            let mut table = Table::new();
            table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
            table.set_header(headings).add_rows(rows);
            format!("{}\n", table.trim_fmt())
        }
        false => {
            let mut text = headings.collect::<Vec<_>>().join("\t");
            text.push('\n');
            for row in rows {
                text.push_str(&row.join("\t"));
                text.push('\n');
            }
            text
        }
    }
}

/// One object, a line for each of its values.
pub(super) fn sheet(columns: &[Column], item: &Value) -> String {
    let width = columns.iter().map(|(heading, _)| heading.len()).max().unwrap_or(0);
    columns.iter().map(|(heading, at)| format!("{heading:width$}  {}\n", cell(item, at))).collect()
}

fn cell(item: &Value, at: &str) -> String {
    match item.pointer(at) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => clean(text),
        Some(Value::Bool(is_so)) => if *is_so { "yes" } else { "no" }.to_owned(),
        Some(other) => other.to_string(),
    }
}

/// What clients call themselves may hold what a terminal obeys.
pub(super) fn clean(text: &str) -> String {
    let shown = |letter: char| match letter.is_control() {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_by_clients() {
        let columns =
            [("CLIENT", "/client_id"), ("WAITS", "/outbox/messages"), ("TLS", "/tls"), ("USER", "/user")];
        let item = json!({ "client_id": "a\u{1b}[31m\tb\n", "outbox": { "messages": 3 }, "tls": true, "user": null });
        let expected = "CLIENT\tWAITS\tTLS\tUSER\na\\u{1b}[31m\\tb\\n\t3\tyes\t-\n";
        assert_eq!(table(&columns, &[item]), expected);
    }
}
