// The completion script for fish 3.0 and newer. Decides the text alone; what is offered is places.ts's.
// fish asks each rule whether it is meant, by its condition, and remembers the answer to a condition that it has met:
// so there is one condition for each verb, which reads the words of the line.
// Invariant: the script runs leader-run for contexts and namespaces alone.

import type { Offer, OfferedOption, Place, Places } from './places.ts';

export function fishScript({ run, verbs, options }: Places): string {
  const valued = options.filter(({ takes }) => takes === 'a value');
  const spellings = valued.flatMap(({ flag, short }) => (short === undefined ? [flag] : [short, flag]));
  const commanded = verbs.filter(({ hasCommand }) => hasCommand).map(({ verb }) => verb);
  return `# Completion of leader-run for fish.

set -g __leader_run_verbs ${verbs.map(({ verb }) => verb).join(' ')}
set -g __leader_run_with_command ${commanded.join(' ')}
set -g __leader_run_valued ${spellings.join(' ')}

# Where the cursor is: "first", "run" among the options of a run, "command" and the words of the command, or a verb and
# how many words of its own stand before the cursor.
function __leader_run_place
    set -l words (commandline -opc)
    set -e words[1]
    if not set -q words[1]
        printf '%s\\n' first
        return
    end
    set -l verb
    set -l own 0
    if contains -- $words[1] $__leader_run_verbs
        set verb $words[1]
        set -e words[1]
    end
    while set -q words[1]
        set -l word $words[1]
        set -e words[1]
        if test "$word" = --
            if test -z "$verb"; or contains -- $verb $__leader_run_with_command
                printf '%s\\n' command $words
                return
            end
        else if contains -- $word $__leader_run_valued
            if not string match -q -- '--*' "$words[1]"
                set -e words[1]
            end
        else if not string match -q -- '-?*' "$word"
            if test -z "$verb"; or contains -- $verb $__leader_run_with_command
                printf '%s\\n' command $word $words
                return
            end
            set own (math $own + 1)
        end
    end
    if test -n "$verb"
        printf '%s\\n' "verb $verb" $own
    else
        printf '%s\\n' run
    end
end

function __leader_run_at
    set -l place (__leader_run_place)
    contains -- $place[1] $argv
end

function __leader_run_at_word_of
    set -l place (__leader_run_place)
    test "$place[1]" = "verb $argv[1]"; and test "$place[2]" = 0
end

# The command, as if it stood alone. As the first word of all it gives way to a verb.
function __leader_run_command
    set -l place (__leader_run_place)
    set -l typed (commandline -ct)
    if test $place[1] != command; and string match -q -- '-*' "$typed"
        return
    end
    if test $place[1] = first; and string match -q -- "$typed*" $__leader_run_verbs
        return
    end
    set -e place[1]
    complete "-C"(string join ' ' -- (string escape -- $place) $typed)
end

# What the kubeconfig says; no cluster is asked.
function __leader_run_ask
    command -sq leader-run; or return
    set -l words (commandline -opc)
    set -l file
    for i in (seq (count $words))
        if test "$words[$i]" = --kubeconfig
            set file $words[(math $i + 1)]
        else if string match -q -- '--kubeconfig=*' "$words[$i]"
            set file (string replace -- '--kubeconfig=' '' "$words[$i]")
        end
    end
    if test -n "$file"
        env LEADER_RUN_KUBECONFIG=(string replace -r '^~/' "$HOME/" -- "$file") leader-run completion $argv 2>/dev/null </dev/null
    else
        command leader-run completion $argv 2>/dev/null </dev/null
    end
end

complete -c leader-run -f
complete -c leader-run -n '__leader_run_at first run command' -a '(__leader_run_command)'
${verbs.map(({ verb, summary }) => `complete -c leader-run -n '__leader_run_at first' -a ${verb} -d ${quoted(summary)}`).join('\n')}
${[run, ...verbs].flatMap(rulesOf).join('\n')}
`;
}

function rulesOf(place: Place): string[] {
  const { verb, options, words } = place;
  const where = verb === '' ? "'__leader_run_at first run'" : quoted(`__leader_run_at "verb ${verb}"`);
  const own = `complete -c leader-run -n ${quoted(`__leader_run_at_word_of ${verb}`)} -a ${quoted(words.join(' '))}`;
  return [...options.map((option) => ruleOf(option, where)), ...(words.length === 0 ? [] : [own])];
}

function ruleOf({ flag, short, takes, offer, help }: OfferedOption, where: string): string {
  const names = `${short === undefined ? '' : `-s ${short.slice(1)} `}-l ${flag.slice(2)}`;
  const value = takes === 'no value' ? '' : ` ${takes === 'inside' ? '-f' : '-r'}${argumentsOf(offer)}`;
  return `complete -c leader-run -n ${where} ${names}${value} -d ${quoted(help)}`;
}

function argumentsOf(offer: Offer): string {
  switch (offer.kind) {
    case 'words':
      return ` -f -a ${quoted(offer.words.join(' '))}`;
    case 'files':
      return ' -F';
    case 'folders':
      return " -a '(__fish_complete_directories)'";
    case 'contexts':
    case 'namespaces':
      return ` -f -a '(__leader_run_ask ${offer.kind})'`;
    case 'nothing':
      return ' -f';
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
}
