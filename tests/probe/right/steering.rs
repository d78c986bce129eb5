use http::{Request, Response, StatusCode};
use ssekit::{
    EventSource,
    client::{Attempt, Update, Verdict},
};

async fn answer(_: Request<String>) -> Result<Response<String>, http::Error> {
    let response = Response::builder().header("content-type", "text/event-stream");
    response.body("id: 7\ndata: hello\n\n".to_owned())
}

fn request(last_event_id: &str) -> Request<String> {
    Request::get("http://localhost/events").body(last_event_id.to_owned()).unwrap()
}

#[tokio::test]
async fn a_client_reconnects_when_it_is_asked_to() {
    let mut source = EventSource::new(answer, request(""));
    while let Some(update) = source.next().await {
        if let Update::Event(_) = update.unwrap() {
            break;
        }
    }
    assert_eq!(source.last_event_id(), "7");
    source.reconnect();
    assert!(matches!(source.next().await, Some(Ok(Update::Reconnecting { .. }))));
    source.reconnect_after("5");
    let handle = source.handle();
    tokio::spawn(async move { handle.close() }).await.unwrap();
    while source.next().await.is_some() {}
    assert_eq!(source.last_event_id(), "5");
}

#[test]
fn a_client_decides_after_a_failure_and_makes_each_request() {
    let source = EventSource::new(answer, request(""));
    let source = source.decide(|failure| match failure.status() {
        Some(StatusCode::UNAUTHORIZED) => Verdict::Reconnect,
        _ => failure.default(),
    });
    let source = source.comments().request(|attempt| request(attempt.last_event_id));
    drop(source);
    drop(EventSource::new(answer, |attempt: &Attempt<'_>| request(attempt.last_event_id)));
}
