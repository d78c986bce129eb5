//! A topic's history as values.

use ssekit::{
    Bounds, Event, EventType, Hub, LastEventId, Subscribe,
    hub::{GapReason, HistoryPage},
    replay::Ids,
};

use crate::support::hub_client::{last_event_id, read};

fn hub() -> Hub {
    Hub::new(Bounds::events(50))
}

fn data(page: &HistoryPage) -> Vec<&str> {
    page.events().iter().map(|event| event.data()).collect()
}

#[test]
fn pages_of_any_size_give_each_event_once_and_a_stream_goes_on_where_they_end() {
    for limit in [1, 2, 7, 49, 50, 1_000] {
        let hub = hub();
        let topic = hub.topic("a");
        let long = "x".repeat(30_000);
        let texts: Vec<_> = (0..40).map(|n| if n % 9 == 0 { long.clone() } else { n.to_string() }).collect();
        for (n, text) in texts.iter().enumerate() {
            hub.publish("another", "between").unwrap();
            let event = Event::new(text.clone()).with_type(EventType::try_from(format!("t{n}")).unwrap());
            topic.publish(event).unwrap();
        }
        let (mut seen, mut after, mut pages) = (Vec::new(), None::<LastEventId>, 0);
        loop {
            let page = topic.history(after, limit);
            assert_eq!(page.gap(), None);
            assert!(page.events().len() <= limit);
            seen.extend(
                page.events().iter().map(|event| (event.event_type().to_owned(), event.data().to_owned())),
            );
            after = page.position();
            pages += 1;
            if !page.has_more() {
                break;
            }
        }
        assert_eq!(pages, 40_usize.div_ceil(limit));
        let expected: Vec<_> =
            texts.iter().enumerate().map(|(n, text)| (format!("t{n}"), text.clone())).collect();
        assert_eq!(seen, expected);
        topic.publish("live").unwrap();
        let mut stream = hub.subscribe(Subscribe::to("a").after(after)).unwrap();
        assert_eq!(read(&mut stream).data(), ["live"]);
    }
}

#[test]
fn a_page_says_what_is_missing_before_it() {
    let hub = hub();
    let topic = hub.topic("a");
    let first = topic.publish("0").unwrap();
    (1..60).for_each(|n| drop(topic.publish(n.to_string()).unwrap()));
    let page = topic.history(None, 1);
    assert_eq!((page.gap(), data(&page)), (Some(GapReason::Evicted), vec!["10"]));
    let page = topic.history(&first, 1);
    assert_eq!((page.gap(), data(&page)), (Some(GapReason::Evicted), vec!["10"]));
    let page = topic.history(last_event_id("of another hub"), 1);
    assert_eq!((page.gap(), data(&page)), (Some(GapReason::Unknown), vec!["10"]));
    let last = page.position();
    assert_eq!(topic.history(last, 1).gap(), None);
}

#[test]
fn an_empty_page_has_the_position_of_the_hub() {
    let hub = hub();
    let topic = hub.topic("a");
    let empty = topic.history(None, 10);
    assert!(!empty.has_more() && empty.events().is_empty() && empty.gap().is_none());
    topic.publish("1").unwrap();
    assert_eq!(data(&topic.history(empty.position(), 10)), ["1"]);
    let none = topic.history(None, 0);
    assert!(none.has_more() && none.events().is_empty() && none.position().is_none());
    assert_eq!(hub.stats().topics, 1);
    drop(topic);
    assert_eq!(hub.topic("b").history(None, 1).events(), []);
    assert_eq!(hub.stats().topics, 1, "looking leaves nothing behind");
}

#[test]
fn events_without_data_are_left_out_and_the_position_is_behind_them() {
    let hub = Hub::builder(Bounds::events(10)).ids(Ids::integers()).build();
    let topic = hub.topic("a");
    topic.publish(Event::new("1").with_id(1)).unwrap();
    topic.publish(Event::comment("2").with_id(2)).unwrap();
    let page = topic.history(None, 10);
    assert_eq!((data(&page), page.events()[0].last_event_id()), (vec!["1"], "1"));
    assert_eq!(page.position(), last_event_id("2"));
}

#[test]
fn of_keys_only_the_newest_event_is_there_and_a_superseded_position_is_valid() {
    let hub = hub();
    let topic = hub.topic("prices");
    let first = topic.publish(Event::new("1").with_key("EURUSD")).unwrap();
    topic.publish(Event::new("2").with_key("USDJPY")).unwrap();
    topic.publish(Event::new("3").with_key("EURUSD")).unwrap();
    assert_eq!(data(&topic.history(None, 10)), ["2", "3"]);
    let page = topic.history(&first, 10);
    assert_eq!((page.gap(), data(&page)), (None, vec!["2", "3"]));
    let page = topic.history(None, 1);
    topic.publish(Event::new("4").with_key("USDJPY")).unwrap();
    let next = topic.history(page.position(), 10);
    assert_eq!((next.gap(), data(&next)), (None, vec!["3", "4"]));
}
