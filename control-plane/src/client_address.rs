//! Where a request comes from: the peer of the connection, or who a trusted proxy says it speaks for.

use std::net::{IpAddr, SocketAddr};

use axum::{extract::ConnectInfo, http::Extensions, http::HeaderMap};
use ipnet::IpNet;

/// The address of whoever asks, set around every route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl ClientAddress {
    /// Where a request comes from; none where it did not come over a socket. `X-Forwarded-For` is believed from the
    /// right as long as each address is a trusted proxy's: what stands further left, the caller may have made up.
    pub(crate) fn of(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpNet]) -> Option<Self> {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip();
        let mut address = peer.to_canonical();
        let forwarded = headers.get_all("x-forwarded-for");
        let mut hops: Vec<&str> = forwarded
            .iter()
            .flat_map(|value| value.to_str().unwrap_or("").split(','))
            .map(str::trim)
            .collect();
        while trusted.iter().any(|network| network.contains(&address)) {
            // A proxy that says nothing that is an address spoke for itself.
            let Some(before) = hops.pop().and_then(parse) else {
                break;
            };
            address = before;
        }
        Some(Self(address))
    }
}

/// An address, with or without a port behind it.
fn parse(hop: &str) -> Option<IpAddr> {
    let address = hop
        .parse::<IpAddr>()
        .ok()
        .or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"].map(|network| network.parse().unwrap());
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
        }
        ClientAddress::of(&extensions, &headers, &trusted)
            .unwrap()
            .0
            .to_string()
    }

    #[test]
    fn only_what_trusted_proxies_say_is_believed() {
        for (peer, forwarded, expected) in [
            // Nobody forwards.
            ("203.0.113.5", &[][..], "203.0.113.5"),
            ("10.0.0.1", &[], "10.0.0.1"),
            // Whoever is no proxy may claim what they like.
            ("203.0.113.5", &["198.51.100.7"], "203.0.113.5"),
            // One proxy, two, and one that adds a header of its own.
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", &["198.51.100.7", "10.0.0.2"], "198.51.100.7"),
            // What the caller made up stands left of what the proxy saw.
            ("10.0.0.1", &["127.0.0.1, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["192.0.2.1, 198.51.100.7, 10.9.9.9"], "198.51.100.7"),
            // With a port, as some proxies write it; IPv6; IPv4 within IPv6.
            ("10.0.0.1", &["198.51.100.7:3121"], "198.51.100.7"),
            ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
            ("fd00::1", &["[2001:db8::7]:443"], "2001:db8::7"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
            // Nothing that is an address.
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7, _hidden"], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ] {
            assert_eq!(seen(peer, forwarded), expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn a_request_that_came_over_no_socket_has_no_address() {
        let none = ClientAddress::of(&Extensions::new(), &HeaderMap::new(), &[]);
        assert_eq!(none, None);
    }
}
