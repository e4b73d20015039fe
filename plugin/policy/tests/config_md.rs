//! plugin/CONFIG.md is what the keys of the configuration say. `cargo xtask generate` writes it anew.

use std::{env, fs, path::Path};

use gwauthz_policy::{
    Config, Metric,
    config::{KEYS, Key, LONGEST_LIST, Value},
};

#[test]
fn config_md_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../CONFIG.md");
    let fresh = page();
    if env::var_os("GWAUTHZ_BLESS").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == fresh, "CONFIG.md is stale: run `cargo xtask generate` and commit the file");
}

#[test]
fn the_example_is_a_configuration() {
    assert!(Config::from_slice(EXAMPLE.as_bytes()).unwrap().warnings.is_empty());
}

/// JSON, as YAML takes it too.
const EXAMPLE: &str = r#"{
  "cluster": "outbound|8080||jwt-auth-service.default.svc.cluster.local",
  "timeout": "2s",
  "bypassPaths": ["/health", "/.well-known/acme-challenge/"]
}
"#;

const METRICS: &str = "
# The plugin's metrics

Envoy shows `gwauthz.denied.missing_token` as the statistic `wasmcustom.gwauthz.denied.missing_token`, and at `/stats/prometheus`
as `gwauthz_denied_missing_token`, once it has counted something. A worker tells at once what it counts; while
callouts of its requests are under way it tells it together, once none is any more, or with the 256th of a kind. Requests are counted by why they were let through or answered, callouts by what came of
them. With `mode: shadow` each request is `gwauthz.allowed.shadow`, and what would have become of it stands below
`gwauthz.shadow`. `gwauthz.configuration` is a number for the configuration in force: it is the same in gateways that have the same one, and
stays where an update is refused. The response code details of an answer (`%RESPONSE_CODE_DETAILS%`) are `gwauthz_` and the
code, such as `gwauthz_missing_token`.

Envoy adds up what all workers count. `gwauthz.breakers.open` is how many breakers are open, which withhold
callouts, each once for every worker that knows; one that workers share opens once, all the same. `gwauthz.decisions` are answers of the authorization service that were kept (`cache`), `gwauthz.signatures` those of tokens
that had been verified before. `gwauthz.keys.fetched_seconds` is when the oldest of the JWK Sets in use came, and
`gwauthz.revocations.issued_seconds` when the snapshot in use was issued, in seconds since 1970, each as the worker has it that fetched
last: their ages are `time() - gwauthz_keys_fetched_seconds`, which grow though nothing is fetched any more.

| metric | kind |
|---|---|
";

fn page() -> String {
    let mut text = format!(
        "# The plugin's configuration\n\n\
         Generated from `policy/src/config/keys.rs`; do not edit. It is the `pluginConfig` of a WasmPlugin (Istio), the \
         `config` of an\nEnvoyExtensionPolicy (Envoy Gateway), or the `configuration` of Envoy's own Wasm filter, as JSON. \
         `gwauthz lint` reads it\nas the plugin does, and `gwauthz schema plugin-config` prints its JSON Schema for \
         editors.\n\n\
         ```json\n{EXAMPLE}```\n\n\
         A key that is null counts as absent. Anything else that is not listed here is refused, each mistake with its \
         place in one\nline of the gateway's log:\n\n\
         - At the first start the gateway then answers every request with 500.\n\
         - On an update Envoy keeps the configuration that it has, so that a mistake in a restriction leaves the request \
         open: look\n  at Envoy's counter `update_rejected` after each change, or test it with `gwauthz test` before. The \
         gauge\n  `gwauthz.configuration` tells which one is in force, and the log what stands in it.\n\n\
         A request that was let through stays: neither the end of its token's time nor its revocation ends a stream that \
         is under\nway.\n"
    );
    section("", KEYS, &mut text);
    text += METRICS;
    for metric in Metric::all() {
        text += &format!("| `{}` | {} |\n", metric.name(), format!("{:?}", metric.kind()).to_lowercase());
    }
    text
}

/// The keys of an object, or of those in a list, and then those of the objects in it.
fn section(path: &str, keys: &[Key], text: &mut String) {
    if !path.is_empty() {
        *text += &format!("\n## `{path}`\n");
    }
    *text += "\n| key | value | default | meaning |\n|---|---|---|---|\n";
    for key in keys {
        let default = key.default.map_or_else(String::new, |default| format!("`{default}`"));
        let (value, about) = (shown(&key.value, &key_path(path, key)), key.about.replace('|', r"\|"));
        *text += &format!("| `{}` | {value} | {default} | {about} |\n", key.name);
    }
    for key in keys {
        if let Value::Object(keys) | Value::List(Value::Object(keys)) | Value::Map(keys) = &key.value {
            section(&key_path(path, key), keys, text);
        }
    }
}

fn key_path(path: &str, key: &Key) -> String {
    if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) }
}

/// What a value may be, in words.
fn shown(value: &Value, path: &str) -> String {
    match value {
        Value::Text { .. } => "text".to_owned(),
        Value::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Value::Duration(range) => {
            let (least, most) = (range.start().as_millis(), range.end().as_millis());
            format!("milliseconds, {least} to {most}, or such as `500ms`, `2s`, `5m`")
        }
        Value::Whole(range) => format!("{} to {}", range.start(), range.end()),
        Value::Flag => "`true`, `false`".to_owned(),
        Value::Fraction => "0 to 1".to_owned(),
        Value::Secret => "`{env: NAME}`".to_owned(),
        Value::Any => "object".to_owned(),
        Value::Scalar => "text, number, `true` or `false`".to_owned(),
        Value::List(of) => format!("list of {}", shown(of, path)),
        Value::NonEmpty(of) => format!("list of {} (1 to {LONGEST_LIST})", shown(of, path)),
        Value::Object(_) => format!("[object](#{})", path.replace('.', "").to_lowercase()),
        Value::Texts { .. } => "map to text".to_owned(),
        Value::Map(_) => format!("map to [object](#{})", path.replace('.', "").to_lowercase()),
    }
}
