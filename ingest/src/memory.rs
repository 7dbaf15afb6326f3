//! How much memory the bodies of all requests may take together, on the wire and unpacked.
//!
//! A body takes its share as its bytes arrive, and no more than it has sent: a client that announces much and sends little
//! holds little. There is no waiting: a body that does not fit is refused at once, which returns its share to the others.

use std::sync::atomic::{AtomicUsize, Ordering};

use metrics::Gauge;

use crate::error::ApiError;
use crate::metrics as names;

/// The memory for bodies.
pub struct BodyMemory {
    free: AtomicUsize,
    used: Gauge,
}

/// What one body has taken. Dropping it returns it.
pub struct Share<'a> {
    memory: &'a BodyMemory,
    bytes: usize,
}

impl BodyMemory {
    /// Room for `bytes`.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let free = usize::try_from(bytes).unwrap_or(usize::MAX);
        Self { free: AtomicUsize::new(free), used: names::body_memory() }
    }

    /// The share of a new body that has announced so many bytes; it takes none of them yet.
    ///
    /// # Errors
    /// [`ApiError::BodyMemory`] when there is no room for them.
    pub fn share(&self, announced: usize) -> Result<Share<'_>, ApiError> {
        if self.free.load(Ordering::Relaxed) < announced.max(1) {
            return Err(ApiError::BodyMemory);
        }
        Ok(Share { memory: self, bytes: 0 })
    }
}

impl Share<'_> {
    /// Takes more, until the share has `bytes`.
    ///
    /// # Errors
    /// [`ApiError::BodyMemory`] when there is no room. The share keeps what it has.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), ApiError> {
        let more = bytes.saturating_sub(self.bytes);
        let taken = self
            .memory
            .free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(more));
        taken.map_err(|_| ApiError::BodyMemory)?;
        self.memory.used.increment(more as f64);
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.memory.free.fetch_add(self.bytes, Ordering::Relaxed);
        self.memory.used.decrement(self.bytes as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::BodyMemory;

    #[test]
    fn shares_never_take_more_than_there_is_and_return_all_of_it() {
        let memory = BodyMemory::new(100);
        let mut first = memory.share(60).unwrap();
        first.grow_to(60).unwrap();
        first.grow_to(50).unwrap();
        assert!(memory.share(41).is_err());
        let mut second = memory.share(0).unwrap();
        assert!(second.grow_to(41).is_err());
        second.grow_to(40).unwrap();
        assert!(memory.share(0).is_err() && first.grow_to(61).is_err());
        drop(first);
        second.grow_to(100).unwrap();
        drop(second);
        memory.share(100).unwrap().grow_to(100).unwrap();
    }

    #[test]
    fn what_is_announced_takes_nothing() {
        let memory = BodyMemory::new(100);
        let idle: Vec<_> = (0..1_000).map(|_| memory.share(100).unwrap()).collect();
        memory.share(100).unwrap().grow_to(100).unwrap();
        drop(idle);
    }
}
