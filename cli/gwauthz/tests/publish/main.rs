//! `gwauthz push`, `verify` and `keygen` as a user runs them; against a real docker-registry, and held against cosign.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here has failed")]

mod tools;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use crate::tools::{DockerRegistry, Home, PASSPHRASE};

#[test]
fn keygen_writes_a_pair_once() {
    let home = Home::new();
    assert_eq!(home.gwauthz("keygen").code, 0);
    let key = fs::read_to_string(home.path("gwauthz.key")).unwrap();
    assert!(key.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----"), "{key}");
    assert!(fs::read_to_string(home.path("gwauthz.pub")).unwrap().starts_with("-----BEGIN PUBLIC KEY-----"));

    let again = home.gwauthz("keygen");
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("never overwritten"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(home.path("gwauthz.key")).unwrap(), key);
}

#[test]
fn keygen_without_a_passphrase_says_where_to_put_it() {
    let home = Home::new();
    let refused = home.gwauthz_with_stdin("keygen", "");
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("COSIGN_PASSWORD"), "{}", refused.stderr);
    fs::write(home.path("empty"), "\n").unwrap();
    assert_eq!(home.gwauthz("keygen --passphrase-file empty").code, 2);
    assert!(!home.path("gwauthz.key").exists() && !home.path("gwauthz.pub").exists());
    fs::write(home.path("passphrase"), "from a file\n").unwrap();
    assert_eq!(home.gwauthz_with_stdin("keygen --passphrase-file passphrase", "").code, 0);
}

#[test]
fn a_rehearsal_needs_no_network_and_always_gives_the_same_digest() {
    let home = Home::new();
    let rehearse = || home.gwauthz("push registry.invalid/acme/authz:1 --module plugin.wasm --dry-run --format json");
    let result = rehearse().json();
    assert_eq!(result["schema"], "gwauthz.push/v1");
    assert_eq!(result["dry_run"], true);
    assert_eq!(result["uploaded"].as_array().unwrap().len(), 0);
    let digest = result["digest"].as_str().unwrap();
    assert_eq!(result["url"], format!("oci://registry.invalid/acme/authz@{digest}"));
    assert_eq!(rehearse().json(), result);
}

#[test]
fn wrong_use_is_said_before_anything_is_sent() {
    let home = Home::new();
    fs::write(home.path("text.wasm"), "not a module").unwrap();
    home.gwauthz("keygen");
    for (arguments, expected) in [
        ("push 127.0.0.1:1/acme/authz:1 --module plugin.wasm", "--unsigned"),
        ("push 127.0.0.1:1/acme/authz --module plugin.wasm --unsigned", "tag"),
        ("push 127.0.0.1:1/acme/authz:1 --module text.wasm --unsigned", "WebAssembly"),
        ("push 127.0.0.1:1/acme/authz:1 --module plugin.wasm --key gwauthz.pub", "encrypted private key"),
        ("push 127.0.0.1:1/acme/authz:1 --module plugin.wasm --unsigned --username alice", "--password-stdin"),
        ("verify 127.0.0.1:1/acme/authz:1 --key gwauthz.key", "ENCRYPTED"),
        ("verify 127.0.0.1:1/acme/authz:1 --key plugin.wasm", "public key"),
    ] {
        let refused = home.gwauthz(arguments);
        assert_eq!(refused.code, 2, "{arguments}: {}", refused.stderr);
        assert!(refused.stderr.contains(expected), "{arguments}: {}", refused.stderr);
        assert!(refused.stdout.is_empty(), "{arguments}: {}", refused.stdout);
    }
}

#[test]
fn a_registry_that_is_not_there_is_an_error_of_the_registry() {
    let home = Home::new();
    home.gwauthz("keygen");
    for arguments in [
        "push 127.0.0.1:1/acme/authz:1 --module plugin.wasm --key gwauthz.key",
        "verify 127.0.0.1:1/acme/authz:1 --key gwauthz.pub",
    ] {
        let failed = home.gwauthz(arguments);
        assert_eq!(failed.code, 4, "{}", failed.stderr);
        assert!(failed.stderr.contains("127.0.0.1:1"), "{}", failed.stderr);
    }
}

#[test]
fn a_registry_that_is_busy_is_tried_again_and_said_to_be_transient() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let push = format!("push {}/acme/authz:1 --module plugin.wasm --unsigned", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        for stream in listener.incoming().take(5) {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(b"HTTP/1.1 429 X\r\nretry-after: 0\r\nconnection: close\r\n\r\n").unwrap();
        }
    });
    let busy = home.gwauthz(&push);
    server.join().unwrap();
    assert_eq!(busy.code, 75, "{}", busy.stderr);
    assert_eq!(busy.stderr.matches("trying again in 0.0 s").count(), 4, "{}", busy.stderr);
}

#[test]
#[ignore = "needs docker-registry and cosign: run `cargo xtask test`"]
fn cosign_verifies_what_gwauthz_pushes_to_docker_registry() {
    let (home, registry) = (Home::new(), DockerRegistry::start());
    let reference = registry.reference(":1.0.0");
    home.gwauthz("keygen");
    let push = format!("push {reference} --module plugin.wasm --key gwauthz.key --format json");
    let first = home.gwauthz(&push);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let rehearsal = home.gwauthz(&format!("{push} --dry-run")).json();
    assert_eq!(rehearsal["digest"], first.json()["digest"]);
    assert_eq!(first.json()["uploaded"].as_array().unwrap().len(), 7);

    let verified = home.cosign(&format!("verify --key gwauthz.pub --insecure-ignore-tlog=true {reference}"));
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    assert_eq!(verified.json()[0]["critical"]["identity"]["docker-reference"], reference.as_str());
    assert_eq!(verified.json()[0]["critical"]["image"]["docker-manifest-digest"], first.json()["digest"]);

    let second = home.gwauthz(&push);
    assert_eq!(second.json()["uploaded"].as_array().unwrap().len(), 0, "{}", second.stdout);
    assert!(home.gwauthz(&push.replace(" --format json", "")).stdout.contains("nothing: the registry had everything"));

    home.cosign("generate-key-pair");
    assert_ne!(home.cosign(&format!("verify --key cosign.pub --insecure-ignore-tlog=true {reference}")).code, 0);
    let refused = home.gwauthz(&format!("verify {reference} --key cosign.pub --format json"));
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert_eq!(refused.json()["signatures"][0]["reasons"][0]["class"], "key");
}

#[test]
#[ignore = "needs docker-registry and cosign: run `cargo xtask test`"]
fn gwauthz_verifies_what_cosign_signs_in_docker_registry() {
    let (home, registry) = (Home::new(), DockerRegistry::start());
    let reference = registry.reference(":1.0.0");
    home.gwauthz("keygen");
    home.cosign("generate-key-pair");
    let unsigned = home.gwauthz(&format!("push {reference} --module plugin.wasm --unsigned"));
    assert_eq!(unsigned.code, 0, "{}", unsigned.stderr);
    let verify = |key: &str| home.gwauthz(&format!("verify {reference} --key {key} --format json"));
    assert_eq!(verify("gwauthz.pub").code, 1);

    // Our key in cosign's hands, then cosign's key in ours; the second signature keeps the first.
    let signed = home.cosign(&format!("sign --yes --tlog-upload=false --key gwauthz.key {reference}"));
    assert_eq!(signed.code, 0, "{}", signed.stderr);
    assert_eq!(verify("gwauthz.pub").code, 0);
    let pushed = home.gwauthz(&format!("push {reference} --module plugin.wasm --key cosign.key"));
    assert_eq!(pushed.code, 0, "{}", pushed.stderr);
    for key in ["gwauthz.pub", "cosign.pub"] {
        let verification = verify(key);
        assert_eq!(verification.code, 0, "{}", verification.stdout);
        assert_eq!(verification.json()["signatures"].as_array().unwrap().len(), 2);
        let cosign = home.cosign(&format!("verify --key {key} --insecure-ignore-tlog=true {reference}"));
        assert_eq!(cosign.code, 0, "{}", cosign.stderr);
    }
}

#[test]
#[ignore = "needs docker-registry: run `cargo xtask test`"]
fn a_tampered_payload_in_docker_registry_is_refused() {
    let (home, registry) = (Home::new(), DockerRegistry::start());
    let reference = registry.reference(":1.0.0");
    home.gwauthz("keygen");
    home.gwauthz(&format!("push {reference} --module plugin.wasm --key gwauthz.key"));
    let verify = || home.gwauthz(&format!("verify {reference} --key gwauthz.pub --format json"));
    let holds = verify();
    assert_eq!(holds.code, 0, "{}", holds.stdout);

    let payload = registry.blob(holds.json()["signatures"][0]["payload"].as_str().unwrap());
    let text = fs::read_to_string(&payload).unwrap();
    fs::write(&payload, text.replace(":1.0.0", ":9.0.0")).unwrap();
    let refused = verify();
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert_eq!(refused.json()["signatures"][0]["reasons"][0]["class"], "payload");
}

#[test]
#[ignore = "needs docker-registry: run `cargo xtask test`"]
fn docker_registry_lets_in_who_logs_in() {
    let (home, registry) = (Home::new(), DockerRegistry::with_login());
    let push = format!("push {} --module plugin.wasm --unsigned", registry.reference(":1.0.0"));
    let stranger = home.gwauthz(&push);
    assert_eq!(stranger.code, 77, "{}", stranger.stderr);
    assert!(stranger.stderr.contains("docker login"), "{}", stranger.stderr);

    let login = format!("{push} --username alice --password-stdin");
    let wrong = home.gwauthz_with_stdin(&login, "hunter2\n");
    assert_eq!(wrong.code, 77, "{}", wrong.stderr);
    assert!(!wrong.stderr.contains("hunter2"), "{}", wrong.stderr);
    assert_eq!(home.gwauthz_with_stdin(&login, &format!("{PASSPHRASE}\n")).code, 0);

    // alice:throw-away, as `docker login` stores it.
    let host = registry.reference("").replace("/acme/authz", "");
    let config = format!(r#"{{"auths": {{"{host}": {{"auth": "YWxpY2U6dGhyb3ctYXdheQ=="}}}}}}"#);
    fs::create_dir(home.path(".docker")).unwrap();
    fs::write(home.path(".docker/config.json"), config).unwrap();
    let stored = home.gwauthz(&push);
    assert_eq!(stored.code, 0, "{}", stored.stderr);
    assert!(stored.stdout.contains("nothing"), "{}", stored.stdout);

    // The same from a credential helper.
    let helper = format!(
        "#!/bin/sh\nread host\n[ \"$host\" = {host} ] && echo '{{\"Username\":\"alice\",\"Secret\":\"{PASSPHRASE}\"}}'\n"
    );
    home.program("docker-credential-test", &helper);
    fs::write(home.path(".docker/config.json"), r#"{"credsStore": "test"}"#).unwrap();
    let helped = home.gwauthz(&push);
    assert_eq!(helped.code, 0, "{}", helped.stderr);
    home.program("docker-credential-test", "#!/bin/sh\nread host; echo secret; exit 1\n");
    let broken = home.gwauthz(&push);
    assert_eq!(broken.code, 4, "{}", broken.stderr);
    assert!(!broken.stderr.contains("secret") && broken.stderr.contains("docker-credential-test"), "{}", broken.stderr);
}

#[test]
#[ignore = "needs docker-registry and oras: run `cargo xtask test`"]
fn oras_pulls_the_module_out_of_docker_registry() {
    let (home, registry) = (Home::new(), DockerRegistry::start());
    let reference = registry.reference(":1.0.0");
    home.gwauthz(&format!("push {reference} --module plugin.wasm --unsigned"));
    let pulled = home.oras(&format!("pull --plain-http --output pulled {reference}"));
    assert_eq!(pulled.code, 0, "{}", pulled.stderr);
    assert!(home.path("pulled/plugin.wasm").is_file());
}
