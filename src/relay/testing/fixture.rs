use super::{checks, concurrent, lasting, report::Report};
use crate::relay::Log;

/// Makes the logs that [`check`] tries.
///
/// Only [`create`](Self::create) is needed. A check that needs more is skipped, and the [`Report`] says so.
pub trait Fixture: Send {
    /// The kind of log.
    type Log: Log;

    /// Returns an empty log, apart from all that were returned before.
    fn create(&mut self) -> impl Future<Output = Self::Log> + Send;

    /// Returns another handle on the same log, such as another process has. By default there is none.
    fn share(&mut self, log: &Self::Log) -> impl Future<Output = Option<Self::Log>> + Send {
        let _ = log;
        async { None }
    }

    /// Ends a log and opens it again, as a process does that restarts. By default that is not possible.
    fn reopen(&mut self, log: Self::Log) -> impl Future<Output = Option<Self::Log>> + Send {
        drop(log);
        async { None }
    }

    /// Returns an empty log that lets go of its oldest entries once it has about so many.
    ///
    /// Of 1,000 entries it must not hold the first, if it is to hold 20. By default there is none.
    fn create_bounded(&mut self, entries: usize) -> impl Future<Output = Option<Self::Log>> + Send {
        let _ = entries;
        async { None }
    }

    /// Returns whether the log appends one record for each key.
    fn remembers_keys(&self) -> bool {
        true
    }

    /// Returns whether the log refuses records on finished topics.
    fn remembers_finished(&self) -> bool {
        true
    }
}

/// Checks a log against everything that a [`Relay`](crate::relay::Relay) relies on.
///
/// It runs every check, also after one has failed. It takes some seconds for a log that syncs each append.
pub async fn check<F: Fixture>(fixture: &mut F) -> Report {
    let mut report = Report::default();
    macro_rules! run {
        ($($module:ident::$check:ident),* $(,)?) => {
            $(report.add(stringify!($check), $module::$check(fixture).await);)*
        };
    }
    run!(
        checks::an_acknowledged_record_is_held_and_read,
        checks::records_come_back_as_they_were,
        checks::pages_follow_each_other,
        checks::an_id_that_was_not_given_out_is_not_held,
        checks::a_key_is_appended_once,
        checks::a_finished_topic_takes_no_more,
        concurrent::concurrent_appends_get_ids_of_their_own,
        concurrent::a_key_is_appended_once_by_many,
        concurrent::following_is_woken,
        concurrent::a_follower_gets_each_record_once_and_in_order,
        lasting::entries_that_were_let_go_of_are_not_held,
        lasting::a_reopened_log_goes_on,
    );
    report
}
