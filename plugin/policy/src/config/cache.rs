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
        name: "coalesce",
        value: Value::Flag,
        default: Some("false"),
        about: about(
            "While a request is asked about, others of which the service would be told the same wait for what it says, whatever \
                that is, in each worker. They wait for no longer than a request's own callouts may take, and are then denied with \
                503; where the client leaves whose request is asked about, the next is.",
        ),
    },
];

/// What the authorization service is not asked about again.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cache {
    /// How long its word is kept.
    pub(crate) limits: CacheLimits,
    /// Whether requests that put the same question at once are asked about once.
    pub(crate) coalesce: bool,
}

/// `cluster` as it is written at the top; `max_lag`: the longest that an allow may be kept.
pub(super) fn read(root: &Reader<'_>, cluster: Option<&str>, max_lag: Option<Duration>, issues: &mut Issues) -> Cache {
    let Some(cache) = root.object("cache", issues).map(Reader::strict) else { return Cache::default() };
    let (allow, deny) = (cache.duration("allowTtl", issues), cache.duration("denyTtl", issues));
    let coalesce = cache.flag("coalesce", issues).unwrap_or(false);
    cache.finish(issues);
    if cluster.is_none() {
        root.refuse("cache", Refusal::not_allowed("the object", "`cluster`, whose word could be kept"), issues);
    }
    let allow = allow.map(|allow| max_lag.map_or(allow, |lag| allow.min(lag))).filter(|allow| !allow.is_zero());
    Cache { limits: CacheLimits { allow, deny }, coalesce }
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
        for (lag, expected) in [("2s", Some(2000)), ("9s", Some(5000)), ("0s", None)] {
            let text = format!(r#"{{"cluster":"c","cache":{{"allowTtl":"5s"}},"revocation":{{"maxLag":"{lag}"}}}}"#);
            assert_eq!(allow(&text), expected, "{lag}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let keys = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let issuers = format!(r#""issuers":[{{"issuer":"i","audiences":["a"],"jwks":{{"inline":{keys}}}}}]"#);
        for (text, issue) in [
            (format!(r#"{{{issuers},"cache":{{"allowTtl":"1s"}}}}"#), "cache: `the object` is not allowed"),
            (r#"{"cluster":"c","cache":{"allowTtl":0}}"#.to_owned(), "cache.allowTtl: `0` is not allowed"),
            (r#"{"cluster":"c","compat":"seed","cache":{"ttl":1}}"#.to_owned(), "cache.ttl: unknown key"),
        ] {
            let errors = Config::from_slice(text.as_bytes()).unwrap_err().to_string();
            assert!(errors.starts_with(issue), "{errors}");
        }
    }
}
