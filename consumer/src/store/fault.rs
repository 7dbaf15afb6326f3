//! What a failed write means: is it the rows' fault, another writer's, the size's, or the surroundings'?
//!
//! Decides by SQLSTATE, by the constraint that was violated, and by whether a function of the database (a trigger, most
//! likely somebody else's) raised the error. Only what is certainly a row's fault may cost that row; whatever is unknown
//! counts as the surroundings' and is tried again.

use std::time::Duration;

use sqlx::postgres::PgDatabaseError;

/// Why nothing of a write was stored.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Another writer stored one of the ids since they were asked for; it holds the server's words.
    Overtaken(String),
    /// The login may not use COPY on this table; it holds the server's words.
    NoCopy(String),
    /// A row that no retry will bring in.
    Refused(Refusal),
    /// The write took too long or too much memory. Fewer rows at once may pass.
    TooMuch(String),
    /// Somebody holds a lock for longer than is to be waited for it.
    Locked(String),
    /// Anything that may pass: the connection, the server, its disk, rights and tables that are missing.
    Surroundings(String),
}

/// The database's word against a row.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Which of the rows sent it was, from 0, when the server says so.
    pub(crate) row: Option<usize>,
    /// SQLSTATE and the server's sentence.
    pub(crate) error: String,
    /// A function of the database raised it. Such a one may look at other rows and other transactions, so that the next
    /// try can end differently.
    pub(crate) by_function: bool,
}

impl Fault {
    /// The database did not answer, whatever was asked.
    pub(crate) fn silent(after: Duration) -> Self {
        Self::Surroundings(no_answer(after))
    }

    /// A write was not finished in time.
    pub(crate) fn timed_out(after: Duration) -> Self {
        Self::TooMuch(no_answer(after))
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        let database =
            error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
        match database {
            Some(database) => judge(database),
            None => Self::Surroundings(error.to_string()),
        }
    }
}

fn no_answer(after: Duration) -> String {
    format!("the database did not answer within {} s", after.as_secs_f32())
}

fn judge(error: &PgDatabaseError) -> Fault {
    let (code, function) = (error.code(), function(error));
    let by_function = function.is_some();
    let place = function.map(|function| format!(" ({function})")).unwrap_or_default();
    let words = format!("{code}: {}{place}", error.message());
    match code {
        "23505" if is_the_id(error) && !by_function => Fault::Overtaken(words),
        "0A000" if !by_function => Fault::NoCopy(words),
        // statement_timeout, which is our own deadline, or somebody's pg_cancel_backend; out of memory.
        "57014" | "53200" => Fault::TooMuch(words),
        "55P03" if !by_function => Fault::Locked(words + "; somebody holds a lock on the table"),
        // The counts are no row's fault.
        _ if code.starts_with("23") && is_of_the_counts(error) => Fault::Surroundings(words),
        _ if is_the_rows_fault(code, by_function) => {
            Fault::Refused(Refusal { row: copied_row(error), error: words, by_function })
        }
        _ if by_function => Fault::Surroundings(
            words
                + "; a function of the database failed, probably a trigger: correct it, or drop the trigger",
        ),
        _ => Fault::Surroundings(words + remedy(code)),
    }
}

/// Whether the violated key is that of the events. A team may put unique keys of its own on this table or on others.
fn is_the_id(error: &PgDatabaseError) -> bool {
    error.schema() == Some("public")
        && error.table() == Some("prompt_telemetry")
        && error.constraint() == Some("prompt_telemetry_pkey")
}

fn is_of_the_counts(error: &PgDatabaseError) -> bool {
    error.schema() == Some("public") && matches!(error.table(), Some("prompt_aggregate" | "prompt_total"))
}

/// Values that are out of range or malformed (22), constraints of any table (23), views' and triggers' own checks (44,
/// P0), and values too large for an index or too deep for the stack (54). In a function also what only follows from the
/// rows it is given: no or too many rows found (20, 21), its own exceptions (09, 27, 38), and codes of its own making.
fn is_the_rows_fault(code: &str, by_function: bool) -> bool {
    match &code[..2] {
        "22" | "23" | "44" | "54" | "P0" => true,
        "09" | "20" | "21" | "27" | "38" => by_function,
        class => by_function && !CLASSES.contains(&class),
    }
}

/// The classes of PostgreSQL's own SQLSTATEs that are not judged by [`is_the_rows_fault`].
const CLASSES: [&str; 34] = [
    "00", "01", "02", "03", "08", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "24", "25", "26", "28", "2B",
    "2D", "2F", "34", "39", "3B", "3D", "3F", "40", "42", "53", "55", "57", "58", "72", "F0", "HV", "XX",
];

/// The innermost function that was running, as the server names it. Nothing else of the context is used: it may quote
/// rows.
fn function(error: &PgDatabaseError) -> Option<&str> {
    let languages = ["PL/", "SQL function", "SQL-Funktion"];
    error.r#where()?.lines().find(|line| languages.iter().any(|language| line.starts_with(language)))
}

/// The server tells the place of a failed COPY as `COPY prompt_telemetry, line 17, …`, in whatever language it speaks.
fn copied_row(error: &PgDatabaseError) -> Option<usize> {
    let place = error.r#where()?.lines().find_map(|line| line.strip_prefix("COPY prompt_telemetry, "))?;
    let digits = place.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse::<usize>().ok()?.checked_sub(1)
}

fn remedy(code: &str) -> &'static str {
    match code {
        "25006" => "; the server is a standby, or default_transaction_read_only is on",
        "3F000" | "42P01" | "42703" | "42883" => "; run `consumer migrate` with the database owner's URL",
        "42501" => "; the login must be a member of the role telemetry_writer",
        "28000" | "28P01" => "; check the login and its password in CONSUMER_DATABASE_URL",
        "3D000" => "; check the database's name in CONSUMER_DATABASE_URL",
        "53300" => "; raise max_connections or stop other clients",
        "53100" => "; make room on the database's disk",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::is_the_rows_fault;

    #[test]
    fn values_and_constraints_are_the_rows_fault_and_the_surroundings_never_are() {
        for code in ["22003", "23502", "23503", "23505", "23514", "23P01", "44000", "54000", "P0001", "P0004"]
        {
            assert!(is_the_rows_fault(code, false) && is_the_rows_fault(code, true), "{code}");
        }
        for code in [
            "08006", "25006", "40001", "40P01", "42501", "42P01", "53100", "55000", "55P03", "57P01", "XX000",
        ] {
            assert!(!is_the_rows_fault(code, false) && !is_the_rows_fault(code, true), "{code}");
        }
    }

    #[test]
    fn a_code_of_ones_own_is_the_rows_fault_only_when_a_function_raised_it() {
        for code in ["TM001", "20000", "21000", "38000"] {
            assert!(is_the_rows_fault(code, true), "{code}");
            assert!(!is_the_rows_fault(code, false), "{code}");
        }
    }
}
