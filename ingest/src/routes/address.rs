//! Other spellings of a path that mean the same: a slash at its end, and a prompt id whose slashes a proxy has decoded.

use std::borrow::Cow;

use http::Uri;
use http::uri::PathAndQuery;

use crate::routes::{events, health};

/// Paths outside the API that may have a slash at their end. Not those of files, where it means a folder.
const PAGES: [&str; 3] = ["/panel", "/openapi.json", health::HEALTH];

/// Gives a request the path that the routes know.
pub(crate) fn settle<B>(request: &mut http::Request<B>) {
    let path = settled(request.uri().path());
    if let Cow::Owned(path) = path
        && let Some(uri) = with_path(request.uri(), path)
    {
        *request.uri_mut() = uri;
    }
}

fn settled(path: &str) -> Cow<'_, str> {
    let bare = path.trim_end_matches('/');
    let bare = if bare.starts_with("/api/") || PAGES.contains(&bare) { bare } else { path };
    let between = bare
        .strip_prefix(events::EVENT)
        .and_then(|rest| rest.strip_prefix('/'))
        .and_then(|rest| rest.strip_suffix("/stats"));
    match between {
        Some(id) if id.contains('/') => {
            Cow::Owned(format!("{}/{}/stats", events::EVENT, id.replace('/', "%2F")))
        }
        _ if bare.len() < path.len() => Cow::Owned(bare.to_owned()),
        _ => Cow::Borrowed(path),
    }
}

fn with_path(uri: &Uri, mut path: String) -> Option<Uri> {
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::{settle, settled};

    #[test]
    fn a_slash_at_the_end_does_not_count() {
        for (path, expected) in [
            ("/", "/"),
            ("/api/telemetry/prompt/", "/api/telemetry/prompt"),
            ("/api/telemetry/prompt/batch//", "/api/telemetry/prompt/batch"),
            ("/api/telemetry/prompts/performance/", "/api/telemetry/prompts/performance"),
            ("/api/telemetry/prompt/a/stats/", "/api/telemetry/prompt/a/stats"),
            ("/api/telemetry/prompt/stats/", "/api/telemetry/prompt/stats"),
            ("/panel/", "/panel"),
            ("/healthz/", "/healthz"),
            ("/assets/", "/assets/"),
        ] {
            assert_eq!(settled(path), expected);
        }
    }

    #[test]
    fn slashes_between_the_prefix_and_stats_are_the_ids() {
        for (path, expected) in [
            ("/api/telemetry/prompt/guides/first/stats", "/api/telemetry/prompt/guides%2Ffirst/stats"),
            ("/api/telemetry/prompt/a/stats/stats/", "/api/telemetry/prompt/a%2Fstats/stats"),
            ("/api/telemetry/prompt/a//b%20/stats", "/api/telemetry/prompt/a%2F%2Fb%20/stats"),
            ("/api/telemetry/prompt//stats", "/api/telemetry/prompt//stats"),
            ("/api/telemetry/prompt/a%2Fb/stats", "/api/telemetry/prompt/a%2Fb/stats"),
        ] {
            assert_eq!(settled(path), expected);
        }
    }

    #[test]
    fn the_query_stays_as_it_is() {
        let mut request = http::Request::new(());
        *request.uri_mut() = "/api/telemetry/prompt/a/b/stats/?lens=%2F&x=/".parse().unwrap();
        settle(&mut request);
        assert_eq!(request.uri(), "/api/telemetry/prompt/a%2Fb/stats?lens=%2F&x=/");
    }
}
