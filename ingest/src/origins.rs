//! Whose pages may call the API from a browser: the configured origins, in the form in which browsers send them.
//!
//! Browsers write an origin in lower case, with an international name in its ASCII form and without the scheme's default
//! port. What a person writes is brought into that form, and what no browser would ever send is refused. Knows nothing of
//! CORS headers.

use std::str::FromStr;

use url::{Host, Url};

/// The origins whose pages may call. None by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<Origin>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    /// Every page, in sandboxed frames and files too.
    Any,
    /// One origin, as browsers send it.
    Exactly(String),
    /// Every host below a domain, at any depth, but not the domain itself: what `*.` means in a content security policy.
    Below {
        /// `https://`.
        scheme: String,
        /// The domain with a dot in front, and the port unless it is the scheme's default.
        domain: String,
    },
}

impl FromStr for Origins {
    type Err = String;

    /// Origins with commas or blanks between them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split(|letter: char| letter == ',' || letter.is_whitespace());
        let origins = parts.filter(|part| !part.is_empty()).map(origin).collect::<Result<Vec<_>, _>>()?;
        if origins.len() > 1 && origins.contains(&Origin::Any) {
            return Err("* already allows every origin: name the others or *, not both".to_owned());
        }
        Ok(Self(origins))
    }
}

impl Origins {
    /// Whether no page of another origin may call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every page may call.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0.contains(&Origin::Any)
    }

    /// Whether pages of `origin`, the value of a request's `Origin` header, may call.
    #[must_use]
    pub fn allow(&self, origin: &[u8]) -> bool {
        self.0.iter().any(|allowed| allowed.is(origin))
    }
}

impl Origin {
    fn is(&self, origin: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(one) => one.as_bytes() == origin,
            Self::Below { scheme, domain } => {
                let host = origin.strip_prefix(scheme.as_bytes());
                host.and_then(|host| host.strip_suffix(domain.as_bytes())).is_some_and(is_labels)
            }
        }
    }
}

/// Whether these are labels of a host name with dots between them, so that nothing else can hide before the domain.
fn is_labels(bytes: &[u8]) -> bool {
    let is_letter = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    bytes.split(|byte| *byte == b'.').all(|label| !label.is_empty() && label.iter().all(is_letter))
}

fn origin(text: &str) -> Result<Origin, String> {
    let refused = |reason: &str| format!("{text:?} is not an origin that a browser sends: {reason}");
    if text == "*" {
        return Ok(Origin::Any);
    }
    if text.eq_ignore_ascii_case("null") {
        return Err(refused("every sandboxed frame and every file has the origin null; only * allows those"));
    }
    let (scheme, rest) = text.split_once("://").ok_or_else(|| refused("write SCHEME://HOST[:PORT]"))?;
    if rest.contains(['/', '\\', '?', '#', '@']) {
        return Err(refused("write SCHEME://HOST[:PORT], without a path, a query or a login"));
    }
    let (wildcard, rest) = rest.strip_prefix("*.").map_or((false, rest), |domain| (true, domain));
    if scheme.contains('*') || rest.contains('*') {
        return Err(refused(
            "a * stands alone, or for the labels in front of a domain, as in https://*.example.com",
        ));
    }
    let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|error| refused(&error.to_string()))?;
    let host = host(&url)
        .ok_or_else(|| refused("pages have http, https or an application's own scheme, and a host"))?;
    if wildcard && !is_domain(&url) {
        return Err(refused("a * needs a domain behind it that is somebody's, such as *.example.com"));
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let scheme = format!("{}://", url.scheme());
    Ok(match wildcard {
        true => Origin::Below { scheme, domain: format!(".{host}{port}") },
        false => Origin::Exactly(format!("{scheme}{host}{port}")),
    })
}

/// The host as browsers write it, if pages can have it. An application's own scheme, such as `capacitor://localhost`, is
/// not known to the URL standard, so its host is taken as it is.
fn host(url: &Url) -> Option<String> {
    let host = url.host_str().filter(|host| !host.is_empty())?;
    match url.scheme() {
        "http" | "https" => Some(host.to_owned()),
        "ws" | "wss" | "ftp" | "file" | "blob" | "data" | "about" | "javascript" => None,
        _ => Some(host.to_ascii_lowercase()).filter(|host| !host.contains('%')),
    }
}

/// Whether other names can be below the host: it is a domain of two labels and more, or `localhost`.
fn is_domain(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => {
            domain == "localhost" || domain.trim_end_matches('.').trim_start_matches('.').contains('.')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Origins;

    fn origins(text: &str) -> Origins {
        text.parse().unwrap_or_else(|reason| panic!("{reason}"))
    }

    #[test]
    fn an_origin_is_matched_however_a_person_writes_it() {
        for (written, sent) in [
            ("https://a.example, https://b.example", "https://b.example"),
            ("https://a.example\n  https://b.example\n", "https://b.example"),
            (" https://a.example ,, ", "https://a.example"),
            ("https://App.Example.com", "https://app.example.com"),
            ("HTTPS://app.example", "https://app.example"),
            ("https://app.example:443", "https://app.example"),
            ("http://intranet.example:80", "http://intranet.example"),
            ("http://app.example:443", "http://app.example:443"),
            ("http://localhost:05173", "http://localhost:5173"),
            ("https://münchen.example", "https://xn--mnchen-3ya.example"),
            ("https://MÜNCHEN.example:8443", "https://xn--mnchen-3ya.example:8443"),
            ("https://例え.テスト", "https://xn--r8jz45g.xn--zckzah"),
            ("https://app.example.", "https://app.example."),
            ("http://127.1:3000", "http://127.0.0.1:3000"),
            ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("Chrome-Extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ] {
            assert!(origins(written).allow(sent.as_bytes()), "{written} {sent}");
        }
    }

    #[test]
    fn another_scheme_host_or_port_is_another_origin() {
        let allowed = origins("https://app.example:8443");
        for other in [
            "http://app.example:8443",
            "https://app.example",
            "https://app.example:84430",
            "https://app.example.evil.example:8443",
            "https://evilapp.example:8443",
            "https://sub.app.example:8443",
            "https://APP.example:8443",
            "null",
            "*",
            "",
        ] {
            assert!(!allowed.allow(other.as_bytes()), "{other}");
        }
        assert!(!Origins::default().allow(b"https://app.example"));
    }

    #[test]
    fn a_wildcard_stands_for_the_hosts_below_a_domain_at_any_depth_and_for_nothing_else() {
        let allowed = origins("https://*.Example.com:443");
        for below in ["https://a.example.com", "https://pr-7.web.example.com", "https://_x.example.com"] {
            assert!(allowed.allow(below.as_bytes()), "{below}");
        }
        for other in [
            "https://example.com",
            "https://.example.com",
            "https://evilexample.com",
            "https://a.example.com.evil.example",
            "https://evil.example/.example.com",
            "https://evil.example#.example.com",
            "https://evil.example?.example.com",
            "https://evil.example\\.example.com",
            "https://evil.example:1.example.com",
            "https://user@a.example.com",
            "https://a..example.com",
            "https://*.example.com",
            "https://A.example.com",
            "https://a.example.com:8443",
            "https://a.example.com.",
            "http://a.example.com",
            "https://é.example.com",
            "null",
        ] {
            assert!(!allowed.allow(other.as_bytes()), "{other}");
        }
        assert!(origins("http://*.localhost:5173").allow(b"http://tenant.localhost:5173"));
        assert!(!origins("http://*.localhost:5173").allow(b"http://localhost:5173"));
        assert!(origins("https://*.münchen.example").allow(b"https://a.xn--mnchen-3ya.example"));
    }

    #[test]
    fn what_no_browser_sends_is_refused_with_the_reason() {
        for (wrong, reason) in [
            ("app.example", "write SCHEME://HOST"),
            ("*.example.com", "write SCHEME://HOST"),
            ("https:app.example", "write SCHEME://HOST"),
            ("https://app.example/", "without a path"),
            ("https://app.example/path", "without a path"),
            ("https://app.example?x", "without a path"),
            ("https://app.example#x", "without a path"),
            ("https://user:password@app.example", "a login"),
            ("https://", "empty host"),
            ("https://:8080", "empty host"),
            ("app://", "a host"),
            ("file://folder", "pages have"),
            ("wss://app.example", "pages have"),
            ("null", "sandboxed frame"),
            ("NULL", "sandboxed frame"),
            ("https://*", "a * stands"),
            ("https://app-*.example.com", "a * stands"),
            ("https://*.*.example.com", "a * stands"),
            ("https://a.*.example.com", "a * stands"),
            ("http://localhost:*", "a * stands"),
            ("*://app.example", "a * stands"),
            ("https://*.com", "somebody's"),
            ("https://*.com.", "somebody's"),
            ("http://*.127.0.0.1", "somebody's"),
            ("https://app.example:99999", "port"),
            ("https://app example", "write SCHEME://HOST"),
            ("https://xn--a.example", "international"),
        ] {
            let refused = wrong.parse::<Origins>().expect_err(wrong);
            assert!(refused.contains(reason), "{wrong}: {refused}");
        }
        assert!("https://a.example,*".parse::<Origins>().unwrap_err().contains("not both"));
        assert_eq!(" , ".parse(), Ok(Origins::default()));
    }
}
