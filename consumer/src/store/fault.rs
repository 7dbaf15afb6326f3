//! What a failed write means: is it the rows' fault, another writer's, or the surroundings'?
//!
//! Decides by SQLSTATE alone. Only what is certainly a row's fault may cost that row; whatever is unknown counts as the
//! surroundings' and is tried again.

use std::time::Duration;

use sqlx::postgres::PgDatabaseError;

/// Why nothing of a write was stored.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Another writer stored one of the ids since they were asked for.
    Overtaken,
    /// The login may not use COPY on this table; it holds the server's words.
    NoCopy(String),
    /// A row that no retry will bring in.
    Refused(Refusal),
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
}

impl Fault {
    /// No answer in time.
    pub(crate) fn timed_out(after: Duration) -> Self {
        Self::Surroundings(format!("the database did not answer within {} s", after.as_secs_f32()))
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        let database =
            error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
        let Some(database) = database else {
            return Self::Surroundings(error.to_string());
        };
        let code = database.code();
        let words = format!("{code}: {}", database.message());
        match code {
            "23505" => Self::Overtaken,
            "0A000" => Self::NoCopy(words),
            _ if is_the_rows_fault(code) => {
                Self::Refused(Refusal { row: copied_row(database), error: words })
            }
            _ => Self::Surroundings(words + remedy(code)),
        }
    }
}

/// Values that are out of range or malformed (22), constraints (23), views' and triggers' own checks (44000, P0001),
/// and values too large for an index (54000).
fn is_the_rows_fault(code: &str) -> bool {
    matches!(&code[..2], "22" | "23") || matches!(code, "44000" | "54000" | "P0001")
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
        "3F000" | "42P01" | "42703" | "42883" => "; run `consumer migrate` with the database owner's URL",
        "42501" => "; the login must be a member of the role telemetry_writer",
        "28000" | "28P01" => "; check the login and its password in CONSUMER_DATABASE_URL",
        "3D000" => "; check the database's name in CONSUMER_DATABASE_URL",
        "53300" => "; raise max_connections or stop other clients",
        "53100" => "; make room on the database's disk",
        _ => "",
    }
}
