//! What a URL says of TLS, in the words of several drivers, and what follows from all of it together.
//!
//! Never less safe than libpq reads it: where a word cannot be honoured, something stricter takes its place, or the URL
//! is refused.

use sqlx::postgres::PgSslMode;

/// Each `sslmode`, from the weakest. `no-verify` is node-postgres' word for `require`.
const MODES: [(&str, Mode); 7] = [
    ("disable", Mode::Disable),
    ("allow", Mode::Allow),
    ("prefer", Mode::Prefer),
    ("require", Mode::Require),
    ("no-verify", Mode::Require),
    ("verify-ca", Mode::VerifyCa),
    ("verify-full", Mode::VerifyFull),
];

/// From the weakest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// What was said so far.
#[derive(Default)]
pub(super) struct Tls {
    mode: Option<Mode>,
    /// `ssl=true` and the like.
    wanted: Option<bool>,
    /// `system`, or a file.
    authority: Option<String>,
    binding: bool,
    certificate: bool,
    key: bool,
}

/// What follows: the mode, the file with the authorities besides the public ones, and what to tell about it.
#[derive(Debug, PartialEq)]
pub(super) struct Decided {
    pub(super) mode: Option<&'static str>,
    pub(super) authority: Option<String>,
    pub(super) notes: Vec<String>,
}

impl Tls {
    /// Takes a parameter when it is one of TLS; returns whether it is.
    pub(super) fn take(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match name {
            "sslmode" | "ssl-mode" => self.mode = Some(mode(name, value)?),
            "ssl" => self.wanted = Some(switch(name, value)?),
            // Prisma's.
            "sslaccept" => {
                self.mode = Some(match value {
                    "strict" => Mode::VerifyFull,
                    "accept_invalid_certs" => Mode::Require,
                    _ => return Err(expected(name, "strict, accept_invalid_certs")),
                });
            }
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => self.authority = Some(value.to_owned()),
            "channel_binding" => {
                self.binding = match value {
                    "require" => true,
                    "prefer" | "disable" => false,
                    _ => return Err(expected(name, "disable, prefer, require")),
                };
            }
            // Our TLS has 1.2 and 1.3, and takes the best that the server has.
            "ssl_min_protocol_version" => match value {
                "TLSv1" | "TLSv1.1" | "TLSv1.2" => {}
                _ => return Err(expected(name, "TLSv1, TLSv1.1, TLSv1.2")),
            },
            // They are handed on besides; only whether they are there counts here.
            "sslcert" | "ssl-cert" => {
                self.certificate = true;
                return Ok(false);
            }
            "sslkey" | "ssl-key" => {
                self.key = true;
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What all of it comes to.
    pub(super) fn decide(self) -> Result<Decided, String> {
        let mut notes = Vec::new();
        if self.certificate != self.key {
            return Err("the URL needs both sslcert and sslkey, or neither".to_owned());
        }
        let mut mode = self.mode;
        match (self.wanted, mode) {
            (Some(true), None) => mode = Some(Mode::Require),
            (Some(false), None) => mode = Some(Mode::Disable),
            (Some(wanted), Some(mode)) if wanted != (mode >= Mode::Require) => {
                return Err("the URL's ssl and sslmode contradict each other: leave ssl out".to_owned());
            }
            _ => {}
        }
        let authority = match self.authority.as_deref() {
            Some("system") => {
                if mode.is_some_and(|mode| mode != Mode::VerifyFull) {
                    return Err("the URL's sslrootcert=system needs sslmode=verify-full".to_owned());
                }
                mode = Some(Mode::VerifyFull);
                None
            }
            Some(file) => {
                match mode {
                    // As libpq does: who names an authority wants it to count.
                    Some(Mode::Require) => mode = Some(Mode::VerifyCa),
                    Some(Mode::VerifyCa | Mode::VerifyFull) => {}
                    _ => notes.push(
                        "sslrootcert has no effect without sslmode=verify-full: the certificate is not checked"
                            .to_owned(),
                    ),
                }
                Some(file.to_owned())
            }
            None => None,
        };
        if self.binding {
            if mode.is_some_and(|mode| mode < Mode::Prefer) {
                return Err("the URL's channel_binding=require needs TLS: set sslmode=verify-full".to_owned());
            }
            if mode != Some(Mode::VerifyFull) {
                notes.push(
                    "channel_binding=require cannot be honoured; the server's certificate is checked instead, as by \
                     sslmode=verify-full. Is it of an authority of your own? Name that in sslrootcert"
                        .to_owned(),
                );
            }
            mode = Some(Mode::VerifyFull);
        }
        Ok(Decided { mode: mode.map(Mode::word), authority, notes })
    }
}

impl Mode {
    fn word(self) -> &'static str {
        MODES.iter().find(|(_, mode)| *mode == self).map_or("verify-full", |(word, _)| word)
    }
}

/// On a socket there is nothing to encrypt, and the server does not offer it.
pub(super) const ON_A_SOCKET: PgSslMode = PgSslMode::Disable;

fn mode(name: &str, value: &str) -> Result<Mode, String> {
    let found = MODES.iter().find(|(word, _)| *word == value).map(|(_, mode)| *mode);
    found.ok_or_else(|| expected(name, &MODES.map(|(word, _)| word).join(", ")))
}

fn switch(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "true" | "1" | "on" => Ok(true),
        "false" | "0" | "off" => Ok(false),
        _ => Err(expected(name, "true, false")),
    }
}

fn expected(name: &str, words: &str) -> String {
    format!("the URL's {name} must be one of: {words}")
}

#[cfg(test)]
mod tests {
    use super::{Decided, Tls};

    fn decided(parameters: &[(&str, &str)]) -> Result<Decided, String> {
        let mut tls = Tls::default();
        for (name, value) in parameters {
            tls.take(name, value)?;
        }
        tls.decide()
    }

    fn mode(parameters: &[(&str, &str)]) -> Option<&'static str> {
        decided(parameters).unwrap().mode
    }

    #[test]
    fn the_words_of_other_drivers_mean_what_they_mean_there() {
        assert_eq!(mode(&[]), None);
        assert_eq!(mode(&[("ssl", "true")]), Some("require"));
        assert_eq!(mode(&[("ssl", "false")]), Some("disable"));
        assert_eq!(mode(&[("ssl", "true"), ("sslmode", "verify-full")]), Some("verify-full"));
        assert_eq!(mode(&[("sslmode", "no-verify")]), Some("require"));
        assert_eq!(mode(&[("sslaccept", "strict")]), Some("verify-full"));
    }

    #[test]
    fn what_cannot_be_honoured_is_replaced_by_something_stricter() {
        let binding = ("channel_binding", "require");
        for weaker in [&[binding][..], &[("sslmode", "require"), binding], &[("sslmode", "prefer"), binding]]
        {
            let decided = decided(weaker).unwrap();
            assert_eq!(decided.mode, Some("verify-full"));
            assert!(decided.notes[0].contains("channel_binding"));
        }
        assert_eq!(decided(&[("sslmode", "verify-full"), binding]).unwrap().notes, [""; 0]);
        assert_eq!(mode(&[("sslrootcert", "system")]), Some("verify-full"));
        assert_eq!(mode(&[("sslmode", "require"), ("sslrootcert", "/ca.pem")]), Some("verify-ca"));
        let unchecked = decided(&[("sslrootcert", "/ca.pem")]).unwrap();
        assert!(unchecked.notes[0].contains("not checked"));
    }

    #[test]
    fn contradictions_and_words_that_nobody_knows_are_refused() {
        for wrong in [
            &[("sslmode", "verify_full")][..],
            &[("sslmode", "VERIFY-FULL")],
            &[("sslmode", "")],
            &[("ssl", "yes")],
            &[("ssl", "true"), ("sslmode", "disable")],
            &[("ssl", "false"), ("sslmode", "require")],
            &[("sslmode", "require"), ("sslrootcert", "system")],
            &[("sslmode", "disable"), ("channel_binding", "require")],
            &[("channel_binding", "required")],
            &[("ssl_min_protocol_version", "TLSv1.3")],
            &[("sslcert", "/own.pem")],
        ] {
            assert!(decided(wrong).is_err(), "{wrong:?}");
        }
    }
}
