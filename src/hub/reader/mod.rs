//! A subscription's cursors in its topics, and how it reads from there: one topic, several, a filter.
//!
//! Read [`live`] and [`reading`] first; [`single_topic`] is the common case, [`multi_topic`] keeps the topics
//! that have something in order.

pub(crate) mod cursor;
pub(crate) mod ending;
pub(crate) mod find;
pub(crate) mod join;
pub(crate) mod live;
pub(crate) mod multi_topic;
pub(crate) mod options;
mod progress;
pub(crate) mod read;
pub(crate) mod reading;
pub(crate) mod single_topic;
mod steered;
pub(crate) mod unfiltered;
