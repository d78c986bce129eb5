//! Concurrent callers, on one handle or two.

use std::{collections::HashMap, sync::Arc};

use tokio::task::JoinSet;

use crate::{
    event::id::EventId,
    relay::{
        log::{Entry, Limit, Log},
        testing::{
            fixture::Fixture,
            report::Outcome,
            steps::{ALL, append, ensure, event, follow, ids, read_all, says, within},
        },
    },
};

type Appending = JoinSet<Result<Vec<(EventId, String)>, String>>;

/// Starts several tasks that append, and returns them.
fn append_by_many<L: Log>(logs: &[Arc<L>], each: usize) -> Appending {
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let log = Arc::clone(&logs[task % logs.len()]);
        tasks.spawn(async move {
            let mut appended = Vec::with_capacity(each);
            for number in 0..each {
                let record = event("topic", format_args!("{task} {number}"));
                let says = format!("{:?}", record.fields());
                appended.push((append(&*log, record, None).await?, says));
            }
            Ok(appended)
        });
    }
    tasks
}

/// Waits for all tasks. Returns the IDs with the data appended under them.
async fn appended(mut tasks: Appending) -> Result<HashMap<EventId, String>, String> {
    let mut all = HashMap::new();
    while let Some(done) = tasks.join_next().await {
        for (id, says) in done.map_err(|error| error.to_string())?? {
            if let Some(other) = all.insert(id.clone(), says.clone()) {
                return Err(format!("the ID {id} was given to {other} and to {says}"));
            }
        }
    }
    Ok(all)
}

fn ensure_same(entries: &[Entry], appended: &HashMap<EventId, String>) -> Result<(), String> {
    ensure!(
        entries.len() == appended.len(),
        "{} records were acknowledged, {} are there",
        appended.len(),
        entries.len()
    );
    for entry in entries {
        let (found, expected) = (says(entry), appended.get(&entry.id));
        ensure!(expected == Some(&found), "{} was given to {expected:?}, and is {found}", entry.id);
    }
    Ok(())
}

async fn shared<F: Fixture>(fixture: &mut F) -> Vec<Arc<F::Log>> {
    let log = fixture.create().await;
    let other = fixture.share(&log).await;
    std::iter::once(log).chain(other).map(Arc::new).collect()
}

pub(super) async fn concurrent_appends_get_ids_of_their_own<F: Fixture>(fixture: &mut F) -> Outcome {
    let logs = shared(fixture).await;
    let appended = appended(append_by_many(&logs, 50)).await?;
    for log in &logs {
        ensure_same(&read_all(&**log, None, ALL).await?, &appended)?;
    }
    Ok(true)
}

pub(super) async fn a_key_is_appended_once_by_many<F: Fixture>(fixture: &mut F) -> Outcome {
    if !fixture.remembers_keys() {
        return Ok(false);
    }
    let logs = shared(fixture).await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let log = Arc::clone(&logs[task % logs.len()]);
        tasks.spawn(async move { append(&*log, event("a", task), Some("key")).await });
    }
    let mut found = Vec::new();
    while let Some(done) = tasks.join_next().await {
        found.push(done.map_err(|error| error.to_string())??);
    }
    found.dedup();
    ensure!(found.len() == 1, "one key gave {found:?}");
    let held = ids(&read_all(&*logs[0], None, ALL).await?);
    ensure!(held == found, "one key left {held:?}");
    Ok(true)
}

pub(super) async fn following_is_woken<F: Fixture>(fixture: &mut F) -> Outcome {
    let logs = shared(fixture).await;
    let (log, other) = (&logs[0], &logs[logs.len() - 1]);
    let first = append(&**log, event("a", 0), None).await?;
    // Following returns by itself if nothing arrives.
    let page = follow(&**log, &first, ALL).await?;
    ensure!(page.held && page.entries.is_empty(), "following the only entry gave {page:?}");
    let mut last = first;
    for number in 0..20 {
        let following = {
            let (log, last) = (Arc::clone(log), last.clone());
            tokio::spawn(async move {
                loop {
                    let page = follow(&*log, &last, ALL).await?;
                    if !page.held || !page.entries.is_empty() {
                        return Ok::<_, String>(page);
                    }
                    // A log that does not wait must not starve the other tasks.
                    tokio::task::yield_now().await;
                }
            })
        };
        tokio::task::yield_now().await;
        let id = append(&**other, event("a", number), None).await?;
        let abort = following.abort_handle();
        let woken = within("waking", following).await.inspect_err(|_| abort.abort());
        let page = woken?.map_err(|error| error.to_string())??;
        ensure!(page.held, "following is not held after {last}");
        ensure!(ids(&page.entries) == [id.clone()], "{id} was appended, following gave {page:?}");
        last = id;
    }
    Ok(true)
}

pub(super) async fn a_follower_gets_each_record_once_and_in_order<F: Fixture>(fixture: &mut F) -> Outcome {
    let logs = shared(fixture).await;
    let mut last = append(&*logs[0], event("first", 0), None).await?;
    let appending = tokio::spawn(appended(append_by_many(&logs, EACH)));
    let (mut followed, mut is_complete) = (Vec::<Entry>::new(), false);
    // Everything is appended, so nothing more arrives once a page is empty. An entry that became visible late, before
    // the followed position, is missing then.
    while followed.len() < TASKS * EACH {
        let was_complete = std::mem::replace(&mut is_complete, appending.is_finished());
        let page = follow(&*logs[logs.len() - 1], &last, Limit::entries(9)).await?;
        ensure!(page.held, "following is not held after {last}");
        match page.entries.last() {
            Some(newest) => last = newest.id.clone(),
            None if was_complete => break,
            None => tokio::task::yield_now().await,
        }
        followed.extend(page.entries);
    }
    ensure_same(&followed, &appending.await.map_err(|error| error.to_string())??)?;
    let held = ids(&read_all(&*logs[0], None, ALL).await?);
    ensure!(held[1..] == ids(&followed), "what was followed is in another order than what is held");
    Ok(true)
}

const TASKS: usize = 8;
const EACH: usize = 25;
