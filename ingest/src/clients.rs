//! How many requests one client may make: a token bucket per address, off unless configured.
//!
//! Addresses are spread over a fixed number of buckets by a hash that nobody outside can compute, so memory is bounded
//! whatever addresses come; two clients rarely share a bucket. Knows nothing of proxies: whose address counts is theirs
//! to say (see [`crate::proxies`]).

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use crate::error::ApiError;

const BUCKETS: u64 = 1 << 16;

/// The other end of the connection that a request came on: the client, or a proxy that speaks HTTP. Where a proxy has said
/// whom it speaks for (the PROXY protocol), that address.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// The buckets.
pub struct RateLimit {
    buckets: DefaultKeyedRateLimiter<u64>,
    hasher: RandomState,
    clock: DefaultClock,
}

impl RateLimit {
    /// `per_second` requests a second; after a pause up to `burst` at once.
    #[must_use]
    pub fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self {
            buckets: DefaultKeyedRateLimiter::keyed(quota),
            hasher: RandomState::new(),
            clock: DefaultClock::default(),
        }
    }

    /// Takes one request out of the client's bucket.
    ///
    /// # Errors
    /// [`ApiError::RateLimited`] when it is empty, with the time until it is not.
    pub fn take(&self, address: IpAddr) -> Result<(), ApiError> {
        let bucket = self.hasher.hash_one(client(address)) % BUCKETS;
        self.buckets.check_key(&bucket).map_err(|refused| {
            let wait = refused.wait_time_from(self.clock.now());
            ApiError::RateLimited { retry_after: wait.max(Duration::from_millis(1)) }
        })
    }
}

/// An IPv6 customer has at least a /64 to himself, so that is what counts as one client.
fn client(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits() & !u128::from(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::num::NonZeroU32;

    use super::{BUCKETS, RateLimit, client};

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_that_used_up_its_burst_is_refused_and_others_are_not() {
        let limit = RateLimit::new(NonZeroU32::MIN, NonZeroU32::new(3).unwrap());
        let greedy = address("192.0.2.1");
        for _ in 0..3 {
            assert!(limit.take(greedy).is_ok());
        }
        assert!(limit.take(greedy).is_err());
        assert!(limit.take(address("192.0.2.2")).is_ok());
    }

    #[test]
    fn however_many_addresses_come_memory_holds_no_more_buckets_than_there_are() {
        let limit = RateLimit::new(NonZeroU32::MIN, NonZeroU32::MIN);
        for number in 0..4 * BUCKETS as u32 {
            let _taken = limit.take(IpAddr::from(number.to_be_bytes()));
        }
        assert!(limit.buckets.len() as u64 <= BUCKETS, "{}", limit.buckets.len());
    }

    #[test]
    fn a_network_of_64_bits_is_one_client_and_a_mapped_address_is_the_address() {
        assert_eq!(client(address("2001:db8::1")), client(address("2001:db8::ffff")));
        assert_ne!(client(address("2001:db8:0:1::1")), client(address("2001:db8::1")));
        assert_eq!(client(address("::ffff:192.0.2.1")), client(address("192.0.2.1")));
    }
}
