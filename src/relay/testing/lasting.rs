//! The state of a log after trimming and after a restart.

use crate::relay::testing::{
    fixture::Fixture,
    report::Outcome,
    steps::{
        ALL, append, append_all, ensure, ensure_finished, event, finish, follow, holds, ids, read, read_all,
        says,
    },
};

pub(super) async fn entries_that_were_let_go_of_are_not_held<F: Fixture>(fixture: &mut F) -> Outcome {
    let Some(log) = fixture.create_bounded(20).await else { return Ok(false) };
    let appended = append_all(&log, 1_000).await?;
    let held = ids(&read_all(&log, None, ALL).await?);
    ensure!(held.len() >= 20, "a log of about 20 entries holds {}", held.len());
    ensure!(held.len() < appended.len(), "a log of about 20 entries holds all of {}", appended.len());
    ensure!(appended.ends_with(&held), "the newest {} entries are not those that are held", held.len());
    let page = read(&log, None, ALL).await?;
    ensure!(!page.held, "a page from the oldest entry on claims that nothing is missing before it");
    let (gone, left) = appended.split_at(appended.len() - held.len());
    for id in [&gone[0], &gone[gone.len() - 1]] {
        ensure!(!holds(&log, id).await?, "{id} was let go of, and is held");
        ensure!(!read(&log, Some(id), ALL).await?.held, "a page after {id} hides a gap");
        ensure!(!follow(&log, id, ALL).await?.held, "following after {id} hides a gap");
    }
    ensure!(holds(&log, &left[0]).await?, "{} is read and not held", left[0]);
    Ok(true)
}

pub(super) async fn a_reopened_log_goes_on<F: Fixture>(fixture: &mut F) -> Outcome {
    let log = fixture.create().await;
    let mut appended = append_all(&log, 20).await?;
    let key = fixture.remembers_keys().then_some("key");
    appended.push(append(&log, event("keyed", 1), key).await?);
    appended.push(append(&log, finish("done"), None).await?);
    let before: Vec<String> = read_all(&log, None, ALL).await?.iter().map(says).collect();
    let Some(log) = fixture.reopen(log).await else { return Ok(false) };

    let entries = read_all(&log, None, ALL).await?;
    ensure!(entries.iter().map(says).eq(before.iter().cloned()), "other records are there after reopening");
    let found = ids(&entries);
    ensure!(found == appended, "appended {appended:?}, found {found:?} after reopening");
    if fixture.remembers_keys() {
        let again = append(&log, event("keyed", 2), Some("key")).await?;
        ensure!(again == appended[20], "a key gave {} before and {again} after reopening", appended[20]);
    }
    if fixture.remembers_finished() {
        ensure_finished(&log, "done", "after reopening").await?;
    }
    appended.extend(append_all(&log, 5).await?);
    let found = ids(&read_all(&log, None, ALL).await?);
    ensure!(found == appended, "appended {appended:?}, found {found:?} some time after reopening");
    Ok(true)
}
