//! Modules that neither Envoy nor the embedded gateway starts.

use std::fs;

use gwauthz_host::{Compiler, ModuleError};
use serde_json::json;
use tempfile::TempDir;

use crate::real;

#[test]
#[ignore = "needs Envoy: run `cargo xtask test`"]
fn envoy_refuses_the_modules_that_the_embedded_gateway_refuses() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("module.wasm");
    for (functions, named) in refused() {
        let module = wat::parse_str(module(functions)).unwrap_or_else(|error| panic!("{functions}: {error}"));
        fs::write(&file, &module).expect("write the module");
        let real = real::refusal(real::listener("refused", &file, &json!({}), false));
        assert!(real.contains(named), "{functions}: {real}");
        let embedded = match Compiler::new(None).expect("a compiler").check(&module) {
            Ok(_) => panic!("{functions}: accepted"),
            Err(ModuleError::TrapAtStart(fault)) => fault.to_string(),
            Err(error) => error.to_string(),
        };
        // Envoy does not say which call it was that it does not allow.
        assert!(embedded.contains(named) || named == "restricted_callback", "{functions}: {embedded}");
    }
}

/// Modules, and what both say of them.
fn refused() -> [(&'static str, &'static str); 9] {
    [
        (
            r#"(import "env" "proxy_continue_stream" (func (param i32) (result i32))) (func (export "proxy_abi_version_0_1_0"))"#,
            "env.proxy_continue_stream",
        ),
        (
            r#"(import "env" "proxy_get_log_level" (func (param i32) (result i32))) (func (export "proxy_abi_version_0_2_0"))"#,
            "env.proxy_get_log_level",
        ),
        (
            r#"(import "env" "proxy_continue_request" (func (result i32))) (func (export "proxy_abi_version_0_2_1"))
                (func (export "proxy_abi_version_0_1_0"))"#,
            "env.proxy_continue_request",
        ),
        (
            r#"(import "wasi_snapshot_preview1" "path_link" (func (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
                (func (export "proxy_abi_version_0_2_1"))"#,
            "wasi_snapshot_preview1.path_link",
        ),
        (
            r#"(import "wasi_snapshot_preview1" "proc_raise" (func (param i32) (result i32)))
                (func (export "proxy_abi_version_0_2_1"))"#,
            "wasi_snapshot_preview1.proc_raise",
        ),
        (r#"(global (export "proxy_abi_version_0_2_1") i32 (i32.const 0))"#, "ABI version"),
        (
            r#"(import "env" "proxy_get_current_time_nanoseconds" (func $time (param i32) (result i32)))
                (func (export "proxy_abi_version_0_2_1"))
                (func (export "_initialize") (drop (call $time (i32.const 0))))"#,
            "restricted_callback",
        ),
        (
            r#"(import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
                (func (export "proxy_abi_version_0_2_1")) (func (export "_start") (drop (call $yield)))"#,
            "restricted_callback",
        ),
        (
            r#"(func (export "proxy_abi_version_0_2_1")) (func (export "_initialize"))
                (func (export "__main_void") (result i32) (unreachable))"#,
            "__main_void",
        ),
    ]
}

fn module(functions: &str) -> String {
    format!(
        r#"(module {functions} (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 0))"#
    )
}
