//! The aggregates equal what one plain query makes of the raw rows.

use local::oracle;
use sqlx::PgConnection;

pub(crate) async fn assert_aggregates_equal_rows(connection: &mut PgConnection) {
    let different = oracle::differences(connection).await.unwrap();
    assert!(different.is_empty(), "the views differ from the raw rows: {different:#?}");
}
