//! What a user's name may be.

/// Why a name cannot stand in a file of users.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The line could not be read again, or the name could not be seen.
    #[error(
        "a user's name is not empty, begins with no #, holds no colon, line end or control character, and has no \
         space around it"
    )]
    Form,
    /// A client that authenticates by SCRAM prepares its name, and would not find this one.
    #[error("a user's name for SCRAM is as SASLprep (RFC 4013) leaves it{}", of(prepared.as_deref()))]
    Unprepared {
        /// What SASLprep makes of it, unless it forbids a character.
        prepared: Option<String>,
    },
}

fn of(prepared: Option<&str>) -> String {
    prepared.map(|prepared| format!(": \"{prepared}\"")).unwrap_or_default()
}

/// Whether a name can stand in a file.
///
/// # Errors
///
/// [`NameError::Form`] when it cannot.
pub(in crate::auth) fn check_name(name: &str) -> Result<(), NameError> {
    // Editors put the byte order mark before the first name, where nobody sees it.
    let is_unseen = |character: char| character.is_control() || character == '\u{feff}';
    let is_wrong = name.is_empty()
        || name.starts_with('#')
        || name.contains(|character| character == ':' || is_unseen(character))
        || name.trim_ascii() != name;
    if is_wrong { Err(NameError::Form) } else { Ok(()) }
}

/// Whether a name can stand in a file and be given by a client that authenticates by SCRAM. (RFC 5802, section 5.1)
///
/// # Errors
///
/// See [`NameError`].
pub(in crate::auth) fn check_prepared(name: &str) -> Result<(), NameError> {
    check_name(name)?;
    match stringprep::saslprep(name) {
        Ok(prepared) if prepared == name => Ok(()),
        Ok(prepared) => Err(NameError::Unprepared { prepared: Some(prepared.into_owned()) }),
        Err(_) => Err(NameError::Unprepared { prepared: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_stand_in_a_file() {
        let unprepared = |prepared: &str| Err(NameError::Unprepared { prepared: Some(prepared.to_owned()) });
        for (name, any, scram) in [
            ("ann", Ok(()), Ok(())),
            ("ann lee", Ok(()), Ok(())),
            ("a#=,b", Ok(()), Ok(())),
            ("\u{2168}", Ok(()), unprepared("IX")),
            ("a\u{ad}b", Ok(()), unprepared("ab")),
            ("a\u{e000}", Ok(()), Err(NameError::Unprepared { prepared: None })),
            ("", Err(NameError::Form), Err(NameError::Form)),
            ("#ann", Err(NameError::Form), Err(NameError::Form)),
            ("a:b", Err(NameError::Form), Err(NameError::Form)),
            (" ann", Err(NameError::Form), Err(NameError::Form)),
            ("ann\t", Err(NameError::Form), Err(NameError::Form)),
            ("a\nb", Err(NameError::Form), Err(NameError::Form)),
            ("a\u{7f}b", Err(NameError::Form), Err(NameError::Form)),
            ("\u{feff}ann", Err(NameError::Form), Err(NameError::Form)),
        ] {
            assert_eq!(check_name(name), any, "{name:?}");
            assert_eq!(check_prepared(name), scram, "{name:?} for SCRAM");
        }
    }
}
