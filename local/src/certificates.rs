//! Certificates for a day or two: an authority and what it signs, made by the system's `openssl`.
//!
//! They name the host `localhost` and no other, so `127.0.0.1` leads to the same server by a name that is not in its
//! certificate. Keys are not encrypted. Knows nothing of who uses them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Error;
use crate::process::Program;

const DEADLINE: Duration = Duration::from_secs(30);

/// Instead of the system's settings, which add extensions of their own.
const SETTINGS: &str = "[req]\ndistinguished_name = subject\n[subject]\n\
    [authority]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign\n\
    [bearer]\nbasicConstraints = critical, CA:FALSE\nsubjectAltName = DNS:localhost\n";

/// The host that all certificates are for.
pub const HOST: &str = "localhost";

/// Somebody who signs certificates.
#[derive(Clone, Debug)]
pub struct Authority {
    folder: PathBuf,
    /// Its own certificate, which whoever trusts it must know.
    pub own: Certificate,
}

/// A certificate and its key, PEM files both.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub chain: PathBuf,
    /// The key, in PKCS #8.
    pub key: PathBuf,
}

impl Authority {
    /// A new one called `name`, whose files lie in `folder`, which exists.
    ///
    /// # Errors
    /// When `openssl` is missing or fails.
    pub async fn new(folder: &Path, name: &str) -> Result<Authority, Error> {
        let settings = folder.join("openssl.cnf");
        fs::write(&settings, SETTINGS).map_err(Error::file("write", &settings))?;
        let own = Certificate::make(folder, name, "authority", None).await?;
        Ok(Authority { folder: folder.to_owned(), own })
    }

    /// A certificate for `name` on [`HOST`], good for servers and clients.
    ///
    /// # Errors
    /// When `openssl` fails.
    pub async fn issue(&self, name: &str) -> Result<Certificate, Error> {
        Certificate::make(&self.folder, name, "bearer", Some(&self.own)).await
    }
}

impl Certificate {
    async fn make(
        folder: &Path,
        name: &str,
        kind: &str,
        signed_by: Option<&Certificate>,
    ) -> Result<Certificate, Error> {
        let made = Certificate {
            chain: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        };
        let mut openssl = Program::new("openssl", "openssl")?
            .with(["req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"])
            .with(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-extensions", kind])
            .with(["-subj", &format!("/CN={name}"), "-config"])
            .with([folder.join("openssl.cnf")])
            .with(["-keyout".into(), made.key.clone().into_os_string()])
            .with(["-out".into(), made.chain.clone().into_os_string()]);
        if let Some(authority) = signed_by {
            openssl = openssl
                .with(["-CA".into(), authority.chain.clone().into_os_string()])
                .with(["-CAkey".into(), authority.key.clone().into_os_string()]);
        }
        openssl.run(DEADLINE).await?;
        Ok(made)
    }
}
