//! Any text as a reference: it reads as it is written, and names a tag or a digest.
#![no_main]

use gwauthz_oci::{Digest, Reference, TaggedReference};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match text.parse::<Reference>() {
        Ok(reference) => {
            assert_eq!(reference.to_string().parse::<Reference>().ok().as_ref(), Some(&reference));
            assert!(reference.tag().is_some() || reference.digest().is_some(), "a tag was made up");
            assert!(!reference.to_string().contains(char::is_control), "{reference:?}");
            let tagged = text.parse::<TaggedReference>();
            assert_eq!(tagged.is_ok(), reference.digest().is_none(), "{tagged:?}");
        }
        Err(error) => {
            assert!(!error.to_string().contains(char::is_control), "{error}");
            assert!(text.parse::<TaggedReference>().is_err(), "a push goes where no fetch can");
        }
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
    }
});
