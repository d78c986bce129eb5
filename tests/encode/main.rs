//! Events and their encoding.

mod event;
mod rules;
mod typed_events;
mod wire_text;

#[path = "../support"]
mod support {
    pub(crate) mod twin;
}
