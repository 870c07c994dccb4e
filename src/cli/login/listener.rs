//! Waiting on loopback for the browser to come back (RFC 8252 section 7.3).
//!
//! Invariants: only loopback addresses are bound; one answer is taken; the browser hears what became of it before the
//! door closes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use url::{Host, Url};

use super::page::{self, Page};
use super::{Exit, Failure};

/// The address the browser came back to, and the way to tell it what became of that.
pub(super) struct Answer {
    pub(super) url: Url,
    reply: oneshot::Sender<Page>,
}

impl Answer {
    /// Shows a page.
    pub(super) fn reply(self, page: Page) {
        // A browser that was closed needs no page.
        let _ = self.reply.send(page);
    }
}

/// Listens at the callback address.
pub(super) struct Listener {
    callback_url: Url,
    answers: mpsc::Receiver<Answer>,
    stop: Vec<oneshot::Sender<()>>,
    serving: Vec<tokio::task::JoinHandle<()>>,
}

impl Listener {
    /// Listens. Port 0 becomes a free one.
    pub(super) async fn open(callback_url: &Url) -> Result<Self, Failure> {
        let elsewhere = || {
            Failure::new(
                Exit::Usage,
                format!("halosync does not listen at {callback_url}: only on this machine, by plain http"),
            )
            .help("use --paste, or register an address such as http://127.0.0.1:8765/callback")
        };
        if callback_url.scheme() != "http" {
            return Err(elsewhere());
        }
        let addresses: Vec<IpAddr> = match callback_url.host() {
            Some(Host::Ipv4(ip)) if ip.is_loopback() => vec![ip.into()],
            Some(Host::Ipv6(ip)) if ip.is_loopback() => vec![ip.into()],
            // Never looked up: whatever the name server says, this machine is meant. Browsers take either.
            Some(Host::Domain(name)) if name.eq_ignore_ascii_case("localhost") => {
                vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            }
            _ => return Err(elsewhere()),
        };
        let mut callback_url = callback_url.clone();
        let mut listeners = Vec::new();
        for ip in addresses {
            let port = callback_url.port_or_known_default().unwrap_or(80);
            match TcpListener::bind(SocketAddr::new(ip, port)).await {
                Ok(listener) => {
                    if port == 0 {
                        let port = listener.local_addr()?.port();
                        let _ = callback_url.set_port(Some(port));
                    }
                    listeners.push(listener);
                }
                // A machine without IPv6 has only the other.
                Err(_) if !listeners.is_empty() => {}
                Err(error) => {
                    return Err(Failure::new(
                        Exit::Unavailable,
                        format!("cannot listen at {callback_url}: {error}"),
                    )
                    .help(
                        "end what uses the port, or register another one and set callbackUrl to it",
                    ));
                }
            }
        }
        let (send, answers) = mpsc::channel(1);
        let (mut stop, mut serving) = (Vec::new(), Vec::new());
        for listener in listeners {
            let (ender, ended) = oneshot::channel::<()>();
            let (send, callback) = (send.clone(), callback_url.clone());
            let routes = axum::Router::new().fallback(move |request: Request<Body>| {
                let (send, callback) = (send.clone(), callback.clone());
                let ours =
                    request.method() == Method::GET && request.uri().path() == callback.path();
                let query = ours.then(|| request.uri().query().map(str::to_owned));
                async move { respond(query, &send, &callback).await }
            });
            serving.push(tokio::spawn(async move {
                let _ = axum::serve(listener, routes)
                    .with_graceful_shutdown(async move {
                        let _ = ended.await;
                    })
                    .await;
            }));
            stop.push(ender);
        }
        Ok(Self {
            callback_url,
            answers,
            stop,
            serving,
        })
    }

    /// The callback address, with the port that is listened on.
    pub(super) fn callback_url(&self) -> &Url {
        &self.callback_url
    }

    /// Waits for the browser.
    pub(super) async fn answer(&mut self) -> Result<Answer, Failure> {
        self.answers
            .recv()
            .await
            .ok_or_else(|| Failure::new(Exit::Unexpected, "the listener broke down"))
    }

    /// Lets the last page out and closes.
    pub(super) async fn close(mut self) {
        self.stop.clear();
        for serving in &mut self.serving {
            if tokio::time::timeout(Duration::from_secs(2), &mut *serving)
                .await
                .is_err()
            {
                serving.abort();
            }
        }
    }
}

/// Answers a request; `None` is one to another address, the inner option its query.
#[expect(
    clippy::option_option,
    reason = "no query and another address are different things"
)]
async fn respond(
    query: Option<Option<String>>,
    send: &mpsc::Sender<Answer>,
    callback: &Url,
) -> Response<Body> {
    let page = if let Some(query) = query {
        let mut url = callback.clone();
        url.set_query(query.as_deref());
        let (reply, replied) = oneshot::channel();
        // Full means that an answer is being looked at already.
        match send.try_send(Answer { url, reply }) {
            Ok(()) => replied.await.unwrap_or_else(|_| page::not_found()),
            Err(_) => page::failed("An answer came before this one."),
        }
    } else {
        page::not_found()
    };
    Response::builder()
        .status(StatusCode::from_u16(page.status).unwrap_or(StatusCode::OK))
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-store")
        // The address holds the code: nothing may hear of it.
        .header(header::REFERRER_POLICY, "no-referrer")
        .header(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        )
        .header(header::CONNECTION, "close")
        .body(Body::from(page.html))
        .unwrap_or_else(|_| Response::new(Body::empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_this_machine_is_listened_on() {
        for address in [
            "http://0.0.0.0:0/callback",
            "http://192.0.2.1:0/callback",
            "http://example.com/callback",
            "http://localhost.example.com:0/callback",
            "https://127.0.0.1:0/callback",
        ] {
            let url = Url::parse(address).unwrap();
            let failure = Listener::open(&url).await.err().unwrap();
            assert_eq!(failure.exit, Exit::Usage, "{address}");
        }
        let url = Url::parse("http://localhost:0/callback").unwrap();
        let listener = Listener::open(&url).await.unwrap();
        assert_ne!(listener.callback_url().port(), Some(0));
        listener.close().await;
    }
}
