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
    for path in ["/nothing", "/api", "/api/telemetry", "/api/telemetry/prompt/", "/..%2f..%2fetc/passwd"] {
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

#[tokio::test]
async fn pages_of_other_origins_may_not() {
    let intake = Intake::start_alone(&["--cors-origins=https://a.example"]).await;
    let asked = intake
        .request(Method::OPTIONS, BATCH)
        .headers(preflight("https://evil.example"))
        .send()
        .await
        .unwrap();
    assert!(!asked.headers().contains_key("access-control-allow-origin"));
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
