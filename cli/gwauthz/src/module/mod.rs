//! Which module a command works on: the one that is named, else the embedded one, else the workspace's own.

mod callbacks;
pub(crate) mod cargo;
mod fresh;

use std::{
    env,
    fs::Permissions,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use gwauthz_host::{Compiler, MAX_MODULE_BYTES, Metering, ModuleCache, ModuleError};
use miette::MietteDiagnostic;
use sha2::{Digest as _, Sha256};

use crate::{
    exit::{Exit, Failure},
    input,
    terminal::Terminal,
};

/// A module and where it comes from.
pub(crate) struct ChosenModule {
    /// The module itself.
    pub(crate) bytes: Vec<u8>,
    /// For people: a path, or that it is the embedded one.
    pub(crate) origin: String,
}

/// The plugin of the release that this binary is part of; see build.rs.
#[cfg(embedded_plugin)]
const EMBEDDED: Option<&[u8]> = Some(include_bytes!(env!("GWAUTHZ_PLUGIN_WASM")));
#[cfg(not(embedded_plugin))]
const EMBEDDED: Option<&[u8]> = None;

/// Where the plugin's crate lies in a checkout of gwauthz.
const PLUGIN_MANIFEST: &str = "plugin/filter/Cargo.toml";

/// Chooses the module, builds the workspace's own where it is missing or older than its sources, and says which it is.
pub(crate) fn choose(named: Option<&Path>, terminal: &Terminal) -> Result<ChosenModule, Failure> {
    let chosen = match (named, EMBEDDED) {
        (Some(path), _) => {
            let bytes = input::read("the module", path, MAX_MODULE_BYTES as u64)?.to_vec();
            ChosenModule { bytes, origin: path.display().to_string() }
        }
        (None, Some(bytes)) => {
            ChosenModule { bytes: bytes.to_vec(), origin: format!("embedded in gwauthz {}", env!("CARGO_PKG_VERSION")) }
        }
        (None, None) => workspace(terminal)?,
    };
    terminal.note(&format!("module {} ({})", chosen.origin, short_digest(&chosen.bytes)));
    Ok(chosen)
}

/// The plugin's manifest in the checkout of gwauthz that the current folder lies in.
pub(crate) fn plugin_manifest() -> Result<PathBuf, Failure> {
    let here = env::current_dir().map_err(|error| Failure::io("find", Path::new("the current folder"), &error))?;
    here.ancestors().map(|folder| folder.join(PLUGIN_MANIFEST)).find(|manifest| manifest.is_file()).ok_or_else(|| {
        Failure::wrong(
            "there is no module to work on: this folder is not in a checkout of gwauthz",
            "name a module with --module FILE, or another crate with `gwauthz build --manifest-path Cargo.toml`",
        )
    })
}

/// A compiler with the cache of this user, or without one where none can be kept.
pub(crate) fn compiler(use_cache: bool, metering: Metering, terminal: &Terminal) -> Result<Compiler, Failure> {
    let cache = if use_cache { open_cache(terminal) } else { None };
    Ok(Compiler::metered(cache, metering)?)
}

fn workspace(terminal: &Terminal) -> Result<ChosenModule, Failure> {
    let manifest = plugin_manifest()?;
    let root = manifest.ancestors().nth(3).unwrap_or(&manifest);
    let path = match fresh::built(root) {
        Some(path) => path,
        None => {
            let asked = SystemTime::now();
            let built = cargo::build(&manifest, cargo::FunctionNames::Stripped, terminal)?;
            fresh::remember(root, asked);
            built.path
        }
    };
    let bytes = input::read("the module", &path, MAX_MODULE_BYTES as u64)?.to_vec();
    let shown =
        env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned)).unwrap_or(path);
    Ok(ChosenModule { bytes, origin: shown.display().to_string() })
}

/// Writes a file whole or not at all, readable by all as other build products are.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::io("write the module to", path, error);
    if path.is_dir() {
        return Err(Failure::wrong(format!("{} is a folder", path.display()), "name the file to write"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(|error| failed(&error))?;
    file.write_all(bytes).map_err(|error| failed(&error))?;
    file.persist(path).map_err(|error| failed(&error.error))?;
    Ok(())
}

/// `$XDG_CACHE_HOME/gwauthz/modules`, or the same below `~/.cache` (XDG Base Directory Specification).
fn open_cache(terminal: &Terminal) -> Option<ModuleCache> {
    let absolute = |variable| env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))?
        .join("gwauthz/modules");
    match ModuleCache::open(&folder) {
        Ok(cache) => Some(cache),
        Err(error) => {
            terminal.note(&format!("compiled modules are not kept: {}: {error}", folder.display()));
            None
        }
    }
}

/// The beginning of the module's digest: enough to tell two apart.
fn short_digest(bytes: &[u8]) -> String {
    let digest: String = Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256 {digest}…")
}

impl From<ModuleError> for Failure {
    fn from(error: ModuleError) -> Self {
        let message = error.to_string();
        let help = match error {
            ModuleError::NotWasm { .. } | ModuleError::Invalid(_) => {
                "name a .wasm file, for example the one that `gwauthz build` prints".to_owned()
            }
            ModuleError::Component => "build the crate with `gwauthz build --manifest-path Cargo.toml`".to_owned(),
            ModuleError::TooLarge { .. } => "strip it, or leave data out of it".to_owned(),
            ModuleError::NoAbiVersion { .. } | ModuleError::MissingExport { .. } => {
                "build it with a proxy-wasm SDK".to_owned()
            }
            ModuleError::UnknownImports { .. } => {
                "remove what calls them: Envoy refuses to load the module too".to_owned()
            }
            ModuleError::TrapAtStart(fault) => fault.to_string(),
            ModuleError::Engine(_) => return Self::new(Exit::Bug, MietteDiagnostic::new(message)),
        };
        Self::wrong(message, help)
    }
}
