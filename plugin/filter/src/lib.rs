//! The gateway's side of the plugin: carries proxy-wasm callbacks to the policy and its steps to host calls.
//!
//! Nothing is decided here. A panic would take down the VM that all requests of a worker share, so there is none; of
//! the SDK only the calls on bytes are used, since those on strings panic on a header that is not UTF-8, and where a host may
//! refuse a call, [`host`] makes it.
#![expect(missing_docs, reason = "the SDK's macro makes the only public item, `_initialize`")]

mod host;
mod http;
mod metrics;
mod root;
mod shared;

use proxy_wasm::types::LogLevel;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|id| Box::new(root::Root::new(id)));
}}
