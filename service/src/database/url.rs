//! A database's URL taken apart, judged, and put together again as sqlx reads it, one for each host.

use std::str::FromStr;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::postgres::PgConnectOptions;
use url::form_urlencoded;

use crate::database::parameters::Parameters;
use crate::database::tls::{Decided, ON_A_SOCKET};
use crate::database::{CONNECT_TIMEOUT, Database, host};

/// More than any cluster has, so that a connection's tries stay few.
const HOSTS: usize = 16;

const FORM: &str = "expected postgres://LOGIN:PASSWORD@HOST:PORT/DATABASE";

/// The parts of a URL, none decoded.
struct Parts<'a> {
    /// `LOGIN:PASSWORD@`, or nothing.
    login: &'a str,
    /// `HOST:PORT,HOST:PORT`, or nothing.
    hosts: &'a str,
    /// With its slash, or nothing.
    database: &'a str,
    parameters: &'a str,
}

/// See [`Database::parse`].
pub(super) fn read(text: &str) -> Result<Database, String> {
    let parts = split(text)?;
    let mut parameters = Parameters::default();
    for (name, value) in form_urlencoded::parse(parts.parameters.as_bytes()) {
        parameters.take(&name, &value)?;
    }
    let mut notes: Vec<_> = parameters.note().into_iter().collect();
    let tls = std::mem::take(&mut parameters.tls).decide()?;
    notes.extend_from_slice(&tls.notes);
    let query = query(&parameters, &tls);
    let hosts = addresses(&parts, &parameters)?;
    let hosts = hosts.iter().map(|address| options(&parts, address, &query)).collect::<Result<_, _>>()?;
    Ok(Database {
        hosts,
        target: parameters.target,
        shuffled: parameters.shuffled,
        connect_timeout: parameters.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
        notes,
    })
}

fn split(text: &str) -> Result<Parts<'_>, String> {
    let (scheme, rest) = text.split_once("://").ok_or(FORM)?;
    if !matches!(scheme, "postgres" | "postgresql") {
        return Err(FORM.to_owned());
    }
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (login, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    Ok(Parts { login, hosts, database, parameters })
}

/// Host and port of each, encoded as in an authority. One without either is sqlx's default.
fn addresses(parts: &Parts<'_>, parameters: &Parameters) -> Result<Vec<String>, String> {
    let hosts = parameters.hosts.as_deref().filter(|hosts| !hosts.is_empty());
    let mut hosts: Vec<String> = match hosts {
        Some(hosts) => hosts.split(',').map(encoded).collect(),
        None => parts.hosts.split(',').map(str::to_owned).collect(),
    };
    if hosts.len() > HOSTS {
        return Err(format!("the URL may name at most {HOSTS} hosts"));
    }
    if let Some(ports) = &parameters.ports {
        let ports: Vec<_> = ports.split(',').collect();
        if ports.len() != 1 && ports.len() != hosts.len() {
            return Err("the URL's port must be one for all hosts, or one for each".to_owned());
        }
        for (host, port) in hosts.iter_mut().zip(ports.iter().cycle()) {
            let port: u16 = port.parse().map_err(|_| "the URL's port must be a number".to_owned())?;
            // An authority without a host may not have a port.
            if !host.is_empty() {
                *host = format!("{host}:{port}");
            }
        }
    }
    Ok(hosts)
}

/// A socket's path or an IPv6 address as a host in an authority.
fn encoded(host: &str) -> String {
    if host.starts_with('/') {
        utf8_percent_encode(host, NON_ALPHANUMERIC).to_string()
    } else if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

fn query(parameters: &Parameters, tls: &Decided) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(&parameters.handed_on);
    query.extend_pairs(tls.mode.map(|mode| ("sslmode", mode)));
    query.extend_pairs(tls.authority.as_ref().map(|file| ("sslrootcert", file)));
    query.finish()
}

fn options(parts: &Parts<'_>, address: &str, query: &str) -> Result<PgConnectOptions, String> {
    // Without a host there can be no login in front of it, so it goes into a parameter.
    let url = if address.is_empty() && !parts.login.is_empty() {
        return Err("the URL names a login, but no host: write it behind the @, or as ?host=".to_owned());
    } else {
        format!("postgres://{}{address}{}?{query}", parts.login, parts.database)
    };
    // Its reason could repeat a value, so it is not shown.
    let options = PgConnectOptions::from_str(&url).map_err(|_| {
        "the URL cannot be read: the port must be a number, and a password that holds other characters than letters, \
         digits, - and _ must be percent-encoded"
            .to_owned()
    })?;
    let bare = options.get_host().trim_matches(['[', ']']).to_owned();
    let options = if options.get_socket().is_some() || bare.starts_with('/') {
        options.ssl_mode(ON_A_SOCKET)
    } else {
        // Of an IPv6 address only the inside can be looked for in a certificate.
        options.host(&bare)
    };
    Ok(host(options))
}

#[cfg(test)]
mod tests {
    use sqlx::postgres::PgSslMode;

    use crate::database::Database;

    fn read(url: &str) -> Database {
        Database::parse(url).unwrap_or_else(|reason| panic!("{url}: {reason}"))
    }

    #[test]
    fn a_plain_url_is_taken_without_a_word() {
        for (url, place) in [
            ("postgres://a:b@c/d", "c:5432/d"),
            ("postgresql://a@c:5433/d?sslmode=verify-full&sslrootcert=/ca.pem", "c:5433/d"),
            ("postgres://a@c/d?options[search_path]=x&options=-c%20a=b", "c:5432/d"),
            ("postgres://a:p%40ss%3F@c/d", "c:5432/d"),
            ("postgres://a:p@ss@c/d", "c:5432/d"),
            ("postgres://a@c", "c:5432/a"),
            ("postgres://c/d?user=a&password=b&port=6000", "c:6000/d"),
        ] {
            let database = read(url);
            assert_eq!((database.to_string().as_str(), database.notes()), (place, &[][..]), "{url}");
            assert_eq!(database.login(), "a");
        }
    }

    #[test]
    fn every_host_that_is_named_is_one_to_try() {
        for (url, place) in [
            ("postgres://r:pw@a.example:5432,b.example:6000/t", "a.example:5432,b.example:6000/t"),
            ("postgres://r:pw@a,b/t?port=6000", "a:6000,b:6000/t"),
            ("postgres://r:pw@x/t?host=a,b&port=1,2", "a:1,b:2/t"),
            ("postgres://r:pw@[2001:db8::7]:5432/t", "2001:db8::7:5432/t"),
            ("postgres://r:pw@x/t?host=2001:db8::7", "2001:db8::7:5432/t"),
            ("postgres://r:pw@/t?host=/cloudsql/north:region:db", "/cloudsql/north:region:db/t"),
            ("postgres:///t?host=/run/postgresql&user=r", "/run/postgresql/t"),
            ("postgres://r:pw@%2Frun%2Fpostgresql/t", "/run/postgresql/t"),
        ] {
            let database = read(url);
            assert_eq!(database.to_string(), place, "{url}");
            assert_eq!(database.login(), "r", "{url}");
        }
    }

    #[test]
    fn what_providers_and_other_drivers_write_is_taken_and_what_has_no_effect_is_noted() {
        for (parameters, without_effect) in [
            ("sslmode=verify-full&channel_binding=require", ""),
            ("target_session_attrs=read-write&connect_timeout=10&load_balance_hosts=random", ""),
            ("targetServerType=preferSecondary&loadBalanceHosts=true", ""),
            ("sslmode=verify-full&sslrootcert=system", ""),
            (
                "schema=public&pgbouncer=true&connection_limit=5&pool_timeout=20",
                "schema, pgbouncer, connection_limit, pool_timeout",
            ),
            (
                "keepalives=1&keepalives_idle=30&tcp_user_timeout=5",
                "keepalives, keepalives_idle, tcp_user_timeout",
            ),
            ("ssl=true&currentSchema=public&prepareThreshold=0", "currentSchema, prepareThreshold"),
            (
                "gssencmode=disable&krbsrvname=postgres&sslnegotiation=direct",
                "gssencmode, krbsrvname, sslnegotiation",
            ),
            ("supa=base-pooler.x&statement-cache-capacity=0", "supa, statement-cache-capacity"),
            (
                "statement_timeout=5s&uselibpqcompat=true&ApplicationName=x",
                "statement_timeout, uselibpqcompat, ApplicationName",
            ),
        ] {
            let database = read(&format!("postgres://a:b@c/d?{parameters}"));
            let expected: Vec<_> = Some(without_effect)
                .filter(|names| !names.is_empty())
                .map(|names| format!("these parameters have no effect here: {names}"))
                .into_iter()
                .collect();
            assert_eq!(database.notes(), expected, "{parameters}");
        }
    }

    #[test]
    fn on_a_socket_there_is_no_tls_to_ask_for() {
        let database = read("postgres://a@/d?host=/run/postgresql&sslmode=require");
        assert!(matches!(database.hosts[0].get_ssl_mode(), PgSslMode::Disable));
        let database = read("postgres://a@b/d?sslmode=require");
        assert!(matches!(database.hosts[0].get_ssl_mode(), PgSslMode::Require));
    }

    #[test]
    fn whatever_would_make_a_connection_safer_is_never_left_out() {
        for parameter in [
            "sslmod=verify-full",
            "slmode=verify-full",
            "SSLMODE=verify-full",
            "sslmode=verify_full",
            "mode=require",
            "sslrootcrt=/ca.pem",
            "tls=1",
            "gssencmode=require",
            "require_auth=scram-sha-256",
            "sslcrl=/crl.pem",
            "channelBinding=require",
            "channel_bindin=require",
            "sslcert=/own.pem",
            "passfile=/x",
        ] {
            assert!(Database::parse(&format!("postgres://a:b@c/d?{parameter}")).is_err(), "{parameter}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused_without_a_word_of_it() {
        for url in [
            "",
            "hunter2",
            "mysql://a:hunter2@c/d",
            "postgres://a:hunter2@c/d?sslmod=verify-full",
            "postgres://a:hunter2@c/d?sslmode=hunter2",
            "postgres://a@c/d?passwort=hunter2",
            "postgres://a:x?hunter2@c/d",
            "postgres://a:1?hunter2=x@c/d",
            "postgres://a:hunter2@c:hunter2/d",
            "postgres://a:hunter2@/d",
            "postgres://a:hunter2@b,c/d?port=1,2,3",
            "postgres://a@c/d?connect_timeout=hunter2",
            "postgres://a@c/d?target_session_attrs=hunter2",
        ] {
            let reason = Database::parse(url).expect_err(url);
            assert!(!reason.contains("hunter2") && !reason.contains("passwort"), "{reason}");
        }
        assert!(!format!("{:?}", read("postgres://a:hunter2@c/d")).contains("hunter2"));
    }
}
