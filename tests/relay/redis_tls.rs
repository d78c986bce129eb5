//! The log in Redis over TLS.
#![cfg(feature = "redis-tls")]

use ssekit::{
    Event,
    relay::{Limit, Log, Record, RedisLog},
};

use crate::support::{certificates::Certificates, redis_server::RedisServer};

const ALL: Limit = Limit::entries(100);

fn event() -> Record {
    Record::Event { topic: "a".into(), event: Event::new("x") }
}

fn open(url: &str) -> RedisLog {
    RedisLog::open(url, "log").unwrap()
}

#[tokio::test]
async fn a_log_works_over_tls_with_the_roots_of_the_application() {
    let certificates = Certificates::new(&["localhost", "127.0.0.1"]);
    let server = RedisServer::start_with_tls(certificates.path(), false);
    let port = server.tls_address().port();
    for host in ["localhost", "127.0.0.1"] {
        let log = open(&format!("rediss://{host}:{port}/"));
        let log = log.root_certificates(&certificates.read("ca.pem")).unwrap();
        log.check().await.unwrap();
        let first = log.append(event(), None).await.unwrap();
        let second = log.append(event(), None).await.unwrap();
        let page = log.follow(&first, ALL).await.unwrap();
        assert_eq!((page.held, &page.entries[0].id), (true, &second));
        assert!(log.holds(&first).await.unwrap());
        // A large entry takes several records of TLS.
        let large = Record::Event { topic: "a".into(), event: Event::new("x".repeat(1 << 20)) };
        log.append(large.clone(), None).await.unwrap();
        let page = log.read(Some(&second), ALL).await.unwrap();
        assert_eq!(page.entries[0].record.as_ref().unwrap().fields(), large.fields());
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_or_for_another_host_is_refused() {
    let certificates = Certificates::new(&["localhost"]);
    let server = RedisServer::start_with_tls(certificates.path(), false);
    let url = format!("rediss://{}/", server.tls_address());
    let other = Certificates::new(&["127.0.0.1"]);
    for (roots, reason) in [(&certificates, "not valid for name"), (&other, "UnknownIssuer")] {
        let log = open(&url).root_certificates(&roots.read("ca.pem")).unwrap();
        let error = log.check().await.unwrap_err().to_string();
        assert!(error.starts_with("cannot connect to Redis: ") && error.contains(reason), "{error}");
        assert_eq!(server.command::<usize>(&["EXISTS", "log"]), 0);
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_one() {
    let certificates = Certificates::new(&["127.0.0.1"]);
    let server = RedisServer::start_with_tls(certificates.path(), true);
    let url = format!("rediss://{}/", server.tls_address());
    let roots = certificates.read("ca.pem");
    let without = open(&url).root_certificates(&roots).unwrap();
    without.check().await.unwrap_err();
    let with = open(&url).client_certificate(&certificates.read("cert.pem"), &certificates.read("key.pem"));
    with.unwrap().root_certificates(&roots).unwrap().check().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_replaced_without_an_error() {
    let certificates = Certificates::new(&["127.0.0.1"]);
    let server = RedisServer::start_with_tls(certificates.path(), false);
    let log = open(&format!("rediss://{}/", server.tls_address()));
    let log = log.root_certificates(&certificates.read("ca.pem")).unwrap();
    for _ in 0..3 {
        log.append(event(), None).await.unwrap();
        // Long enough to count as idle.
        tokio::time::sleep(std::time::Duration::from_millis(600)).await;
        server.command::<usize>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    }
    assert_eq!(server.command::<usize>(&["XLEN", "log"]), 4);
}

/// The system's roots are read from the file in `SSL_CERT_FILE`, if it is set, which a test cannot do for itself.
#[test]
fn without_roots_of_the_application_those_of_the_system_count() {
    let certificates = Certificates::new(&["127.0.0.1"]);
    let server = RedisServer::start_with_tls(certificates.path(), false);
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--ignored", "--exact", "redis_tls::checks_a_log_with_the_roots_of_the_system"]);
    child.env("SSEKIT_TEST_URL", format!("rediss://{}/", server.tls_address()));
    let unknown = child.output().unwrap();
    assert!(!unknown.status.success());
    assert!(String::from_utf8_lossy(&unknown.stdout).contains("UnknownIssuer"), "{unknown:?}");
    let known = child.env("SSL_CERT_FILE", certificates.path().join("ca.pem")).output().unwrap();
    assert!(known.status.success(), "{known:?}");
    assert!(String::from_utf8_lossy(&known.stdout).contains("1 passed"), "{known:?}");
}

#[tokio::test]
#[ignore = "the test above runs it in a process of its own"]
async fn checks_a_log_with_the_roots_of_the_system() {
    let url = std::env::var("SSEKIT_TEST_URL").unwrap();
    let checked = open(&url).check().await;
    assert!(checked.is_ok(), "{}", checked.unwrap_err());
}

#[test]
fn what_is_no_certificate_is_refused() {
    let certificates = Certificates::new(&["127.0.0.1"]);
    let log = || open("rediss://127.0.0.1/");
    let (chain, key) = (certificates.read("cert.pem"), certificates.read("key.pem"));
    for wrong in
        [&b""[..], b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &key]
    {
        let text = String::from_utf8_lossy(wrong);
        assert!(log().root_certificates(wrong).is_err(), "{text}");
    }
    for (chain, key) in [(&b""[..], &key[..]), (&chain, b""), (&chain, &chain)] {
        let error = log().client_certificate(chain, key).unwrap_err().to_string();
        assert!(error.starts_with("not a certificate or a key in PEM format: "), "{error}");
    }
    let error = RedisLog::open("rediss://127.0.0.1/#insecure", "log").unwrap_err().to_string();
    assert!(error.contains("always verified"), "{error}");
}
