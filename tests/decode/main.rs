//! Decoding.

mod conformance;
mod event_stream;
mod limits;
mod rules;
mod twins;
mod wire_text;

#[path = "../support"]
mod support {
    pub(crate) mod counting_waker;
    pub(crate) mod decoding;
    pub(crate) mod feed;
    pub(crate) mod streams;
    pub(crate) mod twin;
}
