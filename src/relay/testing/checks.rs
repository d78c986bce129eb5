//! One caller at a time.

use std::time::Duration;

use crate::{
    event::{event_type::EventType, value::Event},
    history::ids::IdOrder,
    relay::{
        log::{Limit, Log},
        record::Record,
        testing::{
            fixture::Fixture,
            report::Outcome,
            steps::{
                ALL, append, append_all, ensure, ensure_finished, event, finish, follow, holds, ids, read,
                read_all, read_with_marks, says,
            },
        },
    },
};

pub(super) async fn an_acknowledged_record_is_held_and_read<F: Fixture>(fixture: &mut F) -> Outcome {
    let log = fixture.create().await;
    let appended = append_all(&log, 20).await?;
    for id in &appended {
        ensure!(holds(&log, id).await?, "{id} was acknowledged and is not held");
        ensure!(read(&log, Some(id), ALL).await?.held, "a page after {id}, which is there, is not held");
    }
    let found = ids(&read_all(&log, None, ALL).await?);
    ensure!(found == appended, "appended {appended:?}, found {found:?}");
    Ok(true)
}

pub(super) async fn records_come_back_as_they_were<F: Fixture>(fixture: &mut F) -> Outcome {
    let log = fixture.create().await;
    let full = Event::new("two\nlines, \u{feff} and é")
        .with_type(EventType::from_static("type"))
        .with_comment("comment")
        .with_retry(Duration::from_millis(7));
    let records = [
        Record::Event { topic: "topic with spaces: é".into(), event: full },
        Record::Event { topic: String::new(), event: Event::new("") },
        Record::Event { topic: "no data".into(), event: Event::default().with_retry(Duration::ZERO) },
        event("large", "x".repeat(100_000)),
        Record::Event {
            topic: "keyed".into(), event: Event::new("1").with_key("é 1").with_label("label é")
        },
        Record::Event { topic: "keyed".into(), event: Event::new("").with_removed_key("é 1") },
        finish("topic with spaces: é"),
    ];
    for record in &records {
        append(&log, record.clone(), None).await?;
    }
    let found = read_all(&log, None, ALL).await?;
    let found: Vec<String> = found.iter().map(says).collect();
    for (at, record) in records.iter().enumerate() {
        let (said, found) = (format!("{:?}", record.fields()), found.get(at));
        ensure!(found == Some(&said), "appended {:.200}, found {found:.200?}", said);
    }
    Ok(true)
}

pub(super) async fn pages_follow_each_other<F: Fixture>(fixture: &mut F) -> Outcome {
    let log = fixture.create().await;
    let appended = append_all(&log, 30).await?;
    for limit in [
        Limit::entries(1),
        Limit::entries(7),
        Limit::entries(30),
        Limit { entries: 10, bytes: 1 },
        Limit { entries: 10, bytes: 200 },
    ] {
        for (after, expected) in [(None, &appended[..]), (Some(&appended[9]), &appended[10..])] {
            let found = ids(&read_all(&log, after, limit).await?);
            ensure!(found == expected, "after {after:?} with {limit:?} came {found:?}");
        }
    }
    let page = read(&log, Some(&appended[3]), Limit::entries(5)).await?;
    ensure!(!page.at_end, "a page of 5 entries with 21 more behind it is at the end");
    let page = follow(&log, &appended[3], Limit::entries(5)).await?;
    ensure!(page.held && !page.at_end, "following over 26 entries, 5 at a time: {page:?}");
    ensure!(ids(&page.entries) == appended[4..9], "following skips: {:?}", ids(&page.entries));
    Ok(true)
}

pub(super) async fn pages_keep_within_their_bytes<F: Fixture>(fixture: &mut F) -> Outcome {
    let log = fixture.create().await;
    if !log.counts_bytes() {
        return Ok(false);
    }
    let mut last = append(&log, event("topic", "first"), None).await?;
    for _ in 0..20 {
        append(&log, event("topic", "x".repeat(10_000)), None).await?;
    }
    for (limit, most) in [(Limit { entries: 100, bytes: 45_000 }, 4), (Limit { entries: 100, bytes: 1 }, 1)] {
        let page = follow(&log, &last, limit).await?;
        ensure!(
            (1..=most).contains(&page.entries.len()),
            "{} entries came for {limit:?}",
            page.entries.len()
        );
        last = page.entries[page.entries.len() - 1].id.clone();
        let page = read(&log, Some(&last), limit).await?;
        ensure!(
            (1..=most).contains(&page.entries.len()),
            "{} entries came for {limit:?}",
            page.entries.len()
        );
    }
    Ok(true)
}

pub(super) async fn an_id_that_was_not_given_out_is_not_held<F: Fixture>(fixture: &mut F) -> Outcome {
    let log = fixture.create().await;
    append_all(&log, 3).await?;
    let appended = ids(&read_with_marks(&log, None, ALL).await?);
    let order = log.order();
    for id in &appended {
        let position = order.position(id.as_str()).ok_or_else(|| format!("the ID {id} has no position"))?;
        for near in [position.wrapping_add(1), position.wrapping_sub(1), position.saturating_add(1 << 64)] {
            let near_id = order.id(near);
            if order.position(near_id.as_str()) != Some(near) || near == 0 || appended.contains(&near_id) {
                continue;
            }
            ensure!(!holds(&log, &near_id).await?, "{near_id} is held beside {appended:?}");
            ensure!(!read(&log, Some(&near_id), ALL).await?.held, "a page after {near_id} is held");
            ensure!(!follow(&log, &near_id, ALL).await?.held, "following after {near_id} is held");
        }
    }
    Ok(true)
}

pub(super) async fn a_key_is_appended_once<F: Fixture>(fixture: &mut F) -> Outcome {
    if !fixture.remembers_keys() {
        return Ok(false);
    }
    let log = fixture.create().await;
    let first = append(&log, event("a", 1), Some("key")).await?;
    let again = append(&log, event("a", 2), Some("key")).await?;
    ensure!(first == again, "one key gave {first} and {again}");
    let other = append(&log, event("a", 3), Some("other key")).await?;
    let without = append(&log, event("a", 3), None).await?;
    let found = ids(&read_all(&log, None, ALL).await?);
    ensure!(found == [first, other, without], "two keys and no key gave {found:?}");
    Ok(true)
}

pub(super) async fn a_finished_topic_takes_no_more<F: Fixture>(fixture: &mut F) -> Outcome {
    if !fixture.remembers_finished() {
        return Ok(false);
    }
    let log = fixture.create().await;
    append(&log, event("a", 1), None).await?;
    append(&log, finish("a"), None).await?;
    ensure_finished(&log, "a", "at once").await?;
    for number in 0..20 {
        append(&log, event("b", number), None).await?;
    }
    ensure_finished(&log, "a", "after events on another topic").await?;
    let found = read_all(&log, None, ALL).await?.len();
    ensure!(found == 22, "22 records were appended, {found} are there");
    Ok(true)
}
