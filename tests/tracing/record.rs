//! A subscriber that notes down what the thread of a test reports.

use std::{
    cell::RefCell,
    fmt::{Debug, Write},
    mem,
    sync::Once,
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Begins to note down.
pub(crate) fn begin() {
    static SET: Once = Once::new();
    // For all threads, because callsites remember whether anybody wants them.
    SET.call_once(|| tracing::subscriber::set_global_default(Recorder).unwrap());
    taken();
}

/// Returns a line for each event and each new span of the crate since the last call: level, target, message or name, fields.
pub(crate) fn taken() -> Vec<String> {
    LINES.with_borrow_mut(mem::take)
}

struct Recorder;

impl Recorder {
    fn note(metadata: &Metadata<'_>, name: &str, record: impl FnOnce(&mut Line)) {
        let mut line = Line { message: name.to_owned(), fields: String::new() };
        record(&mut line);
        let Line { message, fields } = line;
        let text = format!("{} {}: {message}{fields}", metadata.level(), metadata.target());
        LINES.with_borrow_mut(|lines| lines.push(text));
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ssekit::")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        Self::note(span.metadata(), span.metadata().name(), |line| span.record(line));
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        Self::note(event.metadata(), "", |line| event.record(line));
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => write!(self.fields, " {name}={value:?}").unwrap(),
        }
    }
}
