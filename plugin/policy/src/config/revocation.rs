//! `revocation`: where the plugin learns which tokens are revoked.

use std::time::Duration;

use crate::{
    endpoint::Endpoint,
    revocation::{OnStale, Settings},
};

use super::{
    endpoint::{self, AUTHORITY_KEY, cluster_key, path_key},
    keys::{Key, NON_EMPTY, Value, about},
    non_empty,
    reader::{Issues, Reader},
    values::{Refusal, non_empty_list},
};

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "snapshot",
        value: Value::Object(SNAPSHOT),
        default: None,
        about: about(
            "A service that lists the revoked tokens; [REVOCATION.md](REVOCATION.md) says how. What it lists is denied with 403. \
                Until the first snapshot has come, requests wait for it, as long as `timeout` says; then they are as with a \
                stale one. Needs `issuers`.",
        ),
    },
    Key {
        name: "claims",
        value: Value::NonEmpty(&Value::Text { pattern: NON_EMPTY }),
        default: Some(r#"["jti", "parent_jti"]"#),
        about: about(
            "The claims whose ids are looked up in the snapshot. A token that has none of them, or one that is no text, is \
                decided by the authorization service, and denied where there is none.",
        ),
    },
    Key {
        name: "maxLag",
        value: Value::Duration(Duration::ZERO..=Duration::from_secs(60 * 60)),
        default: None,
        about: about(
            "How long after its revocation a token may still be let through by a decision that is kept: no allow is kept for \
                longer. Default: as long as `cache` says.",
        ),
    },
];

const SNAPSHOT: &[Key] = &[
    cluster_key("Required. The Envoy cluster of the service."),
    path_key(Some(r#""/revocations""#), "Where in `cluster` the snapshot is, with a query if need be."),
    AUTHORITY_KEY,
    Key {
        name: "every",
        value: Value::Duration(Duration::from_secs(1)..=Duration::from_secs(60 * 60)),
        default: Some(r#""5s""#),
        about: about(
            "How often it is asked for, and how long a reply may take: by each worker, or by one for all where there is a key to \
                seal with what they share (`secrets.cache`); the others then have it after a quarter of this at most.",
        ),
    },
    Key {
        name: "maxStale",
        value: Value::Duration(Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60)),
        default: Some(r#""30s""#),
        about: about("How long ago the service may have issued it; at least `every`."),
    },
    Key {
        name: "onStale",
        value: Value::Word(&["deny", "callout"]),
        default: Some(r#""deny""#),
        about: about(
            "What becomes of tokens when it is older: denied with 503, or decided by the authorization service (`cluster` at the \
                top). What it lists is denied nevertheless.",
        ),
    },
];

const DEFAULT_PATH: &str = "/revocations";
const DEFAULT_EVERY: Duration = Duration::from_secs(5);
const DEFAULT_MAX_STALE: Duration = Duration::from_secs(30);
const DEFAULT_CLAIMS: [&str; 2] = ["jti", "parent_jti"];

/// How revocations are learnt of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Revocation {
    /// Where snapshots come from, if they are used.
    pub snapshot: Option<Settings>,
    /// The longest that an allow may be kept.
    pub max_lag: Option<Duration>,
}

/// `issuers` and `cluster` as they are written at the top.
#[inline(never)]
pub(super) fn read(
    root: &Reader<'_>,
    issuers: &[Reader<'_>],
    cluster: Option<&str>,
    issues: &mut Issues,
) -> Revocation {
    // A key that is ignored would leave revoked tokens in.
    let Some(revocation) = root.object("revocation", issues).map(Reader::strict) else { return Revocation::default() };
    let snapshot = revocation.object("snapshot", issues);
    let claims = revocation.optional("claims", issues, |json| non_empty_list(json, "a list of names", non_empty));
    let max_lag = revocation.duration("maxLag", issues);
    revocation.finish(issues);
    let Some(snapshot) = snapshot else {
        if claims.is_some() {
            revocation.missing(&["snapshot"], "where ids are looked up", issues);
        }
        return Revocation { snapshot: None, max_lag };
    };
    if issuers.is_empty() {
        root.missing(&["issuers"], "whose tokens can be looked up, since claims count once they are verified", issues);
    }
    let claims = claims.unwrap_or_else(|| DEFAULT_CLAIMS.to_vec());
    let claims = claims.into_iter().map(str::to_owned).collect();
    Revocation { snapshot: settings(&snapshot, claims, cluster.is_some(), issues), max_lag }
}

/// `None` only where `issues` then holds an error.
fn settings(snapshot: &Reader<'_>, claims: Vec<String>, confirmable: bool, issues: &mut Issues) -> Option<Settings> {
    let endpoint = endpoint::read(snapshot, DEFAULT_PATH, issues);
    let every = snapshot.duration("every", issues).unwrap_or(DEFAULT_EVERY);
    let max_stale = snapshot.duration("maxStale", issues).unwrap_or(DEFAULT_MAX_STALE);
    let on_stale = snapshot.word("onStale", &[("deny", OnStale::Deny), ("callout", OnStale::Callout)], issues);
    let on_stale = on_stale.unwrap_or(OnStale::Deny);
    snapshot.finish(issues);
    if max_stale < every {
        let (stated, allowed) = (format!("{} ms", max_stale.as_millis()), "at least `every`");
        snapshot.refuse("maxStale", Refusal::not_allowed(stated, allowed), issues);
    }
    if on_stale == OnStale::Callout && !confirmable {
        snapshot.refuse(
            "onStale",
            Refusal::not_allowed("callout", "`deny` without a `cluster` that can be asked"),
            issues,
        );
    }
    let Endpoint { cluster, authority, path } = endpoint?;
    Some(Settings { cluster, authority, path, every, max_stale, on_stale, claims, confirmable })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value as JsonValue, json};

    use super::Revocation;
    use crate::{
        Config,
        revocation::{OnStale, Settings},
    };

    fn configuration(revocation: JsonValue) -> JsonValue {
        let keys =
            json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]});
        let issuer = json!({"issuer": "i", "audiences": ["a"], "jwks": {"inline": keys}});
        json!({"issuers": [issuer], "revocation": revocation})
    }

    fn revocation(configuration: &JsonValue) -> Revocation {
        Config::from_slice(configuration.to_string().as_bytes()).unwrap().config.revocation
    }

    fn settings(configuration: &JsonValue) -> Option<Settings> {
        revocation(configuration).snapshot
    }

    fn issues(configuration: &JsonValue) -> String {
        Config::from_slice(configuration.to_string().as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_cluster_is_enough() {
        let read = settings(&configuration(json!({"snapshot": {"cluster": "outbound|80||r.example"}})));
        let expected = Settings {
            cluster: "outbound|80||r.example".into(),
            authority: "r.example".into(),
            path: "/revocations".into(),
            every: Duration::from_secs(5),
            max_stale: Duration::from_secs(30),
            on_stale: OnStale::Deny,
            claims: vec!["jti".into(), "parent_jti".into()],
            confirmable: false,
        };
        assert_eq!(read, Some(expected));
        for nothing in [json!({}), json!(null), json!({"snapshot": null})] {
            assert_eq!(settings(&configuration(nothing)), None);
        }
    }

    #[test]
    fn every_key_counts() {
        let snapshot = json!({
            "cluster": "r/s", "path": "/r?a=b", "authority": "r:80", "every": "30s", "maxStale": "30s", "onStale": "callout",
        });
        let mut all = configuration(json!({"snapshot": snapshot, "claims": ["sid"]}));
        all["cluster"] = json!("c");
        let read = settings(&all).unwrap();
        assert_eq!((read.path.as_str(), read.authority.as_str()), ("/r?a=b", "r:80"));
        assert_eq!((read.every, read.max_stale), (Duration::from_secs(30), Duration::from_secs(30)));
        assert_eq!((read.on_stale, read.confirmable, read.claims), (OnStale::Callout, true, vec!["sid".to_owned()]));
    }

    #[test]
    fn the_lag_counts_without_a_snapshot_too() {
        let read = revocation(&json!({"cluster": "c", "revocation": {"maxLag": "5s"}}));
        assert_eq!(read, Revocation { snapshot: None, max_lag: Some(Duration::from_secs(5)) });
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for (revocation, issue) in [
            (json!({"snapshot": {}}), "revocation.snapshot.cluster: required"),
            (json!({"snapshot": {"cluster": "a/b"}}), "revocation.snapshot.authority: required"),
            (json!({"claims": ["jti"]}), "revocation.snapshot: required"),
            (json!({"snapshot": {"cluster": "c"}, "claims": []}), "revocation.claims: `0 elements` is not allowed"),
            (
                json!({"snapshot": {"cluster": "c", "every": "31s"}}),
                "revocation.snapshot.maxStale: `30000 ms` is not allowed: expected at least `every`",
            ),
            (
                json!({"snapshot": {"cluster": "c", "onStale": "callout"}}),
                "revocation.snapshot.onStale: `callout` is not allowed: expected `deny` without a `cluster`",
            ),
            (
                json!({"snapshot": {"cluster": "c", "maxstale": "1m"}}),
                "revocation.snapshot.maxstale: unknown key, did you mean `maxStale`?",
            ),
        ] {
            let configuration = configuration(revocation);
            assert!(issues(&configuration).starts_with(issue), "{}", issues(&configuration));
        }
        let snapshot = json!({"snapshot": {"cluster": "c"}});
        assert!(issues(&json!({"cluster": "c", "revocation": snapshot})).starts_with("issuers: required"));
        let mut seed = configuration(json!({"snapshots": {}}));
        seed["compat"] = json!("seed");
        assert!(issues(&seed).starts_with("revocation.snapshots: unknown key"), "{}", issues(&seed));
    }
}
