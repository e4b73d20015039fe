//! `--watch`: runs scenarios again whenever something that they rest on has changed.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

use notify::{Event, EventKind, RecursiveMode, Watcher as _};
use tokio::runtime::Builder;

use super::{ScenarioArgs, Settings, files};
use crate::{
    exit::{Exit, Failure},
    module,
    terminal::Terminal,
};

/// What ends the waiting.
enum Signal {
    Changed,
    Interrupted,
}

/// An editor writes a file in several steps: they are taken for one.
const MOMENT: Duration = Duration::from_millis(150);

/// Runs until Ctrl-C, and ends as the last run did.
pub(super) fn watch(args: &ScenarioArgs, settings: &Settings, terminal: &Terminal) -> Result<Exit, Failure> {
    let (sender, receiver) = channel();
    listen_for_interrupt(sender.clone())?;
    let mut exit;
    loop {
        // What is watched may be named in what has changed.
        let watcher = watcher(watched(args, settings), sender.clone());
        exit = match args.run(settings, terminal) {
            Ok(exit) => exit,
            Err(failure) => {
                terminal.report(&failure);
                failure.exit()
            }
        };
        let watcher = watcher.map_err(Failure::bug)?;
        terminal.note("waiting for a change; Ctrl-C ends");
        let goes_on = wait(&receiver);
        drop(watcher);
        if !goes_on {
            return Ok(exit);
        }
    }
}

/// Whether there is something new to run.
fn wait(receiver: &Receiver<Signal>) -> bool {
    if !matches!(receiver.recv(), Ok(Signal::Changed)) {
        return false;
    }
    loop {
        match receiver.recv_timeout(MOMENT) {
            Ok(Signal::Changed) => {}
            Ok(Signal::Interrupted) => return false,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return true,
        }
    }
}

/// The files and folders that runs rest on. Of a file its folder: editors put new files in the place of old ones.
fn watched(args: &ScenarioArgs, settings: &Settings) -> Vec<(PathBuf, RecursiveMode)> {
    let folder = |path: &Path| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut watched = Vec::new();
    for path in &args.scenarios {
        if path.is_dir() {
            watched.push((path.clone(), RecursiveMode::Recursive));
        } else {
            watched.push((folder(path), RecursiveMode::NonRecursive));
        }
    }
    let manifests = files::read(&args.scenarios, &[]).map(|files| files::manifests_of(&files)).unwrap_or_default();
    watched.extend(manifests.iter().map(|path| (folder(path), RecursiveMode::NonRecursive)));
    match &settings.module {
        Some(module) => watched.push((folder(module), RecursiveMode::NonRecursive)),
        // The checkout's own is built from these.
        None => {
            let sources = module::plugin_manifest().ok().and_then(|path| Some(path.ancestors().nth(2)?.to_owned()));
            watched.extend(sources.map(|path| (path, RecursiveMode::Recursive)));
        }
    }
    watched
}

fn watcher(paths: Vec<(PathBuf, RecursiveMode)>, sender: Sender<Signal>) -> notify::Result<impl notify::Watcher> {
    let changed = move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_))) {
            // Nobody waits any longer once the command ends.
            let _ = sender.send(Signal::Changed);
        }
    };
    let mut watcher = notify::recommended_watcher(changed)?;
    for (path, mode) in paths {
        watcher.watch(&path, mode)?;
    }
    Ok(watcher)
}

fn listen_for_interrupt(sender: Sender<Signal>) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Failure::bug)?;
    thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            let _ = sender.send(Signal::Interrupted);
        }
    });
    Ok(())
}
