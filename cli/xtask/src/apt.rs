//! Packages of a Debian suite, from the machine's own mirrors, in a folder of their own: nothing is installed.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::steps::{Failed, run};

/// A Debian suite.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Suite {
    /// That of the machine, for programs that use its libraries.
    Own,
    /// This one, for programs that bring their own.
    Named(&'static str),
}

/// Downloads `packages` of a suite and unpacks them into `root/unpacked`, whose path it returns. `root` is emptied first.
///
/// Mirrors and keyrings are those that the machine's apt uses: its sources are copied with the suite's name changed.
///
/// # Errors
/// Fails where the machine has no apt or no Debian sources, and where a package cannot be fetched or unpacked.
pub(crate) fn unpack(root: &Path, suite: Suite, packages: &[&str]) -> Result<PathBuf, Failed> {
    match fs::remove_dir_all(root) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(Failed::Io { doing: "empty", path: root.to_owned(), source });
        }
        _ => {}
    }
    let folder = |name: &str| {
        let path = root.join(name);
        fs::create_dir_all(&path).map_err(|source| Failed::Io { doing: "create", path: path.clone(), source })?;
        Ok(path)
    };
    let (sources, debs, unpacked) = (folder("sources")?, folder("debs")?, folder("unpacked")?);
    folder("state/lists/partial")?;
    folder("cache/archives/partial")?;
    copy_sources(&sources, suite)?;
    write(&root.join("status"), "")?;

    let apt = |verb: &str| {
        let mut command = Command::new("apt-get");
        for option in [
            "Dir::Etc::sourcelist=/dev/null".to_owned(),
            format!("Dir::Etc::sourceparts={}", sources.display()),
            format!("Dir::State={}", root.join("state").display()),
            format!("Dir::State::status={}", root.join("status").display()),
            format!("Dir::Cache={}", root.join("cache").display()),
            // As root, apt would drop to a user who may not write here.
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::Retries=3".to_owned(),
        ] {
            command.args(["-o", &option]);
        }
        command.args(["-qq", verb]);
        command
    };
    run(&mut apt("update"))?;
    run(apt("download").args(packages).current_dir(&debs))?;
    let listing = fs::read_dir(&debs).map_err(|source| Failed::Io { doing: "list", path: debs.clone(), source })?;
    for deb in listing.filter_map(Result::ok) {
        run(Command::new("dpkg-deb").arg("--extract").arg(deb.path()).arg(&unpacked))?;
    }
    Ok(unpacked)
}

/// Copies the machine's Debian sources, with the name of its release replaced by that of the suite.
fn copy_sources(into: &Path, suite: Suite) -> Result<(), Failed> {
    let release = read(Path::new("/etc/os-release"))?;
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap_or_default();
    let suite = match suite {
        Suite::Own => codename,
        Suite::Named(name) => name,
    };
    let parts = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().filter_map(Result::ok);
    for path in parts.map(|part| part.path()).chain([PathBuf::from("/etc/apt/sources.list")]) {
        let is_source = path.extension().is_some_and(|extension| extension == "list" || extension == "sources");
        let Some(name) = path.file_name().filter(|_| is_source && path.exists()) else { continue };
        let text = read(&path)?;
        if text.contains("debian") && text.contains(codename) {
            write(&into.join(name), &text.replace(codename, suite))?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Failed> {
    fs::read_to_string(path).map_err(|source| Failed::Io { doing: "read", path: path.to_owned(), source })
}

fn write(path: &Path, text: &str) -> Result<(), Failed> {
    fs::write(path, text).map_err(|source| Failed::Io { doing: "write", path: path.to_owned(), source })
}
