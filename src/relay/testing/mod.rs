//! Tests that every [`Log`](super::Log) must pass.
//!
//! Implement [`Fixture`] for your log, and call [`check`] from a test. The feature `test-util` brings this
//! module.
//!
//! The checks append some thousand records to several new logs. They use the real clock and wait at most ten
//! seconds for anything, so do not pause tokio's clock.
//!
//! # Examples
//!
//! ```
//! # use std::{convert::Infallible, sync::Mutex};
//! # use ssekit::{EventId, relay::{AppendError, Entry, Limit, Log, Page, Record}, replay::IdOrder};
//! # #[derive(Debug, Default)]
//! # struct Memory { entries: Mutex<Vec<Entry>>, appended: tokio::sync::Notify }
//! # #[derive(Debug)]
//! # struct Numbers;
//! # impl IdOrder for Numbers {
//! #     fn position(&self, id: &str) -> Option<u128> { id.parse::<u64>().ok().map(u128::from) }
//! #     fn id(&self, position: u128) -> EventId { position.into() }
//! # }
//! # impl Log for Memory {
//! #     type Order = Numbers;
//! #     type Error = Infallible;
//! #     fn order(&self) -> Numbers { Numbers }
//! #     async fn append(
//! #         &self,
//! #         record: Record,
//! #         _: Option<&str>,
//! #     ) -> Result<EventId, AppendError<Infallible>> {
//! #         let mut entries = self.entries.lock().unwrap();
//! #         let id = EventId::from(entries.len() + 1);
//! #         entries.push(Entry { id: id.clone(), record: Ok(record) });
//! #         self.appended.notify_waiters();
//! #         Ok(id)
//! #     }
//! #     async fn read(&self, after: Option<&EventId>, limit: Limit) -> Result<Page, Infallible> {
//! #         let after = after.and_then(|id| Numbers.position(id.as_str())).unwrap_or(0) as usize;
//! #         let entries = self.entries.lock().unwrap();
//! #         let page: Vec<_> = entries.iter().skip(after).take(limit.entries).cloned().collect();
//! #         let (held, at_end) = (after <= entries.len(), after + page.len() >= entries.len());
//! #         Ok(Page { held, at_end, entries: page })
//! #     }
//! #     async fn follow(&self, after: &EventId, limit: Limit) -> Result<Page, Infallible> {
//! #         let mut appended = std::pin::pin!(self.appended.notified());
//! #         appended.as_mut().enable();
//! #         let page = self.read(Some(after), limit).await?;
//! #         if page.held && page.entries.is_empty() {
//! #             let _ = tokio::time::timeout(std::time::Duration::from_secs(1), appended).await;
//! #             return self.read(Some(after), limit).await;
//! #         }
//! #         Ok(page)
//! #     }
//! # }
//! use ssekit::relay::testing::{self, Fixture};
//!
//! /// Makes logs in memory, such as the one in the documentation of `Log`.
//! struct InMemory;
//!
//! impl Fixture for InMemory {
//!     type Log = Memory;
//!
//!     async fn create(&mut self) -> Memory {
//!         Memory::default()
//!     }
//!
//!     fn remembers_keys(&self) -> bool {
//!         false
//!     }
//!
//!     fn remembers_finished(&self) -> bool {
//!         false
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! testing::check(&mut InMemory).await.assert_passed();
//! # }
//! ```

mod checks;
mod concurrent;
mod fixture;
mod lasting;
mod report;
mod steps;
mod suite;

pub use self::{
    fixture::Fixture,
    report::{Failure, Report},
    suite::check,
};
