use std::{
    io::{self, Cursor, Read},
    sync::Arc,
    time::Duration,
};

use reqwest::{
    StatusCode, Url,
    blocking::{Body, Response},
    header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION},
};

use crate::{
    Credentials, Digest, Error, Event, Observer, Reference,
    image::Blob,
    transport::{REQUEST_TIMEOUT, Transport},
};

/// What the registry is asked to allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Pull,
    /// Reading and writing.
    Push,
}

/// How to talk to a registry.
#[derive(Debug)]
pub struct Options {
    /// What will be done there.
    pub access: Access,
    /// Whom to be; sent to nobody but the registry and the token service that it names.
    pub credentials: Option<Credentials>,
    /// Plain http for a registry that is not on this machine: everybody on the way reads the credentials.
    pub plain_http: bool,
    /// Who is told about what happens.
    pub observer: Observer,
}

/// One repository of a registry, over the distribution API. Everything received is bounded, and checked against the
/// digest that names it; what may pass is tried five times within five minutes.
#[derive(Debug)]
pub struct Registry {
    transport: Transport,
    name: String,
}

impl Registry {
    /// Prepares to talk to the repository of `reference`; nothing is sent yet.
    ///
    /// # Errors
    /// Fails where the HTTP client cannot be set up, such as on a machine without root certificates.
    pub fn new(reference: &Reference, options: Options) -> Result<Self, Error> {
        Ok(Self { transport: Transport::new(reference, options)?, name: reference.name() })
    }

    /// Uploads `blob` unless the registry has it; tells whether it did.
    pub(crate) fn push_blob(&self, blob: &Blob) -> Result<bool, Error> {
        self.transport.trying(|| {
            if self.has_blob(blob)? {
                return Ok(false);
            }
            // What a failed upload leaves behind is dirty, so each try opens its own.
            let mut location = self.open_upload()?;
            location.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
            let length = blob.bytes.len() as u64;
            let response = self.transport.send(UPLOAD, || {
                self.transport.observer.tell(&Event::Upload { what: blob.what, bytes: length });
                let body =
                    Upload { bytes: Cursor::new(Arc::clone(&blob.bytes)), observer: self.transport.observer.clone() };
                self.transport
                    .http
                    .put(location.clone())
                    .timeout(transfer_time(length))
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .body(Body::sized(body, length))
            })?;
            self.stored(UPLOAD, response, blob.digest)?;
            Ok(true)
        })
    }

    /// Puts a manifest under `target`, a tag or its digest, unless it is there; tells whether it did.
    pub(crate) fn push_manifest(&self, target: &str, manifest: &Blob) -> Result<bool, Error> {
        if self.manifest(target)?.is_some_and(|(_, digest)| digest == manifest.digest) {
            return Ok(false);
        }
        let url = self.url(&format!("manifests/{target}"))?;
        self.transport.trying(|| {
            let response = self.transport.send(PUT_MANIFEST, || {
                self.transport
                    .http
                    .put(url.clone())
                    .timeout(REQUEST_TIMEOUT)
                    .header(CONTENT_TYPE, manifest.media_type)
                    .body(manifest.bytes.to_vec())
            })?;
            self.stored(PUT_MANIFEST, response, manifest.digest)
        })?;
        Ok(true)
    }

    /// The manifest at `target`, a tag or a digest, with its digest; `None` where there is none.
    pub(crate) fn manifest(&self, target: &str) -> Result<Option<(Vec<u8>, Digest)>, Error> {
        let url = self.url(&format!("manifests/{target}"))?;
        self.transport.trying(|| {
            let response = self.transport.send(GET_MANIFEST, || {
                self.transport.http.get(url.clone()).timeout(REQUEST_TIMEOUT).header(ACCEPT, MANIFEST_TYPES)
            })?;
            if response.status() == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            let response = self.transport.accepted(GET_MANIFEST, response)?;
            let claimed = content_digest(response.headers());
            let bytes = self.transport.body(GET_MANIFEST, "manifest", response, MAX_MANIFEST_BYTES)?;
            let digest = Digest::of(&bytes);
            for expected in [claimed, target.parse().ok()].into_iter().flatten() {
                same(expected, digest)?;
            }
            Ok(Some((bytes, digest)))
        })
    }

    /// The blob named `digest`, of at most `limit` bytes.
    pub(crate) fn blob(&self, what: &'static str, digest: Digest, limit: u64) -> Result<Vec<u8>, Error> {
        let url = self.url(&format!("blobs/{digest}"))?;
        self.transport.trying(|| {
            let response =
                self.transport.send(GET_BLOB, || self.transport.http.get(url.clone()).timeout(transfer_time(limit)))?;
            if response.status() == StatusCode::NOT_FOUND {
                return Err(Error::NotFound { reference: format!("{}@{digest}", self.name) });
            }
            let bytes = self.transport.body(GET_BLOB, what, self.transport.accepted(GET_BLOB, response)?, limit)?;
            same(digest, Digest::of(&bytes))?;
            Ok(bytes)
        })
    }

    fn has_blob(&self, blob: &Blob) -> Result<bool, Error> {
        let url = self.url(&format!("blobs/{}", blob.digest))?;
        let response =
            self.transport.send(HEAD_BLOB, || self.transport.http.head(url.clone()).timeout(REQUEST_TIMEOUT))?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        self.transport.accepted(HEAD_BLOB, response).map(|_| true)
    }

    fn open_upload(&self) -> Result<Url, Error> {
        let url = self.url("blobs/uploads/")?;
        let response = self.transport.send(UPLOAD, || {
            self.transport.http.post(url.clone()).timeout(REQUEST_TIMEOUT).header(CONTENT_LENGTH, 0)
        })?;
        let response = self.transport.accepted(UPLOAD, response)?;
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        location
            .and_then(|location| self.transport.base.join(location).ok())
            .ok_or_else(|| self.transport.protocol("an upload was opened, but no Location says where"))
    }

    /// Checks that the registry accepted what was sent, and under the digest that it has.
    fn stored(&self, action: &'static str, response: Response, sent: Digest) -> Result<(), Error> {
        let response = self.transport.accepted(action, response)?;
        content_digest(response.headers()).map_or(Ok(()), |found| same(sent, found))
    }

    fn url(&self, path: &str) -> Result<Url, Error> {
        self.transport.base.join(path).map_err(|error| Error::Reference { problem: error.to_string() })
    }
}

const MAX_MANIFEST_BYTES: u64 = 4 << 20;

const MANIFEST_TYPES: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";

const UPLOAD: &str = "store a blob";
const PUT_MANIFEST: &str = "store a manifest";
const GET_MANIFEST: &str = "deliver a manifest";
const HEAD_BLOB: &str = "look for a blob";
const GET_BLOB: &str = "deliver a blob";

/// The body of an upload: tells how far it is.
struct Upload {
    bytes: Cursor<Arc<[u8]>>,
    observer: Observer,
}

impl Read for Upload {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.observer.tell(&Event::Sent { bytes: self.bytes.position() });
        Ok(read)
    }
}

/// How long `bytes` may take: a line of 32 KiB a second is the slowest that is waited for.
fn transfer_time(bytes: u64) -> Duration {
    REQUEST_TIMEOUT + Duration::from_secs(bytes / (32 << 10))
}

fn content_digest(headers: &HeaderMap) -> Option<Digest> {
    headers.get("docker-content-digest")?.to_str().ok()?.parse().ok()
}

fn same(expected: Digest, found: Digest) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::DigestMismatch { expected, found }) }
}
