use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
};

use crate::client::protocol::Protocol;

/// Controls an [`EventSource`](crate::EventSource) from another task.
///
/// It is `Clone`, `Send` and `Sync`. Its methods return at once and wake the task that polls the source; they
/// take effect at that poll. If you call several before the poll, the last one wins, with two exceptions: the
/// ID of [`reconnect_after`](Self::reconnect_after) is kept, and [`close`](Self::close) is final. They do
/// nothing once the source is closed or dropped.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # fn main() {
/// # use http::{Request, Response};
/// # use http_body_util::Full;
/// # use ssekit::{EventSource, client::Update};
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// # let client = |_: Request<()>| async {
/// #     let response = Response::builder().header("content-type", "text/event-stream");
/// #     response.body(Full::new(&b"id: 7\ndata: hello\n\n"[..]))
/// # };
/// # let request = Request::get("http://localhost/events").body(()).unwrap();
/// let mut source = EventSource::new(client, request);
/// let handle = source.handle();
/// // The network is back, the user has logged out, a snapshot was loaded up to an ID:
/// tokio::spawn(async move { handle.reconnect_after("41") }).await.unwrap();
/// assert!(matches!(source.next().await, Some(Ok(Update::Opened(_)))));
/// # })
/// # }
/// # #[cfg(not(feature = "tokio"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct EventSourceHandle(Arc<Mutex<Control>>);

#[derive(Default)]
struct Control {
    wishes: Wishes,
    waker: Option<Waker>,
}

/// The requests made since the last poll.
#[derive(Default)]
struct Wishes {
    last_event_id: Option<String>,
    action: Option<Action>,
}

#[derive(Clone, Copy)]
enum Action {
    Reconnect,
    Pause,
    Resume,
    Close,
}

impl EventSourceHandle {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Control::default())))
    }

    /// Drops the connection and reconnects at once with the same last event ID. Also ends a wait or a pause.
    ///
    /// The server sends events again that were received but not yet yielded. Resets the count of
    /// reconnections in a row.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let client = |_: http::Request<()>| async {
    /// #     let response = http::Response::builder().header("content-type", "text/event-stream");
    /// #     response.body(String::from("id: 7\ndata: hello\n\n"))
    /// # };
    /// # let request = http::Request::new(());
    /// use ssekit::{EventSource, client::Update};
    ///
    /// let mut source = EventSource::new(client, request);
    /// assert!(matches!(source.next().await, Some(Ok(Update::Opened(_)))));
    /// source.handle().reconnect();
    /// assert!(matches!(source.next().await, Some(Ok(Update::Reconnecting { .. }))));
    /// # });
    /// ```
    pub fn reconnect(&self) {
        self.ask(|wishes| wishes.action = Some(Action::Reconnect));
    }

    /// Sets the last event ID, which may be empty, and reconnects at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let client = |_: http::Request<()>| async {
    /// #     let response = http::Response::builder().header("content-type", "text/event-stream");
    /// #     response.body(String::from("id: 7\ndata: hello\n\n"))
    /// # };
    /// # let request = http::Request::new(());
    /// use ssekit::EventSource;
    ///
    /// let mut source = EventSource::new(client, request);
    /// source.handle().reconnect_after("41");
    /// source.next().await;
    /// assert_eq!(source.last_event_id(), "41");
    /// # });
    /// ```
    pub fn reconnect_after(&self, last_event_id: impl Into<String>) {
        let id = last_event_id.into();
        self.ask(|wishes| *wishes = Wishes { last_event_id: Some(id), action: Some(Action::Reconnect) });
    }

    /// Drops the connection and makes no request until [`resume`](Self::resume) or
    /// [`reconnect`](Self::reconnect).
    ///
    /// After the pause the server sends events again that were received but not yet yielded.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let client = |_: http::Request<()>| async {
    /// #     let response = http::Response::builder().header("content-type", "text/event-stream");
    /// #     response.body(String::from("id: 7\ndata: hello\n\n"))
    /// # };
    /// # let request = http::Request::new(());
    /// use ssekit::{EventSource, client::Update};
    ///
    /// let mut source = EventSource::new(client, request);
    /// source.handle().pause();
    /// assert!(matches!(source.next().await, Some(Ok(Update::Paused))));
    /// # });
    /// ```
    pub fn pause(&self) {
        self.ask(|wishes| wishes.action = Some(Action::Pause));
    }

    /// Ends a pause and connects at once with the last event ID. Does nothing if the source is not paused.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let client = |_: http::Request<()>| async {
    /// #     let response = http::Response::builder().header("content-type", "text/event-stream");
    /// #     response.body(String::from("id: 7\ndata: hello\n\n"))
    /// # };
    /// # let request = http::Request::new(());
    /// use ssekit::{EventSource, client::Update};
    ///
    /// let mut source = EventSource::new(client, request);
    /// source.pause();
    /// assert!(matches!(source.next().await, Some(Ok(Update::Paused))));
    /// source.handle().resume();
    /// assert!(matches!(source.next().await, Some(Ok(Update::Opened(_)))));
    /// # });
    /// ```
    pub fn resume(&self) {
        self.ask(|wishes| {
            wishes.action = match wishes.action {
                None => Some(Action::Resume),
                Some(Action::Pause) => Some(Action::Reconnect),
                other => other,
            }
        });
    }

    /// Closes the source: drops the connection and ends the stream, without an error.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let client = |_: http::Request<()>| async {
    /// #     let response = http::Response::builder().header("content-type", "text/event-stream");
    /// #     response.body(String::from("id: 7\ndata: hello\n\n"))
    /// # };
    /// # let request = http::Request::new(());
    /// use ssekit::EventSource;
    ///
    /// let mut source = EventSource::new(client, request);
    /// source.handle().close();
    /// assert!(source.next().await.is_none());
    /// # });
    /// ```
    pub fn close(&self) {
        self.ask(|wishes| wishes.action = Some(Action::Close));
    }

    fn ask(&self, change: impl FnOnce(&mut Wishes)) {
        let mut control = self.lock();
        if !matches!(control.wishes.action, Some(Action::Close)) {
            change(&mut control.wishes);
        }
        let waker = control.waker.take();
        // Waking runs foreign code, which may call this handle: it must not hold the lock.
        drop(control);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Registers the task that polls the source, and applies the requests made since the last poll.
    pub(super) fn apply(&self, protocol: &mut Protocol, cx: &mut Context<'_>) {
        let mut control = self.lock();
        let wishes = std::mem::take(&mut control.wishes);
        let is_registered = control.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        let replaced = if is_registered { None } else { control.waker.replace(cx.waker().clone()) };
        drop(control);
        drop(replaced);
        wishes.apply(protocol);
    }

    fn lock(&self) -> MutexGuard<'_, Control> {
        // No code panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wishes {
    fn apply(self, protocol: &mut Protocol) {
        if let Some(id) = self.last_event_id {
            protocol.reconnect_after(id);
            if let Some(Action::Reconnect | Action::Resume) = self.action {
                return;
            }
        }
        match self.action {
            None => {}
            Some(Action::Reconnect) => protocol.reconnect(),
            Some(Action::Pause) => protocol.pause(),
            Some(Action::Resume) => protocol.resume(),
            Some(Action::Close) => protocol.close(),
        }
    }
}

impl fmt::Debug for EventSourceHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSourceHandle").finish_non_exhaustive()
    }
}
