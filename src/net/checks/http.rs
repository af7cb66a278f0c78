//! An HTTP check: one GET over a connection of its own.

use super::connect;
use super::tls::Authorities;
use crate::monitor::checks::{Address, Certificate, HttpAnswer, HttpCheck, Verdict};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Response, Uri, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Bytes of a body that are searched.
const BODY_BYTES_MAX: usize = 256 * 1024;

pub(super) async fn look(check: &HttpCheck, authorities: &Authorities) -> Verdict {
    let start = Instant::now();
    let mut certificate = None;
    match ask(check, authorities, &mut certificate).await {
        Ok((status, body)) => {
            let time = start.elapsed();
            Verdict {
                time: Some(time),
                certificate,
                ..check.judge(&HttpAnswer { status, body, time })
            }
        }
        Err(why) => Verdict {
            certificate,
            ..Verdict::down(&why)
        },
    }
}

async fn ask(
    check: &HttpCheck,
    authorities: &Authorities,
    certificate: &mut Option<Certificate>,
) -> Result<(u16, Vec<u8>), String> {
    let uri: Uri = check.url.parse().map_err(|error| format!("{}: {error}", check.url))?;
    let secure = uri.scheme_str() == Some("https");
    let address = address(&uri, secure)?;
    if !secure {
        let socket = connect(&address).await?;
        return speak(check, &uri, socket).await;
    }
    let secured = authorities
        .handshake(&address, check.authorities.as_deref(), &[b"http/1.1"])
        .await?;
    certificate.clone_from(&secured.certificate);
    match secured.distrust {
        Some(why) => Err(why),
        None => speak(check, &uri, secured.stream).await,
    }
}

fn address(uri: &Uri, secure: bool) -> Result<Address, String> {
    let host = uri.host().ok_or("the address names no host")?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    Ok(Address {
        host: bare.unwrap_or(host).to_owned(),
        port: uri.port_u16().unwrap_or(if secure { 443 } else { 80 }),
    })
}

async fn speak(
    check: &HttpCheck,
    uri: &Uri,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<(u16, Vec<u8>), String> {
    let broken = |error: hyper::Error| format!("no HTTP: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // It ends with this function, whatever the server does.
    let mut driven = JoinSet::new();
    driven.spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let request = Request::get(path)
        .header(HOST, host)
        .header(USER_AGENT, concat!("watchpost/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(broken)?;
    let status = answer.status().as_u16();
    match check.keyword {
        Some(_) => Ok((status, body(answer).await.map_err(broken)?)),
        None => Ok((status, Vec::new())),
    }
}

/// The body's beginning.
async fn body(mut answer: Response<Incoming>) -> Result<Vec<u8>, hyper::Error> {
    let mut body = Vec::new();
    while let Some(frame) = answer.frame().await {
        if let Ok(data) = frame?.into_data() {
            body.extend_from_slice(&data[..data.len().min(BODY_BYTES_MAX - body.len())]);
        }
        if body.len() >= BODY_BYTES_MAX {
            break;
        }
    }
    Ok(body)
}
