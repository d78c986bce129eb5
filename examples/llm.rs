//! A model's answer that comes whether or not anyone listens, so that a client may leave and get the rest later.
//!
//! ```text
//! cargo run --features http-body,tokio --example llm
//! curl -i localhost:3000/answers -d 'Why do streams break?'    # 201, location: /answers/1
//! curl -N localhost:3000/answers/1                            # break it off, as often as you like
//! curl -N localhost:3000/answers/1 -H 'Last-Event-ID: …'      # the rest
//! curl -X DELETE localhost:3000/answers/1                     # only this stops the model
//! ```
//!
//! Each answer is a topic, and each token an event. The last event says why there are no more; then the topic is
//! finished, so that an event source that has everything is stopped with 204. The topic is also finished if the task
//! panics, so nobody waits for tokens that never come. If the hub no longer holds all tokens that a client is to get, the
//! stream begins with an event `cut`.

use std::{
    collections::HashMap,
    convert::Infallible,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, Response, StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
    serve::ListenerExt,
};
use futures_util::{Stream, StreamExt, stream};
use ssekit::{
    Bounds, Event, EventType, Hub, Subscribe,
    hub::{Close, Gap, PublishError, Start, Topic},
};
use tokio::sync::oneshot;

/// What turns a prompt into tokens.
type Model = Arc<dyn Fn(String) -> stream::BoxStream<'static, String> + Send + Sync>;

#[derive(Clone)]
struct Service {
    hub: Hub,
    model: Model,
    answers: Arc<Mutex<Answers>>,
}

#[derive(Default)]
struct Answers {
    begun: u64,
    /// Dropping one cancels its answer.
    running: HashMap<u64, oneshot::Sender<()>>,
}

/// The routes of a service on a hub that holds whole answers.
pub(crate) fn router<S>(hub: Hub, model: impl Fn(String) -> S + Send + Sync + 'static) -> Router
where
    S: Stream<Item = String> + Send + 'static,
{
    let model: Model = Arc::new(move |prompt| model(prompt).boxed());
    Router::new()
        .route("/answers", post(ask))
        .route("/answers/{number}", get(listen).delete(cancel))
        .with_state(Service { hub, model, answers: Arc::default() })
}

async fn ask(State(service): State<Service>, prompt: String) -> impl IntoResponse {
    let (cancel, cancelled) = oneshot::channel();
    let number = service.answers(|answers| {
        answers.begun += 1;
        answers.running.insert(answers.begun, cancel);
        answers.begun
    });
    // Whatever becomes of the task, the answer ends for those who listen.
    let topic = service.hub.topic(&number.to_string()).finish_on_drop();
    // The task belongs to no connection: who asked may go.
    tokio::spawn(async move {
        if let Err(error) = answer(&topic, (service.model)(prompt), cancelled).await {
            eprintln!("answer {number}: {error}");
        }
        service.answers(|answers| answers.running.remove(&number));
    });
    (StatusCode::CREATED, [(header::LOCATION, format!("/answers/{number}"))])
}

async fn answer(
    topic: &Topic,
    mut tokens: impl Stream<Item = String> + Unpin,
    mut cancelled: oneshot::Receiver<()>,
) -> Result<(), PublishError> {
    let why = loop {
        tokio::select! {
            token = tokens.next() => match token {
                Some(token) => topic.publish(Event::new(token))?,
                None => break "complete",
            },
            _ = &mut cancelled => break "cancelled",
        };
    };
    topic.publish(Event::new(why).with_type(END)).map(drop)
}

async fn listen(
    State(service): State<Service>,
    Path(number): Path<u64>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response<ssekit::Body>, StatusCode> {
    service.known(number)?;
    let last_event_id = ssekit::last_event_id(&headers, query.as_deref());
    // A new client gets the answer from its first token on.
    let answer = Subscribe::to([number.to_string()]).start(Start::Oldest);
    Ok(match service.hub.subscribe(answer.after(last_event_id)) {
        Ok(events) => {
            let cut = stream::iter(events.gap().map(cut).map(Ok::<_, Infallible>));
            ssekit::response(cut.chain(events.keep_alive(Duration::from_secs(15))))
        }
        Err(refusal) => refusal.response(),
    })
}

/// Says that the answer is not whole. It has no ID, so a client that is cut here comes back and reads it again.
fn cut(gap: &Gap) -> Bytes {
    let why = format!("tokens of this answer are missing: {}", gap.reason().as_str());
    Event::new(why).with_type(CUT).encode()
}

async fn cancel(State(service): State<Service>, Path(number): Path<u64>) -> Result<StatusCode, StatusCode> {
    service.known(number)?;
    service.answers(|answers| answers.running.remove(&number));
    Ok(StatusCode::NO_CONTENT)
}

impl Service {
    fn answers<T>(&self, act: impl FnOnce(&mut Answers) -> T) -> T {
        act(&mut self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A topic that was never begun would never end either.
    fn known(&self, number: u64) -> Result<(), StatusCode> {
        let begun = self.answers(|answers| answers.begun);
        if (1..=begun).contains(&number) { Ok(()) } else { Err(StatusCode::NOT_FOUND) }
    }
}

/// Stands for a model: it takes its time, and has one answer for all.
fn parrot(prompt: String) -> impl Stream<Item = String> {
    let answer =
        format!("You ask: {prompt}\nStreams break because networks do. Come back, and nothing is lost.");
    let tokens: Vec<_> = answer.split_inclusive([' ', '\n']).map(str::to_owned).collect();
    stream::iter(tokens).then(async |token| {
        tokio::time::sleep(Duration::from_millis(300)).await;
        token
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // More than the longest answer, for an hour.
    let hub = Hub::new(Bounds::events(100_000).with_age(Duration::from_secs(3600)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    // TCP_NODELAY: else a small event may wait for the acknowledgement of what was sent before it, up to 40 ms.
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    let closing = hub.clone();
    axum::serve(listener, router(hub, parrot))
        .with_graceful_shutdown(async move {
            let _ = tokio::signal::ctrl_c().await;
            closing.close(Close::new());
        })
        .await?;
    Ok(())
}

const END: EventType = EventType::from_static("end");
const CUT: EventType = EventType::from_static("cut");
