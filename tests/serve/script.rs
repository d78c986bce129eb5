//! A body whose frames a test sends one by one.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use tokio::sync::{mpsc, oneshot};

/// What a body does next.
pub(crate) enum Step {
    Data(Bytes),
    Trailers,
    Fail,
    Panic,
}

/// The test's end of a body.
pub(crate) struct Script {
    steps: Option<mpsc::UnboundedSender<Step>>,
    dropped: oneshot::Receiver<()>,
}

pub(crate) struct Scripted {
    steps: mpsc::UnboundedReceiver<Step>,
    _dropped: oneshot::Sender<()>,
}

/// The test's ends of the bodies that a service has made, in the order of its calls.
#[derive(Clone)]
pub(crate) struct Scripts {
    made: Arc<Mutex<mpsc::UnboundedReceiver<Script>>>,
    sender: mpsc::UnboundedSender<Script>,
}

pub(crate) fn scripted() -> (Script, Scripted) {
    let (steps, receiver) = mpsc::unbounded_channel();
    let (sender, dropped) = oneshot::channel();
    (Script { steps: Some(steps), dropped }, Scripted { steps: receiver, _dropped: sender })
}

impl Script {
    pub(crate) fn step(&self, step: Step) {
        let _ = self.steps.as_ref().expect("the body has not ended").send(step);
    }

    pub(crate) fn send(&self, data: impl Into<Bytes>) {
        self.step(Step::Data(data.into()));
    }

    /// Ends the body in order.
    pub(crate) fn end(&mut self) {
        self.steps = None;
    }

    /// Waits until the server has dropped the body.
    pub(crate) async fn dropped(&mut self) {
        let _ = (&mut self.dropped).await;
    }

    pub(crate) fn is_dropped(&mut self) -> bool {
        !matches!(self.dropped.try_recv(), Err(oneshot::error::TryRecvError::Empty))
    }
}

impl Scripts {
    pub(crate) fn new() -> Self {
        let (sender, made) = mpsc::unbounded_channel();
        Self { made: Arc::new(Mutex::new(made)), sender }
    }

    pub(crate) fn body(&self) -> Scripted {
        let (script, body) = scripted();
        let _ = self.sender.send(script);
        body
    }

    /// Waits until the service has made the next body.
    pub(crate) async fn next(&self) -> Script {
        std::future::poll_fn(|cx| self.made.lock().unwrap().poll_recv(cx)).await.expect("a sender is kept")
    }
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(match ready!(self.steps.poll_recv(cx)) {
            None => None,
            Some(Step::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Step::Trailers) => Some(Ok(Frame::trailers(HeaderMap::new()))),
            Some(Step::Fail) => Some(Err(io::Error::other("the body fails"))),
            Some(Step::Panic) => panic!("the body panics, as the test wants it to"),
        })
    }
}
