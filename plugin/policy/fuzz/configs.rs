//! The configurations under which requests are fuzzed: natively, and in the compiled module by cli/gwauthz/tests/hostile.

/// Each with the paths that need no token under it.
pub(crate) const CONFIGS: [(&str, &[&str]); 7] = [
    (r#"{"cluster":"authz"}"#, &["/.well-known/acme-challenge/"]),
    (r#"{"cluster":"authz","bypassPaths":["/health","/public/"]}"#, &["/health", "/public/"]),
    (r#"{"cluster":"authz","bypassPaths":[],"tokens":{"maxBytes":40}}"#, &[]),
    (r#"{"cluster":"authz","compat":"seed","bypassPaths":["/health"]}"#, &["/health"]),
    (EVERYWHERE, &["/health"]),
    (
        r#"{"cluster":"authz","bypassPaths":[],"preflight":"allow","rules":[
            {"match":{"path":{"prefix":"/files/private"}},"require":{"scopes":["private"],"anyRole":["ops"]}},
            {"match":{"hosts":["*.example.com"],"methods":["GET"],"path":{"prefix":"/files"}},"auth":"none"},
            {"match":{"methods":["DELETE"]},"require":{"claims":{"level":{"oneOf":[1,"a",true]}}}}
        ]}"#,
        &["/files"],
    ),
    (
        r#"{"cluster":"authz","bypassPaths":["/health"],"paths":{"ambiguous":"neverMatch"},"rules":[
            {"match":{"path":{"template":"/users/{id}/orders"}},"require":{"scopes":["orders"]}},
            {"match":{"path":{"template":"/users/{id}/picture"}},"require":{"claims":{"act":{"exists":false}}}},
            {"match":{"path":{"prefix":"/users"}},"auth":"none"}
        ]}"#,
        &["/health", "/users"],
    ),
];

/// Tokens stand everywhere, the service gets to know everything, and the upstream is told of the token.
pub(crate) const EVERYWHERE: &str = r#"{
    "cluster": "authz",
    "bypassPaths": ["/health"],
    "tokens": {"sources": [{"header": "authorization"}, {"header": "x-token"}, {"cookie": "session"}, {"query": "token"}]},
    "callout": {"forward": {"method": true, "path": true, "host": true, "headers": ["x-other"]}},
    "headers": {"stripToken": true, "set": {"x-user-id": "sub", "x-groups": "groups"}}
}"#;
