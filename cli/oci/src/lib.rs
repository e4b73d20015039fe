//! Publishing: one artifact that every gateway fetches and anyone can verify.
//!
//! [`Image`] lays a module out, [`push()`] uploads it, signs it and moves the tag last, [`verify()`] tells whether what a
//! reference points at was signed by a key. [`PrivateKey`] and [`PublicKey`] read and write the key files of cosign.
//!
//! `oci-client` gives the grammar of references and the types of manifests and configs. Its HTTP client is not used:
//! it hides `Retry-After`, reads whole bodies into memory whatever their size, drops the `Docker-Content-Digest` of a
//! pushed manifest, and turns every answer of a token service into the same error.
#![forbid(unsafe_code)]

mod auth;
mod credentials;
mod digest;
mod error;
mod event;
mod image;
mod key;
mod key_files;
mod push;
mod reference;
mod registry;
mod retry;
mod signature;
mod tls;
mod transport;
mod verify;

pub use crate::{
    credentials::Credentials,
    digest::Digest,
    error::{Error, KeyError},
    event::{Event, Observer},
    image::{Image, MAX_MODULE_BYTES},
    key::{PrivateKey, PublicKey},
    key_files::KeyFiles,
    push::{Published, Uploaded, push},
    reference::{Reference, TaggedReference},
    registry::{Access, Options, Registry},
    tls::install_tls,
    verify::{Reason, SignatureCheck, Verification, verify},
};
