use crate::relay::log::Log;

/// Makes the logs that [`check`](crate::relay::testing::check) tries.
///
/// Only [`create`](Self::create) is needed. A check that needs more is skipped, and the
/// [`Report`](crate::relay::testing::Report) says so.
pub trait Fixture: Send {
    /// The type of the log.
    type Log: Log;

    /// Returns an empty log, separate from all earlier ones.
    fn create(&mut self) -> impl Future<Output = Self::Log> + Send;

    /// Returns another handle on the same log, as another process would have. By default there is none.
    fn share(&mut self, log: &Self::Log) -> impl Future<Output = Option<Self::Log>> + Send {
        let _ = log;
        async { None }
    }

    /// Closes a log and opens it again, as a process does that restarts. By default that is not possible.
    fn reopen(&mut self, log: Self::Log) -> impl Future<Output = Option<Self::Log>> + Send {
        drop(log);
        async { None }
    }

    /// Returns an empty log that removes its oldest entries once it has about this many.
    ///
    /// If it keeps 20, it must not hold the first of 1,000 entries. By default there is none.
    fn create_bounded(&mut self, entries: usize) -> impl Future<Output = Option<Self::Log>> + Send {
        let _ = entries;
        async { None }
    }

    /// Returns whether the log appends only one record for each key.
    fn remembers_keys(&self) -> bool {
        true
    }

    /// Returns whether the log refuses records on finished topics.
    fn remembers_finished(&self) -> bool {
        true
    }
}
