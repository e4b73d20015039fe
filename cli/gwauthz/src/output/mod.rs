//! One file an output format: pure functions from a result to text.
