//! What Istio refuses is refused at its place, and what Istio reads is read the same way.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use gwauthz_lint::{Persona, Settings, Source, Sources, lint};

/// The findings of one rule: what stands at their labels, and their messages.
fn found(code: &str, text: &str) -> Vec<(String, String)> {
    let mut sources = Sources::default();
    sources.add(Source::new("manifest.yaml", text.into()).unwrap());
    lint(&sources, &Settings::default(), Persona::Regular)
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.rule.code.to_string() == code)
        .map(|diagnostic| (text[diagnostic.primary.location.span.range()].to_owned(), diagnostic.message.clone()))
        .collect()
}

fn plugin(spec: &str) -> String {
    format!("apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: plugin}}\nspec: {spec}\n")
}

#[test]
fn each_refusal_is_at_its_place() {
    for (spec, place, words) in [
        ("", "spec", "is null"),
        ("[]", "[]", "expected an object"),
        ("{}", "plugin", "`spec.url` is missing"),
        ("{url: }", "url", "is null"),
        ("{url: ''}", "''", "is empty"),
        ("{url: 'fake://x'}", "'fake://x'", "scheme"),
        ("{url: registry:5000/x}", "registry:5000/x", "scheme"),
        ("{url: '%zz'}", "'%zz'", "not a URL"),
        ("{url: x, sha256: abc}", "abc", "SHA-256"),
        ("{url: x, imagePullPolicy: always}", "always", "not a value"),
        ("{url: x, imagePullSecret: ''}", "''", "is empty"),
        ("{url: x, pluginName: 5}", "5", "expected a string"),
        ("{url: x, phase: authz}", "authz", "not a value"),
        ("{url: x, failStrategy: FAIL_CLOSED}", "FAIL_CLOSED", "not a value"),
        ("{url: x, type: TCP}", "TCP", "not a value"),
        ("{url: x, priority: 3000000000}", "3000000000", "3000000000"),
        ("{url: x, pluginConfig: text}", "text", "expected an object"),
        ("{url: x, match: [{mode: BOTH}]}", "BOTH", "not a value"),
        ("{url: x, match: [{ports: [{}]}]}", "{}", "number` is missing"),
        ("{url: x, match: [{ports: [{number: 65536}]}]}", "65536", "65536"),
        ("{url: x, vmConfig: {env: [{name: ''}]}}", "''", "is empty"),
        ("{url: x, vmConfig: {env: [{name: a}, {name: a}]}}", "a", "set twice"),
        ("{url: x, vmConfig: {env: [{name: a, valueFrom: HOST, value: v}]}}", "v", "valueFrom: HOST"),
        ("{url: x, selector: {matchLabels: {app: 'x*'}}}", "'x*'", "wildcard"),
        ("{url: x, selector: {matchLabels: {'x*': app}}}", "'x*'", "wildcard"),
        ("{url: x, selector: {matchLabels: {'': app}}}", "''", "empty"),
        ("{url: x, selector: {matchLabels: {app: yes}}}", "yes", "a boolean"),
        ("{url: x, targetRef: {kind: Gateway}}", "{kind: Gateway}", "name` is missing"),
        ("{url: x, targetRefs: [{kind: Gateway, name: a, namespace: b}]}", "b", "another namespace"),
        ("{url: x, selector: {}, targetRefs: []}", "[]", "only one of"),
        ("{url: x, failStrategi: FAIL_CLOSE}", "failStrategi", "no field"),
    ] {
        let refused = found("GW906", &plugin(spec));
        assert_eq!(refused.len(), 1, "{spec}: {refused:?}");
        assert_eq!(refused[0].0, place, "{spec}: {refused:?}");
        assert!(refused[0].1.contains(words), "{spec}: {refused:?}");
    }
}

#[test]
fn everything_that_istio_accepts_is_accepted() {
    for spec in [
        "{url: x}",
        "{url: x, sha256: '', priority: null}",
        "{url: 'file:///opt/x.wasm', sha256: 1ef0c9a92b0420cf25f7fe5d481b231464bc88f486ca3b9c83ed5cc21d2f6210}",
        "{url: x, phase: UNSPECIFIED_PHASE, imagePullPolicy: Always, type: HTTP, priority: -5, verificationKey: k}",
        "{url: x, match: [{mode: CLIENT, ports: [{number: 443}]}], pluginConfig: {any: [1, {thing: null}]}}",
        "{url: x, vmConfig: {env: [{name: a, valueFrom: HOST}, {name: b, value: v}, {name: c, valueFrom: INLINE}]}}",
        "{url: x, targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: a}]}",
    ] {
        assert_eq!(found("GW906", &plugin(spec)), [], "{spec}");
    }
}

#[test]
fn a_traffic_extension_is_a_plugin_too() {
    let text = "apiVersion: extensions.istio.io/v1alpha1\nkind: TrafficExtension\nmetadata: {name: a}\n\
                spec: {phase: AUTHZ, wasm: {url: 'oci://r/x:latest', failStrategy: FAIL_OPEN}}\n";
    assert_eq!(found("GW103", text)[0].0, "latest");
    assert_eq!(found("GW201", text)[0].0, "FAIL_OPEN");
    let lua = "apiVersion: extensions.istio.io/v1alpha1\nkind: TrafficExtension\nspec: {lua: {inlineCode: x}}\n";
    assert_eq!(found("GW906", lua), []);
}

#[test]
fn another_group_is_not_istios() {
    let text = plugin("{url: 'oci://r/x:latest'}").replace("extensions.istio.io", "extensions.higress.io");
    assert_eq!(found("GW103", &text), []);
}

#[test]
fn items_of_a_list_are_objects() {
    let item = plugin("{url: 'oci://r/x:latest'}").replace('\n', "\n  ");
    let text = format!("apiVersion: v1\nkind: List\nitems:\n- {item}\n");
    assert_eq!(found("GW103", &text).len(), 1);
}

#[test]
fn aliases_and_merges_are_followed_to_where_the_value_stands() {
    let text = "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\n\
                x: &defaults {failStrategy: FAIL_OPEN, url: &image 'oci://r/x:latest'}\n\
                spec:\n  <<: *defaults\n  url: *image\n  pluginName: a\n";
    assert_eq!(found("GW201", text)[0].0, "FAIL_OPEN");
    assert_eq!(found("GW103", text)[0].0, "latest");
    let own_wins = text.replace("  pluginName: a", "  failStrategy: FAIL_CLOSE");
    assert_eq!(found("GW201", &own_wins), []);
}

#[test]
fn a_plugin_of_others_is_not_asked_for_tokens() {
    for config in ["{rules: [a]}", "{cluster: c, endpoint: /x, ttl: 5}"] {
        let text = plugin(&format!("{{url: x, phase: AUTHN, pluginConfig: {config}}}"));
        for code in ["GW203", "GW305", "GW308", "GW401"] {
            assert_eq!(found(code, &text), [], "{config}");
        }
    }
    let verifying = plugin("{url: x, phase: AUTHN, pluginConfig: {cluster: c, issuers: [{issuer: i}]}}");
    assert_eq!(found("GW203", &verifying), []);
    assert_eq!(found("GW401", &verifying), []);
}

#[test]
fn a_policy_must_ask_every_request_for_a_token() {
    let config = "pluginConfig: {cluster: 'outbound|80||a.b'}";
    let base = format!(
        "{}---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {{name: tokens}}\n\
         spec: {{jwtRules: [{{issuer: i}}]}}\n---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nspec: ",
        plugin(&format!("{{url: x, phase: AUTHZ, {config}}}"))
    );
    for (policy, enough) in [
        ("{action: DENY, rules: [{from: [{source: {notRequestPrincipals: ['*']}}]}]}", true),
        ("{rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}", true),
        ("{rules: [{when: [{key: 'request.auth.claims[iss]', values: [i]}]}]}", true),
        ("{rules: [{from: [{source: {requestPrincipals: ['*']}}]}, {to: [{operation: {paths: [/]}}]}]}", false),
        ("{rules: [{}]}", false),
        ("{}", false),
        ("{action: AUDIT, rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}", false),
    ] {
        let findings = found("GW402", &format!("{base}{policy}\n"));
        assert_eq!(findings.is_empty(), enough, "{policy}");
        assert!(findings.iter().all(|(place, _)| place == "tokens"), "{findings:?}");
    }
    let empty = base.replace("jwtRules: [{issuer: i}]", "jwtRules: []");
    assert_eq!(found("GW401", &format!("{empty}{{}}\n")).len(), 1);
}
