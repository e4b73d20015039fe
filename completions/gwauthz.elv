
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
            cand -v 'Print more of what is done and why; twice for every detail'
            cand --verbose 'Print more of what is done and why; twice for every detail'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand completions 'Print a completion script for a shell, or the man page'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gwauthz;completions'= {
            cand --color 'When to use colour (NO_COLOR and CLICOLOR_FORCE are honoured by `auto`)'
            cand -q 'Print results and errors only: no notes, no progress'
            cand --quiet 'Print results and errors only: no notes, no progress'
            cand -v 'Print more of what is done and why; twice for every detail'
            cand --verbose 'Print more of what is done and why; twice for every detail'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'gwauthz;help'= {
            cand completions 'Print a completion script for a shell, or the man page'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gwauthz;help;completions'= {
        }
        &'gwauthz;help;help'= {
        }
    ]
    $completions[$command]
}
