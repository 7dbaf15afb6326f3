//! The parameters of a URL that mean something here, those that mean nothing, and those that are refused.
//!
//! Drivers and providers write many that are none of ours; those are left out with a note. But what makes a connection
//! safer must never be left out, and what is no parameter at all is the rest of a password that should have been
//! percent-encoded: both are refused.

use std::time::Duration;

use crate::database::target::Target;
use crate::database::tls::Tls;

/// Handed on to sqlx as they are.
const HANDED_ON: [&str; 9] =
    ["application_name", "dbname", "options", "password", "ssl-cert", "ssl-key", "sslcert", "sslkey", "user"];

/// They would make a connection safer, or say where the password is, and we can do neither.
const REFUSED: [&str; 7] =
    ["passfile", "require_auth", "requirepeer", "sslcrl", "sslcrldir", "sslidentity", "sslpassword"];

/// Their names look as if they made a connection safer, but they don't.
const HARMLESS: [&str; 8] = [
    "gssdelegation",
    "gsslib",
    "krbsrvname",
    "sslcertmode",
    "sslcompression",
    "sslnegotiation",
    "sslsni",
    "ssl_max_protocol_version",
];

/// Parts of names that speak of safety, whatever driver they are of.
const SAFETY: [&str; 13] = [
    "ssl", "tls", "cert", "auth", "crypt", "gss", "krb", "bind", "pass", "secret", "verif", "trust", "token",
];

/// Values that ask for safety, whatever the name: that of `slmode=verify-full`, say, is misspelt.
const SAFE: [&str; 9] = [
    "require",
    "required",
    "strict",
    "verify-ca",
    "verify-full",
    "verify_ca",
    "verify_full",
    "verify-identity",
    "verify_identity",
];

/// What the parameters of one URL come to.
#[derive(Default)]
pub(super) struct Parameters {
    /// Name and value, for sqlx.
    pub(super) handed_on: Vec<(String, String)>,
    /// Hosts, one or several with commas between; instead of those in the URL's authority.
    pub(super) hosts: Option<String>,
    /// The hosts' ports, one for all or one for each.
    pub(super) ports: Option<String>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) target: Option<Target>,
    pub(super) shuffled: bool,
    pub(super) tls: Tls,
    without_effect: Vec<String>,
}

impl Parameters {
    /// Takes the next parameter, decoded. An `Err` says why it cannot be taken, without its value.
    pub(super) fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        if HANDED_ON.contains(&name) || (name.starts_with("options[") && name.ends_with(']')) {
            self.handed_on.push((name.to_owned(), value.to_owned()));
        }
        match name {
            _ if self.tls.take(name, value)? => {}
            "host" | "hostaddr" => self.hosts = Some(value.to_owned()),
            "port" => self.ports = Some(value.to_owned()),
            "connect_timeout" | "connectTimeout" => self.connect_timeout = seconds(name, value)?,
            "target_session_attrs" => self.target = Some(target(name, value)?),
            "targetServerType" => {
                let found = Target::parse_java(value);
                self.target = Some(found.ok_or_else(|| {
                    format!("the URL's {name} must be one of: any, primary, secondary, preferSecondary")
                })?);
            }
            "load_balance_hosts" | "loadBalanceHosts" => self.shuffled = matches!(value, "random" | "true"),
            "gssencmode" if value == "require" => {
                return Err("the URL's gssencmode=require cannot be honoured: use TLS, sslmode=verify-full"
                    .to_owned());
            }
            "gssencmode" => self.has_no_effect(name),
            _ if self.handed_on.iter().any(|(taken, _)| taken == name) => {}
            _ => self.take_unknown(name, value)?,
        }
        Ok(())
    }

    /// One sentence about the parameters that have no effect, if there are any.
    pub(super) fn note(&self) -> Option<String> {
        if self.without_effect.is_empty() {
            return None;
        }
        Some(format!("these parameters have no effect here: {}", self.without_effect.join(", ")))
    }

    fn take_unknown(&mut self, name: &str, value: &str) -> Result<(), String> {
        let spelt = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
        if name.is_empty() || name.len() > 64 || !name.chars().all(spelt) || value.contains('@') {
            return Err(
                "the URL has a parameter that cannot be read: a password that holds ?, # or & must be \
                 percent-encoded"
                    .to_owned(),
            );
        }
        if REFUSED.contains(&name) {
            return Err(format!("the URL's {name} cannot be honoured: leave it out"));
        }
        let (small, value) = (name.to_ascii_lowercase(), value.to_ascii_lowercase());
        let speaks_of_safety =
            SAFETY.iter().any(|part| small.contains(part)) || SAFE.contains(&value.as_str());
        if speaks_of_safety && !HARMLESS.contains(&name) {
            return Err("the URL has a parameter that is not known and may be meant to make the connection safer. Is it \
                 misspelt? Known are: sslmode, sslrootcert, sslcert, sslkey, channel_binding"
                .to_owned());
        }
        self.has_no_effect(name);
        Ok(())
    }

    fn has_no_effect(&mut self, name: &str) {
        self.without_effect.push(name.to_owned());
    }
}

/// As libpq has it: 0 is no limit, which here is the usual one.
fn seconds(name: &str, value: &str) -> Result<Option<Duration>, String> {
    let seconds: u32 =
        value.parse().map_err(|_| format!("the URL's {name} must be a whole number of seconds"))?;
    Ok((seconds > 0).then(|| Duration::from_secs(u64::from(seconds.min(60)))))
}

fn target(name: &str, value: &str) -> Result<Target, String> {
    Target::parse(value).ok_or_else(|| format!("the URL's {name} must be one of: {}", Target::words()))
}
