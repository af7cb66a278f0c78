//! Requests over real connections.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const TOKEN: &str = "0123456789abcdef";

async fn web(change: impl FnOnce(&mut Options)) -> (Web, Arc<Desk>) {
    let mut options = Options {
        listen: vec!["127.0.0.1:0".parse().expect("an address")],
        host: "web1".to_owned(),
        metrics: true,
        heartbeats: true,
        alertmanager: true,
        connections_max: 4,
        body_bytes_max: 1_000,
        time_max: Duration::from_secs(20),
    };
    change(&mut options);
    let desk = Arc::new(Desk::new(2));
    let token = Token::new(TOKEN).expect("a token");
    (Web::start(options, token, desk.clone()).expect("a port"), desk)
}

/// Sends bytes and reads to the end; the status line and the body.
async fn send(web: &Web, request: &str) -> (String, String) {
    let mut socket = TcpStream::connect(web.addresses()[0]).await.expect("connected");
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // What is refused in the middle may end with a reset.
    let _ = socket.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).expect("text");
    let status = answer.lines().next().unwrap_or_default().to_owned();
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, body.to_owned())
}

async fn ask(web: &Web, method: &str, path: &str, body: &str) -> (String, String) {
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n");
    send(web, &format!("{head}Content-Length: {length}\r\n\r\n{body}")).await
}

#[tokio::test]
async fn without_the_token_nothing_is_told() {
    let (web, _) = web(|_| {}).await;
    for path in ["/metrics", "/alertmanager", "/nothing"] {
        let (status, _) = send(&web, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert_eq!(status, "HTTP/1.1 401 Unauthorized", "{path}");
    }
    let wrong = "GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 0123456789abcdee\r\n\r\n";
    assert_eq!(send(&web, wrong).await.0, "HTTP/1.1 401 Unauthorized");
    assert_eq!(
        ask(&web, "GET", "/metrics", "").await.0,
        "HTTP/1.1 503 Service Unavailable"
    );
    assert_eq!(ask(&web, "GET", "/nothing", "").await.0, "HTTP/1.1 404 Not Found");
    assert_eq!(
        ask(&web, "POST", "/metrics", "").await.0,
        "HTTP/1.1 405 Method Not Allowed"
    );
    assert_eq!(
        ask(&web, "GET", "/heartbeat/backup", "").await.1,
        "there is no heartbeat 'backup'\n"
    );
}

#[tokio::test]
async fn what_is_not_enabled_is_not_there() {
    let (web, _) = web(|options| {
        options.metrics = false;
        options.heartbeats = false;
        options.alertmanager = false;
    })
    .await;
    for path in ["/metrics", "/alertmanager", "/heartbeat/backup"] {
        assert_eq!(ask(&web, "GET", path, "").await.0, "HTTP/1.1 404 Not Found", "{path}");
    }
}

#[tokio::test]
async fn others_alerts_are_heard_as_far_as_there_is_room() {
    let (web, _) = web(|_| {}).await;
    let firing = |name: &str| format!(r#"{{"status":"firing","labels":{{"alertname":"{name}"}}}}"#);
    let post = |names: &[&str]| {
        let alerts: Vec<String> = names.iter().map(|name| firing(name)).collect();
        format!(r#"{{"version":"4","alerts":[{}]}}"#, alerts.join(","))
    };
    assert_eq!(
        ask(&web, "POST", "/alertmanager", &post(&["a", "b"])).await.0,
        "HTTP/1.1 200 OK"
    );
    assert_eq!(
        ask(&web, "POST", "/alertmanager", &post(&["c"])).await.0,
        "HTTP/1.1 429 Too Many Requests"
    );
    assert_eq!(
        ask(&web, "POST", "/alertmanager", "{}").await.0,
        "HTTP/1.1 400 Bad Request"
    );
}

#[tokio::test]
async fn heads_bodies_times_and_connections_are_bounded() {
    let (web, _) = web(|options| options.time_max = Duration::from_millis(300)).await;
    let large = "x".repeat(1_001);
    assert_eq!(
        ask(&web, "POST", "/alertmanager", &large).await.0,
        "HTTP/1.1 413 Payload Too Large"
    );
    let chunked = "Transfer-Encoding: chunked\r\n\r\n400\r\n";
    let head = format!("POST /alertmanager HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n{chunked}");
    let body = ["y".repeat(1_024), "\r\n0\r\n\r\n".to_owned()].concat();
    assert_eq!(
        send(&web, &[head, body].concat()).await.0,
        "HTTP/1.1 413 Payload Too Large"
    );
    let (status, _) = send(
        &web,
        &format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "z".repeat(HEAD_BYTES_MAX)),
    )
    .await;
    assert_eq!(status, "HTTP/1.1 431 Request Header Fields Too Large");
    // Silent connections take every place, and lose it when their time is over.
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(TcpStream::connect(web.addresses()[0]).await.expect("connected"));
    }
    assert_eq!(ask(&web, "GET", "/nothing", "").await.0, "", "closed");
    for mut socket in silent {
        let _ = socket.read_to_end(&mut Vec::new()).await;
    }
    assert_eq!(ask(&web, "GET", "/nothing", "").await.0, "HTTP/1.1 404 Not Found");
}

#[tokio::test]
async fn a_listener_that_nobody_connects_to_keeps_no_place() {
    let (web, _) = web(|options| {
        options.connections_max = 1;
        options.listen.push(options.listen[0]);
    })
    .await;
    assert_eq!(web.addresses().len(), 2);
    assert_eq!(ask(&web, "GET", "/nothing", "").await.0, "HTTP/1.1 404 Not Found");
}

#[tokio::test(start_paused = true)]
async fn who_sends_no_head_has_less_time_than_a_request() {
    let (web, _) = web(|_| {}).await;
    let start = tokio::time::Instant::now();
    let (status, _) = send(&web, "GET /metrics HTTP/1.1\r\nHost:").await;
    let spent = start.elapsed();
    assert!(
        spent >= HEAD_TIME_MAX && spent < HEAD_TIME_MAX * 2,
        "{spent:?}: {status}"
    );
}
