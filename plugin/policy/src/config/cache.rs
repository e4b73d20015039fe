//! `cache`: how long the authorization service's word is kept.

use std::time::Duration;

use crate::decisions::CacheLimits;

use super::{
    keys::{Key, Value, about},
    reader::{Issues, Reader},
    values::Refusal,
};

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "allowTtl",
        value: Value::Duration(Duration::from_millis(1)..=Duration::from_secs(60 * 60)),
        default: None,
        about: about(
            "How long an allow counts, though never past the token's `exp`. A token that is revoked meanwhile still passes, \
                unless a snapshot lists it: `revocation.maxLag` bounds that. Default: none is kept.",
        ),
    },
    Key {
        name: "denyTtl",
        value: Value::Duration(Duration::from_millis(1)..=Duration::from_secs(60 * 60)),
        default: None,
        about: about("How long it counts that a token is invalid or revoked. Default: none is kept."),
    },
    Key {
        name: "staleFor",
        value: Value::Duration(Duration::from_millis(1)..=Duration::from_secs(24 * 60 * 60)),
        default: None,
        about: about(
            "How long beyond `allowTtl` an allow counts while no service can be asked, where `onError: staleThenDeny` says that \
                it does; never past the token's `exp`, nor `revocation.maxLag` after it was given.",
        ),
    },
    Key {
        name: "coalesce",
        value: Value::Flag,
        default: Some("false"),
        about: about(
            "While a request is asked about, others of which the service would be told the same wait for what it says, whatever \
                that is, in each worker. They wait for no longer than a request's own callouts may take, and are then denied with \
                503; where the client leaves whose request is asked about, the next is.",
        ),
    },
    Key {
        name: "shared",
        value: Value::Flag,
        default: Some("false"),
        about: about(
            "What one worker has heard counts in the others too, by way of Envoy's shared data; else each hears for itself. \
                Needs `secrets.cache`: other plugins can write there, too.",
        ),
    },
    Key {
        name: "entries",
        value: Value::Whole(1..=65_536),
        default: Some("4096"),
        about: about(
            "How many of these entries workers share, of about 200 bytes each; they are never given back. Each question has its \
                place in them, where the last one that was answered stays.",
        ),
    },
];

/// As [`KEYS`] says.
const DEFAULT_ENTRIES: u32 = 4096;

/// What the authorization service is not asked about again.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cache {
    /// How long its word is kept.
    pub(crate) limits: CacheLimits,
    /// Whether requests that put the same question at once are asked about once.
    pub(crate) coalesce: bool,
    /// In how many slots workers share it; none where they do not.
    pub(crate) shared_slots: u32,
}

/// `cluster` as it is written at the top; `max_lag`: the longest that an allow may be kept; `has_key`: whether there is what
/// shared data are sealed with.
#[inline(never)]
pub(super) fn read(
    root: &Reader<'_>,
    cluster: Option<&str>,
    max_lag: Option<Duration>,
    has_key: bool,
    issues: &mut Issues,
) -> Cache {
    let Some(cache) = root.object("cache", issues).map(Reader::strict) else { return Cache::default() };
    let (allow, deny) = (cache.duration("allowTtl", issues), cache.duration("denyTtl", issues));
    let stale_for = cache.duration("staleFor", issues);
    let coalesce = cache.flag("coalesce", issues).unwrap_or(false);
    let shared = cache.flag("shared", issues).unwrap_or(false);
    let entries = cache.small("entries", issues);
    cache.finish(issues);
    let keeps = allow.is_some() || deny.is_some();
    for (key, value, is_refused, expected) in [
        ("shared", "true", shared && !has_key, "`secrets.cache: {env: NAME}`: other plugins can write to shared data"),
        ("shared", "true", shared && !keeps, "`allowTtl` or `denyTtl`: nothing is kept"),
        ("entries", "a number", entries.is_some() && !shared, "`shared: true`: no others are counted"),
        ("staleFor", "the time", stale_for.is_some() && allow.is_none(), "`allowTtl`, which it begins behind"),
    ] {
        if is_refused {
            cache.refuse(key, Refusal::not_allowed(value, expected), issues);
        }
    }
    if cluster.is_none() {
        root.refuse("cache", Refusal::not_allowed("the object", "`cluster`, whose word could be kept"), issues);
    }
    let allow = allow.map(|allow| max_lag.map_or(allow, |lag| allow.min(lag))).filter(|allow| !allow.is_zero());
    let fresh = allow.unwrap_or_default();
    let stale = stale_for.map(|stale| max_lag.map_or(stale, |lag| stale.min(lag.saturating_sub(fresh))));
    let shared_slots = if shared { entries.unwrap_or(DEFAULT_ENTRIES) } else { 0 };
    Cache { limits: CacheLimits { allow, deny, stale }, coalesce, shared_slots }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Cache;
    use crate::{Config, decisions::CacheLimits};

    fn cache(text: &str) -> Cache {
        Config::from_slice(text.as_bytes()).unwrap().config.cache
    }

    fn limits(text: &str) -> CacheLimits {
        cache(text).limits
    }

    #[test]
    fn nothing_is_kept_unless_it_is_said() {
        for text in [r#"{"cluster":"c"}"#, r#"{"cluster":"c","cache":{}}"#] {
            assert_eq!(cache(text), Cache::default());
        }
        let allow = |text: &str| limits(text).allow.map(|allow| allow.as_millis());
        assert_eq!(allow(r#"{"cluster":"c","cache":{"allowTtl":"5s","denyTtl":"1s"}}"#), Some(5000));
        assert_eq!(limits(r#"{"cluster":"c","cache":{"denyTtl":"1s"}}"#).deny, Some(Duration::from_secs(1)));
        assert!(cache(r#"{"cluster":"c","cache":{"coalesce":true}}"#).coalesce);
        let slots = |more: &str| {
            let secrets = r#""secrets":{"cache":{"env":"A"}}"#;
            cache(&format!(r#"{{"cluster":"c",{secrets},"cache":{{"denyTtl":1{more}}}}}"#)).shared_slots
        };
        assert_eq!([slots(""), slots(r#","shared":true"#), slots(r#","shared":true,"entries":9"#)], [0, 4096, 9]);
        for (lag, expected) in [("2s", Some(2000)), ("9s", Some(5000)), ("0s", None)] {
            let text = format!(r#"{{"cluster":"c","cache":{{"allowTtl":"5s"}},"revocation":{{"maxLag":"{lag}"}}}}"#);
            assert_eq!(allow(&text), expected, "{lag}");
        }
    }

    #[test]
    fn an_allow_is_stale_for_no_longer_than_revocations_may_take() {
        let keys = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let issuers = format!(r#""issuers":[{{"issuer":"i","audiences":["a"],"jwks":{{"inline":{keys}}}}}]"#);
        for (more, expected) in [
            ("", Some(30_000)),
            (r#","revocation":{"maxLag":"60s"}"#, Some(30_000)),
            (r#","revocation":{"maxLag":"20s"}"#, Some(15_000)),
            (r#","revocation":{"maxLag":"5s"}"#, Some(0)),
            (r#","revocation":{"maxLag":"0s"}"#, Some(0)),
        ] {
            let cache = r#""cache":{"allowTtl":"5s","staleFor":"30s"}"#;
            let limits = limits(&format!(r#"{{"cluster":"c",{issuers},{cache},"onError":"staleThenDeny"{more}}}"#));
            assert_eq!(limits.stale.map(|stale| stale.as_millis()), expected, "{more}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let keys = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let issuers = format!(r#""issuers":[{{"issuer":"i","audiences":["a"],"jwks":{{"inline":{keys}}}}}]"#);
        for (text, issue) in [
            (format!(r#"{{{issuers},"cache":{{"allowTtl":"1s"}}}}"#), "cache: `the object` is not allowed"),
            (
                r#"{"cluster":"c","cache":{"allowTtl":1,"shared":true}}"#.to_owned(),
                "cache.shared: `true` is not allowed: expected `secrets.cache: {env: NAME}`",
            ),
            (
                r#"{"cluster":"c","secrets":{"cache":{"env":"A"}},"cache":{"coalesce":true,"shared":true}}"#.to_owned(),
                "cache.shared: `true` is not allowed: expected `allowTtl` or `denyTtl`",
            ),
            (
                r#"{"cluster":"c","secrets":{"cache":{"env":"A"}},"cache":{"allowTtl":1,"entries":7}}"#.to_owned(),
                "cache.entries: `a number` is not allowed: expected `shared: true`",
            ),
            (
                r#"{"cluster":"c","secrets":{"cache":"A"},"cache":{"allowTtl":1,"shared":true}}"#.to_owned(),
                "secrets.cache: expected `{env: NAME}`, found a string",
            ),
            (
                r#"{"cluster":"c","compat":"seed","secrets":{"cash":{"env":"A"}}}"#.to_owned(),
                "secrets.cash: unknown key",
            ),
            (
                format!(r#"{{"cluster":"c",{issuers},"cache":{{"staleFor":1}},"onError":"staleThenDeny"}}"#),
                "cache.staleFor: `the time` is not allowed: expected `allowTtl`",
            ),
            (
                format!(r#"{{"cluster":"c",{issuers},"cache":{{"allowTtl":1,"staleFor":1}},"onError":"allow"}}"#),
                "cache.staleFor: `the time` is not allowed: expected `onError: staleThenDeny`",
            ),
            (
                format!(r#"{{"cluster":"c",{issuers},"cache":{{"allowTtl":1}},"onError":"staleThenDeny"}}"#),
                "onError: `onError: staleThenDeny` is not allowed: expected `cache.staleFor`",
            ),
            (
                format!(r#"{{"cluster":"c",{issuers},"rules":[{{"onError":"staleThenDeny"}}]}}"#),
                "rules: `onError: staleThenDeny` is not allowed: expected `cache.staleFor`",
            ),
            (
                r#"{"cluster":"c","cache":{"allowTtl":1,"staleFor":1},"onError":"staleThenDeny"}"#.to_owned(),
                "onError: `onError: staleThenDeny` is not allowed: expected `onError: deny` where there are no `issuers`",
            ),
            (r#"{"cluster":"c","cache":{"allowTtl":0}}"#.to_owned(), "cache.allowTtl: `0` is not allowed"),
            (r#"{"cluster":"c","compat":"seed","cache":{"ttl":1}}"#.to_owned(), "cache.ttl: unknown key"),
        ] {
            let errors = Config::from_slice(text.as_bytes()).unwrap_err().to_string();
            assert!(errors.starts_with(issue) && !errors.contains("; cache"), "{errors}");
        }
    }
}
