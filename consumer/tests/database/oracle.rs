//! The truth, which `local` counts from the raw rows.

use sqlx::PgConnection;

/// Where the views differ from the rows; empty when they agree. The connection is the owner's.
pub(crate) async fn differences(owner: &mut PgConnection) -> Vec<String> {
    local::oracle::differences(owner).await.unwrap()
}
