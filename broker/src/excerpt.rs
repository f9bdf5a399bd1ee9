//! Where in a file something is wrong, as errors show it: name, line and column, and the line itself with a mark below;
//! and what is wrong, in words for people.

use std::ops::Range;
use std::path::Path;

/// `name:line:column` of the byte at `offset` in `text`.
pub(crate) fn place(name: &Path, text: &str, offset: usize) -> String {
    let before = &text[..offset.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    format!("{}:{line}:{column}", name.display())
}

/// The line that `span` begins in, and below it a mark under the span.
pub(crate) fn excerpt(text: &str, span: Range<usize>) -> String {
    let start = span.start.min(text.len());
    let line_start = text[..start].rfind('\n').map_or(0, |position| position + 1);
    let line = text[line_start..].lines().next().unwrap_or("");
    let column = text[line_start..start].chars().count();
    let marked = text[start..span.end.clamp(start, text.len())].lines().next().unwrap_or("").chars().count();
    format!("    {line}\n    {}{}", " ".repeat(column), "^".repeat(marked.max(1)))
}

/// serde's words, with the nearest known key for one that is unknown.
pub(crate) fn describe(message: &str) -> String {
    let message = message.trim().replace('`', "\"");
    let Some(rest) = message.strip_prefix("unknown field \"") else { return message };
    let Some((unknown, known)) = rest.split_once('"') else { return message };
    let known: Vec<_> = known.split('"').skip(1).step_by(2).collect();
    let nearest = known.iter().max_by(|left, right| {
        strsim::jaro_winkler(unknown, left).total_cmp(&strsim::jaro_winkler(unknown, right))
    });
    let listed = known.join(", ");
    match nearest.filter(|nearest| strsim::jaro_winkler(unknown, nearest) > 0.7) {
        Some(nearest) => {
            format!("unknown key \"{unknown}\": did you mean \"{nearest}\"? (known here: {listed})")
        }
        None => format!("unknown key \"{unknown}\" (known here: {listed})"),
    }
}
