//! Leaves out the callbacks that a plugin does nothing in.
//!
//! SDKs export every callback of the ABI, and a gateway calls what is exported: the ones that a plugin only inherits
//! cost each request a call into the VM. What the others do not reach is left out with them.

use std::{collections::BTreeSet, fs, path::Path};

use serde::Deserialize;
use wasm_encoder::{CodeSection, ExportKind, ExportSection, Function, Module, RawSection};
use wasmparser::{
    BinaryReaderError, ConstExpr, ElementItems, Export, ExternalKind, FunctionBody, Operator, Parser, Payload, TypeRef,
};

use crate::exit::Failure;

/// `[package.metadata.gwauthz]` of a plugin's `Cargo.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The callbacks (`proxy_on_…`) that the plugin does something in; all that are exported where it does not say.
    callbacks: Option<Vec<String>>,
}

/// What callbacks are called (proxy-wasm ABI 0.2.1).
const PREFIX: &str = "proxy_on_";
/// How a gateway gets room for what it hands over: no callback, though it is called like one.
const ALLOCATE: &str = "proxy_on_memory_allocate";

/// The callbacks that the crate of `manifest` says it needs.
pub(super) fn wanted(manifest: &Path) -> Result<Option<Vec<String>>, Failure> {
    let text = fs::read_to_string(manifest).map_err(|error| Failure::io("read", manifest, &error))?;
    let wrong = |error: &dyn std::fmt::Display| {
        let message = format!("{}: package.metadata.gwauthz: {error}", manifest.display());
        Failure::wrong(message, "it has the list `callbacks`: names such as `proxy_on_request_headers`")
    };
    let manifest: toml::Table = text.parse().map_err(|error: toml::de::Error| wrong(&error))?;
    let metadata =
        ["package", "metadata", "gwauthz"].iter().try_fold(&manifest, |table, key| table.get(*key)?.as_table());
    let Some(metadata) = metadata else { return Ok(None) };
    let settings: Settings = metadata.clone().try_into().map_err(|error| wrong(&error))?;
    Ok(settings.callbacks)
}

/// `module` with these callbacks alone.
///
/// # Errors
/// A callback that the module does not export; bytes that are no module.
pub(super) fn keep(module: &[u8], wanted: &[String]) -> Result<Vec<u8>, Failure> {
    let parsed = Parsed::read(module).map_err(|error| invalid(&error))?;
    let exported = |name: &String| parsed.exports.iter().any(|export| export.name == name);
    if let Some(missing) = wanted.iter().find(|name| !exported(name)) {
        return Err(Failure::wrong(
            format!("`{missing}`, of the `callbacks` in Cargo.toml, is nothing that the module exports"),
            "name callbacks of the ABI, such as `proxy_on_request_headers`",
        ));
    }
    let is_kept = |export: &&Export<'_>| {
        !export.name.starts_with(PREFIX) || export.name == ALLOCATE || wanted.iter().any(|name| name == export.name)
    };
    let exports: Vec<_> = parsed.exports.iter().filter(is_kept).copied().collect();
    let reached = parsed.reached(&exports).map_err(|error| invalid(&error))?;
    parsed.written(module, &exports, &reached).map_err(|error| invalid(&error))
}

fn invalid(error: &dyn std::fmt::Display) -> Failure {
    Failure::wrong(format!("cargo built no WebAssembly module: {error}"), "run `cargo clean` and build again")
}

/// A module, as far as it has to be known.
#[derive(Default)]
struct Parsed<'a> {
    exports: Vec<Export<'a>>,
    /// How many functions are the gateway's; they have the first numbers.
    imported: u32,
    bodies: Vec<FunctionBody<'a>>,
    /// Functions that are reached whatever is exported: of tables, of globals, and the one that starts the module.
    roots: Vec<u32>,
}

impl<'a> Parsed<'a> {
    fn read(module: &'a [u8]) -> Result<Self, BinaryReaderError> {
        let mut parsed = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        parsed.imported += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                    }
                }
                Payload::ExportSection(exports) => parsed.exports = exports.into_iter().collect::<Result<_, _>>()?,
                Payload::StartSection { func, .. } => parsed.roots.push(func),
                Payload::GlobalSection(globals) => {
                    for global in globals {
                        parsed.refer(&global?.init_expr)?;
                    }
                }
                Payload::ElementSection(elements) => {
                    for element in elements {
                        match element?.items {
                            ElementItems::Functions(functions) => {
                                for function in functions {
                                    parsed.roots.push(function?);
                                }
                            }
                            ElementItems::Expressions(_, expressions) => {
                                for expression in expressions {
                                    parsed.refer(&expression?)?;
                                }
                            }
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => parsed.bodies.push(body),
                _ => {}
            }
        }
        Ok(parsed)
    }

    fn refer(&mut self, expression: &ConstExpr<'_>) -> Result<(), BinaryReaderError> {
        for operator in expression.get_operators_reader() {
            self.roots.extend(referred(&operator?));
        }
        Ok(())
    }

    /// The functions that something may call.
    fn reached(&self, exports: &[Export<'_>]) -> Result<BTreeSet<u32>, BinaryReaderError> {
        let exported = exports.iter().filter(|export| export.kind == ExternalKind::Func).map(|export| export.index);
        let mut next: Vec<_> = self.roots.iter().copied().chain(exported).collect();
        let mut reached = BTreeSet::new();
        while let Some(function) = next.pop() {
            if !reached.insert(function) {
                continue;
            }
            let body =
                function.checked_sub(self.imported).and_then(|place| self.bodies.get(usize::try_from(place).ok()?));
            let Some(body) = body else { continue };
            for operator in body.get_operators_reader()? {
                next.extend(referred(&operator?));
            }
        }
        Ok(reached)
    }

    /// The module with these exports, in which what is not reached does nothing: functions keep their numbers.
    fn written(
        &self,
        module: &[u8],
        exports: &[Export<'_>],
        reached: &BTreeSet<u32>,
    ) -> Result<Vec<u8>, BinaryReaderError> {
        let mut written = Module::new();
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload?;
            match &payload {
                Payload::ExportSection(_) => {
                    let mut section = ExportSection::new();
                    for export in exports {
                        section.export(export.name, kind(export.kind), export.index);
                    }
                    written.section(&section);
                }
                Payload::CodeSectionStart { .. } => {
                    let mut section = CodeSection::new();
                    for (function, body) in (self.imported..).zip(&self.bodies) {
                        if reached.contains(&function) {
                            section.raw(module.get(body.range()).unwrap_or_default());
                        } else {
                            section.function(&unreachable());
                        }
                    }
                    written.section(&section);
                }
                _ => {
                    if let Some((id, range)) = payload.as_section() {
                        written.section(&RawSection { id, data: module.get(range).unwrap_or_default() });
                    }
                }
            }
        }
        Ok(written.finish())
    }
}

/// The function that an operator calls or hands on.
fn referred(operator: &Operator<'_>) -> Option<u32> {
    match operator {
        Operator::Call { function_index }
        | Operator::ReturnCall { function_index }
        | Operator::RefFunc { function_index } => Some(*function_index),
        _ => None,
    }
}

fn kind(kind: ExternalKind) -> ExportKind {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => ExportKind::Func,
        ExternalKind::Table => ExportKind::Table,
        ExternalKind::Memory => ExportKind::Memory,
        ExternalKind::Global => ExportKind::Global,
        ExternalKind::Tag => ExportKind::Tag,
    }
}

fn unreachable() -> Function {
    let mut function = Function::new([]);
    function.instructions().unreachable().end();
    function
}

#[cfg(test)]
mod tests {
    use super::{Parsed, keep};

    const MODULE: &str = r#"(module
        (import "env" "proxy_done" (func $done (result i32)))
        (table funcref (elem $indirect))
        (start $start)
        (func $start)
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 0)
        (func (export "proxy_on_done") (param i32) (result i32) call $of_done i32.const 1)
        (func (export "proxy_on_log") (param i32) call $of_log)
        (func $of_done call $of_both call $done drop)
        (func $of_log call $of_both nop nop)
        (func $of_both)
        (func $indirect nop nop nop))"#;

    #[test]
    fn what_is_not_wanted_goes_with_all_that_only_it_reaches() {
        let module = wat::parse_str(MODULE).unwrap();
        let kept = keep(&module, &["proxy_on_done".to_owned()]).unwrap();
        let (before, after) = (Parsed::read(&module).unwrap(), Parsed::read(&kept).unwrap());
        let exports: Vec<_> = after.exports.iter().map(|export| (export.name, export.index)).collect();
        assert_eq!(exports, [("proxy_abi_version_0_2_1", 2), ("proxy_on_memory_allocate", 3), ("proxy_on_done", 4)]);
        assert_eq!(after.roots, before.roots);
        assert_eq!(after.bodies.len(), before.bodies.len());
        for (place, (before, after)) in before.bodies.iter().zip(&after.bodies).enumerate() {
            // No locals, unreachable, end.
            let expected = if [4, 6].contains(&place) { &[0, 0, 0x0b] } else { &module[before.range()] };
            assert_eq!(&kept[after.range()], expected, "{place}");
        }
        assert_eq!(keep(&kept, &["proxy_on_done".to_owned()]).unwrap(), kept);
    }

    #[test]
    fn a_callback_has_to_be_there() {
        let module = wat::parse_str(MODULE).unwrap();
        let error = keep(&module, &["proxy_on_dine".to_owned()]).unwrap_err();
        assert!(error.diagnostic().to_string().contains("`proxy_on_dine`"));
        assert!(keep(b"no module", &[]).is_err());
    }
}
