//! The committed description is the code's, so that whoever generates from the file generates from the service.

use std::path::Path;

#[test]
#[expect(clippy::disallowed_methods, reason = "a test has no command line of its own")]
fn the_committed_description_is_the_codes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let mut described = serde_json::to_string_pretty(&ingest::openapi::document()).unwrap();
    described.push('\n');
    if std::env::var("UPDATE_OPENAPI").is_ok() {
        std::fs::write(&path, &described).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == described,
        "ingest/openapi.json is out of date; run `UPDATE_OPENAPI=1 cargo test -p prompt-telemetry-ingest description`"
    );
}
