//! How a test says which rows of the fault matrix it covers: a table beside the tests, from which `docs/faults.md` is made.

/// A fault that a test makes, and what its user sees.
pub(crate) struct Case {
    /// The test's file.
    pub(crate) file: &'static str,
    /// Its name.
    pub(crate) test: &'static str,
    /// Rows of the matrix.
    pub(crate) rows: &'static [&'static str],
    /// What is broken, in a few words.
    pub(crate) broken: &'static str,
    pub(crate) seen: Seen,
}

/// What is seen of it.
pub(crate) enum Seen {
    /// The first line of this snapshot that holds these words, and the exit code above it.
    Shown(&'static str, &'static str),
    /// The exit code, and what the test looks at.
    Text(&'static str, &'static str),
}

/// The cases of a file: `test [rows] what is broken => what is seen;`, where `test` is one of its functions.
macro_rules! cases {
    ($($test:ident [$($row:literal)+] $broken:literal => $seen:expr;)+) => {
        pub(crate) const CASES: &[$crate::faults::rows::Case] = &[$({
            use $crate::faults::rows::Seen::*;
            const _: fn() = $test;
            $crate::faults::rows::Case {
                file: file!(),
                test: stringify!($test),
                rows: &[$($row),+],
                broken: $broken,
                seen: $seen,
            }
        }),+];
    };
}
