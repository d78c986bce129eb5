//! How long a client is away, in virtual time: while the server delivers, and while it does not.

use std::time::Duration;

use crate::support::simulation::{Answer, Simulation};
use ssekit::client::{Policy, Protocol};

const CYCLES: usize = 60;

/// Runs a client until all is answered. Returns the delays before its reconnections, in milliseconds.
fn delays(protocol: Protocol, answers: impl IntoIterator<Item = Answer>) -> Vec<u128> {
    let seen = Simulation::new(protocol).run(answers);
    let reconnecting = seen.log.iter().filter(|line| line.contains("reconnecting in"));
    let lost: Vec<u128> = reconnecting.map(|line| at(line)).collect();
    seen.request_times()[1..].iter().zip(lost).map(|(request, lost)| request - lost).collect()
}

fn at(line: &str) -> u128 {
    (line.split_once(' ').unwrap().0.parse::<f64>().unwrap() * 1e3).round() as u128
}

/// A hundred events over so many seconds, then the end.
fn delivering(seconds: f64, retry: Option<u64>) -> Answer {
    let mut answer = Answer::stream();
    if let Some(retry) = retry {
        answer = answer.chunk(format!("retry: {retry}\n\n"));
    }
    for event in 0..100 {
        answer = answer.chunk(format!("id: {event}\ndata: {event}\n\n")).pause(seconds / 100.0);
    }
    answer.end()
}

#[test]
fn a_server_that_delivers_is_missed_no_longer_than_its_retry_says() {
    println!("| open for | retry | away on average | at most | of the time |");
    println!("| --- | --- | --- | --- | --- |");
    for seconds in [5.0, 16.0, 25.0, 29.999, 30.0, 120.0] {
        for retry in [None, Some(250), Some(1_000), Some(20_000)] {
            for seed in 0..5 {
                let answers = (0..CYCLES).map(|_| delivering(seconds, retry));
                let delays = delays(Protocol::new(seed), answers);
                assert_eq!(delays.len(), CYCLES);
                let says = u128::from(retry.unwrap_or(3_000));
                for delay in &delays {
                    assert!((says * 9 / 10..=says + 1).contains(delay), "{seconds} s, {retry:?}: {delay}");
                }
                let away = delays.iter().sum::<u128>() as f64 / CYCLES as f64 / 1e3;
                let share = away / (away + seconds);
                assert!(retry.is_some() || seconds < 30.0 || share <= 0.1, "{share}");
                if seed == 0 {
                    let most = *delays.iter().max().unwrap() as f64 / 1e3;
                    let retry = retry.map_or("none".to_owned(), |retry| format!("{retry} ms"));
                    println!(
                        "| {seconds} s | {retry} | {away:.2} s | {most:.2} s | {:.1} % |",
                        share * 100.0
                    );
                }
            }
        }
    }
}

#[test]
fn a_server_that_delivers_each_time_is_never_given_up() {
    let policy = Policy::default().with_max_attempts(Some(10));
    let answers = (0..CYCLES).map(|_| delivering(5.0, None));
    assert_eq!(delays(Protocol::new(1).policy(policy), answers).len(), CYCLES);
}

#[test]
fn jitter_is_at_most_a_tenth_and_never_below_the_least() {
    let policy = |least| {
        Policy::default()
            .with_reconnection_time_bounds(Duration::from_millis(least), Duration::from_secs(300))
    };
    let retry = |least| {
        let answers = (0..200).map(|_| delivering(0.0, Some(1_000)));
        let mut delays = delays(Protocol::new(3).policy(policy(least)), answers);
        delays.sort_unstable();
        (delays[0], delays[199])
    };
    let (least, most) = retry(100);
    assert!((900..=910).contains(&least) && (990..=1_000).contains(&most), "{least} {most}");
    let (least, most) = retry(980);
    assert!((980..=982).contains(&least) && (996..=1_000).contains(&most), "{least} {most}");
    let (least, most) = retry(1_500);
    assert_eq!((least, most), (1_500, 1_500));
}

/// Asserts that the delays of many clients grow, to the reconnection time and the greatest window.
fn assert_growing(answer: fn() -> Answer) {
    const CLIENTS: u64 = 50;
    let mut means = [0.0; 12];
    for seed in 0..CLIENTS {
        let delays = delays(Protocol::new(seed), (0..12).map(|_| answer()));
        for (mean, delay) in means.iter_mut().zip(delays) {
            assert!((3_000..=33_001).contains(&delay), "{delay}");
            *mean += delay as f64 / CLIENTS as f64;
        }
    }
    for (n, pair) in means.windows(2).take(4).enumerate() {
        assert!(pair[1] > pair[0], "after {n} failures: {means:?}");
    }
    assert!(means[0] < 4_000.0 && means[11] > 12_000.0, "{means:?}");
}

#[test]
fn a_dead_server_gets_a_growing_delay() {
    assert_growing(|| Answer::none().error("connection refused"));
    assert_growing(|| Answer::head(503, &[]));
    assert_growing(|| Answer::none().pause(31.0));
}

#[test]
fn a_server_that_accepts_sends_nothing_and_closes_gets_a_growing_delay() {
    assert_growing(|| Answer::stream().end());
    assert_growing(|| Answer::stream().chunk(": comment\nretry: 3000\n\nid: 7\n\n").pause(1.0).end());
    assert_growing(|| Answer::stream().chunk("{\"error\": \"overloaded\"}").end());
}

#[test]
fn a_row_of_failures_begins_anew_after_progress() {
    let failing = |count| (0..count).map(|_| Answer::head(503, &[]));
    for progress in [|| Answer::stream().pause(30.0).end(), || Answer::stream().chunk("data\n\n").end()] {
        let mut after = 0;
        for seed in 0..200 {
            let answers = failing(8).chain([progress()]).chain(failing(1));
            let delays = delays(Protocol::new(seed), answers);
            assert!((2_700..=3_001).contains(&delays[8]), "{delays:?}");
            after = after.max(delays[9]);
        }
        assert!((3_900..=4_001).contains(&after), "the first window again: {after}");
    }
}
