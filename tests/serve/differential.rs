//! With and without the hand-over, random requests are answered alike.

use crate::{random::Random, serve_model::check};

/// What the requests are put together from, so that most of them make sense and some do not.
const PIECES: [&str; 30] = [
    "GET /e HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /edpd HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /pedDd0d HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /eddx HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /ex HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /ecd HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /ezd HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /end HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /d HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /D HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /DDDD HTTP/1.1\r\nhost: a\r\n\r\n",
    "HEAD /ed HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /ed HTTP/1.0\r\n\r\n",
    "GET /ed HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
    "GET /ed HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    "POST /ed HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
    "POST /red HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
    "POST /red HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "POST /ed HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "POST /red HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc",
    "POST /ed HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc",
    "POST /d HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
    "GET /ed HTTP/1.1\r\nhost: a\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    "POST /red HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET /ed",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "POST /red HTTP/1.1\r\nhost: a\r\ncontent-length: 300\r\n\r\nabc",
    "\r\n",
    "\0garbage\r\n\r\n",
    "DELETE /eD0DpD HTTP/1.1\r\nhost: a\r\n\r\n",
];

#[test]
fn random_requests_are_answered_alike_by_both() {
    let mut random = Random::new(17);
    for _ in 0..2000 {
        let count = random.within(1..5);
        let sent: String = (0..count).map(|_| PIECES[random.within(0..PIECES.len())]).collect();
        let piece = [1, 2, 7, 24, 25, 100, 10_000][random.within(0..7)];
        let buffer = [16, 100, 4096, 1 << 20][random.within(0..4)];
        check(sent.as_bytes(), piece, buffer);
    }
}

#[test]
fn the_answer_to_garbage_comes_after_the_responses_before_it() {
    for expect in ["", "expect: 100-continue\r\n"] {
        let sent =
            format!("POST /d HTTP/1.1\r\nhost: a\r\n{expect}content-length: 3\r\n\r\nabcGET /\r\n\r\n");
        for piece in [7, 1000] {
            for buffer in [1, 16, 100, 4096] {
                check(sent.as_bytes(), piece, buffer);
            }
        }
    }
}
