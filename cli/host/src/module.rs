//! What makes a module a proxy-wasm plugin, and what is said where it is none.

use wasmtime::{ExternType, Module};

use crate::{abi::AbiVersion, fault::Fault, hostcalls, wasi};

/// Why a module cannot run in a gateway.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// The bytes are not WebAssembly at all.
    #[error("not a WebAssembly module: {found}")]
    NotWasm {
        /// What the bytes look like.
        found: &'static str,
    },
    /// A component, which no gateway runs.
    #[error("a WebAssembly component, not a core module: build for wasm32-wasip1, not for wasip2")]
    Component,
    /// The module is larger than any gateway fetches.
    #[error("the module has {bytes} bytes, more than the 256 MiB that a gateway fetches")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The bytes are broken.
    #[error("an invalid WebAssembly module: {0}")]
    Invalid(String),
    /// No marker of a version that Envoy runs.
    #[error("not a proxy-wasm plugin: {found}; expected an export `proxy_abi_version_0_2_1`, `…_0_2_0` or `…_0_1_0`")]
    NoAbiVersion {
        /// The marker that it has in the place of a known one, or that it has none.
        found: String,
    },
    /// Imports that no gateway provides.
    #[error("imports that no gateway provides: {}", .names.join(", "))]
    UnknownImports {
        /// `module.name`, each with what is expected of it.
        names: Vec<String>,
    },
    /// Exports that a gateway needs.
    #[error("the module lacks {what}")]
    MissingExport {
        /// The export.
        what: &'static str,
    },
    /// The module ran into a trap while it started.
    #[error("the module traps at start")]
    TrapAtStart(#[source] Box<Fault>),
    /// This machine cannot run compiled WebAssembly.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
}

/// Tells what is not a core module apart by its first bytes, since the parser's words are about offsets.
pub(crate) fn check_preamble(bytes: &[u8]) -> Result<(), ModuleError> {
    match bytes {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', _, 0, 1, 0, ..] => Err(ModuleError::Component),
        [0, b'a', b's', b'm', ..] => Err(ModuleError::NotWasm { found: "an unknown version of the format" }),
        [] => Err(ModuleError::NotWasm { found: "an empty file" }),
        [b'(', ..] => Err(ModuleError::NotWasm {
            found: "WebAssembly text; assemble it first, for example with `wasm-tools parse`",
        }),
        [0x1f, 0x8b, ..] => Err(ModuleError::NotWasm { found: "a gzip file; unpack it first" }),
        _ => Err(ModuleError::NotWasm { found: "it does not begin with `\\0asm`" }),
    }
}

/// What a gateway looks at before it runs a module: gives the ABI version.
pub(crate) fn check(module: &Module) -> Result<AbiVersion, ModuleError> {
    let abi = abi_version(module)?;
    check_imports(module, abi)?;
    check_exports(module)?;
    Ok(abi)
}

/// The first version that the module marks with a function, as Envoy chooses.
fn abi_version(module: &Module) -> Result<AbiVersion, ModuleError> {
    let functions = || module.exports().filter(|export| matches!(export.ty(), ExternType::Func(_)));
    let marked = |name| AbiVersion::ALL.into_iter().find(|version| version.marker() == name);
    if let Some(version) = functions().find_map(|export| marked(export.name())) {
        return Ok(version);
    }
    let marker = functions().map(|export| export.name()).find(|name| name.starts_with("proxy_abi_version_"));
    let found = marker
        .map_or_else(|| "no ABI version marker".to_owned(), |name| format!("it marks `{name}`, which Envoy refuses"));
    Err(ModuleError::NoAbiVersion { found })
}

/// Every import must be one of the host's, of the version that the module marks.
fn check_imports(module: &Module, abi: AbiVersion) -> Result<(), ModuleError> {
    let mut names = Vec::new();
    for import in module.imports() {
        let (from, name) = (import.module(), import.name());
        let versions = match from {
            "env" => hostcalls::versions(name),
            "wasi_snapshot_preview1" | "wasi_unstable" if wasi::NAMES.contains(&name) => &AbiVersion::ALL,
            _ => &[],
        };
        if versions.contains(&abi) && matches!(import.ty(), ExternType::Func(_)) {
            continue;
        }
        let versions: Vec<_> = versions.iter().map(AbiVersion::to_string).collect();
        names.push(if from.starts_with("wasi_") {
            format!("`{from}.{name}` (WASI without files, sockets and processes is all that a gateway has)")
        } else if !versions.is_empty() {
            format!("`{from}.{name}` (of ABI {}, and the module marks {abi})", versions.join(" and "))
        } else if name.starts_with("proxy_") {
            let [oldest, old, newest] = AbiVersion::ALL;
            format!("`{from}.{name}` (not of ABI {oldest}, {old} or {newest})")
        } else {
            format!("`{from}.{name}`")
        });
    }
    if names.is_empty() { Ok(()) } else { Err(ModuleError::UnknownImports { names }) }
}

/// A memory, and a function by which the host can allocate in it.
fn check_exports(module: &Module) -> Result<(), ModuleError> {
    if !matches!(module.get_export("memory"), Some(ExternType::Memory(_))) {
        return Err(ModuleError::MissingExport { what: "a memory exported as `memory`" });
    }
    let allocates = |name| matches!(module.get_export(name), Some(ExternType::Func(_)));
    if !allocates("malloc") && !allocates("proxy_on_memory_allocate") {
        return Err(ModuleError::MissingExport {
            what: "an allocator: an export `proxy_on_memory_allocate` or `malloc`",
        });
    }
    Ok(())
}
