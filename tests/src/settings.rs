//! The settings as their schema tells them: of this the reference and the example file are made.

use serde_json::{Map, Value};

/// A section of a configuration file.
pub struct Section {
    /// As in `auth.jwt`; empty for what stands before all sections.
    pub path: String,
    /// Whether there may be several, as of `[[listeners]]`.
    pub is_list: bool,
    /// Whether what it is about is off unless it is there.
    pub is_optional: bool,
    /// What it is about.
    pub text: String,
    /// In the order of the types.
    pub settings: Vec<Setting>,
}

/// A list of more values than that speaks for itself.
const VALUES_MAX: usize = 6;

/// One key of a section.
pub struct Setting {
    /// Its name.
    pub key: String,
    /// Its default, as TOML.
    pub default: Option<String>,
    /// What holds where it is absent, in words.
    pub default_words: Option<String>,
    /// A value for whoever needs one, as TOML.
    pub example: Option<String>,
    /// What it is, with its unit and limits; each value of an enumeration has a sentence.
    pub text: String,
    /// The values of an enumeration, as TOML.
    pub values: Vec<String>,
    /// Whether it can be a section of its own as well.
    pub is_section: bool,
}

impl Section {
    /// As it stands in a file, in one or two pairs of brackets; empty for what stands before all sections.
    pub fn header(&self) -> String {
        match (self.path.is_empty(), self.is_list) {
            (true, _) => String::new(),
            (false, true) => format!("[[{}]]", self.path),
            (false, false) => format!("[{}]", self.path),
        }
    }
}

/// All sections of a configuration file, outer ones before those within.
pub fn sections() -> Vec<Section> {
    let schema = tidewire::config::schema();
    let mut found = Vec::new();
    let definitions = schema["$defs"].as_object().expect("the schema has definitions");
    Reader { definitions, found: &mut found }.read("", &schema, (false, false), "");
    found
}

struct Reader<'s> {
    definitions: &'s Map<String, Value>,
    found: &'s mut Vec<Section>,
}

impl Reader<'_> {
    fn read(&mut self, path: &str, schema: &Value, (is_list, is_optional): (bool, bool), text: &str) {
        let definitions = self.definitions;
        let properties = schema["properties"].as_object().expect("a section has settings");
        let (mut settings, mut within) = (Vec::new(), Vec::new());
        for (key, property) in properties {
            let kind = resolve(definitions, property);
            let section = kind.is_object().then_some((kind, (false, is_absent(property))));
            let element = resolve(definitions, &kind["items"]);
            // A table of names that nobody knows beforehand is a value.
            let section = section.filter(|(kind, _)| kind["properties"].is_object());
            let list = (element["type"] == "object").then_some((element, (true, is_absent(property))));
            let table = table_of(definitions, property).map(|table| (table, (false, true)));
            let (is_row, inner) = match section.or(list) {
                Some(inner) => (false, Some(inner)),
                None => (true, table),
            };
            if is_row {
                settings.push(setting(definitions, key, property, inner.is_some()));
            }
            if let Some((schema, how)) = inner {
                let dot = if path.is_empty() { "" } else { "." };
                within.push((format!("{path}{dot}{key}"), schema, how, words(property)));
            }
        }
        self.found.push(Section {
            path: path.to_owned(),
            is_list,
            is_optional,
            text: text.to_owned(),
            settings,
        });
        for (path, schema, how, text) in within {
            self.read(&path, schema, how, &text);
        }
    }
}

fn setting(definitions: &Map<String, Value>, key: &str, property: &Value, is_section: bool) -> Setting {
    let kind = resolve(definitions, property);
    let of_list = values(resolve(definitions, &kind["items"]));
    let values = if of_list.is_empty() || of_list.len() > VALUES_MAX { values(kind) } else { of_list };
    let own: String =
        values.iter().filter_map(|(value, text)| Some(format!("; `{value}`: {}", text.as_ref()?))).collect();
    let text = words(property);
    let text = match own.strip_prefix("; ") {
        Some(own) => format!("{}: {own}", text.trim_end_matches('.')),
        None => text,
    };
    Setting {
        key: key.to_owned(),
        default: property.get("default").map(toml_of),
        default_words: property["x-default"].as_str().map(str::to_owned),
        example: property["examples"].get(0).map(toml_of),
        text,
        values: values.into_iter().map(|(value, _)| value).collect(),
        is_section,
    }
}

/// Whether it is absent unless somebody writes it.
fn is_absent(property: &Value) -> bool {
    property.get("default").is_none() || property.get("x-default").is_some()
}

/// What a reference leads to, through an option as well.
fn resolve<'s>(definitions: &'s Map<String, Value>, schema: &'s Value) -> &'s Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return &definitions[name];
    }
    match schema["anyOf"].as_array().map(Vec::as_slice) {
        Some([value, null]) if null["type"] == "null" => resolve(definitions, value),
        _ => schema,
    }
}

/// The section that stands where a setting has another value in the short form.
fn table_of<'s>(definitions: &'s Map<String, Value>, schema: &'s Value) -> Option<&'s Value> {
    let forms = schema["anyOf"].as_array()?;
    forms.iter().map(|form| resolve(definitions, form)).find(|form| form["type"] == "object")
}

/// Each value of an enumeration as TOML, with what it means.
fn values(kind: &Value) -> Vec<(String, Option<String>)> {
    let described = kind["oneOf"].as_array().into_iter().flatten();
    let described = described.flat_map(|value| match value.get("const") {
        Some(constant) => vec![(toml_of(constant), Some(lower(&words(value))))],
        None => values(value),
    });
    let plain = kind["enum"].as_array().into_iter().flatten().map(|value| (toml_of(value), None));
    described.chain(plain).collect()
}

/// A sentence as one behind a colon.
fn lower(sentence: &str) -> String {
    let sentence = sentence.trim_end_matches('.');
    let mut characters = sentence.chars();
    match (characters.next(), characters.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            format!("{}{}", first.to_lowercase(), &sentence[first.len_utf8()..])
        }
        _ => sentence.to_owned(),
    }
}

/// The description, in one line.
fn words(property: &Value) -> String {
    let text = property["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A value of JSON as one of TOML; there are no tables among those.
pub fn toml_of(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("[{}]", list.iter().map(toml_of).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
