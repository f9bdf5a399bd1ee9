//! The two formats, and which one a reader gets.

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own text, version 0.0.4.
    Text,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The one that a request with this `Accept` gets (RFC 9110, section 12.5.1): OpenMetrics where it is named and not
    /// liked less than plain text, else the text that everybody reads.
    pub fn of(accept: Option<&str>) -> Self {
        let liked = |wanted: &str| {
            let ranges = accept.unwrap_or_default().split(',');
            let liked = ranges.filter_map(|range| weight(range, wanted));
            liked.fold(0.0, f32::max)
        };
        let open_metrics = liked("application/openmetrics-text");
        match open_metrics > 0.0 && open_metrics >= liked("text/plain") {
            true => Self::OpenMetrics,
            false => Self::Text,
        }
    }

    /// What the answer says that it is.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// How much a reader likes `wanted`, by one of the ranges that it names; 1 where it does not say. (RFC 9110, section 12.4.2)
fn weight(range: &str, wanted: &str) -> Option<f32> {
    let mut parts = range.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(wanted) {
        return None;
    }
    let weight = parts.find_map(|part| part.strip_prefix("q="));
    Some(weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_what_it_likes_best() {
        for (accept, expected) in [
            (None, Format::Text),
            (Some("*/*"), Format::Text),
            (Some("text/html, text/plain"), Format::Text),
            (Some("application/openmetrics-text"), Format::OpenMetrics),
            (Some("Application/OpenMetrics-Text; version=1.0.0"), Format::OpenMetrics),
            (Some("text/plain;q=0.3,application/openmetrics-text;version=1.0.0;q=0.5"), Format::OpenMetrics),
            (Some("text/plain;version=0.0.4, application/openmetrics-text;q=0.9"), Format::Text),
            (Some("application/openmetrics-text;q=0"), Format::Text),
            (Some("application/openmetrics-text;q=much"), Format::Text),
            (Some(";;,,"), Format::Text),
        ] {
            assert_eq!(Format::of(accept), expected, "{accept:?}");
        }
    }
}
