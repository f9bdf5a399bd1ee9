//! Random numbers that nobody can guess, without a system call for each.

use std::cell::RefCell;

/// Bytes that a thread asks the system for at a time.
const DRAWN_BYTES: usize = 1024;

thread_local! {
    /// What was drawn, and how much of it has been given away; at first all of it.
    static DRAWN: RefCell<([u8; DRAWN_BYTES], usize)> = const { RefCell::new(([0; DRAWN_BYTES], DRAWN_BYTES)) };
}

/// So many bytes; none of them is given twice.
///
/// # Errors
///
/// The system has none.
pub(crate) fn bytes<const COUNT: usize>() -> Result<[u8; COUNT], getrandom::Error> {
    const { assert!(COUNT <= DRAWN_BYTES) };
    DRAWN.with_borrow_mut(|(drawn, at)| {
        if *at + COUNT > DRAWN_BYTES {
            getrandom::fill(drawn)?;
            *at = 0;
        }
        let mut given = [0; COUNT];
        // What is given away does not stay here.
        given.swap_with_slice(&mut drawn[*at..*at + COUNT]);
        *at += COUNT;
        Ok(given)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bytes_come_twice() {
        let mut given: Vec<_> = (0..DRAWN_BYTES).map(|_| bytes::<12>().unwrap()).collect();
        given.sort_unstable();
        given.dedup();
        assert_eq!(given.len(), DRAWN_BYTES);
        assert!(!given.contains(&[0; 12]));
    }
}
