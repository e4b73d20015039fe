//! Push and verify against a registry that fails in every way that registries fail.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails here has failed")]

mod server;

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

use gwauthz_oci::{
    Access, Credentials, Digest, Error, Event, Image, Observer, Options, PrivateKey, PublicKey, Published, Reason,
    Reference, Registry, Verification, push, verify,
};

use crate::server::{Fault, Server};

const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// A client of the server, and what it told its observer.
struct Client {
    credentials: Option<Credentials>,
    waits: Arc<Mutex<Vec<Duration>>>,
}

impl Client {
    fn new() -> Self {
        Self { credentials: None, waits: Arc::default() }
    }

    fn with_password(password: &str) -> Self {
        let credentials = Credentials::Password { username: "alice".to_owned(), password: password.to_owned().into() };
        Self { credentials: Some(credentials), ..Self::new() }
    }

    fn registry(&self, server: &Server, access: Access) -> Registry {
        let waits = Arc::clone(&self.waits);
        let observer = Observer::new(move |event| {
            if let Event::Retry { wait, .. } = event {
                waits.lock().unwrap().push(*wait);
            }
        });
        let options = Options { access, credentials: self.credentials.clone(), plain_http: false, observer };
        Registry::new(&reference(server, ":1"), options).unwrap()
    }

    fn push(&self, server: &Server, key: Option<&PrivateKey>) -> Result<Published, Error> {
        let image = Image::new(MODULE).unwrap();
        let reference = reference(server, ":1").to_string().parse().unwrap();
        push(&self.registry(server, Access::Push), &reference, &image, key)
    }

    fn verify(&self, server: &Server, suffix: &str, key: &PublicKey) -> Result<Verification, Error> {
        verify(&self.registry(server, Access::Pull), &reference(server, suffix), key)
    }

    fn waits(&self) -> Vec<Duration> {
        self.waits.lock().unwrap().clone()
    }
}

fn reference(server: &Server, suffix: &str) -> Reference {
    format!("{}/acme/authz{suffix}", server.address).parse().unwrap()
}

fn key() -> PrivateKey {
    PrivateKey::generate().unwrap()
}

fn digest() -> Digest {
    Image::new(MODULE).unwrap().digest()
}

fn signature_tag() -> String {
    format!("sha256-{}.sig", digest().hex())
}

fn now() -> Vec<(&'static str, String)> {
    vec![("retry-after", "0".to_owned())]
}

#[test]
fn the_tag_comes_last_and_a_second_push_writes_nothing() {
    let (server, key) = (Server::start(), key());
    let published = Client::new().push(&server, Some(&key)).unwrap();
    let uploaded: Vec<_> = published.uploaded.iter().map(|uploaded| uploaded.what).collect();
    assert_eq!(uploaded, ["layer", "config", "manifest", "signature", "signature config", "signature manifest", "tag"]);
    let written: Vec<_> = server.log().into_iter().filter(|line| line.starts_with("PUT")).collect();
    let manifests: Vec<_> =
        written.iter().filter_map(|line| line.split_once("/manifests/")).map(|(_, to)| to).collect();
    assert_eq!(manifests, [digest().to_string(), signature_tag(), "1".to_owned()]);
    assert!(written.last().unwrap().ends_with("/manifests/1"));

    assert!(Client::new().push(&server, Some(&key)).unwrap().uploaded.is_empty());
    assert!(!server.log().iter().any(|line| line.starts_with("PUT") || line.starts_with("POST")));
    assert!(Client::new().verify(&server, ":1", &key.public()).unwrap().verified());
}

#[test]
fn an_interrupted_push_leaves_no_tag() {
    let key = key();
    for surviving in 0..7 {
        let server = Server::start();
        let mut writes = 0;
        server.fail(move |request| {
            writes += usize::from(request.writes());
            (request.writes() && writes > surviving).then(|| Fault::status(400))
        });
        let interrupted = Client::new().push(&server, Some(&key));
        assert!(matches!(interrupted, Err(Error::Rejected { .. })), "{surviving}: {interrupted:?}");
        assert!(!server.state(|state| state.manifests.contains_key("1")), "after {surviving} writes");
    }
}

#[test]
fn what_may_pass_is_tried_again() {
    for fault in [
        || Fault::Answer(503, now(), Vec::new()),
        || Fault::Answer(429, now(), Vec::new()),
        || Fault::Answer(408, now(), Vec::new()),
        || Fault::Cut,
    ] {
        let (server, client) = (Server::start(), Client::new());
        let mut uploads = 0;
        server.fail(move |request| {
            let upload = request.writes() && request.path.contains("/blobs/");
            uploads += usize::from(upload);
            (upload && uploads <= 2).then(fault)
        });
        client.push(&server, None).unwrap();
        assert_eq!(client.waits().len(), 2);
        // Every try opens an upload of its own.
        let posts = server.log().iter().filter(|line| line.starts_with("POST")).count();
        assert_eq!(posts, 4, "two blobs and two failures");
    }
}

#[test]
fn a_truncated_answer_is_tried_again() {
    let (server, key, client) = (Server::start(), key(), Client::new());
    client.push(&server, Some(&key)).unwrap();
    let mut left = 1;
    server.fail(move |request| {
        let hit = request.path.contains("/manifests/") && left > 0;
        left -= usize::from(hit);
        hit.then_some(Fault::Truncated)
    });
    assert!(client.verify(&server, ":1", &key.public()).unwrap().verified());
    assert_eq!(client.waits().len(), 1);
}

#[test]
fn five_failures_are_enough() {
    let (server, client) = (Server::start(), Client::new());
    server.fail(|_| {
        Some(Fault::Answer(500, now(), br#"{"errors":[{"code":"UNKNOWN","message":"disk\u0007full"}]}"#.to_vec()))
    });
    let error = client.verify(&server, ":1", &key().public()).unwrap_err();
    assert!(matches!(error, Error::Transient { .. }));
    assert!(error.to_string().contains("HTTP 500") && error.to_string().contains("diskfull"), "{error}");
    assert_eq!(server.log().len(), 5);
    assert_eq!(client.waits(), [Duration::ZERO; 4]);
}

#[test]
fn a_refusal_is_final() {
    for (status, code) in [(401, "UNAUTHORIZED"), (403, "DENIED")] {
        let server = Server::start();
        let body = format!(r#"{{"errors":[{{"code":"{code}"}}]}}"#).into_bytes();
        server.fail(move |_| Some(Fault::Answer(status, Vec::new(), body.clone())));
        let refused = Client::new().verify(&server, ":1", &key().public()).unwrap_err();
        assert!(matches!(refused, Error::Refused { with_credentials: false, .. }), "{refused:?}");
        assert!(refused.to_string().contains(code), "{refused}");
        assert_eq!(server.log().len(), 1);
    }
}

#[test]
fn logs_in_with_a_token_and_again_when_it_expires() {
    let server = Server::start();
    let realm = format!(r#"Bearer realm="http://{}/token",service="test""#, server.address);
    let (mut issued, mut uses) = (0, 0);
    server.fail(move |request| {
        let sent = request.headers.get("authorization").cloned().unwrap_or_default();
        if let Some(query) = request.path.strip_prefix("/token?") {
            assert_eq!(query, "scope=repository%3Aacme%2Fauthz%3Apull%2Cpush&service=test");
            // alice:secret
            if sent != "Basic YWxpY2U6c2VjcmV0" {
                return Some(Fault::status(401));
            }
            (issued, uses) = (issued + 1, 0);
            return Some(Fault::Answer(200, Vec::new(), format!(r#"{{"token":"t{issued}"}}"#).into_bytes()));
        }
        uses += 1;
        let valid = sent == format!("Bearer t{issued}") && uses <= 3;
        (!valid).then(|| Fault::Answer(401, vec![("www-authenticate", realm.clone())], Vec::new()))
    });
    Client::with_password("secret").push(&server, Some(&key())).unwrap();
    let tokens = server.log().iter().filter(|line| line.starts_with("GET /token")).count();
    assert!(tokens > 2, "{tokens}");

    let refused = Client::with_password("wrong").push(&server, None).unwrap_err();
    assert!(matches!(refused, Error::Refused { with_credentials: true, .. }), "{refused:?}");
    assert!(!refused.to_string().contains("wrong"), "{refused}");
}

#[test]
fn logs_in_with_a_name_and_a_password() {
    let server = Server::start();
    server.fail(|request| {
        let valid = request.headers.get("authorization").is_some_and(|sent| sent == "Basic YWxpY2U6c2VjcmV0");
        (!valid).then(|| Fault::Answer(401, vec![("www-authenticate", r#"Basic realm="x""#.to_owned())], Vec::new()))
    });
    Client::with_password("secret").push(&server, None).unwrap();
    assert!(matches!(Client::new().push(&server, None), Err(Error::Refused { .. })));
}

#[test]
fn exchanges_an_identity_token() {
    let server = Server::start();
    let realm = format!(r#"Bearer realm="http://{}/token",service="test""#, server.address);
    server.fail(move |request| {
        if request.path == "/token" {
            let form = "scope=repository%3Aacme%2Fauthz%3Apull%2Cpush&service=test\
                        &grant_type=refresh_token&client_id=gwauthz&refresh_token=refresh";
            assert_eq!((request.method.as_str(), request.body.as_slice()), ("POST", form.as_bytes()));
            return Some(Fault::Answer(200, Vec::new(), br#"{"access_token":"access"}"#.to_vec()));
        }
        let valid = request.headers.get("authorization").is_some_and(|sent| sent == "Bearer access");
        (!valid).then(|| Fault::Answer(401, vec![("www-authenticate", realm.clone())], Vec::new()))
    });
    let credentials = Some(Credentials::IdentityToken("refresh".to_owned().into()));
    Client { credentials, ..Client::new() }.push(&server, None).unwrap();
}

#[test]
fn credentials_stay_with_the_registry() {
    let (server, storage) = (Server::start(), Server::start());
    let location = format!("http://{}/v2/acme/authz/blobs/uploads/1?state=x", storage.address);
    server.fail(move |request| match (request.headers.contains_key("authorization"), request.method.as_str()) {
        (false, _) => Some(Fault::Answer(401, vec![("www-authenticate", "Basic".to_owned())], Vec::new())),
        (true, "POST") => Some(Fault::Header("location", location.clone())),
        (true, _) => None,
    });
    storage.fail(|request| {
        assert!(!request.headers.contains_key("authorization"));
        None
    });
    Client::with_password("secret").push(&server, None).unwrap();
    assert_eq!(storage.log().len(), 2);

    // The storage asks for them, too, and names a place to send them.
    server.state(|state| state.blobs.clear());
    storage.fail(|request| {
        assert!(!request.headers.contains_key("authorization"));
        let challenge = format!(r#"Bearer realm="http://{}/token""#, request.headers["host"]);
        Some(Fault::Answer(401, vec![("www-authenticate", challenge)], Vec::new()))
    });
    let refused = Client::with_password("secret").push(&server, None);
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    assert_eq!(storage.log().len(), 1);
}

#[test]
fn another_digest_is_an_error_and_not_tried_again() {
    let (server, client) = (Server::start(), Client::new());
    let other = Digest::of(b"other").to_string();
    server.fail(move |request| request.writes().then(|| Fault::Header("docker-content-digest", other.clone())));
    assert!(matches!(client.push(&server, None), Err(Error::DigestMismatch { .. })));
    assert!(client.waits().is_empty());
    assert!(!server.state(|state| state.manifests.contains_key("1")));
}

#[test]
fn no_signature_and_no_image_are_different_answers() {
    let (server, client, key) = (Server::start(), Client::new(), key().public());
    assert!(matches!(client.verify(&server, ":1", &key), Err(Error::NotFound { .. })));
    client.push(&server, None).unwrap();
    let verification = client.verify(&server, ":1", &key).unwrap();
    assert!(!verification.verified() && verification.signatures.is_empty());
}

#[test]
fn only_a_signature_by_this_key_for_this_image_under_this_name_holds() {
    let (server, client, key) = (Server::start(), Client::new(), key());
    client.push(&server, Some(&key)).unwrap();
    let reasons = |verification: Verification| {
        assert!(!verification.verified());
        verification.signatures[0].reasons.iter().map(Reason::class).collect::<Vec<_>>()
    };
    let stranger = PrivateKey::generate().unwrap().public();
    assert_eq!(reasons(client.verify(&server, ":1", &stranger).unwrap()), ["key"]);

    // The same content under another tag, and other content under this tag with the old signature.
    server.state(|state| {
        let (image, signature) = (state.manifests["1"].clone(), state.manifests[&signature_tag()].clone());
        state.manifests.insert("2".to_owned(), image);
        let other = br#"{"schemaVersion":2}"#.to_vec();
        state.manifests.insert(format!("sha256-{}.sig", Digest::of(&other).hex()), signature);
        state.manifests.insert("1".to_owned(), other);
    });
    assert_eq!(reasons(client.verify(&server, ":2", &key.public()).unwrap()), ["identity"]);
    assert_eq!(reasons(client.verify(&server, ":1", &key.public()).unwrap()), ["digest"]);
    assert!(client.verify(&server, &format!("@{}", digest()), &key.public()).unwrap().verified());
}

#[test]
fn tampered_bytes_never_count() {
    let (server, client, key) = (Server::start(), Client::new(), key());
    client.push(&server, Some(&key)).unwrap();
    server.state(|state| {
        let payload = state.blobs.values_mut().find(|bytes| bytes.starts_with(b"{\"critical\"")).unwrap();
        let at = payload.iter().position(|byte| *byte == b'1').unwrap();
        payload[at] = b'2';
    });
    let verification = client.verify(&server, ":1", &key.public()).unwrap();
    assert!(!verification.verified());
    assert!(matches!(verification.signatures[0].reasons[..], [Reason::Payload(Error::DigestMismatch { .. })]));

    // A manifest that is not what the reference is pinned to.
    server.state(|state| state.manifests.insert(digest().to_string(), b"{}".to_vec()));
    let pinned = client.verify(&server, &format!("@{}", digest()), &key.public());
    assert!(matches!(pinned, Err(Error::DigestMismatch { .. })), "{pinned:?}");
}

#[test]
fn signatures_by_others_are_kept() {
    let (server, client) = (Server::start(), Client::new());
    let (ours, theirs) = (key(), key());
    client.push(&server, Some(&theirs)).unwrap();
    client.push(&server, Some(&ours)).unwrap();
    for key in [&ours, &theirs] {
        let verification = client.verify(&server, ":1", &key.public()).unwrap();
        assert!(verification.verified());
        assert_eq!(verification.signatures.len(), 2);
    }
}

#[test]
fn an_endless_answer_is_cut_off() {
    let (server, client) = (Server::start(), Client::new());
    server.fail(|_| Some(Fault::Answer(200, Vec::new(), vec![b' '; (4 << 20) + 1])));
    assert!(matches!(client.verify(&server, ":1", &key().public()), Err(Error::TooLarge { .. })));
}

#[test]
fn a_tag_for_signatures_that_holds_something_else_is_left_alone() {
    let (server, client) = (Server::start(), Client::new());
    server.state(|state| state.manifests.insert(signature_tag(), b"[]".to_vec()));
    let refused = client.push(&server, Some(&key()));
    assert!(matches!(refused, Err(Error::SignatureManifest { .. })), "{refused:?}");
    server.state(|state| {
        assert_eq!(state.manifests[&signature_tag()], b"[]");
        assert!(!state.manifests.contains_key("1"));
    });
}

#[test]
fn a_registry_that_is_not_there_is_said_at_once() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let reference: Reference = format!("127.0.0.1:{port}/acme/authz:1").parse().unwrap();
    let observer = Observer::new(|_| panic!("nothing to tell"));
    let options = Options { access: Access::Pull, credentials: None, plain_http: false, observer };
    let registry = Registry::new(&reference, options).unwrap();
    let error = verify(&registry, &reference, &key().public()).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
}
