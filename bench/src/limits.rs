//! What the services are measured against: the least that could do the same work.

pub mod copy;
pub mod intake;
pub mod view;
