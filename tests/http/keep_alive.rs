//! Keep-alives by poll, on a timer that moves by hand.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::support::counting_waker::CountingWaker;
use crate::support::feed::{Feed, Feeder, feed};
use crate::support::manual_timer::ManualTimer;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::stream;
use ssekit::{Event, EventType, KeepAlive};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);
const INTERVAL: Duration = Duration::from_secs(10);
/// No keep-alive comes earlier than this, and what is left of the interval.
const EARLIEST: Duration = Duration::from_secs(9);
const JITTER: Duration = Duration::from_secs(1);

const ITEM: Bytes = Bytes::from_static(b"data: item\n\n");
const ALIVE: Poll<Option<Result<Bytes, std::convert::Infallible>>> =
    Poll::Ready(Some(Ok(Bytes::from_static(b":\n"))));

fn item<E>() -> Poll<Option<Result<Bytes, E>>> {
    Poll::Ready(Some(Ok(ITEM)))
}

fn setup(interval: Duration) -> (Feeder<Bytes>, ManualTimer, KeepAlive<Feed<Bytes>, ManualTimer>) {
    let (feeder, feed) = feed();
    let timer = ManualTimer::new();
    (feeder, timer.clone(), KeepAlive::with_timer(feed, interval, timer))
}

fn poll<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn every_kind_of_item_is_encoded_and_an_error_does_not_end_the_stream() {
    let timer = ManualTimer::new();
    let mut events = KeepAlive::with_timer(stream::iter([Event::new("a")]), INTERVAL, timer.clone());
    assert_eq!(poll(&mut events), Poll::Ready(Some(Ok("data: a\n\n".into()))));
    assert_eq!(poll(&mut events), Poll::Ready(None));

    let items = [Ok(Event::new("a")), Err("no"), Ok(Event::new("b"))];
    let mut events = KeepAlive::with_timer(stream::iter(items), INTERVAL, timer.clone());
    assert_eq!(poll(&mut events), Poll::Ready(Some(Ok("data: a\n\n".into()))));
    assert_eq!(poll(&mut events), Poll::Ready(Some(Err("no"))));
    assert_eq!(poll(&mut events), Poll::Ready(Some(Ok("data: b\n\n".into()))));
    assert_eq!(poll(&mut events), Poll::Ready(None));

    let items = [Ok(ITEM), Err("no")];
    let mut events = KeepAlive::with_timer(stream::iter(items), INTERVAL, timer);
    assert_eq!(poll(&mut events), item());
    assert_eq!(poll(&mut events), Poll::Ready(Some(Err("no"))));
}

#[test]
fn a_silence_gets_one_keep_alive_for_each_interval_and_none_before_nine_tenths_of_it() {
    let (_feeder, timer, mut events) = setup(INTERVAL);
    assert_eq!(poll(&mut events), Poll::Pending);
    for _ in 0..3 {
        timer.advance(EARLIEST - MILLI);
        assert_eq!(poll(&mut events), Poll::Pending);
        timer.advance(JITTER + MILLI);
        assert_eq!(poll(&mut events), ALIVE);
        assert_eq!(poll(&mut events), Poll::Pending);
    }
}

#[test]
fn an_item_restarts_the_silence_to_its_full_length() {
    let (feeder, timer, mut events) = setup(INTERVAL);
    assert_eq!(poll(&mut events), Poll::Pending);
    timer.advance(7 * SECOND);
    feeder.push(ITEM);
    assert_eq!(poll(&mut events), item());
    assert_eq!(poll(&mut events), Poll::Pending);

    timer.advance(EARLIEST - MILLI);
    assert_eq!(poll(&mut events), Poll::Pending);
    timer.advance(JITTER + MILLI);
    assert_eq!(poll(&mut events), ALIVE);
    assert_eq!(poll(&mut events), Poll::Pending);
}

#[test]
fn an_item_that_is_ready_comes_before_a_keep_alive_that_is_due_and_in_its_place() {
    let (feeder, timer, mut events) = setup(INTERVAL);
    assert_eq!(poll(&mut events), Poll::Pending);
    timer.advance(INTERVAL);
    feeder.push(ITEM);
    assert_eq!(poll(&mut events), item());
    assert_eq!(poll(&mut events), Poll::Pending);
    timer.advance(INTERVAL);
    assert_eq!(poll(&mut events), ALIVE);
}

#[test]
fn traffic_arms_the_timer_once_an_interval_and_not_for_each_item() {
    let (feeder, timer, mut events) = setup(INTERVAL);
    assert_eq!(poll(&mut events), Poll::Pending);
    for _ in 0..10_000 {
        timer.advance(INTERVAL / 100);
        feeder.push(ITEM);
        assert_eq!(poll(&mut events), item());
        assert_eq!(poll(&mut events), Poll::Pending);
    }
    let arms = timer.counts().arms;
    // The first one, and one for each interval, the shortest of which are nine tenths.
    assert!(arms <= 113, "{arms} for 100 intervals");
}

#[test]
fn items_that_are_ready_leave_timer_and_clock_alone() {
    let (feeder, timer, mut events) = setup(INTERVAL);
    (0..1_000).for_each(|_| feeder.push(ITEM));
    assert_eq!(poll(&mut events), item());
    let counts = timer.counts();
    (0..999).for_each(|_| assert_eq!(poll(&mut events), item()));
    assert_eq!(timer.counts(), counts);
}

#[test]
fn a_long_stall_gets_one_keep_alive_and_not_a_burst() {
    let (_feeder, timer, mut events) = setup(INTERVAL);
    assert_eq!(poll(&mut events), Poll::Pending);
    timer.advance(10 * INTERVAL + INTERVAL / 2);
    assert_eq!(poll(&mut events), ALIVE);
    assert_eq!(poll(&mut events), Poll::Pending);
    timer.advance(EARLIEST - MILLI);
    assert_eq!(poll(&mut events), Poll::Pending);
    timer.advance(JITTER + MILLI);
    assert_eq!(poll(&mut events), ALIVE);
}

#[test]
fn items_that_piled_up_in_a_stall_stand_for_the_keep_alive() {
    let (feeder, timer, mut events) = setup(INTERVAL);
    assert_eq!(poll(&mut events), Poll::Pending);
    timer.advance(10 * INTERVAL);
    (0..2).for_each(|_| feeder.push(ITEM));
    assert_eq!(poll(&mut events), item());
    assert_eq!(poll(&mut events), item());
    assert_eq!(poll(&mut events), Poll::Pending);
}

#[test]
fn after_the_end_neither_stream_nor_timer_is_polled() {
    let (feeder, timer, mut events) = setup(INTERVAL);
    assert_eq!(poll(&mut events), Poll::Pending);
    feeder.end();
    assert_eq!(poll(&mut events), Poll::Ready(None));
    timer.advance(INTERVAL);
    let counts = timer.counts();
    for _ in 0..3 {
        assert_eq!(poll(&mut events), Poll::Ready(None)); // the feed panics if it is polled
    }
    assert_eq!(timer.counts(), counts);
}

#[test]
fn spurious_polls_change_nothing() {
    let (_feeder, timer, mut events) = setup(INTERVAL);
    for _ in 0..9 {
        (0..100).for_each(|_| assert_eq!(poll(&mut events), Poll::Pending));
        timer.advance(SECOND - MILLI / 10);
    }
    timer.advance(JITTER + MILLI);
    assert_eq!(poll(&mut events), ALIVE);
    assert_eq!(timer.counts().arms, 1);
}

#[test]
fn the_latest_waker_is_woken_by_an_item_and_by_the_end_of_the_silence() {
    let (feeder, timer, mut events) = setup(INTERVAL);
    let (first, first_waker) = CountingWaker::new();
    let (second, second_waker) = CountingWaker::new();
    let mut poll = |waker: &Waker| Pin::new(&mut events).poll_next(&mut Context::from_waker(waker));

    assert_eq!(poll(&first_waker), Poll::Pending);
    assert_eq!(poll(&second_waker), Poll::Pending);
    timer.advance(EARLIEST - MILLI);
    assert_eq!((first.take(), second.take()), (0, 0));
    timer.advance(JITTER + MILLI);
    assert_eq!((first.take(), second.take()), (0, 1));

    assert_eq!(poll(&second_waker), ALIVE);
    assert_eq!(poll(&second_waker), Poll::Pending);
    feeder.push(ITEM);
    assert_eq!((first.take(), second.take()), (0, 1));
    assert_eq!(poll(&second_waker), item());

    // The timer, still armed for the silence before the item, wakes early and is armed for the rest.
    assert_eq!(poll(&second_waker), Poll::Pending);
    timer.advance(INTERVAL);
    assert_eq!(second.take(), 1);
    assert_eq!(poll(&second_waker), ALIVE);
}

#[test]
fn a_timer_that_elapses_early_waits_for_what_remains_and_wakes() {
    let (feeder, timer, mut events) = setup(INTERVAL);
    let (woken, waker) = CountingWaker::new();
    let mut poll = || Pin::new(&mut events).poll_next(&mut Context::from_waker(&waker));

    assert_eq!(poll(), Poll::Pending);
    timer.advance(4 * SECOND);
    feeder.push(ITEM);
    assert_eq!(poll(), item());
    assert_eq!(poll(), Poll::Pending);
    woken.take();

    timer.advance(6 * SECOND);
    assert_eq!(woken.take(), 1);
    assert_eq!(poll(), Poll::Pending);
    timer.advance(3 * SECOND - MILLI);
    assert_eq!(woken.take(), 0);
    timer.advance(JITTER + MILLI);
    assert_eq!(woken.take(), 1);
    assert_eq!(poll(), ALIVE);
    assert_eq!(timer.counts().arms, 2);
}

#[test]
fn an_interval_of_zero_is_a_millisecond_and_no_busy_loop() {
    let (_feeder, timer, mut events) = setup(Duration::ZERO);
    assert_eq!(poll(&mut events), Poll::Pending);
    for _ in 0..3 {
        timer.advance(MILLI);
        assert_eq!(poll(&mut events), ALIVE);
        assert_eq!(poll(&mut events), Poll::Pending);
    }
}

#[test]
fn an_interval_is_rounded_up_to_whole_milliseconds() {
    let (_feeder, timer, mut events) = setup(Duration::from_micros(1_001));
    assert_eq!(poll(&mut events), Poll::Pending);
    timer.advance(MILLI);
    assert_eq!(poll(&mut events), Poll::Pending);
    timer.advance(MILLI);
    assert_eq!(poll(&mut events), ALIVE);
}

#[test]
fn an_interval_without_bound_is_49_days() {
    let (_feeder, timer, mut events) = setup(Duration::MAX);
    let longest = Duration::from_millis(u32::MAX.into());
    assert_eq!(poll(&mut events), Poll::Pending);
    timer.advance(longest / 10 * 9 - MILLI);
    assert_eq!(poll(&mut events), Poll::Pending);
    timer.advance(longest / 10 + MILLI);
    assert_eq!(poll(&mut events), ALIVE);
}

#[test]
fn months_of_service_do_not_shift_the_silence() {
    const DAY: Duration = Duration::from_secs(86_400);
    let (_feeder, timer, mut events) = setup(DAY);
    assert_eq!(poll(&mut events), Poll::Pending);
    for _ in 0..120 {
        timer.advance(DAY / 10 * 9 - MILLI);
        assert_eq!(poll(&mut events), Poll::Pending);
        timer.advance(DAY / 10 + MILLI);
        assert_eq!(poll(&mut events), ALIVE);
        assert_eq!(poll(&mut events), Poll::Pending);
    }
}

#[test]
fn an_event_takes_the_place_of_the_comment() {
    let (_feeder, timer, events) = setup(INTERVAL);
    let alive = Event::new("").with_type(EventType::from_static("alive"));
    let mut events = events.event(alive);
    assert_eq!(poll(&mut events), Poll::Pending);
    for _ in 0..2 {
        timer.advance(INTERVAL);
        assert_eq!(poll(&mut events), Poll::Ready(Some(Ok("event: alive\ndata: \n\n".into()))));
        assert_eq!(poll(&mut events), Poll::Pending);
    }
}

#[test]
fn keep_alives_of_streams_that_fell_silent_together_are_spread() {
    const STREAMS: usize = 1_000;
    const STEP: Duration = Duration::from_millis(10);
    let mut streams: Vec<_> = (0..STREAMS).map(|_| setup(INTERVAL)).collect();
    for (feeder, timer, events) in &mut streams {
        assert_eq!(poll(events), Poll::Pending);
        // All get an event at the same instant, which is in the middle of their silences.
        timer.advance(INTERVAL / 2);
        feeder.push(ITEM);
        assert_eq!(poll(events), item());
        assert_eq!(poll(events), Poll::Pending);
        timer.advance(EARLIEST - MILLI);
        assert_eq!(poll(events), Poll::Pending);
    }
    let mut sent = Vec::new();
    for _ in 0..=100 {
        let before = streams.len();
        streams.retain_mut(|(_, timer, events)| {
            timer.advance(STEP);
            poll(events) == Poll::Pending
        });
        sent.push(before - streams.len());
    }
    assert_eq!(sent.iter().sum::<usize>(), STREAMS, "one is later than the interval");
    // Ten on average.
    assert!(sent.iter().all(|sent| *sent < 50), "{sent:?}");
}

#[test]
fn every_16384th_comment_in_a_row_has_a_blank_line() {
    let (feeder, timer, mut events) = setup(INTERVAL);
    assert_eq!(poll(&mut events), Poll::Pending);
    let mut comment = || {
        timer.advance(INTERVAL);
        let Poll::Ready(Some(Ok(comment))) = poll(&mut events) else { panic!("it is silent") };
        assert_eq!(poll(&mut events), Poll::Pending);
        comment
    };
    for _ in 0..2 {
        let comments: Vec<_> = (0..16_384).map(|_| comment()).collect();
        assert!(comments[..16_383].iter().all(|comment| comment == ":\n"));
        assert_eq!(comments[16_383], ":\n\n");
    }
    // An event ends in a blank line as well.
    (0..10_000).for_each(|_| assert_eq!(comment(), ":\n"));
    feeder.push(ITEM);
    assert_eq!(comment(), ITEM);
    (0..16_383).for_each(|_| assert_eq!(comment(), ":\n"));
    assert_eq!(comment(), ":\n\n");
}

#[test]
fn the_size_hint_has_no_upper_bound_until_the_end() {
    let (feeder, _timer, mut events) = setup(INTERVAL);
    feeder.push(ITEM);
    feeder.end();
    assert_eq!(events.size_hint(), (1, None));
    assert_eq!(poll(&mut events), item());
    assert_eq!(poll(&mut events), Poll::Ready(None));
    assert_eq!(events.size_hint(), (0, Some(0)));
}

#[test]
fn the_inner_stream_can_be_had_back() {
    let mut events = KeepAlive::with_timer(stream::iter([ITEM]), INTERVAL, ManualTimer::new());
    assert_eq!(events.get_ref().size_hint(), (1, Some(1)));
    assert_eq!(poll(events.get_mut()), Poll::Ready(Some(ITEM)));
    assert_eq!(poll(&mut events.into_inner()), Poll::Ready(None));
}

#[cfg(feature = "tokio")]
#[tokio::test(start_paused = true)]
async fn on_tokio_keep_alives_come_at_their_instants() {
    use futures_util::StreamExt;
    use tokio::time::{Instant, sleep};

    let start = Instant::now();
    let item_at_7 = Box::pin(stream::once(async {
        sleep(7 * SECOND).await;
        ITEM
    }));
    let mut events = KeepAlive::new(item_at_7.chain(stream::pending()), INTERVAL);
    assert_eq!(events.next().await.unwrap().unwrap(), ITEM);
    assert_eq!(start.elapsed().as_secs(), 7);
    for _ in 0..2 {
        let before = Instant::now();
        assert_eq!(events.next().await.unwrap().unwrap(), ":\n");
        let silence = before.elapsed();
        // Tokio's timer rounds up to whole milliseconds.
        assert!((EARLIEST..=INTERVAL + MILLI).contains(&silence), "{silence:?}");
    }
}
