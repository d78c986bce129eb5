use crate::relay::testing::{checks, concurrent, fixture::Fixture, lasting, report::Report};

/// Checks a log for everything that a [`Relay`](crate::relay::Relay) relies on.
///
/// It runs every check, even after one has failed. For a log that syncs each append it takes some seconds.
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
        checks::pages_keep_within_their_bytes,
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
