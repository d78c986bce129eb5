//! The `encode` example answers with whole events, each in a chunk of its own.

#[expect(dead_code, reason = "a program, of which only the routes are used here")]
#[path = "../../examples/encode.rs"]
mod encode;

use http::{HeaderValue, Request};
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use ssekit::RESPONSE_HEADERS;
use tokio::net::TcpListener;

#[tokio::test]
async fn an_encoded_event_is_a_chunk_of_its_own_and_the_headers_are_those_of_a_stream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, encode::router()).await });

    let request =
        Request::post(format!("http://{address}/imports")).body("two\rcoffees\n\nline\n".to_owned());
    let response =
        Client::builder(TokioExecutor::new()).build_http().request(request.unwrap()).await.unwrap();
    for &(name, value) in RESPONSE_HEADERS {
        let values: Vec<&HeaderValue> = response.headers().get_all(name).iter().collect();
        assert_eq!(values, [value], "{name}");
    }
    let (mut body, mut frames) = (response.into_body(), Vec::new());
    while let Some(frame) = body.frame().await {
        frames.push(frame.unwrap().into_data().unwrap());
    }
    let text = frames.concat();
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "data: two\ndata: coffees\n\ndata: \n\ndata: line\n\nevent: done\ndata: 3\n\n"
    );
    assert!(frames.iter().all(|frame| frame.ends_with(b"\n\n")), "{frames:?}");
}
