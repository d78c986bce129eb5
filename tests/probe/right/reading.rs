use bytes::Bytes;
use futures_util::stream;
use ssekit::{EventStream, EventStreamError};

#[tokio::test]
async fn any_bytes_are_read_as_events() -> Result<(), EventStreamError> {
    // As `reqwest::Response::bytes_stream` returns it.
    let chunks = [Ok::<_, reqwest::Error>(Bytes::from("data: two cof")), Ok(Bytes::from("fees\n\n"))];
    let mut events = EventStream::new(stream::iter(chunks));
    let mut data = Vec::new();
    while let Some(event) = events.next().await {
        data.push(event?.data().to_owned());
    }
    assert_eq!(data, ["two coffees"]);
    Ok(())
}

#[tokio::test]
async fn an_unfinished_rest_is_an_error_at_the_end() {
    let mut events = EventStream::new(stream::iter([Ok::<_, std::io::Error>(b"data: two cof".to_vec())]));
    assert!(matches!(events.next().await, Some(Err(EventStreamError::Incomplete(_)))));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_response_of_reqwests_is_read_as_it_is() {
    let response = http::Response::new("data: two coffees\n\n");
    let mut events = EventStream::from(reqwest::Response::from(response));
    assert_eq!(events.next().await.unwrap().unwrap().data(), "two coffees");
}
