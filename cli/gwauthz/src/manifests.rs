//! Manifests that users name: files, folders, and `-` for standard input.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use gwauthz_lint::{MAX_SOURCE_BYTES, Source, Sources};
use miette::{LabeledSpan, MietteDiagnostic, NamedSource, Report};

use crate::{
    exit::{Exit, Failure},
    input,
};

const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Reads every manifest that `paths` name: a folder stands for the manifests in it and below, sorted, without hidden
/// ones and without links that lead out of it.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Sources, Failure> {
    let mut sources = Sources::default();
    for path in paths {
        if path.as_os_str() == "-" {
            sources.add(read_stdin()?);
        } else {
            for file in files(std::slice::from_ref(path), &EXTENSIONS, "manifest")? {
                sources.add(read_file(&file)?);
            }
        }
    }
    Ok(sources)
}

/// The files that `paths` name: a folder stands for those in it and below that end in one of `extensions`, sorted, without
/// hidden ones and without links that lead out of it. `what` they are is for people.
pub(crate) fn files(paths: &[PathBuf], extensions: &[&str], what: &str) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let found = find(path, extensions)?;
            if found.is_empty() {
                let what =
                    format!("no {what} in {}: expected files that end in {}", path.display(), extensions.join(", "));
                return Err(Failure::wrong(what, "name another folder, or the files themselves"));
            }
            files.extend(found);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// Reads one manifest.
pub(crate) fn read_file(path: &Path) -> Result<Source, Failure> {
    let mut bytes = input::read("the manifest", path, MAX_SOURCE_BYTES as u64)?;
    source(path.display().to_string(), std::mem::take(&mut *bytes))
}

/// `gwauthz.toml`: the one that is named, else the nearest from the working folder upwards; its path and text.
pub(crate) fn settings_file(named: Option<&Path>) -> Result<Option<(PathBuf, String)>, Failure> {
    const LIMIT: u64 = 1024 * 1024;
    let path = match named {
        Some(path) => Some(path.to_owned()),
        None => {
            let folder = std::env::current_dir().map_err(|error| Failure::io("find", Path::new("."), &error))?;
            folder.ancestors().map(|folder| folder.join("gwauthz.toml")).find(|path| path.is_file())
        }
    };
    let Some(path) = path else { return Ok(None) };
    let text = input::read_text("the configuration", &path, LIMIT)?;
    Ok(Some((path, text.to_string())))
}

/// A failure that shows where in a text it lies.
pub(crate) fn wrong_at(
    name: impl AsRef<str>,
    text: String,
    span: std::ops::Range<usize>,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Failure {
    let diagnostic = MietteDiagnostic::new(message).with_help(help).with_label(LabeledSpan::underline(span));
    Failure::new(Exit::Wrong, Report::new(diagnostic).with_source_code(NamedSource::new(name, text)))
}

fn read_stdin() -> Result<Source, Failure> {
    let mut bytes = Vec::new();
    let mut limited = io::stdin().lock().take(MAX_SOURCE_BYTES as u64 + 1);
    limited.read_to_end(&mut bytes).map_err(|error| Failure::io("read", Path::new("standard input"), &error))?;
    source("-".into(), bytes)
}

fn source(name: String, bytes: Vec<u8>) -> Result<Source, Failure> {
    Source::new(name.as_str(), bytes)
        .map_err(|too_large| Failure::wrong(format!("{name}: {too_large}"), "name other files"))
}

/// Folders still to be read are kept in a list, not on the stack.
fn find(root: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, Failure> {
    let canonical = |path: &Path| fs::canonicalize(path).map_err(|error| Failure::io("read", path, &error));
    let canonical_root = canonical(root)?;
    let mut folders = vec![root.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let failed = |error: &io::Error| Failure::io("list", &folder, error);
        for entry in fs::read_dir(&folder).map_err(|error| failed(&error))? {
            let entry = entry.map_err(|error| failed(&error))?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(|error| failed(&error))?);
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let is_manifest = || {
                path.extension().and_then(|extension| extension.to_str()).is_some_and(|end| extensions.contains(&end))
            };
            if kind.is_dir() {
                folders.push(path);
            } else if is_manifest()
                && (kind.is_file() || (path.is_file() && canonical(&path)?.starts_with(&canonical_root)))
            {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
