//! What may happen to a client's `Protocol`, at random.

use proptest::{collection::vec, option, prelude::*, sample::select};
use ssekit::client::Verdict;

use super::{
    client_model::{Setup, Step, millis},
    streams::stream,
};

pub(crate) fn setups() -> impl Strategy<Value = Setup> {
    let time = || prop_oneof![8 => 0..1000_u64, 2 => 0..1_000_000_u64, 1 => Just(u64::MAX)];
    let last_event_id = prop_oneof![4 => Just(""), 1 => select(vec!["7", " 7", "é", "\u{1}", "\u{7F}"])];
    let limits = (option::of(0..5_u32), option::of(time()), option::of(time()), time());
    let times = (time(), (time(), time()), (time(), time()), time());
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), select(vec![0_usize, 7, 16_384]));
    (any::<u64>(), last_event_id, times, limits, flags).prop_map(|(seed, id, times, limits, flags)| Setup {
        seed,
        last_event_id: id.to_owned(),
        time: times.0,
        bounds: times.1,
        backoff: times.2,
        sustained_uptime: times.3,
        max_attempts: limits.0,
        connect_timeout: limits.1,
        idle_timeout: limits.2,
        max_retry_after: limits.3,
        max_error_body_bytes: flags.3,
        has_jitter: flags.0,
        resends: flags.1,
        has_details: flags.2,
    })
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let status = prop_oneof![
        8 => Just(200_u16),
        4 => select(vec![204_u16, 400, 408, 425, 429, 500, 501, 502, 503, 504, 529]),
        1 => 100..1000_u16,
    ];
    let content_type = prop_oneof![
        8 => Just(b"text/event-stream".to_vec()),
        1 => Just(b"text/plain".to_vec()),
        1 => select(vec![&b"text/plain, text/event-stream;a=\"b, "[..], b"TEXT/event-stream ;", b"a/b,;\"\\"])
            .prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..20),
    ];
    let seconds = (0..100_u64).prop_map(|seconds| seconds.to_string().into_bytes());
    let other = select(vec![
        &b"99999999999999999999999"[..],
        b"Sun, 06 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:50:00 GMT",
        b"Sat, 29 Feb 0000 23:59:60 GMT",
        b"Sat, 31 Jan 0000 00:00:00 GMT",
        b"Fri, 31 Dec 9999 23:59:59 GMT",
        b" 7 ",
        b"+7",
        b"",
    ]);
    let other = || prop_oneof![6 => other.clone().prop_map(<[u8]>::to_vec), 1 => vec(any::<u8>(), 0..40)];
    let retry_after = prop_oneof![3 => Just(None), 1 => seconds.prop_map(Some), 1 => other().prop_map(Some)];
    let response = (status, content_type, retry_after, option::of(other()));
    let response = response.prop_map(|(status, content_type, retry_after, date)| Step::Response {
        status,
        content_type,
        retry_after,
        date,
    });
    let passes = prop_oneof![2 => 0..2000_u64, 3 => 0..2_000_000_u64];
    let step = prop_oneof![
        10 => response,
        10 => stream().prop_map(Step::Chunk),
        3 => Just(Step::End),
        3 => Just(Step::Error),
        12 => (passes, prop_oneof![4 => Just(true), 1 => Just(false)])
            .prop_map(|(passes, told)| Step::Time { passes, told }),
        6 => Just(Step::Pull),
        30 => Just(Step::PullAll),
        3 => option::of(verdicts()).prop_map(Step::Verdict),
        1 => any::<bool>().prop_map(Step::Idempotent),
        2 => Just(Step::Reconnect),
        2 => select(vec!["", "7", " 7", "é", "\u{1}"]).prop_map(|id| Step::ReconnectAfter(id.to_owned())),
        2 => Just(Step::Pause),
        3 => Just(Step::Resume),
        1 => Just(Step::Close),
    ];
    vec(step, 0..300)
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        4 => Just(Verdict::Reconnect),
        2 => (0..5_000_u64).prop_map(|after| Verdict::ReconnectAfter(millis(after))),
        1 => Just(Verdict::Stop),
        1 => Just(Verdict::Fail),
    ]
}
