//! What each scenario cost when somebody last looked, and what is wrong with what it costs now.

use std::collections::BTreeMap;
use std::fmt::Write;

/// By how much a count may differ, in per cent. Counts of one build differ by a tenth of a per cent; what the compiler
/// makes of code that nobody touched, by two or three.
const TOLERANCE_PERCENT: f64 = 5.0;

/// Instructions a unit, by scenario.
pub(crate) type Baseline = BTreeMap<String, f64>;

/// What a scenario costs.
pub(crate) struct Measured {
    pub(crate) name: String,
    /// One of what its instructions were divided by.
    pub(crate) unit: String,
    /// Instructions a unit.
    pub(crate) instructions: f64,
}

/// The file that makes this the baseline.
pub(crate) fn text(measured: &[Measured]) -> String {
    let mut text = String::from(
        "# What the inner loops cost, in instructions, as tests/tests/instructions/ counts them. It is written by\n\
         # TIDEWIRE_INSTRUCTIONS=write cargo test -p tidewire-tests --test instructions\n\n",
    );
    for Measured { name, unit, instructions } in measured {
        writeln!(text, "{name} = {instructions:.1} # a {unit}").expect("a string takes everything");
    }
    text
}

/// What is wrong, a line each.
pub(crate) fn breaches(baseline: &Baseline, measured: &[Measured]) -> Vec<String> {
    let is_measured = |name: &str| measured.iter().any(|one| one.name == name);
    let gone = baseline.keys().filter(|name| !is_measured(name));
    let gone = gone.map(|name| format!("{name}: tests/instructions.toml has it, and it is not measured"));
    measured.iter().filter_map(|one| breach(baseline, one)).chain(gone).collect()
}

fn breach(baseline: &Baseline, measured: &Measured) -> Option<String> {
    let Measured { name, unit, instructions } = measured;
    let Some(before) = baseline.get(name) else {
        return Some(format!("{name}: it is measured, and tests/instructions.toml does not have it"));
    };
    let percent = (instructions / before - 1.0) * 100.0;
    let (word, consequence) = match percent {
        percent if percent > TOLERANCE_PERCENT => ("more", "it has become dearer"),
        percent if percent < -TOLERANCE_PERCENT => {
            ("less", "lower the baseline, or the next regression hides behind the old one")
        }
        _ => return None,
    };
    Some(format!(
        "{name}: {instructions:.1} instructions a {unit}, {:.1} % {word} than the baseline of {before:.1} \
         (at most {TOLERANCE_PERCENT} %): {consequence}",
        percent.abs()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(name: &str, instructions: f64) -> Measured {
        Measured { name: name.to_owned(), unit: "packet".to_owned(), instructions }
    }

    fn found(name: &str, instructions: f64) -> Vec<String> {
        breaches(&Baseline::from([("decode".to_owned(), 200.0)]), &[measured(name, instructions)])
    }

    #[test]
    fn what_differs_by_no_more_than_the_tolerance_passes() {
        for instructions in [191.0, 200.0, 209.0] {
            assert_eq!(found("decode", instructions), [""; 0]);
        }
    }

    #[test]
    fn more_and_less_are_named_with_both_numbers() {
        let more = "decode: 212.0 instructions a packet, 6.0 % more than the baseline of 200.0 (at most 5 %): \
                    it has become dearer";
        assert_eq!(found("decode", 212.0), [more]);
        assert!(found("decode", 188.0)[0].contains("6.0 % less than the baseline of 200.0"));
    }

    #[test]
    fn a_scenario_must_be_in_the_file_and_be_measured() {
        let both = [
            "encode: it is measured, and tests/instructions.toml does not have it",
            "decode: tests/instructions.toml has it, and it is not measured",
        ];
        assert_eq!(found("encode", 200.0), both);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let read: Baseline = toml::from_str(&text(&[measured("decode-qos-0", 368.96)])).unwrap();
        assert_eq!(read, Baseline::from([("decode-qos-0".to_owned(), 369.0)]));
    }
}
