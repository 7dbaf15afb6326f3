//! The server's certificate and key, where it can read them and nobody else can.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::certificates::Certificate;
use crate::error::Error;
use crate::postgres::installation::Installation;

/// Copies them into `folder`, gives them to the user that runs the server, and answers with the settings that name them.
pub(super) fn install(
    certificate: &Certificate,
    folder: &Path,
    installation: &Installation,
) -> Result<Vec<(String, String)>, Error> {
    let mut settings = vec![("ssl".to_owned(), "on".to_owned())];
    for (setting, file) in [("ssl_cert_file", &certificate.chain), ("ssl_key_file", &certificate.key)] {
        let copy = folder.join(setting);
        fs::copy(file, &copy).map_err(Error::file("copy", file))?;
        // The server refuses a key that others can read.
        fs::set_permissions(&copy, Permissions::from_mode(0o600)).map_err(Error::file("protect", &copy))?;
        installation.hand_over(&copy)?;
        settings.push((setting.to_owned(), copy.display().to_string()));
    }
    Ok(settings)
}
