//! Paths, methods, origins and pages.

use std::fs;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};

use crate::intake::{BATCH, EVENT, Intake, problem, raw};

const STATS: &str = "/api/telemetry/prompt/p/stats";
const PERFORMANCE: &str = "/api/telemetry/prompts/performance";

#[tokio::test]
async fn a_path_that_is_not_there_is_a_problem() {
    let intake = Intake::start_alone(&[]).await;
    for path in ["/nothing", "/api", "/api/telemetry", "/api/telemetry/nothing/", "/..%2f..%2fetc/passwd"] {
        problem(intake.get(path).send().await.unwrap(), 404, "not_found").await;
    }
    problem(intake.post("/nothing").send().await.unwrap(), 404, "not_found").await;
}

#[tokio::test]
async fn another_method_is_a_problem_that_names_the_right_ones() {
    let intake = Intake::start_alone(&[]).await;
    let calls =
        [(EVENT, "POST"), (BATCH, "POST"), (STATS, "GET,HEAD"), (PERFORMANCE, "GET,HEAD"), ("/", "GET,HEAD")];
    for (path, allowed) in calls {
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE] {
            let response = intake.request(method, path).send().await.unwrap();
            assert_eq!(response.headers()["allow"], allowed, "{path}");
            problem(response, 405, "method_not_allowed").await;
        }
        let options = intake.request(Method::OPTIONS, path).send().await.unwrap();
        assert_eq!(
            (options.status().as_u16(), &options.headers()["allow"]),
            (204, &HeaderValue::from_static(allowed))
        );
    }
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let intake = Intake::start_alone(&[]).await;
    let get = intake.get("/openapi.json").send().await.unwrap();
    let head = intake.request(Method::HEAD, "/openapi.json").send().await.unwrap();
    assert_eq!((get.status().as_u16(), head.status().as_u16()), (200, 200));
    assert_eq!(get.headers()["content-length"], head.headers()["content-length"]);
    assert_eq!(head.bytes().await.unwrap().len(), 0);
}

#[tokio::test]
async fn no_answer_may_be_taken_for_another_type_than_it_says() {
    let intake = Intake::start_alone(&[]).await;
    for path in ["/", "/nothing", "/openapi.json", EVENT, STATS, PERFORMANCE] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::OPTIONS] {
            let response = intake.request(method.clone(), path).send().await.unwrap();
            assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_description_is_served() {
    let intake = Intake::start_alone(&[]).await;
    let response = intake.get("/openapi.json").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    let served: serde_json::Value = response.json().await.unwrap();
    assert_eq!(served, serde_json::to_value(ingest::openapi::document()).unwrap());
}

fn preflight(origin: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("origin", origin.parse().unwrap());
    headers.insert("access-control-request-method", "POST".parse().unwrap());
    headers.insert(
        "access-control-request-headers",
        "content-type,authorization,content-encoding".parse().unwrap(),
    );
    headers
}

#[tokio::test]
async fn pages_of_configured_origins_may_call_and_see_when_to_try_again() {
    let intake = Intake::start_alone(&["--cors-origins=https://a.example,https://b.example"]).await;
    let asked =
        intake.request(Method::OPTIONS, BATCH).headers(preflight("https://b.example")).send().await.unwrap();
    assert_eq!(asked.status(), 200);
    assert_eq!(asked.headers()["access-control-allow-origin"], "https://b.example");
    let allowed = asked.headers()["access-control-allow-headers"].to_str().unwrap().to_owned();
    for header in ["content-type", "authorization", "content-encoding"] {
        assert!(allowed.contains(header), "{allowed}");
    }
    assert!(asked.headers().contains_key("access-control-max-age"));

    // An error too: else the page could not read Retry-After.
    let request = intake.request(Method::POST, EVENT).header("origin", "https://a.example");
    let refused = request.body("{}").send().await.unwrap();
    assert_eq!(refused.headers()["access-control-allow-origin"], "https://a.example");
    assert_eq!(refused.headers()["access-control-expose-headers"], "retry-after");
    problem(refused, 415, "unsupported_media_type").await;
}

/// The answer to a preflight of that origin, with these headers beside it.
async fn asked(intake: &Intake, origin: &str, more: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = preflight(origin);
    for (name, value) in more {
        headers.insert(*name, value.parse().unwrap());
    }
    let response = intake.request(Method::OPTIONS, BATCH).headers(headers).send().await.unwrap();
    assert_eq!(response.status(), 200, "{origin}");
    response.headers().clone()
}

#[tokio::test]
async fn pages_of_other_origins_may_not() {
    let allowed = "https://a.example, https://*.b.example";
    let intake = Intake::start_alone(&["--cors-origins", allowed]).await;
    let private = [("access-control-request-private-network", "true")];
    for origin in [
        "https://evil.example",
        "https://a.example.evil.example",
        "http://a.example",
        "https://A.example",
        "https://b.example",
        "https://evilb.example",
        "https://x.b.example:8443",
        "https://evil.example/.b.example",
        "null",
    ] {
        let answer = asked(&intake, origin, &private).await;
        assert!(!answer.contains_key("access-control-allow-origin"), "{origin}");
        assert!(!answer.contains_key("access-control-allow-private-network"), "{origin}");
    }
}

#[tokio::test]
async fn an_origin_is_allowed_however_it_was_written_and_caches_are_told_what_the_answer_depends_on() {
    let written = "https://Other.example, HTTPS://App.Example:443, https://*.preview.example, https://m\u{fc}nchen.example";
    let intake = Intake::start_alone(&["--cors-origins", written]).await;
    for origin in [
        "https://other.example",
        "https://app.example",
        "https://pr-7.preview.example",
        "https://a.b.preview.example",
        "https://xn--mnchen-3ya.example",
    ] {
        let answer = asked(&intake, origin, &[]).await;
        assert_eq!(answer["access-control-allow-origin"], origin);
        assert!(!answer.contains_key("access-control-allow-credentials"));
        let vary: Vec<_> = answer.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
        for name in ["origin", "access-control-request-headers"] {
            assert!(vary.join(",").contains(name), "{vary:?}");
        }
    }
    // A cache between must not give one page's answer to another, or to one that is not allowed.
    for origin in ["https://app.example", "https://evil.example"] {
        let answer = intake.get("/openapi.json").header("origin", origin).send().await.unwrap();
        let vary = answer.headers()["vary"].to_str().unwrap().to_owned();
        assert!(vary.contains("origin"), "{vary}");
    }
}

#[tokio::test]
async fn a_page_may_send_whatever_headers_its_tools_add() {
    let intake = Intake::start_alone(&["--cors-origins=https://a.example"]).await;
    let names = "baggage,content-type,newrelic,sentry-trace,traceparent,tracestate,x-b3-traceid,\
                 x-datadog-parent-id,x-datadog-trace-id,x-requested-with,x-tenant";
    let answer = asked(&intake, "https://a.example", &[("access-control-request-headers", names)]).await;
    assert_eq!(answer["access-control-allow-headers"], names);
    let request = intake.request(Method::POST, EVENT).header("origin", "https://a.example");
    let refused =
        request.header("sentry-trace", "x").header("baggage", "a=b").body("{}").send().await.unwrap();
    problem(refused, 415, "unsupported_media_type").await;
}

#[tokio::test]
async fn a_page_may_call_an_intake_in_a_private_network_where_its_origin_is_allowed() {
    for (allowed, origin) in [("https://a.example", "https://a.example"), ("*", "https://any.example")] {
        let intake = Intake::start_alone(&["--cors-origins", allowed]).await;
        let private = [("access-control-request-private-network", "true")];
        let answer = asked(&intake, origin, &private).await;
        assert_eq!(answer["access-control-allow-private-network"], "true");
        assert!(!asked(&intake, origin, &[]).await.contains_key("access-control-allow-private-network"));
    }
}

#[tokio::test]
async fn where_every_origin_is_allowed_so_is_that_of_a_sandboxed_frame() {
    let intake = Intake::start_alone(&["--cors-origins=*"]).await;
    for origin in ["https://any.example", "null"] {
        assert_eq!(asked(&intake, origin, &[]).await["access-control-allow-origin"], "*");
    }
}

#[tokio::test]
async fn without_pages_the_answer_says_how_to_build_them() {
    let intake = Intake::start_alone(&[]).await;
    for path in ["/", "/panel"] {
        let problem = problem(intake.get(path).send().await.unwrap(), 404, "no_web_pages").await;
        assert!(problem.detail.contains("npm run build"), "{}", problem.detail);
    }
}

#[tokio::test]
async fn pages_are_served_from_their_folder_and_nothing_from_outside_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret.txt"), "secret").unwrap();
    let pages = folder.path().join("dist");
    fs::create_dir_all(pages.join("assets")).unwrap();
    fs::write(pages.join("index.html"), "the demo").unwrap();
    fs::write(pages.join("panel.html"), "the panel").unwrap();
    fs::write(pages.join("assets/a.js"), "code").unwrap();
    let intake = Intake::start_alone(&["--web-dir", pages.to_str().unwrap()]).await;
    for (path, text) in [("/", "the demo"), ("/panel", "the panel"), ("/assets/a.js", "code")] {
        let response = intake.get(path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        for rule in
            ["default-src 'none'", "script-src 'self';", "connect-src 'self'", "frame-ancestors 'none'"]
        {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin");
        assert!(header("permissions-policy").contains("microphone=()"));
        assert_eq!(response.text().await.unwrap(), text);
    }
    problem(intake.get("/assets/b.js").send().await.unwrap(), 404, "not_found").await;
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/assets/../../secret.txt",
        "//secret.txt",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = raw(intake.address, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
}
