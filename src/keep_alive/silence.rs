use std::{
    fmt,
    sync::OnceLock,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    base::random,
    frame::{COMMENT, COMMENT_AND_BLANK_LINE},
    timer::interface::Timer,
};

/// Detects when there was no traffic for a given time.
///
/// Each open connection has one, so it is small: 24 bytes with a timer of one pointer.
pub(super) struct Silence<T> {
    timer: T,
    /// In milliseconds, at least one.
    interval: u32,
    state: State,
    /// Comments sent since the last blank line.
    comments: u16,
}

impl<T: Timer> Silence<T> {
    pub(super) fn new(interval: Duration, timer: T) -> Self {
        let millis = interval.as_nanos().div_ceil(1_000_000).max(1);
        let interval = u32::try_from(millis).unwrap_or(u32::MAX);
        Self { timer, interval, state: State::UNARMED, comments: 0 }
    }

    /// Ends the present silence. Reads no clock and does not touch the timer.
    pub(super) fn interrupt(&mut self) {
        if self.state != State::UNARMED {
            self.state = State::INTERRUPTED;
        }
        self.comments = 0;
    }

    /// Polls for the end of a silence. It begins with the first call, and with the first call after each
    /// [`interrupt`](Self::interrupt) and each `Ready`.
    ///
    /// A silence lasts an interval, or up to a tenth less. If `time_left` is shorter when the timer is armed,
    /// the task is woken then, and must poll the stream.
    pub(super) fn poll_whole(
        &mut self,
        cx: &mut Context<'_>,
        time_left: impl Fn() -> Option<Duration>,
    ) -> Poll<()> {
        if self.state == State::UNARMED {
            self.arm(0, &time_left);
        }
        if let State::UNARMED | State::INTERRUPTED = self.state {
            self.state = State::since(self.timer.now());
        }
        // The timer may still run for an earlier silence that was interrupted, or for the time left. Either way
        // part of this silence may remain, for which the timer is armed again.
        loop {
            ready!(self.timer.poll_elapsed(cx));
            let silent_for = self.state.millis_until(self.timer.now());
            if silent_for >= self.interval - self.max_jitter() {
                self.state = State::UNARMED;
                return Poll::Ready(());
            }
            self.arm(silent_for, &time_left);
        }
    }

    /// Arms the timer for the rest of a silence.
    ///
    /// One event silences all streams that get it at the same instant, so each silence has its own random
    /// length.
    fn arm(&mut self, silent_for: u32, time_left: &impl Fn() -> Option<Duration>) {
        let length = self.interval - random::up_to(self.max_jitter());
        let rest = Duration::from_millis((length - silent_for).into());
        // At least a millisecond: if the two clocks disagree, zero would be a busy loop.
        let time_left = time_left().map(|left| left.max(Duration::from_millis(1)));
        self.timer.arm(time_left.map_or(rest, |left| left.min(rest)));
    }
}

impl<T> Silence<T> {
    pub(super) fn interval(&self) -> Duration {
        Duration::from_millis(self.interval.into())
    }

    /// Returns the most milliseconds by which a silence may be shorter than the interval.
    fn max_jitter(&self) -> u32 {
        self.interval / 10
    }

    /// Returns the comment to send now.
    pub(super) fn comment(&mut self) -> Bytes {
        self.comments += 1;
        if self.comments < COMMENTS_BEFORE_BLANK_LINE {
            return COMMENT;
        }
        self.comments = 0;
        COMMENT_AND_BLANK_LINE
    }

    /// Records that the stream has ended. It must not be polled afterwards.
    pub(super) fn end(&mut self) {
        self.state = State::ENDED;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state == State::ENDED
    }
}

impl<T: fmt::Debug> fmt::Debug for Silence<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Silence")
            .field("interval", &self.interval())
            .field("timer", &self.timer)
            .field("ended", &self.has_ended())
            .finish()
    }
}

/// One of three states, or the millisecond in which the silence began. Takes four bytes; an enum would take
/// eight.
#[derive(Clone, Copy, PartialEq, Eq)]
struct State(u32);

impl State {
    const UNARMED: Self = Self(0);
    /// The timer is armed, and there was traffic since then.
    const INTERRUPTED: Self = Self(1);
    const ENDED: Self = Self(2);

    fn since(now: Instant) -> Self {
        let millis = wrapping_millis(now);
        // Once in 49 days the count is one of the reserved values.
        Self(if millis <= Self::ENDED.0 { u32::MAX } else { millis })
    }

    fn millis_until(self, now: Instant) -> u32 {
        wrapping_millis(now).wrapping_sub(self.0)
    }
}

/// Counts milliseconds, wrapping every 49 days. Differences below that are exact.
fn wrapping_millis(instant: Instant) -> u32 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    const AT_ORIGIN: u32 = u32::MAX / 2;

    let origin = *ORIGIN.get_or_init(|| instant);
    let after = instant.saturating_duration_since(origin).as_millis() as u32;
    let before = origin.saturating_duration_since(instant).as_nanos().div_ceil(1_000_000) as u32;
    AT_ORIGIN.wrapping_add(after).wrapping_sub(before)
}

/// Some clients buffer no more than 64 KiB until a blank line. These comments take half of that.
const COMMENTS_BEFORE_BLANK_LINE: u16 = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_that_begins_in_a_millisecond_with_another_meaning_is_still_a_silence() {
        let base = Instant::now();
        let all_reserved = [State::UNARMED, State::INTERRUPTED, State::ENDED];
        for reserved in all_reserved {
            let until = reserved.0.wrapping_sub(wrapping_millis(base));
            let start = base + Duration::from_millis(until.into());
            assert_eq!(wrapping_millis(start), reserved.0);

            let state = State::since(start);
            assert!(!all_reserved.contains(&state));
            let silent_for = state.millis_until(start + Duration::from_secs(1));
            assert!((1_000..=1_003).contains(&silent_for), "{silent_for}");
        }
    }
}
