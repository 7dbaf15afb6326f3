//! What a person sees: plain lines, results on standard output and failures on standard error.

/// Prints one line.
#[expect(clippy::print_stdout, reason = "this command talks to a person")]
pub fn say(line: impl std::fmt::Display) {
    println!("{line}");
}

/// Prints one line about a failure.
#[expect(clippy::print_stderr, reason = "this command talks to a person")]
pub fn complain(line: impl std::fmt::Display) {
    eprintln!("{line}");
}
