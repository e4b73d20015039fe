# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_gwauthz_global_optspecs
    string join \n color= q/quiet v/verbose h/help V/version
end

function __fish_gwauthz_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_gwauthz_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_gwauthz_using_subcommand
    set -l cmd (__fish_gwauthz_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c gwauthz -n "__fish_gwauthz_needs_command" -l color -d 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c gwauthz -n "__fish_gwauthz_needs_command" -s q -l quiet -d 'Print results and errors only: no notes, no progress'
complete -c gwauthz -n "__fish_gwauthz_needs_command" -s v -l verbose -d 'Print more of what is done and why'
complete -c gwauthz -n "__fish_gwauthz_needs_command" -s h -l help -d 'Print help'
complete -c gwauthz -n "__fish_gwauthz_needs_command" -s V -l version -d 'Print version'
complete -c gwauthz -n "__fish_gwauthz_needs_command" -f -a "bench" -d 'Measure what a request costs the gateway: time and fuel a callback, host calls, growth of memory'
complete -c gwauthz -n "__fish_gwauthz_needs_command" -f -a "build" -d 'Build a plugin into a module that gateways load'
complete -c gwauthz -n "__fish_gwauthz_needs_command" -f -a "completions" -d 'Print a completion script for a shell, or the man page'
complete -c gwauthz -n "__fish_gwauthz_needs_command" -f -a "explain" -d 'Explain a lint rule: why it is one, what an attacker gains, what is right'
complete -c gwauthz -n "__fish_gwauthz_needs_command" -f -a "keygen" -d 'Make a key to sign with: gwauthz.key (encrypted) and gwauthz.pub in the current folder'
complete -c gwauthz -n "__fish_gwauthz_needs_command" -f -a "lint" -d 'Find security and correctness defects in manifests around gateway plugins'
complete -c gwauthz -n "__fish_gwauthz_needs_command" -f -a "push" -d 'Push a plugin to a registry, signed'
complete -c gwauthz -n "__fish_gwauthz_needs_command" -f -a "schema" -d 'Print the JSON Schema of a kind of file'
complete -c gwauthz -n "__fish_gwauthz_needs_command" -f -a "test" -d 'Send a request through the plugin, without a cluster, and say what a gateway would do with it'
complete -c gwauthz -n "__fish_gwauthz_needs_command" -f -a "trace" -d 'Print every call between gateway and plugin while a request passes, as Envoy\'s log has them'
complete -c gwauthz -n "__fish_gwauthz_needs_command" -f -a "verify" -d 'Check that what a registry has was signed with a key'
complete -c gwauthz -n "__fish_gwauthz_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l token -d 'Send this token: a JWT, @FILE, - for standard input, or none to have a demo token minted' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l claims -d 'Claims laid over the demo token\'s: JSON, or @FILE; null takes a claim away' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -s c -l config -d 'Manifest to take pluginConfig and vmConfig from [default: only the `cluster` that Istio would name]' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l plugin -d 'Which WasmPlugin in the manifest, where there are several' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l module -d 'Module to run [default: the embedded one, else the one of this checkout]' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l method -d 'Method of the request' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l path -d 'Path of the request, with its query' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l header -d 'Header of the request; may be given several times, and twice with one name' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l authz -d 'How the authorization service answers: a status, timeout, refused, reset, or the URL of a real one to ask' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l profile -d 'Whom the gateway follows where Envoy and the specification of the ABI differ' -r -f -a "envoy\t''
spec\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l requests -d 'How many requests are measured' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l against -d 'Measure this module too, in turns with the first' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l baseline -d 'Compare with a result that `--format json` printed earlier' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l fail-above -d 'Exit with 1 where a request takes this much more fuel than in the baseline' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l plot -d 'Draw the distributions into a self-contained file: .svg or .html' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l format -d 'How to print the result' -r -f -a "human\t'For people'
json\t'For programs; the `schema` key names the layout'"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l color -d 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -l no-cache -d 'Compile the module anew, and do not keep what was compiled'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -s q -l quiet -d 'Print results and errors only: no notes, no progress'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -s v -l verbose -d 'Print more of what is done and why'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand bench" -s V -l version -d 'Print version'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand build" -l manifest-path -d 'Crate to build [default: the plugin of this checkout]' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand build" -s o -l out -d 'Write the module to FILE [default: left in cargo\'s target folder]' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand build" -l format -d 'How to print the result' -r -f -a "human\t'For people'
json\t'For programs; the `schema` key names the layout'"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand build" -l color -d 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand build" -l names -d 'Keep the names of functions, for backtraces of traps; the module is a quarter larger'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand build" -s q -l quiet -d 'Print results and errors only: no notes, no progress'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand build" -s v -l verbose -d 'Print more of what is done and why'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand build" -s V -l version -d 'Print version'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand completions" -l color -d 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand completions" -s q -l quiet -d 'Print results and errors only: no notes, no progress'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand completions" -s v -l verbose -d 'Print more of what is done and why'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand completions" -s h -l help -d 'Print help'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand completions" -s V -l version -d 'Print version'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand explain" -l color -d 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand explain" -s q -l quiet -d 'Print results and errors only: no notes, no progress'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand explain" -s v -l verbose -d 'Print more of what is done and why'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand explain" -s h -l help -d 'Print help'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand explain" -s V -l version -d 'Print version'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand keygen" -l passphrase-file -d 'Read the passphrase of the key from FILE (such as /dev/fd/3) instead of COSIGN_PASSWORD or a prompt' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand keygen" -l color -d 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand keygen" -s q -l quiet -d 'Print results and errors only: no notes, no progress'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand keygen" -s v -l verbose -d 'Print more of what is done and why'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand keygen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand keygen" -s V -l version -d 'Print version'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand lint" -l format -d 'How to print the findings' -r -f -a "human\t'With the manifest\'s lines, for people'
json\t'For programs; the schema is gwauthz.lint/v1'
sarif\t'SARIF 2.1.0, for code scanning'
github\t'Annotations of GitHub Actions'"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand lint" -l persona -d 'Who reads them: each persona sees what the ones before see, and more' -r -f -a "regular\t''
pedantic\t''
auditor\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand lint" -l fail-on -d 'The least severity that fails' -r -f -a "low\t''
medium\t''
high\t''
critical\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand lint" -l config -d 'The configuration; the nearest gwauthz.toml from here upwards by default' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand lint" -l color -d 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand lint" -s q -l quiet -d 'Print results and errors only: no notes, no progress'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand lint" -s v -l verbose -d 'Print more of what is done and why'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand lint" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand lint" -s V -l version -d 'Print version'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand push" -l module -d 'Module to push [default: the embedded plugin, or that of this checkout]' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand push" -l key -d 'Private key to sign with, as `gwauthz keygen` and cosign write it' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand push" -l format -d 'How to print the result' -r -f -a "human\t'For people'
json\t'For programs; the `schema` key names the layout'"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand push" -l passphrase-file -d 'Read the passphrase of the key from FILE (such as /dev/fd/3) instead of COSIGN_PASSWORD or a prompt' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand push" -l username -d 'Log in as NAME instead of with what `docker login` or `podman login` stored' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand push" -l color -d 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand push" -l unsigned -d 'Do not sign: nobody will be able to tell who made it'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand push" -l dry-run -d 'Only say what the digest will be; the network is not used'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand push" -l password-stdin -d 'Read the password or access token from standard input'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand push" -l plain-http -d 'Allow plain http, and everybody on the way to read along (a registry on this machine needs no permission)'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand push" -s q -l quiet -d 'Print results and errors only: no notes, no progress'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand push" -s v -l verbose -d 'Print more of what is done and why'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand push" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand push" -s V -l version -d 'Print version'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand schema" -l color -d 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand schema" -s q -l quiet -d 'Print results and errors only: no notes, no progress'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand schema" -s v -l verbose -d 'Print more of what is done and why'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand schema" -s V -l version -d 'Print version'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l filter -d 'Run only scenarios whose file or name contains this; may be given several times' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l host -d 'Where to run them' -r -f -a "embedded\t'On the embedded gateway'
envoy\t'On the embedded gateway and on a real Envoy, which must agree'"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l envoy -d 'Envoy\'s program, for `--host envoy` [default: the one on PATH]' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l token -d 'Send this token: a JWT, @FILE, - for standard input, or none to have a demo token minted' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l claims -d 'Claims laid over the demo token\'s: JSON, or @FILE; null takes a claim away' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -s c -l config -d 'Manifest to take pluginConfig and vmConfig from [default: only the `cluster` that Istio would name]' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l plugin -d 'Which WasmPlugin in the manifest, where there are several' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l module -d 'Module to run [default: the embedded one, else the one of this checkout]' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l method -d 'Method of the request' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l path -d 'Path of the request, with its query' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l header -d 'Header of the request; may be given several times, and twice with one name' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l authz -d 'How the authorization service answers: a status, timeout, refused, reset, or the URL of a real one to ask' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l profile -d 'Whom the gateway follows where Envoy and the specification of the ABI differ' -r -f -a "envoy\t''
spec\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l expect -d 'Which decision is the right one' -r -f -a "allow\t''
deny\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l format -d 'How to print the result' -r -f -a "human\t'For people'
json\t'For programs; the `schema` key names the layout'
junit\t'JUnit XML, of scenarios alone'"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l color -d 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l fail-fast -d 'Stop at the first scenario that does not hold'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l watch -d 'Run again whenever a scenario, a manifest or the module changes, until Ctrl-C'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l no-cache -d 'Compile the module anew, and do not keep what was compiled'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -l probe -d 'Try what an authorization plugin must not do, instead of one request: exit code 1 where it does'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -s q -l quiet -d 'Print results and errors only: no notes, no progress'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -s v -l verbose -d 'Print more of what is done and why'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand test" -s V -l version -d 'Print version'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -l token -d 'Send this token: a JWT, @FILE, - for standard input, or none to have a demo token minted' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -l claims -d 'Claims laid over the demo token\'s: JSON, or @FILE; null takes a claim away' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -s c -l config -d 'Manifest to take pluginConfig and vmConfig from [default: only the `cluster` that Istio would name]' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -l plugin -d 'Which WasmPlugin in the manifest, where there are several' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -l module -d 'Module to run [default: the embedded one, else the one of this checkout]' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -l method -d 'Method of the request' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -l path -d 'Path of the request, with its query' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -l header -d 'Header of the request; may be given several times, and twice with one name' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -l authz -d 'How the authorization service answers: a status, timeout, refused, reset, or the URL of a real one to ask' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -l profile -d 'Whom the gateway follows where Envoy and the specification of the ABI differ' -r -f -a "envoy\t''
spec\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -l against -d 'Compare with the log of a real Envoy that served the same request first' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -l color -d 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -l no-cache -d 'Compile the module anew, and do not keep what was compiled'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -s q -l quiet -d 'Print results and errors only: no notes, no progress'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -s v -l verbose -d 'Print more of what is done and why'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand trace" -s V -l version -d 'Print version'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand verify" -l key -d 'Public key to verify with, as `gwauthz keygen` and cosign write it' -r -F
complete -c gwauthz -n "__fish_gwauthz_using_subcommand verify" -l format -d 'How to print the result' -r -f -a "human\t'For people'
json\t'For programs; the `schema` key names the layout'"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand verify" -l username -d 'Log in as NAME instead of with what `docker login` or `podman login` stored' -r
complete -c gwauthz -n "__fish_gwauthz_using_subcommand verify" -l color -d 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c gwauthz -n "__fish_gwauthz_using_subcommand verify" -l password-stdin -d 'Read the password or access token from standard input'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand verify" -l plain-http -d 'Allow plain http, and everybody on the way to read along (a registry on this machine needs no permission)'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand verify" -s q -l quiet -d 'Print results and errors only: no notes, no progress'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand verify" -s v -l verbose -d 'Print more of what is done and why'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand verify" -s V -l version -d 'Print version'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand help; and not __fish_seen_subcommand_from bench build completions explain keygen lint push schema test trace verify help" -f -a "bench" -d 'Measure what a request costs the gateway: time and fuel a callback, host calls, growth of memory'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand help; and not __fish_seen_subcommand_from bench build completions explain keygen lint push schema test trace verify help" -f -a "build" -d 'Build a plugin into a module that gateways load'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand help; and not __fish_seen_subcommand_from bench build completions explain keygen lint push schema test trace verify help" -f -a "completions" -d 'Print a completion script for a shell, or the man page'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand help; and not __fish_seen_subcommand_from bench build completions explain keygen lint push schema test trace verify help" -f -a "explain" -d 'Explain a lint rule: why it is one, what an attacker gains, what is right'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand help; and not __fish_seen_subcommand_from bench build completions explain keygen lint push schema test trace verify help" -f -a "keygen" -d 'Make a key to sign with: gwauthz.key (encrypted) and gwauthz.pub in the current folder'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand help; and not __fish_seen_subcommand_from bench build completions explain keygen lint push schema test trace verify help" -f -a "lint" -d 'Find security and correctness defects in manifests around gateway plugins'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand help; and not __fish_seen_subcommand_from bench build completions explain keygen lint push schema test trace verify help" -f -a "push" -d 'Push a plugin to a registry, signed'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand help; and not __fish_seen_subcommand_from bench build completions explain keygen lint push schema test trace verify help" -f -a "schema" -d 'Print the JSON Schema of a kind of file'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand help; and not __fish_seen_subcommand_from bench build completions explain keygen lint push schema test trace verify help" -f -a "test" -d 'Send a request through the plugin, without a cluster, and say what a gateway would do with it'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand help; and not __fish_seen_subcommand_from bench build completions explain keygen lint push schema test trace verify help" -f -a "trace" -d 'Print every call between gateway and plugin while a request passes, as Envoy\'s log has them'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand help; and not __fish_seen_subcommand_from bench build completions explain keygen lint push schema test trace verify help" -f -a "verify" -d 'Check that what a registry has was signed with a key'
complete -c gwauthz -n "__fish_gwauthz_using_subcommand help; and not __fish_seen_subcommand_from bench build completions explain keygen lint push schema test trace verify help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
