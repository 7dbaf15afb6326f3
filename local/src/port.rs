//! Free TCP ports on the loopback address.
//!
//! They come from below the range that the system gives to outgoing connections, so that a server that is stopped
//! for a while finds its port still free.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

use uuid::Uuid;

const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port that nobody listens on, never the same twice in one process.
///
/// # Panics
/// When all 12,000 are taken.
pub fn free() -> u16 {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(random()));
    (0..COUNT)
        .map(|_| FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT)
        .find(|port| is_free(*port))
        .expect("one of 12,000 ports is free")
}

/// `wanted` when nobody listens on it, otherwise any free one.
pub fn prefer(wanted: u16) -> u16 {
    if is_free(wanted) { wanted } else { free() }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A start that differs from process to process, so that two of them seldom race for one port.
fn random() -> u16 {
    let [high, low, ..] = Uuid::new_v4().into_bytes();
    u16::from_be_bytes([high, low]) % COUNT
}

#[cfg(test)]
mod tests {
    use crate::port;

    #[test]
    fn a_port_in_use_is_not_given_out() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let wanted = taken.local_addr().unwrap().port();
        assert_ne!(port::prefer(wanted), wanted);
    }

    #[test]
    fn no_port_is_given_out_twice() {
        let ports: std::collections::HashSet<u16> = (0..100).map(|_| port::free()).collect();
        assert_eq!(ports.len(), 100);
    }
}
