use redis::{ConnectionInfo, IntoConnectionInfo};

use crate::relay::redis::error::RedisLogError;

/// The parts of an address.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) leads: Leads,
    #[cfg(feature = "redis-tls")]
    pub(super) has_tls: bool,
}

#[derive(Debug)]
pub(super) enum Leads {
    To(Box<ConnectionInfo>),
    ToMasterOf(Box<Group>),
}

/// A master that Sentinels know.
#[derive(Debug)]
pub(super) struct Group {
    /// How to connect to the Sentinels.
    pub(super) sentinels: Vec<ConnectionInfo>,
    /// The name under which they know the master.
    pub(super) name: String,
    /// How to connect to the master, but for its host and port.
    pub(super) master: ConnectionInfo,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, RedisLogError> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(RedisLogError::address("it has no scheme, such as `redis://`"));
        };
        let (scheme, has_tls, has_sentinels) = match scheme {
            "rediss" | "valkeys" => ("redis", true, false),
            "redis+sentinel" | "valkey+sentinel" => ("redis", false, true),
            "rediss+sentinel" | "valkeys+sentinel" => ("redis", true, true),
            other => (other, false, false),
        };
        if has_tls && cfg!(not(feature = "redis-tls")) {
            return Err(RedisLogError::address("TLS needs the feature `redis-tls` of this crate"));
        }
        if has_tls && rest.contains('#') {
            return Err(RedisLogError::address("certificates are always verified, so it has no fragment"));
        }
        let leads = if has_sentinels {
            Leads::ToMasterOf(Box::new(Group::parse(rest)?))
        } else {
            Leads::To(Box::new(info(&format!("{scheme}://{rest}"))?))
        };
        Ok(Self {
            leads,
            #[cfg(feature = "redis-tls")]
            has_tls,
        })
    }
}

impl Group {
    /// Parses `user:password@host:port,host:port/name/database?sentinel_username=…&sentinel_password=…`.
    fn parse(address: &str) -> Result<Self, RedisLogError> {
        let (address, query) = address.split_once('?').unwrap_or((address, ""));
        let (authority, path) = address.split_once('/').unwrap_or((address, ""));
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (format!("{credentials}@"), hosts),
            None => (String::new(), authority),
        };
        let (name, database) = path.split_once('/').unwrap_or((path, ""));
        if name.is_empty() {
            return Err(RedisLogError::address("the name of the master is missing, as in `…/mymaster`"));
        }
        let (mut username, mut password, mut rest) = ("", "", Vec::new());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sentinel_username", value)) => username = value,
                Some(("sentinel_password", value)) => password = value,
                _ => rest.push(parameter),
            }
        }
        let as_sentinel = if password.is_empty() { String::new() } else { format!("{username}:{password}@") };
        let sentinels = hosts.split(',').map(|host| {
            let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
            let port = if has_port { String::new() } else { format!(":{SENTINEL_PORT}") };
            info(&format!("redis://{as_sentinel}{host}{port}/"))
        });
        Ok(Self {
            sentinels: sentinels.collect::<Result<_, _>>()?,
            name: name.to_owned(),
            master: info(&format!("redis://{credentials}master/{database}?{}", rest.join("&")))?,
        })
    }
}

fn info(url: &str) -> Result<ConnectionInfo, RedisLogError> {
    url.into_connection_info().map_err(RedisLogError::malformed)
}

const SENTINEL_PORT: u16 = 26379;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(address: &str) -> (Vec<String>, Group) {
        let group = Group::parse(address).unwrap();
        (group.sentinels.iter().map(|info| info.addr().to_string()).collect(), group)
    }

    #[test]
    fn hosts_may_lack_a_port_and_be_ipv6() {
        let (addresses, group) = parsed("a,b:7,10.0.0.1,[::1],[::2]:9/main");
        assert_eq!(addresses, ["a:26379", "b:7", "10.0.0.1:26379", "::1:26379", "::2:9"]);
        assert_eq!((group.name.as_str(), group.master.redis_settings().db()), ("main", 0));
        assert_eq!(group.master.redis_settings().username(), None);
    }

    #[test]
    fn the_master_and_its_sentinels_have_credentials_of_their_own() {
        let (_, group) = parsed(
            "us%40er:pass%2Fword@a,b/main/3?sentinel_username=s&protocol=resp3&sentinel_password=p%20w",
        );
        let master = group.master.redis_settings();
        assert_eq!(
            (master.username(), master.password(), master.db()),
            (Some("us@er"), Some("pass/word"), 3)
        );
        assert_eq!(master.protocol(), redis::ProtocolVersion::RESP3);
        for sentinel in &group.sentinels {
            let sentinel = sentinel.redis_settings();
            assert_eq!((sentinel.username(), sentinel.password()), (Some("s"), Some("p w")));
        }
        let (_, group) = parsed("a/main?sentinel_password=p");
        let sentinel = group.sentinels[0].redis_settings();
        assert_eq!((sentinel.username(), sentinel.password()), (None, Some("p")));
    }

    #[test]
    fn an_address_without_a_master_or_with_a_wrong_host_is_refused() {
        for wrong in ["a:1", "a:1/", "a:1,/main", "a:x/main", "a/main/x", "/main"] {
            assert!(Group::parse(wrong).is_err(), "{wrong}");
        }
    }
}
