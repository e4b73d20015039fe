
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'gwauthz' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'gwauthz'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'gwauthz' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Measure what a request costs the gateway: time and fuel a callback, host calls, growth of memory')
            [CompletionResult]::new('build', 'build', [CompletionResultType]::ParameterValue, 'Build a plugin into a module that gateways load')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell, or the man page')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Explain a lint rule: why it is one, what an attacker gains, what is right')
            [CompletionResult]::new('keygen', 'keygen', [CompletionResultType]::ParameterValue, 'Make a key to sign with: gwauthz.key (encrypted) and gwauthz.pub in the current folder')
            [CompletionResult]::new('lint', 'lint', [CompletionResultType]::ParameterValue, 'Find security and correctness defects in manifests around gateway plugins')
            [CompletionResult]::new('push', 'push', [CompletionResultType]::ParameterValue, 'Push a plugin to a registry, signed')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of a kind of file')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Send a request through the plugin, without a cluster, and say what a gateway would do with it')
            [CompletionResult]::new('trace', 'trace', [CompletionResultType]::ParameterValue, 'Print every call between gateway and plugin while a request passes, as Envoy''s log has them')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check that what a registry has was signed with a key')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'gwauthz;bench' {
            [CompletionResult]::new('--token', '--token', [CompletionResultType]::ParameterName, 'Send this token: a JWT, @FILE, - for standard input, or none to have a demo token minted')
            [CompletionResult]::new('--claims', '--claims', [CompletionResultType]::ParameterName, 'Claims laid over the demo token''s: JSON, or @FILE; null takes a claim away')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Manifest to take pluginConfig and vmConfig from [default: only the `cluster` that Istio would name]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Manifest to take pluginConfig and vmConfig from [default: only the `cluster` that Istio would name]')
            [CompletionResult]::new('--plugin', '--plugin', [CompletionResultType]::ParameterName, 'Which WasmPlugin in the manifest, where there are several')
            [CompletionResult]::new('--module', '--module', [CompletionResultType]::ParameterName, 'Module to run [default: the embedded one, else the one of this checkout]')
            [CompletionResult]::new('--method', '--method', [CompletionResultType]::ParameterName, 'Method of the request')
            [CompletionResult]::new('--path', '--path', [CompletionResultType]::ParameterName, 'Path of the request, with its query')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Header of the request; may be given several times, and twice with one name')
            [CompletionResult]::new('--authz', '--authz', [CompletionResultType]::ParameterName, 'How the authorization service answers: a status, timeout, refused, reset, or the URL of a real one to ask')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Whom the gateway follows where Envoy and the specification of the ABI differ')
            [CompletionResult]::new('--requests', '--requests', [CompletionResultType]::ParameterName, 'How many requests are measured')
            [CompletionResult]::new('--against', '--against', [CompletionResultType]::ParameterName, 'Measure this module too, in turns with the first')
            [CompletionResult]::new('--baseline', '--baseline', [CompletionResultType]::ParameterName, 'Compare with a result that `--format json` printed earlier')
            [CompletionResult]::new('--fail-above', '--fail-above', [CompletionResultType]::ParameterName, 'Exit with 1 where a request takes this much more fuel than in the baseline')
            [CompletionResult]::new('--plot', '--plot', [CompletionResultType]::ParameterName, 'Draw the distributions into a self-contained file: .svg or .html')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print the result')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)')
            [CompletionResult]::new('--no-cache', '--no-cache', [CompletionResultType]::ParameterName, 'Compile the module anew, and do not keep what was compiled')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'gwauthz;build' {
            [CompletionResult]::new('--manifest-path', '--manifest-path', [CompletionResultType]::ParameterName, 'Crate to build [default: the plugin of this checkout]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the module to FILE [default: left in cargo''s target folder]')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Write the module to FILE [default: left in cargo''s target folder]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print the result')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)')
            [CompletionResult]::new('--names', '--names', [CompletionResultType]::ParameterName, 'Keep the names of functions, for backtraces of traps; the module is a quarter larger')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'gwauthz;completions' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'gwauthz;explain' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'gwauthz;keygen' {
            [CompletionResult]::new('--passphrase-file', '--passphrase-file', [CompletionResultType]::ParameterName, 'Read the passphrase of the key from FILE (such as /dev/fd/3) instead of COSIGN_PASSWORD or a prompt')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'gwauthz;lint' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print the findings')
            [CompletionResult]::new('--persona', '--persona', [CompletionResultType]::ParameterName, 'Who reads them: each persona sees what the ones before see, and more')
            [CompletionResult]::new('--fail-on', '--fail-on', [CompletionResultType]::ParameterName, 'The least severity that fails')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration; the nearest gwauthz.toml from here upwards by default')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'gwauthz;push' {
            [CompletionResult]::new('--module', '--module', [CompletionResultType]::ParameterName, 'Module to push [default: the embedded plugin, or that of this checkout]')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Private key to sign with, as `gwauthz keygen` and cosign write it')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print the result')
            [CompletionResult]::new('--passphrase-file', '--passphrase-file', [CompletionResultType]::ParameterName, 'Read the passphrase of the key from FILE (such as /dev/fd/3) instead of COSIGN_PASSWORD or a prompt')
            [CompletionResult]::new('--username', '--username', [CompletionResultType]::ParameterName, 'Log in as NAME instead of with what `docker login` or `podman login` stored')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)')
            [CompletionResult]::new('--unsigned', '--unsigned', [CompletionResultType]::ParameterName, 'Do not sign: nobody will be able to tell who made it')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Only say what the digest will be; the network is not used')
            [CompletionResult]::new('--password-stdin', '--password-stdin', [CompletionResultType]::ParameterName, 'Read the password or access token from standard input')
            [CompletionResult]::new('--plain-http', '--plain-http', [CompletionResultType]::ParameterName, 'Allow plain http, and everybody on the way to read along (a registry on this machine needs no permission)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'gwauthz;schema' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'gwauthz;test' {
            [CompletionResult]::new('--filter', '--filter', [CompletionResultType]::ParameterName, 'Run only scenarios whose file or name contains this; may be given several times')
            [CompletionResult]::new('--host', '--host', [CompletionResultType]::ParameterName, 'Where to run them')
            [CompletionResult]::new('--envoy', '--envoy', [CompletionResultType]::ParameterName, 'Envoy''s program, for `--host envoy` [default: the one on PATH]')
            [CompletionResult]::new('--token', '--token', [CompletionResultType]::ParameterName, 'Send this token: a JWT, @FILE, - for standard input, or none to have a demo token minted')
            [CompletionResult]::new('--claims', '--claims', [CompletionResultType]::ParameterName, 'Claims laid over the demo token''s: JSON, or @FILE; null takes a claim away')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Manifest to take pluginConfig and vmConfig from [default: only the `cluster` that Istio would name]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Manifest to take pluginConfig and vmConfig from [default: only the `cluster` that Istio would name]')
            [CompletionResult]::new('--plugin', '--plugin', [CompletionResultType]::ParameterName, 'Which WasmPlugin in the manifest, where there are several')
            [CompletionResult]::new('--module', '--module', [CompletionResultType]::ParameterName, 'Module to run [default: the embedded one, else the one of this checkout]')
            [CompletionResult]::new('--method', '--method', [CompletionResultType]::ParameterName, 'Method of the request')
            [CompletionResult]::new('--path', '--path', [CompletionResultType]::ParameterName, 'Path of the request, with its query')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Header of the request; may be given several times, and twice with one name')
            [CompletionResult]::new('--authz', '--authz', [CompletionResultType]::ParameterName, 'How the authorization service answers: a status, timeout, refused, reset, or the URL of a real one to ask')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Whom the gateway follows where Envoy and the specification of the ABI differ')
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'Which decision is the right one')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print the result')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)')
            [CompletionResult]::new('--fail-fast', '--fail-fast', [CompletionResultType]::ParameterName, 'Stop at the first scenario that does not hold')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Run again whenever a scenario, a manifest or the module changes, until Ctrl-C')
            [CompletionResult]::new('--no-cache', '--no-cache', [CompletionResultType]::ParameterName, 'Compile the module anew, and do not keep what was compiled')
            [CompletionResult]::new('--probe', '--probe', [CompletionResultType]::ParameterName, 'Try what an authorization plugin must not do, instead of one request: exit code 1 where it does')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'gwauthz;trace' {
            [CompletionResult]::new('--token', '--token', [CompletionResultType]::ParameterName, 'Send this token: a JWT, @FILE, - for standard input, or none to have a demo token minted')
            [CompletionResult]::new('--claims', '--claims', [CompletionResultType]::ParameterName, 'Claims laid over the demo token''s: JSON, or @FILE; null takes a claim away')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Manifest to take pluginConfig and vmConfig from [default: only the `cluster` that Istio would name]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Manifest to take pluginConfig and vmConfig from [default: only the `cluster` that Istio would name]')
            [CompletionResult]::new('--plugin', '--plugin', [CompletionResultType]::ParameterName, 'Which WasmPlugin in the manifest, where there are several')
            [CompletionResult]::new('--module', '--module', [CompletionResultType]::ParameterName, 'Module to run [default: the embedded one, else the one of this checkout]')
            [CompletionResult]::new('--method', '--method', [CompletionResultType]::ParameterName, 'Method of the request')
            [CompletionResult]::new('--path', '--path', [CompletionResultType]::ParameterName, 'Path of the request, with its query')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Header of the request; may be given several times, and twice with one name')
            [CompletionResult]::new('--authz', '--authz', [CompletionResultType]::ParameterName, 'How the authorization service answers: a status, timeout, refused, reset, or the URL of a real one to ask')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'Whom the gateway follows where Envoy and the specification of the ABI differ')
            [CompletionResult]::new('--against', '--against', [CompletionResultType]::ParameterName, 'Compare with the log of a real Envoy that served the same request first')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)')
            [CompletionResult]::new('--no-cache', '--no-cache', [CompletionResultType]::ParameterName, 'Compile the module anew, and do not keep what was compiled')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'gwauthz;verify' {
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Public key to verify with, as `gwauthz keygen` and cosign write it')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print the result')
            [CompletionResult]::new('--username', '--username', [CompletionResultType]::ParameterName, 'Log in as NAME instead of with what `docker login` or `podman login` stored')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)')
            [CompletionResult]::new('--password-stdin', '--password-stdin', [CompletionResultType]::ParameterName, 'Read the password or access token from standard input')
            [CompletionResult]::new('--plain-http', '--plain-http', [CompletionResultType]::ParameterName, 'Allow plain http, and everybody on the way to read along (a registry on this machine needs no permission)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print results and errors only: no notes, no progress')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more of what is done and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'gwauthz;help' {
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Measure what a request costs the gateway: time and fuel a callback, host calls, growth of memory')
            [CompletionResult]::new('build', 'build', [CompletionResultType]::ParameterValue, 'Build a plugin into a module that gateways load')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell, or the man page')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Explain a lint rule: why it is one, what an attacker gains, what is right')
            [CompletionResult]::new('keygen', 'keygen', [CompletionResultType]::ParameterValue, 'Make a key to sign with: gwauthz.key (encrypted) and gwauthz.pub in the current folder')
            [CompletionResult]::new('lint', 'lint', [CompletionResultType]::ParameterValue, 'Find security and correctness defects in manifests around gateway plugins')
            [CompletionResult]::new('push', 'push', [CompletionResultType]::ParameterValue, 'Push a plugin to a registry, signed')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of a kind of file')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Send a request through the plugin, without a cluster, and say what a gateway would do with it')
            [CompletionResult]::new('trace', 'trace', [CompletionResultType]::ParameterValue, 'Print every call between gateway and plugin while a request passes, as Envoy''s log has them')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check that what a registry has was signed with a key')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'gwauthz;help;bench' {
            break
        }
        'gwauthz;help;build' {
            break
        }
        'gwauthz;help;completions' {
            break
        }
        'gwauthz;help;explain' {
            break
        }
        'gwauthz;help;keygen' {
            break
        }
        'gwauthz;help;lint' {
            break
        }
        'gwauthz;help;push' {
            break
        }
        'gwauthz;help;schema' {
            break
        }
        'gwauthz;help;test' {
            break
        }
        'gwauthz;help;trace' {
            break
        }
        'gwauthz;help;verify' {
            break
        }
        'gwauthz;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
