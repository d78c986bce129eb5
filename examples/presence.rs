//! Who is here: a topic whose keys are users, over streams that end when their token expires or its user logs out.
//!
//! ```text
//! cargo run --features http-body,tokio --example presence
//! curl -N "localhost:3000/present?token=alice:$(($(date +%s) + 30))"    # ends after 30 seconds
//! curl -N "localhost:3000/present?token=bob:$(($(date +%s) + 30))"      # sees alice, and alice sees bob
//! curl -X DELETE "localhost:3000/present?token=bob:$(($(date +%s) + 5))" # ends all streams of bob
//! ```
//!
//! A user who opens the first stream is `here`, and is `gone` when the last one ends, in whatever way: several tabs count
//! as one user. New clients get those who are here, and clients that come back get what changed. A page keeps a set: it
//! adds the data of `here`, removes that of `gone`, and clears it at a `reset`.
//!
//! `EventSource` sends no headers, so the token is in the query. It ends up in logs, so let it expire soon. The tokens of
//! this program are not signed: put your own check into [`router`].

use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    extract::{RawQuery, State},
    http::{HeaderMap, Response, StatusCode},
    response::IntoResponse,
    routing::get,
    serve::ListenerExt,
};
use ssekit::{
    Bounds, Event, EventType, Hub, Subscribe,
    hub::{Close, Start, StreamHandle},
};
use tokio::time::sleep;

const HERE: EventType = EventType::from_static("here");
const GONE: EventType = EventType::from_static("gone");
const TOPIC: &str = "present";

/// What a valid token says.
pub(crate) struct Session {
    pub(crate) user: String,
    /// The time until the token expires.
    pub(crate) left: Duration,
}

type Authenticate = Arc<dyn Fn(&str) -> Option<Session> + Send + Sync>;

#[derive(Clone)]
struct Service {
    hub: Hub,
    present: Present,
    authenticate: Authenticate,
}

/// The open streams of each user.
#[derive(Clone)]
struct Present {
    hub: Hub,
    streams: Arc<Mutex<Streams>>,
}

#[derive(Default)]
struct Streams {
    opened: u64,
    of_users: HashMap<String, HashMap<u64, StreamHandle>>,
}

/// The routes of a service that knows the sessions of tokens.
pub(crate) fn router(
    hub: Hub,
    authenticate: impl Fn(&str) -> Option<Session> + Send + Sync + 'static,
) -> Router {
    let present = Present { hub: hub.clone(), streams: Arc::default() };
    let authenticate: Authenticate = Arc::new(authenticate);
    Router::new().route("/present", get(subscribe).delete(log_out)).with_state(Service {
        hub,
        present,
        authenticate,
    })
}

async fn subscribe(
    State(service): State<Service>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response<ssekit::Body>, axum::response::Response> {
    let session = service.session(query.as_deref()).map_err(IntoResponse::into_response)?;
    let last_event_id = ssekit::last_event_id(&headers, query.as_deref());
    // The streams of all users tell who is here, so this one sees its own user come.
    let topic = Subscribe::to(TOPIC).start(Start::Oldest).after(last_event_id);
    let mut events = match service.hub.subscribe(topic) {
        Ok(events) => events,
        Err(refusal) => return Ok(refusal.response()),
    };
    let leave = service.present.join(session.user, events.handle());
    let events = events.on_end(leave).until(sleep(session.left));
    Ok(ssekit::response(events.keep_alive(Duration::from_secs(15))))
}

/// Ends all streams of a user. Forget the session first, or its browsers come back with it.
async fn log_out(
    State(service): State<Service>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, (StatusCode, &'static str)> {
    let session = service.session(query.as_deref())?;
    service.present.end(&session.user);
    Ok(StatusCode::NO_CONTENT)
}

impl Service {
    /// Returns the session of a request. Without one the answer is 401, after which an `EventSource` does not come back.
    fn session(&self, query: Option<&str>) -> Result<Session, (StatusCode, &'static str)> {
        let mut parameters = query.unwrap_or_default().split('&');
        let token = parameters.find_map(|parameter| parameter.strip_prefix("token="));
        token.and_then(|token| (self.authenticate)(token)).ok_or((StatusCode::UNAUTHORIZED, "no valid token"))
    }
}

impl Present {
    /// Counts a stream of a user. Returns what to call when it has ended.
    fn join(&self, user: String, stream: StreamHandle) -> impl FnOnce() + Send + use<> {
        let mut streams = self.lock();
        streams.opened += 1;
        let number = streams.opened;
        let of_user = streams.of_users.entry(user.clone()).or_default();
        of_user.insert(number, stream);
        if of_user.len() == 1 {
            self.publish(Event::new(&*user).with_type(HERE).with_key(&user));
        }
        drop(streams);
        let present = self.clone();
        move || present.leave(&user, number)
    }

    fn leave(&self, user: &str, number: u64) {
        let mut streams = self.lock();
        let Some(of_user) = streams.of_users.get_mut(user) else { return };
        of_user.remove(&number);
        if of_user.is_empty() {
            streams.of_users.remove(user);
            self.publish(Event::new(user).with_type(GONE).with_removed_key(user));
        }
    }

    fn end(&self, user: &str) {
        let streams = self.lock();
        streams.of_users.get(user).into_iter().flatten().for_each(|(_, stream)| stream.end());
    }

    /// Call it with the lock held, so that the events come in the order of the changes.
    fn publish(&self, event: Event) {
        // An error means that the hub is closed: nobody listens any more.
        let _ = self.hub.publish(TOPIC, event);
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a token such as `alice:1767225600`: a user, and the second at which it expires.
fn unsigned(token: &str) -> Option<Session> {
    let (user, expires) = token.split_once(':')?;
    let expires = UNIX_EPOCH.checked_add(Duration::from_secs(expires.parse().ok()?))?;
    let left = expires.duration_since(SystemTime::now()).ok()?;
    Some(Session { user: user.to_owned(), left })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // As many events as there are users at a time, with room for those who are gone.
    let hub = Hub::new(Bounds::events(10_000));
    let app = router(hub.clone(), unsigned);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    let shutdown = async move {
        let _ = tokio::signal::ctrl_c().await;
        hub.close(Close::new().retry(Duration::from_secs(1), Duration::from_secs(5)));
    };
    Ok(axum::serve(listener, app).with_graceful_shutdown(shutdown).await?)
}
