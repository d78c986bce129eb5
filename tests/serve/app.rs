//! The service that the tests serve.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use ssekit::serve::{Drained, RequestBody, Server};
use tokio::{
    net::TcpListener,
    sync::{Notify, oneshot},
    task::JoinHandle,
};

use crate::script::Scripts;

pub(crate) type AnyBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;
type Call = Pin<Box<dyn Future<Output = Result<Response<AnyBody>, Infallible>> + Send>>;

/// A tower service.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) scripts: Scripts,
    /// Headers of the event stream, beside its content type.
    pub(crate) headers: Arc<HeaderMap>,
    /// Notified when a request has been answered whose body is still to come.
    pub(crate) early: Arc<Notify>,
}

/// A server with the service, on a socket.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) scripts: Scripts,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Drained>,
}

impl Running {
    pub(crate) async fn start(server: Server) -> Self {
        Self::with_headers(server, HeaderMap::new()).await
    }

    pub(crate) async fn with_headers(server: Server, headers: HeaderMap) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = App { headers: Arc::new(headers), ..App::new() };
        let scripts = app.scripts.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(server.serve_until(listener, app, async {
            let _ = stopped.await;
        }));
        Self { address, scripts, stop, server }
    }

    pub(crate) async fn stop(self) -> Drained {
        let _ = self.stop.send(());
        self.server.await.unwrap()
    }
}

impl App {
    pub(crate) fn new() -> Self {
        Self { scripts: Scripts::new(), headers: Arc::default(), early: Arc::default() }
    }

    fn events(&self) -> Response<AnyBody> {
        let mut response = Response::new(any(self.scripts.body()));
        *response.headers_mut() = (*self.headers).clone();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response
    }

    async fn answer(self, request: Request<RequestBody>) -> Response<AnyBody> {
        if request.method() == Method::CONNECT {
            return self.events();
        }
        let path = request.uri().path().to_owned();
        match path.as_str() {
            "/events" | "/unread" => self.events(),
            // Reads the body as most do: to its end, or to the last byte that its length allows for.
            "/read" => {
                let mut body = request.into_body();
                while !body.is_end_stream() {
                    if body.frame().await.transpose().unwrap().is_none() {
                        break;
                    }
                }
                self.events()
            }
            "/early" => {
                tokio::spawn(async move {
                    self.early.notify_one();
                    request.into_body().collect().await
                });
                status(Response::new(any(Empty::new())), StatusCode::NO_CONTENT)
            }
            "/created" => status(self.events(), StatusCode::CREATED),
            "/html" => with(self.events(), "content-type", "text/html"),
            "/length" => with(Response::new(any(Full::from("data: a\n\n"))), "content-length", "9"),
            "/known" => {
                with(Response::new(any(Full::from("data: a\n\n"))), "content-type", "text/event-stream")
            }
            "/empty" => with(Response::new(any(Empty::new())), "content-type", "text/event-stream"),
            "/chunked" => with(self.events(), "transfer-encoding", "chunked"),
            "/encoded" => with(self.events(), "content-encoding", "identity"),
            "/trailer" => with(self.events(), "trailer", "x-last"),
            "/upgradable" => with(self.events(), "upgrade", "h2c"),
            "/reason" => {
                let mut response = self.events();
                response.extensions_mut().insert(hyper::ext::ReasonPhrase::from_static(b"Fine"));
                response
            }
            "/big" => Response::new(any(Full::from(vec![b'x'; BIG]))),
            "/upgrade" => upgrade(request),
            _ => Response::new(any(Full::from("text"))),
        }
    }
}

impl tower_service::Service<Request<RequestBody>> for App {
    type Response = Response<AnyBody>;
    type Error = Infallible;
    type Future = Call;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Call {
        let app = self.clone();
        Box::pin(async move { Ok(app.answer(request).await) })
    }
}

/// Answers 101, then sends back what comes, in capitals.
fn upgrade(request: Request<RequestBody>) -> Response<AnyBody> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    assert_eq!(request.method(), Method::GET);
    tokio::spawn(async move {
        let upgraded = hyper::upgrade::on(request).await.unwrap();
        let mut stream = hyper_util::rt::TokioIo::new(upgraded);
        let mut text = [0; 5];
        stream.read_exact(&mut text).await.unwrap();
        stream.write_all(&text.to_ascii_uppercase()).await.unwrap();
    });
    let response = with(Response::new(any(Empty::new())), "connection", "upgrade");
    status(with(response, "upgrade", "loud"), StatusCode::SWITCHING_PROTOCOLS)
}

pub(crate) fn any<B>(body: B) -> AnyBody
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    body.map_err(Into::into).boxed_unsync()
}

fn with(mut response: Response<AnyBody>, name: &'static str, value: &'static str) -> Response<AnyBody> {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

fn status(mut response: Response<AnyBody>, status: StatusCode) -> Response<AnyBody> {
    *response.status_mut() = status;
    response
}

/// More than the sockets' buffers hold.
pub(crate) const BIG: usize = 16 << 20;
