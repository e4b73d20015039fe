//! The committed completions and man page are what the binary prints today. `cargo xtask generate` rewrites them: it
//! runs this test with `GWAUTHZ_BLESS` set.

use std::{env, fs, path::Path, process::Command};

/// What `gwauthz completions` is asked for, and the file that its answer goes to: the name that each shell looks for.
const COMPLETIONS: [(&str, &str); 6] = [
    ("bash", "gwauthz.bash"),
    ("elvish", "gwauthz.elv"),
    ("fish", "gwauthz.fish"),
    ("powershell", "_gwauthz.ps1"),
    ("zsh", "_gwauthz"),
    ("man", "gwauthz.1"),
];

#[test]
fn completions_are_fresh() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../completions");
    let regenerate = env::var_os("GWAUTHZ_BLESS").is_some();
    for (shell, file) in COMPLETIONS {
        let output =
            Command::new(env!("CARGO_BIN_EXE_gwauthz")).args(["completions", shell]).output().expect("run gwauthz");
        assert!(output.status.success() && !output.stdout.is_empty(), "gwauthz completions {shell}: {output:?}");
        let path = folder.join(file);
        if regenerate {
            fs::create_dir_all(&folder).and_then(|()| fs::write(&path, &output.stdout)).expect("write the file");
        }
        let committed = fs::read(&path).unwrap_or_default();
        assert!(committed == output.stdout, "completions/{file} is stale: run `cargo xtask generate` and commit it");
    }
}
