//! Any sequence of what can happen to a gateway: it lives on. `cargo xtask fuzz` plays many more of them.
#![expect(clippy::expect_used, reason = "the guest is ours")]

mod scripted;

use proptest::prelude::*;

proptest! {
    #[test]
    fn the_gateway_outlives_any_guest(bytes in prop::collection::vec(any::<u8>(), 0..900)) {
        scripted::play(&bytes);
    }
}
