//! The files that are made from the code; a test of the binary holds the committed ones fresh.

use std::fs;

use crate::steps::{Failed, Steps, output};

/// What `gwauthz completions` is asked for, and the file that its answer goes to: the name that each shell looks for.
const COMPLETIONS: [(&str, &str); 6] = [
    ("bash", "gwauthz.bash"),
    ("zsh", "_gwauthz"),
    ("fish", "gwauthz.fish"),
    ("elvish", "gwauthz.elv"),
    ("powershell", "_gwauthz.ps1"),
    ("man", "gwauthz.1"),
];

/// Rewrites completions and man page.
pub(crate) fn generate(steps: &mut Steps) -> Result<(), Failed> {
    steps.step("completions", |steps| {
        let folder = steps.root().join("completions");
        fs::create_dir_all(&folder).map_err(|source| Failed::Io { doing: "create", path: folder.clone(), source })?;
        for (shell, file) in COMPLETIONS {
            let text = output(steps.cargo("run --quiet -- completions").arg(shell))?;
            let path = folder.join(file);
            fs::write(&path, text).map_err(|source| Failed::Io { doing: "write", path, source })?;
        }
        Ok(())
    })
}
