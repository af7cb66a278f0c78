//! Which path is answered by what.

use super::{Options, Token, alertmanager, metrics};
use crate::net::local::Desk;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Body;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response, StatusCode};
use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

const TEXT: &str = "text/plain; charset=utf-8";

/// The routes, and what they lead to.
pub(super) struct Routes {
    pub(super) options: Options,
    token: Token,
    desk: Arc<Desk>,
}

/// What a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route<'a> {
    Metrics,
    Alertmanager,
    /// A heartbeat's name, and whether its job has failed.
    Heartbeat(&'a str, bool),
}

/// A short answer.
struct Answer(StatusCode, String);

impl Routes {
    pub(super) fn new(options: Options, token: Token, desk: Arc<Desk>) -> Routes {
        Routes { options, token, desk }
    }

    /// Answers a request. Without the token nothing is told, not even what there is.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let authorization = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
        if !self.token.is_shown(authorization) {
            let mut refusal = plain(
                StatusCode::UNAUTHORIZED,
                "Show the token: Authorization: Bearer TOKEN\n".to_owned(),
            );
            refusal
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return refusal;
        }
        let (head, body) = request.into_parts();
        let Some(route) = self.route(head.uri.path()) else {
            return plain(StatusCode::NOT_FOUND, "There is nothing here.\n".to_owned());
        };
        let reads = head.method == Method::GET || head.method == Method::HEAD;
        let posts = head.method == Method::POST;
        let Answer(status, text) = match route {
            Route::Metrics if reads => return self.metrics(),
            Route::Heartbeat(name, failed) if reads => self.beat(name, failed, ""),
            Route::Heartbeat(name, failed) if posts => match self.read(body).await {
                Ok(text) => self.beat(name, failed, &String::from_utf8_lossy(&text)),
                Err(refusal) => refusal,
            },
            Route::Alertmanager if posts => match self.read(body).await {
                Ok(text) => self.hear(&text),
                Err(refusal) => refusal,
            },
            _ => Answer(StatusCode::METHOD_NOT_ALLOWED, "Not by this method.\n".to_owned()),
        };
        plain(status, text)
    }

    fn route<'a>(&self, path: &'a str) -> Option<Route<'a>> {
        match path {
            "/metrics" => self.options.metrics.then_some(Route::Metrics),
            "/alertmanager" => self.options.alertmanager.then_some(Route::Alertmanager),
            path => {
                let name = path.strip_prefix("/heartbeat/").filter(|_| self.options.heartbeats)?;
                Some(match name.strip_suffix("/failed") {
                    Some(name) => Route::Heartbeat(name, true),
                    None => Route::Heartbeat(name, false),
                })
            }
        }
    }

    async fn read<B>(&self, body: B) -> Result<Bytes, Answer>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let limited = Limited::new(body, self.options.body_bytes_max);
        match limited.collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                tracing::warn!("an HTTP request's body is larger than limits.http_body");
                Err(Answer(StatusCode::PAYLOAD_TOO_LARGE, "That is too much.\n".to_owned()))
            }
            Err(_) => Err(Answer(
                StatusCode::BAD_REQUEST,
                "That is not a whole request.\n".to_owned(),
            )),
        }
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        match self.desk.snapshot() {
            Some(snapshot) => response(
                StatusCode::OK,
                metrics::CONTENT,
                metrics::write(&snapshot, &self.options.host),
            ),
            None => plain(StatusCode::SERVICE_UNAVAILABLE, "There is no sample yet.\n".to_owned()),
        }
    }

    fn beat(&self, name: &str, failed: bool, reason: &str) -> Answer {
        let reason = match reason.trim() {
            "" => "the job said so",
            reason => reason,
        };
        match self.desk.beat(name, failed.then_some(reason)) {
            Ok(()) => Answer(StatusCode::OK, "OK\n".to_owned()),
            Err(error) => Answer(StatusCode::NOT_FOUND, format!("{error}\n")),
        }
    }

    fn hear(&self, text: &[u8]) -> Answer {
        match alertmanager::read(text) {
            Ok(alerts) => match self.desk.foreign().hear(alerts, SystemTime::now()) {
                0 => Answer(StatusCode::OK, "OK\n".to_owned()),
                refused => {
                    tracing::warn!(refused, "more alerts of others than limits.foreign_alerts allows");
                    Answer(
                        StatusCode::TOO_MANY_REQUESTS,
                        format!("{refused} alerts found no room.\n"),
                    )
                }
            },
            Err(why) => Answer(StatusCode::BAD_REQUEST, format!("{why}\n")),
        }
    }
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    response(status, TEXT, text)
}

fn response(status: StatusCode, content: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
