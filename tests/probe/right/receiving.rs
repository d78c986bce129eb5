use http::{Request, Response, header::AUTHORIZATION};
use ssekit::{
    EventSource,
    client::{TransportError, Update},
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

async fn answer<B>(_: Request<B>) -> Result<Response<String>, BoxError> {
    let response = Response::builder().header("content-type", "text/event-stream");
    Ok(response.body("data: hello\n\n".to_owned())?)
}

async fn first<B: 'static>(mut source: EventSource<B>) -> Result<String, BoxError> {
    while let Some(update) = source.next().await {
        if let Update::Event(event) = update? {
            return Ok(event.data().to_owned());
        }
    }
    Err("no event".into())
}

#[tokio::test]
async fn functions_and_closures_are_transports_also_in_a_task_of_their_own() {
    let request = || Request::get("http://localhost/events").body(()).unwrap();
    let token = String::from("Bearer fresh");
    let closure = async move |mut request: Request<()>| {
        request.headers_mut().insert(AUTHORIZATION, token.parse()?);
        answer(request).await
    };
    #[allow(clippy::redundant_closure, reason = "a closure is what is tried")]
    let sources = [
        EventSource::new(answer, request()),
        EventSource::new(|request| answer(request), request()),
        EventSource::new(async |request| answer(request).await, request()),
        EventSource::new(closure, request()),
    ];
    for source in sources {
        assert_eq!(tokio::spawn(first(source)).await.unwrap().unwrap(), "hello");
    }
}

/// The error of a closure that asks for a token first may end the client.
#[tokio::test]
async fn a_permanent_error_ends_the_client() {
    let refuse = async |_: Request<()>| Err::<Response<String>, _>(TransportError::permanent("no token"));
    let source = EventSource::new(refuse, Request::new(()));
    assert_eq!(tokio::spawn(first(source)).await.unwrap().unwrap_err().to_string(), "no token");
}

#[test]
fn a_client_of_reqwests_is_a_transport() {
    let client = reqwest::Client::new();
    let request = Request::get("http://localhost/events").body("").unwrap();
    drop(EventSource::new(client.clone(), request));
    let request = client.get("http://localhost/events").bearer_auth("fresh").build().unwrap();
    drop(EventSource::new(client, request));
}
