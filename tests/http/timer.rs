//! `TokioTimer` keeps the contract of `Timer`, on a paused clock.
#![cfg(feature = "tokio")]

use std::{
    future::poll_fn,
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::support::counting_waker::CountingWaker;
use ssekit::timer::{Timer, TokioTimer};
use tokio::time;

const SECOND: Duration = Duration::from_secs(1);

fn poll(timer: &mut TokioTimer) -> Poll<()> {
    timer.poll_elapsed(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test(start_paused = true)]
async fn it_stays_pending_until_it_is_armed() {
    let mut timer = TokioTimer::new();
    time::advance(1_000 * SECOND).await;
    assert_eq!(poll(&mut timer), Poll::Pending);
}

#[tokio::test(start_paused = true)]
async fn it_elapses_after_the_delay_and_once_for_each_arm() {
    let mut timer = TokioTimer::new();
    for _ in 0..3 {
        let start = timer.now();
        timer.arm(SECOND);
        poll_fn(|cx| timer.poll_elapsed(cx)).await;
        assert_eq!((timer.now() - start).as_millis(), 1_000);
        time::advance(10 * SECOND).await;
        assert_eq!(poll(&mut timer), Poll::Pending);
    }
}

#[tokio::test(start_paused = true)]
async fn arming_again_replaces_the_wait_whether_it_is_later_or_earlier() {
    let mut timer = TokioTimer::new();
    for (first, then) in [(5, 9), (9, 5)] {
        let start = timer.now();
        timer.arm(first * SECOND);
        assert_eq!(poll(&mut timer), Poll::Pending);
        timer.arm(then * SECOND);
        poll_fn(|cx| timer.poll_elapsed(cx)).await;
        assert_eq!((timer.now() - start).as_secs(), u64::from(then));
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_over_and_was_not_seen_can_be_replaced() {
    let mut timer = TokioTimer::new();
    timer.arm(SECOND);
    assert_eq!(poll(&mut timer), Poll::Pending);
    time::advance(2 * SECOND).await;
    timer.arm(SECOND);
    assert_eq!(poll(&mut timer), Poll::Pending);
    time::advance(2 * SECOND).await;
    assert_eq!(poll(&mut timer), Poll::Ready(()));
}

#[tokio::test(start_paused = true)]
async fn only_the_latest_waker_is_woken() {
    let (first, first_waker) = CountingWaker::new();
    let (second, second_waker) = CountingWaker::new();
    let mut timer = TokioTimer::new();
    timer.arm(SECOND);
    assert_eq!(timer.poll_elapsed(&mut Context::from_waker(&first_waker)), Poll::Pending);
    assert_eq!(timer.poll_elapsed(&mut Context::from_waker(&second_waker)), Poll::Pending);
    time::advance(2 * SECOND).await;
    assert_eq!((first.take(), second.take()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_delay_beyond_the_clock_is_no_panic_and_does_not_elapse() {
    let mut timer = TokioTimer::new();
    for _ in 0..2 {
        timer.arm(Duration::MAX);
        assert_eq!(poll(&mut timer), Poll::Pending);
    }
    time::advance(1_000_000 * SECOND).await;
    assert_eq!(poll(&mut timer), Poll::Pending);
}

#[test]
fn it_can_be_made_and_polled_outside_a_runtime_while_it_is_not_armed() {
    assert_eq!(poll(&mut TokioTimer::new()), Poll::Pending);
}
