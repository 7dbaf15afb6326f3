//! What holds for any input at all, however hostile: fuzz targets in the form of property tests.
//!
//! Inputs are arbitrary bytes, arbitrary JSON, and valid records and the files of `corpus/` with bits flipped, cut short
//! and spliced. `make fuzz` feeds each target a million; a plain test run some thousands.

mod json;
mod moment;
mod reading;
mod respell;
mod targets;
