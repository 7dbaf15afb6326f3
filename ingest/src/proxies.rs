//! Who a client is when proxies stand in between: the nearest address that no trusted proxy has.
//!
//! Each proxy appends the address it was reached from to `X-Forwarded-For`, so the list is to be believed from its right
//! end, hop by hop, for as long as the hops are trusted ones. What stands further left a client may have written itself.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::HeaderMap;
use ipnet::{IpNet, Ipv4Net};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies that are trusted to tell the truth about who has reached them. None by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl FromStr for Proxies {
    type Err = String;

    /// Addresses and CIDR ranges, separated by commas.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl Proxies {
    /// The address of the client that a request is from, which `peer` has sent.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trust(peer) {
            return peer;
        }
        // Several lines are one list, in their order.
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let hops = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
        for hop in hops.map(str::trim).filter(|hop| !hop.is_empty()) {
            match address(hop) {
                Some(hop) if self.trust(hop) => {}
                Some(client) => return client,
                None => return peer,
            }
        }
        peer
    }

    /// Whether no proxy is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a proxy at this address is trusted.
    #[must_use]
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// A range, with mapped IPv4 addresses as what they are.
fn network(text: &str) -> Result<IpNet, String> {
    let wrong =
        || format!("{text:?} is neither an address nor a CIDR range such as 10.0.0.0/8 or 2001:db8::/32");
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse().map_err(|_| wrong())?,
    };
    let network = match (network.addr().to_canonical(), network.prefix_len().checked_sub(96)) {
        (IpAddr::V4(address), Some(length)) if network.addr().is_ipv6() => {
            Ipv4Net::new(address, length).map_err(|_| wrong())?.into()
        }
        _ => network,
    };
    if network.prefix_len() == 0 {
        return Err(format!("{text} is everybody: if all may say who they are, nobody can be told apart"));
    }
    Ok(network)
}

/// An address as proxies write it: bare, in brackets, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let parsed = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    parsed.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http::{HeaderMap, HeaderValue};

    use super::Proxies;

    const TRUSTED: &str = "10.0.0.0/8, 192.0.2.7,2001:db8:ff::/48";

    fn client_through(trusted: &str, peer: &str, lines: &[&str]) -> String {
        let proxies: Proxies = trusted.parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        proxies.client(peer.parse::<IpAddr>().unwrap(), &headers).to_string()
    }

    #[test]
    fn from_a_peer_that_is_not_trusted_the_header_counts_for_nothing() {
        for trusted in ["", "192.0.2.7"] {
            assert_eq!(client_through(trusted, "198.51.100.1", &["203.0.113.9"]), "198.51.100.1");
        }
        assert_eq!(client_through("", "127.0.0.1", &["203.0.113.9"]), "127.0.0.1");
    }

    #[test]
    fn from_a_trusted_peer_the_first_address_from_the_right_that_is_not_trusted_is_the_client() {
        for (lines, client) in [
            (&["203.0.113.9"] as &[&str], "203.0.113.9"),
            (&["1.2.3.4, 5.6.7.8, 203.0.113.9"], "203.0.113.9"),
            (&["1.2.3.4, 203.0.113.9, 10.1.2.3, 192.0.2.7"], "203.0.113.9"),
            (&["1.2.3.4", "203.0.113.9", "10.1.2.3,2001:db8:ff::1"], "203.0.113.9"),
            (&["garbage, 203.0.113.9"], "203.0.113.9"),
            (&["\u{e9}, x", "203.0.113.9 , ,"], "203.0.113.9"),
        ] {
            assert_eq!(client_through(TRUSTED, "10.0.0.1", lines), client, "{lines:?}");
        }
    }

    #[test]
    fn without_a_usable_address_the_peer_is_the_client() {
        for lines in [
            &[] as &[&str],
            &[""],
            &[" , ,"],
            &["unknown"],
            &["203.0.113.9, _hidden"],
            &["203.0.113.9, 10.0.0.2:x"],
            &["203.0.113.9, \u{e9}"],
            &["203.0.113.9", "1.2.3.4.5"],
            &["10.0.0.2, 10.0.0.3"],
        ] {
            assert_eq!(client_through(TRUSTED, "10.0.0.1", lines), "10.0.0.1", "{lines:?}");
        }
    }

    #[test]
    fn addresses_are_understood_in_every_form_that_proxies_write() {
        for (hop, client) in [
            ("203.0.113.9:4711", "203.0.113.9"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("2001:0DB8:0:0::0:1", "2001:db8::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("[::ffff:203.0.113.9]:4711", "203.0.113.9"),
        ] {
            assert_eq!(client_through(TRUSTED, "10.0.0.1", &[hop]), client, "{hop}");
        }
        assert_eq!(client_through(TRUSTED, "::ffff:10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client_through("::ffff:10.0.0.0/104", "10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client_through("2001:db8:ff::/48", "2001:db8:ff::9", &["203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn what_is_no_range_and_what_is_everybody_are_refused() {
        for wrong in ["10.0.0.0/33", "10.0.0", "proxy.example", "10.0.0.0/8;10.1.0.0/16", "::/129"] {
            let reason = wrong.parse::<Proxies>().unwrap_err();
            assert!(reason.contains("such as 10.0.0.0/8"), "{wrong}: {reason}");
        }
        for everybody in ["0.0.0.0/0", "::/0", "::ffff:0:0/96"] {
            assert!(everybody.parse::<Proxies>().unwrap_err().contains("nobody can be told apart"));
        }
        assert_eq!(" , ".parse(), Ok(Proxies::default()));
    }
}
