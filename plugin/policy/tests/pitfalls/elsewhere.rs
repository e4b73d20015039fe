//! Pitfalls whose tests need more than the engine, or look closer at a part of it: what they are, and where.

use std::{fs, path::Path};

/// A pitfall, a file from the root of the workspace, and the test in it, where it is one of several.
const ELSEWHERE: [(&str, &str, &str); 43] = [
    // Host and SDK.
    ("0xFF in every header of the compiled module", HOSTILE_HOST, "any_byte_in_any_header"),
    ("every status of a call that the SDK panics at", HOSTILE_HOST, "odd_statuses_of_host_calls"),
    ("a request that cannot be answered", "fixtures/scenarios/host/answer-refused.yaml", ""),
    ("a request that is not changed as it is allowed", "fixtures/scenarios/host/change-refused.yaml", ""),
    ("waiters are resumed in their own context", "fixtures/scenarios/keys/fetched.yaml", ""),
    ("the effective context is restored", HOSTILE_HOST, "the_effective_context_is_restored"),
    ("a timeout arrives as 504", "fixtures/scenarios/outages/timeout.yaml", ""),
    ("a refused connection arrives as 503", "fixtures/scenarios/outages/refused.yaml", ""),
    ("a reset arrives as zero headers", "fixtures/scenarios/outages/reset.yaml", ""),
    ("never two local replies", "fixtures/scenarios/pitfalls/never-two-local-replies.yaml", ""),
    ("body and trailers while undecided", "fixtures/scenarios/pitfalls/body-and-trailers-while-undecided.yaml", ""),
    ("a panic kills the VM for everyone: requests", HOSTILE, "fn requests"),
    ("a panic kills the VM for everyone: paths", HOSTILE, "fn paths"),
    ("a panic kills the VM for everyone: tokens", HOSTILE, "fn tokens"),
    ("a panic kills the VM for everyone: JWK Sets", HOSTILE, "fn key_sets"),
    ("a panic kills the VM for everyone: snapshots", HOSTILE, "fn snapshots"),
    ("a panic kills the VM for everyone: configurations", HOSTILE, "fn configurations"),
    ("a client leaves while it is asked about", HOSTILE_HOST, "a_client_leaves_at_any_moment"),
    // Token.
    ("Wycheproof's vectors, natively", "plugin/jose/tests/wycheproof/main.rs", "fn rsassa_pss"),
    ("Wycheproof's vectors, in wasm", "cli/gwauthz/tests/wycheproof.rs", "every_vector_comes_out_in_wasm"),
    ("a key with an even modulus or another exponent", JWS, "rsa_keys_are_2048_to_4096_bits_odd_and_of_exponent_65537"),
    ("points that are not on their curve", JWS, "ec_points_are_on_the_curve"),
    ("non-canonical Ed25519 keys", JWS, "non_canonical_ed25519"),
    ("Ed25519 keys of small order", JWS, "ed25519_keys_of_small_order_or_another_length"),
    ("the algorithm is the key's, on a gateway", "fixtures/scenarios/issuers/algorithms.yaml", ""),
    // Request.
    ("duplicate Authorization, on a gateway", "fixtures/scenarios/token/two.yaml", ""),
    ("an asterisk, on a gateway", "fixtures/scenarios/pitfalls/an-asterisk.yaml", ""),
    ("CONNECT, on a gateway", "fixtures/scenarios/pitfalls/connect.yaml", ""),
    ("absolute form, on a gateway", "fixtures/scenarios/paths/absolute.yaml", ""),
    ("spoofed identity headers, on a gateway", "fixtures/scenarios/identity/set.yaml", ""),
    ("CR, LF and NUL of a claim, on a gateway", "fixtures/scenarios/pitfalls/control-characters-of-claims.yaml", ""),
    // Distributed.
    (
        "a coalesced leader whose client leaves hands its waiters on",
        "fixtures/scenarios/coalescing/leader-leaves.yaml",
        "",
    ),
    ("shared keys are bounded however many tokens come", SLOTS, "a_million_questions_take_no_more_than_the_slots"),
    ("shared data cannot be read", "fixtures/scenarios/sharing/cannot-get.yaml", ""),
    ("shared data cannot be written, or a race is lost", "fixtures/scenarios/sharing/cannot-set.yaml", ""),
    ("other plugins write to shared data", "fixtures/scenarios/sharing/forged.yaml", ""),
    ("1 M distinct tokens take bounded room", "plugin/policy/src/recent.rs", "many_take_bounded_room"),
    ("retries keep their budget in an outage", "plugin/policy/tests/outage.rs", "retries_keep_their_budget"),
    (
        "redirections and headers of the service",
        "fixtures/scenarios/pitfalls/redirects-and-headers-of-the-service.yaml",
        "",
    ),
    ("a huge body of the service", HOSTILE_HOST, "a_huge_body_of_the_service"),
    (
        "audit lines hold no control characters",
        "plugin/policy/src/audit.rs",
        "whatever_a_client_sends_is_one_short_line",
    ),
    ("never two local replies, in any scenario", DIFFERENTIAL, "assert_answers_once"),
    ("logs of all scenarios hold no control characters", DIFFERENTIAL, "no line of a log holds a control character"),
];

const SLOTS: &str = "plugin/policy/src/decisions/slots.rs";
const HOSTILE: &str = "cli/gwauthz/tests/hostile/corpus.rs";
const HOSTILE_HOST: &str = "cli/gwauthz/tests/hostile/host.rs";
const DIFFERENTIAL: &str = "cli/gwauthz/tests/differential/main.rs";
const JWS: &str = "plugin/jose/src/jws/tests.rs";

#[test]
fn each_of_them_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (pitfall, file, name) in ELSEWHERE {
        let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{pitfall}: {file}: {error}"));
        assert!(text.contains(name), "{pitfall}: {file} has no {name}");
    }
}
