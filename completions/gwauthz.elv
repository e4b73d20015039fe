
use builtin;
use str;

set edit:completion:arg-completer[gwauthz] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'gwauthz'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'gwauthz'= {
            cand --color 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)'
            cand -q 'Print results and errors only: no notes, no progress'
            cand --quiet 'Print results and errors only: no notes, no progress'
            cand -v 'Print more of what is done and why'
            cand --verbose 'Print more of what is done and why'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand bench 'Measure what a request costs the gateway: time and fuel a callback, host calls, growth of memory'
            cand build 'Build a plugin into a module that gateways load'
            cand completions 'Print a completion script for a shell, or the man page'
            cand explain 'Explain a lint rule: why it is one, what an attacker gains, what is right'
            cand keygen 'Make a key to sign with: gwauthz.key (encrypted) and gwauthz.pub in the current folder'
            cand lint 'Find security and correctness defects in manifests around gateway plugins'
            cand push 'Push a plugin to a registry, signed'
            cand schema 'Print the JSON Schema of a kind of file'
            cand test 'Send a request through the plugin, without a cluster, and say what a gateway would do with it'
            cand trace 'Print every call between gateway and plugin while a request passes, as Envoy''s log has them'
            cand verify 'Check that what a registry has was signed with a key'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gwauthz;bench'= {
            cand --token 'Send this token: a JWT, @FILE, - for standard input, or none to have a demo token minted'
            cand --claims 'Claims laid over the demo token''s: JSON, or @FILE; null takes a claim away'
            cand -c 'Manifest to take pluginConfig and vmConfig from [default: only the `cluster` that Istio would name]'
            cand --config 'Manifest to take pluginConfig and vmConfig from [default: only the `cluster` that Istio would name]'
            cand --plugin 'Which WasmPlugin in the manifest, where there are several'
            cand --module 'Module to run [default: the embedded one, else the one of this checkout]'
            cand --method 'Method of the request'
            cand --path 'Path of the request, with its query'
            cand --header 'Header of the request; may be given several times, and twice with one name'
            cand --authz 'How the authorization service answers: a status, timeout, refused, reset, or the URL of a real one to ask'
            cand --profile 'Whom the gateway follows where Envoy and the specification of the ABI differ'
            cand --requests 'How many requests are measured'
            cand --against 'Measure this module too, in turns with the first'
            cand --baseline 'Compare with a result that `--format json` printed earlier'
            cand --fail-above 'Exit with 1 where a request takes this much more fuel than in the baseline'
            cand --plot 'Draw the distributions into a self-contained file: .svg or .html'
            cand --format 'How to print the result'
            cand --color 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)'
            cand --no-cache 'Compile the module anew, and do not keep what was compiled'
            cand -q 'Print results and errors only: no notes, no progress'
            cand --quiet 'Print results and errors only: no notes, no progress'
            cand -v 'Print more of what is done and why'
            cand --verbose 'Print more of what is done and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'gwauthz;build'= {
            cand --manifest-path 'Crate to build [default: the plugin of this checkout]'
            cand -o 'Write the module to FILE [default: left in cargo''s target folder]'
            cand --out 'Write the module to FILE [default: left in cargo''s target folder]'
            cand --format 'How to print the result'
            cand --color 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)'
            cand --names 'Keep the names of functions, for backtraces of traps; the module is a quarter larger'
            cand -q 'Print results and errors only: no notes, no progress'
            cand --quiet 'Print results and errors only: no notes, no progress'
            cand -v 'Print more of what is done and why'
            cand --verbose 'Print more of what is done and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'gwauthz;completions'= {
            cand --color 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)'
            cand -q 'Print results and errors only: no notes, no progress'
            cand --quiet 'Print results and errors only: no notes, no progress'
            cand -v 'Print more of what is done and why'
            cand --verbose 'Print more of what is done and why'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'gwauthz;explain'= {
            cand --color 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)'
            cand -q 'Print results and errors only: no notes, no progress'
            cand --quiet 'Print results and errors only: no notes, no progress'
            cand -v 'Print more of what is done and why'
            cand --verbose 'Print more of what is done and why'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'gwauthz;keygen'= {
            cand --passphrase-file 'Read the passphrase of the key from FILE (such as /dev/fd/3) instead of COSIGN_PASSWORD or a prompt'
            cand --color 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)'
            cand -q 'Print results and errors only: no notes, no progress'
            cand --quiet 'Print results and errors only: no notes, no progress'
            cand -v 'Print more of what is done and why'
            cand --verbose 'Print more of what is done and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'gwauthz;lint'= {
            cand --format 'How to print the findings'
            cand --persona 'Who reads them: each persona sees what the ones before see, and more'
            cand --fail-on 'The least severity that fails'
            cand --config 'The configuration; the nearest gwauthz.toml from here upwards by default'
            cand --color 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)'
            cand -q 'Print results and errors only: no notes, no progress'
            cand --quiet 'Print results and errors only: no notes, no progress'
            cand -v 'Print more of what is done and why'
            cand --verbose 'Print more of what is done and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'gwauthz;push'= {
            cand --module 'Module to push [default: the embedded plugin, or that of this checkout]'
            cand --key 'Private key to sign with, as `gwauthz keygen` and cosign write it'
            cand --format 'How to print the result'
            cand --passphrase-file 'Read the passphrase of the key from FILE (such as /dev/fd/3) instead of COSIGN_PASSWORD or a prompt'
            cand --username 'Log in as NAME instead of with what `docker login` or `podman login` stored'
            cand --color 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)'
            cand --unsigned 'Do not sign: nobody will be able to tell who made it'
            cand --dry-run 'Only say what the digest will be; the network is not used'
            cand --password-stdin 'Read the password or access token from standard input'
            cand --plain-http 'Allow plain http, and everybody on the way to read along (a registry on this machine needs no permission)'
            cand -q 'Print results and errors only: no notes, no progress'
            cand --quiet 'Print results and errors only: no notes, no progress'
            cand -v 'Print more of what is done and why'
            cand --verbose 'Print more of what is done and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'gwauthz;schema'= {
            cand --color 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)'
            cand -q 'Print results and errors only: no notes, no progress'
            cand --quiet 'Print results and errors only: no notes, no progress'
            cand -v 'Print more of what is done and why'
            cand --verbose 'Print more of what is done and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'gwauthz;test'= {
            cand --filter 'Run only scenarios whose file or name contains this; may be given several times'
            cand --host 'Where to run them'
            cand --envoy 'Envoy''s program, for `--host envoy` [default: the one on PATH]'
            cand --token 'Send this token: a JWT, @FILE, - for standard input, or none to have a demo token minted'
            cand --claims 'Claims laid over the demo token''s: JSON, or @FILE; null takes a claim away'
            cand -c 'Manifest to take pluginConfig and vmConfig from [default: only the `cluster` that Istio would name]'
            cand --config 'Manifest to take pluginConfig and vmConfig from [default: only the `cluster` that Istio would name]'
            cand --plugin 'Which WasmPlugin in the manifest, where there are several'
            cand --module 'Module to run [default: the embedded one, else the one of this checkout]'
            cand --method 'Method of the request'
            cand --path 'Path of the request, with its query'
            cand --header 'Header of the request; may be given several times, and twice with one name'
            cand --authz 'How the authorization service answers: a status, timeout, refused, reset, or the URL of a real one to ask'
            cand --profile 'Whom the gateway follows where Envoy and the specification of the ABI differ'
            cand --expect 'Which decision is the right one'
            cand --format 'How to print the result'
            cand --color 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)'
            cand --fail-fast 'Stop at the first scenario that does not hold'
            cand --watch 'Run again whenever a scenario, a manifest or the module changes, until Ctrl-C'
            cand --no-cache 'Compile the module anew, and do not keep what was compiled'
            cand --probe 'Try what an authorization plugin must not do, instead of one request: exit code 1 where it does'
            cand -q 'Print results and errors only: no notes, no progress'
            cand --quiet 'Print results and errors only: no notes, no progress'
            cand -v 'Print more of what is done and why'
            cand --verbose 'Print more of what is done and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'gwauthz;trace'= {
            cand --token 'Send this token: a JWT, @FILE, - for standard input, or none to have a demo token minted'
            cand --claims 'Claims laid over the demo token''s: JSON, or @FILE; null takes a claim away'
            cand -c 'Manifest to take pluginConfig and vmConfig from [default: only the `cluster` that Istio would name]'
            cand --config 'Manifest to take pluginConfig and vmConfig from [default: only the `cluster` that Istio would name]'
            cand --plugin 'Which WasmPlugin in the manifest, where there are several'
            cand --module 'Module to run [default: the embedded one, else the one of this checkout]'
            cand --method 'Method of the request'
            cand --path 'Path of the request, with its query'
            cand --header 'Header of the request; may be given several times, and twice with one name'
            cand --authz 'How the authorization service answers: a status, timeout, refused, reset, or the URL of a real one to ask'
            cand --profile 'Whom the gateway follows where Envoy and the specification of the ABI differ'
            cand --against 'Compare with the log of a real Envoy that served the same request first'
            cand --color 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)'
            cand --no-cache 'Compile the module anew, and do not keep what was compiled'
            cand -q 'Print results and errors only: no notes, no progress'
            cand --quiet 'Print results and errors only: no notes, no progress'
            cand -v 'Print more of what is done and why'
            cand --verbose 'Print more of what is done and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'gwauthz;verify'= {
            cand --key 'Public key to verify with, as `gwauthz keygen` and cosign write it'
            cand --format 'How to print the result'
            cand --username 'Log in as NAME instead of with what `docker login` or `podman login` stored'
            cand --color 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)'
            cand --password-stdin 'Read the password or access token from standard input'
            cand --plain-http 'Allow plain http, and everybody on the way to read along (a registry on this machine needs no permission)'
            cand -q 'Print results and errors only: no notes, no progress'
            cand --quiet 'Print results and errors only: no notes, no progress'
            cand -v 'Print more of what is done and why'
            cand --verbose 'Print more of what is done and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'gwauthz;help'= {
            cand bench 'Measure what a request costs the gateway: time and fuel a callback, host calls, growth of memory'
            cand build 'Build a plugin into a module that gateways load'
            cand completions 'Print a completion script for a shell, or the man page'
            cand explain 'Explain a lint rule: why it is one, what an attacker gains, what is right'
            cand keygen 'Make a key to sign with: gwauthz.key (encrypted) and gwauthz.pub in the current folder'
            cand lint 'Find security and correctness defects in manifests around gateway plugins'
            cand push 'Push a plugin to a registry, signed'
            cand schema 'Print the JSON Schema of a kind of file'
            cand test 'Send a request through the plugin, without a cluster, and say what a gateway would do with it'
            cand trace 'Print every call between gateway and plugin while a request passes, as Envoy''s log has them'
            cand verify 'Check that what a registry has was signed with a key'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gwauthz;help;bench'= {
        }
        &'gwauthz;help;build'= {
        }
        &'gwauthz;help;completions'= {
        }
        &'gwauthz;help;explain'= {
        }
        &'gwauthz;help;keygen'= {
        }
        &'gwauthz;help;lint'= {
        }
        &'gwauthz;help;push'= {
        }
        &'gwauthz;help;schema'= {
        }
        &'gwauthz;help;test'= {
        }
        &'gwauthz;help;trace'= {
        }
        &'gwauthz;help;verify'= {
        }
        &'gwauthz;help;help'= {
        }
    ]
    $completions[$command]
}
