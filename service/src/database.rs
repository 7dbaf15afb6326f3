//! The form of a database's URL. Nothing is connected to, and nothing of a URL is ever shown: it may hold a password.

/// Each name that a parameter of the URL may have. One that nobody knows would be passed over, and `sslmod=verify-full`
/// would be a connection in plain text.
const PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

const SSL_MODES: &[&str] = &["allow", "disable", "prefer", "require", "verify-ca", "verify-full"];

/// Refuses what is no Postgres URL, and parameters that would do nothing.
///
/// # Errors
/// What is wrong, as one sentence without any part of the URL.
pub fn check_url(url: &str) -> Result<(), String> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("postgres" | "postgresql")) {
        return Err("expected postgres://LOGIN:PASSWORD@HOST:PORT/DATABASE".to_owned());
    }
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let known = PARAMETERS.contains(&name)
            || ["options[", "options%5B"].iter().any(|options| name.starts_with(options));
        if !known {
            return Err(format!(
                "the URL has a parameter that is not known (a password that holds ?, # or & must be percent-encoded); \
                 known are: {}",
                PARAMETERS.join(", ")
            ));
        }
        if matches!(name, "sslmode" | "ssl-mode") && !SSL_MODES.contains(&value) {
            return Err(format!("the URL's {name} must be one of: {}", SSL_MODES.join(", ")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_url;

    #[test]
    fn urls_of_postgres_with_known_parameters_are_taken() {
        for url in [
            "postgres://a:b@c/d",
            "postgresql://a@c:5432/d?sslmode=verify-full&sslrootcert=/ca.pem",
            "postgres://a@c/d?options[search_path]=x&options=-c%20a=b",
            "postgres:///d?host=/run/postgresql&user=a",
        ] {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn another_scheme_and_parameters_that_would_do_nothing_are_refused_without_a_word_of_the_url() {
        for url in [
            "",
            "hunter2",
            "mysql://a:hunter2@c/d",
            "postgres://a:hunter2@c/d?sslmod=verify-full",
            "postgres://a:hunter2@c/d?sslmode=hunter2",
            "postgres://a@c/d?passwort=hunter2",
            "postgres://a:x?hunter2@c/d",
        ] {
            let reason = check_url(url).expect_err(url);
            assert!(!reason.contains("hunter2") && !reason.contains("passwort"), "{reason}");
        }
    }
}
