//! Any WebAssembly, as text or as bytes: the host refuses the module, or carries a request through it to an end.
#![no_main]

use std::{sync::LazyLock, time::Duration};

use gwauthz_host::{CallOutcome, Compiler, Gateway, GatewayConfig, HttpCall, HttpRequest, HttpResponse, Plugin, World};
use libfuzzer_sys::fuzz_target;

static COMPILER: LazyLock<Compiler> = LazyLock::new(|| Compiler::new(None).expect("this machine runs WebAssembly"));

/// Replies to every callout after a second.
struct Services;

impl World for Services {
    fn call(&mut self, _call: &HttpCall) -> CallOutcome {
        CallOutcome::Reply { response: HttpResponse::new(200), delay: Duration::from_secs(1) }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(bytes) = wat::parse_bytes(bytes) else { return };
    let Ok(module) = COMPILER.compile(&bytes) else { return };
    if let Ok(mut gateway) = Gateway::start([Plugin::new(&module, b"{}")], GatewayConfig::default(), Services) {
        let outcome = gateway.request(&HttpRequest::new("GET", "h", b"/"));
        assert!((100..600).contains(&outcome.response.status()), "{}", outcome.response.status());
    }
});
