//! The tables of docs/configuration.md are made of the settings' types.

use tidewire_tests::settings::{Section, Setting, sections};

use super::{document, held};

const PATH: &str = "docs/configuration.md";

/// The page, with each table between its marks replaced by the one that the types make.
fn page() -> String {
    let sections = sections();
    let mut page = String::new();
    let (mut is_skipped, mut found) = (false, 0);
    for line in document(PATH).lines() {
        if line == "<!-- end -->" {
            is_skipped = false;
        }
        if !is_skipped {
            page += line;
            page += "\n";
        }
        let mark = line.strip_prefix("<!-- settings: ").and_then(|rest| rest.strip_suffix(" -->"));
        let Some(name) = mark else { continue };
        let section = sections.iter().find(|section| mark_of(section) == name);
        page +=
            &table(section.unwrap_or_else(|| panic!("{PATH} has a mark for {name}, which is no section")));
        (is_skipped, found) = (true, found + 1);
    }
    // Further certificates are shown where they are explained.
    let expected = sections.iter().filter(|section| !section.path.ends_with(".tls.certificates")).count();
    assert_eq!(found, expected, "{PATH} has a mark for each section");
    page
}

fn mark_of(section: &Section) -> &str {
    if section.path.is_empty() { "before all sections" } else { &section.path }
}

fn table(section: &Section) -> String {
    let rows: String = section.settings.iter().map(row).collect();
    format!("| key | default | what it is |\n|---|---|---|\n{rows}")
}

fn row(setting: &Setting) -> String {
    let default = match (&setting.default_words, &setting.default) {
        (Some(words), _) => words.clone(),
        (None, Some(default)) => format!("`{default}`"),
        (None, None) => "-".to_owned(),
    };
    format!("| `{}` | {default} | {} |\n", setting.key, linked(&setting.text))
}

/// Documents are linked to, and a sentence's last full stop is no use in a cell.
fn linked(text: &str) -> String {
    let mut linked = String::new();
    let text = text.strip_suffix('.').unwrap_or(text).replace('|', "\\|");
    for (position, part) in text.split('`').enumerate() {
        match part.strip_prefix("docs/").filter(|_| position % 2 == 1) {
            Some(name) => linked += &format!("[{name}]({name})"),
            None if position % 2 == 1 => linked += &format!("`{part}`"),
            None => linked += part,
        }
    }
    linked
}

#[test]
fn the_reference_is_what_the_types_make() {
    held(PATH, &page());
}

#[test]
fn every_setting_says_what_it_is() {
    let sections = sections();
    let settings: Vec<_> = sections.iter().flat_map(|section| &section.settings).collect();
    assert!(settings.len() > 100, "only {} settings were found", settings.len());
    for section in &sections {
        let is_explained = section.path.is_empty() || section.text.ends_with('.');
        assert!(is_explained, "[{}] has no sentence in its documentation", section.path);
        for setting in &section.settings {
            let key = format!("{}.{}", section.path, setting.key);
            assert!(setting.text.len() > 5, "{key} has no description");
            let has_value =
                setting.default.is_some() || setting.example.is_some() || !setting.values.is_empty();
            assert!(has_value, "{key} has neither a default nor an example: #[schemars(example = …)]");
        }
    }
}
