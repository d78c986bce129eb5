//! The first minute with the service: what it prints works as printed, and what goes wrong names its remedy.

#[path = "support/program.rs"]
mod program;

use std::net::TcpListener;

use program::{Program, Shell, refuses};

#[test]
fn the_printed_commands_receive_and_send_an_event() {
    let mut hub = Program::start(&[]);
    let lines = hub.lines_until("Ctrl-C");
    let printed: Vec<_> = lines.iter().filter(|line| line.starts_with("curl")).collect();
    let [receive, send] = printed[..] else { panic!("{lines:?}") };
    let mut receive = Shell::start(receive);
    receive.read_until("event: position");
    Shell::start(send).read_until("{\"id\":");
    receive.read_until("data: hello\n");
}

#[test]
fn the_printed_page_is_there() {
    let mut hub = Program::start(&[]);
    let line = hub.lines_until("Open").pop().unwrap();
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    assert_eq!(url, format!("http://{}/", hub.address()));
    Shell::start(&format!("curl -s {url}")).read_until("<title>");
}

#[test]
fn a_port_in_use_is_one_sentence_that_names_it_and_the_option() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    assert_eq!(
        refuses(&["--listen", &address.to_string()]),
        format!(
            "hub: {address} is in use: choose another address with --listen, such as --listen 127.0.0.1:0 for any free port\n"
        )
    );
}

#[cfg(not(feature = "disk"))]
#[test]
fn an_option_without_the_feature_disk_tells_how_to_turn_it_on() {
    assert_eq!(
        refuses(&["--data", "DIR"]),
        "hub: --data needs the feature `disk`: cargo run -p hub --features disk -- --data DIR\n"
    );
}

#[cfg(not(feature = "redis"))]
#[test]
fn an_option_without_the_feature_redis_tells_how_to_turn_it_on() {
    assert_eq!(
        refuses(&["--redis", "redis://127.0.0.1/"]),
        "hub: --redis needs the feature `redis`: cargo run -p hub --features redis -- --redis redis://127.0.0.1/\n"
    );
}
