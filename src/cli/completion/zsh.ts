// The completion script for zsh, to be sourced or to be a file `_leader-run` in fpath. Decides the text alone; what is
// offered is places.ts's.
// zsh's own _arguments reads the command line: it offers an option once, with its help, and knows --name=value. The
// completion system sets the shell's options for the time, so set -u and others do not matter.
// Invariant: the script runs leader-run for contexts and namespaces alone.

import type { Offer, OfferedOption, Place, Places } from './places.ts';

export function zshScript({ run, verbs }: Places): string {
  return `#compdef leader-run
# Completion of leader-run for zsh.

_leader-run() {
  local curcontext=$curcontext verb
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    local -a verbs
    verbs=(
${verbs.map(({ verb, summary }) => `      ${quoted(`${verb}:${summary}`)}`).join('\n')}
    )
    _describe -t verbs verb verbs && return
  fi
  if (( CURRENT > 2 )); then
    verb=$words[2]
    case $verb in
${verbs.map(branchOf).join('\n')}
    esac
  fi
  _arguments -S -A '-*' \\
${specsOf(run)}
}

# What the kubeconfig says; no cluster is asked. The last word is what to ask for, those before it are for compadd.
_leader-run_ask() {
  local what=$argv[-1] file i
  local -a found
  for (( i = 2; i < CURRENT; i++ )); do
    case $words[i] in
      --kubeconfig) file=$words[i+1] ;;
      --kubeconfig=*) file=\${words[i]#*=} ;;
    esac
  done
  [[ $file == '~/'* ]] && file=$HOME/\${file#'~/'}
  if [[ -n $file ]]; then
    found=(\${(f)"$(LEADER_RUN_KUBECONFIG=\${(Q)file} command leader-run completion $what < /dev/null 2> /dev/null)"})
  else
    found=(\${(f)"$(command leader-run completion $what < /dev/null 2> /dev/null)"})
  fi
  compadd "\${(@)argv[1,-2]}" -a found
}

# zsh calls the file itself where it has found it in fpath.
if [[ \${zsh_eval_context[-1]-} == loadautofunc ]]; then
  _leader-run "$@"
elif (( \${+functions[compdef]} )); then
  compdef _leader-run leader-run
else
  print -u2 'leader-run: completion is not on in this shell: run "autoload -Uz compinit && compinit" before this script'
fi
`;
}

function branchOf(place: Place): string {
  return `      ${place.verb})
        shift words
        (( CURRENT-- ))
        curcontext=\${curcontext%:*}-$verb:
        _arguments -S${place.hasCommand ? " -A '-*'" : ''} \\
${specsOf(place, '  ')}
        return
        ;;`;
}

/** One to a line, as words of _arguments. */
function specsOf({ options, words, hasCommand }: Place, indent = ''): string {
  const ofCommand = ["'(-)1:command:_command_names -e'", "'*::argument:_normal'"];
  const own = words.length === 0 ? [] : [quoted(`1:word:(${words.join(' ')})`)];
  return [...options.map(specOf), ...(hasCommand ? ofCommand : own)]
    .map((spec) => `${indent}      ${spec}`)
    .join(' \\\n');
}

function specOf({ flag, short, takes, offer, value, help }: OfferedOption): string {
  const told = `[${help.replaceAll(/[\\[\]:]/g, '\\$&')}]`;
  const valueSpec = takes === 'no value' ? '' : `:${takes === 'inside' ? ':' : ''}${value}:${actionOf(offer)}`;
  const long = `${flag}${takes === 'no value' ? '' : takes === 'inside' ? '=-' : '='}`;
  if (short === undefined) return quoted(`${long}${told}${valueSpec}`);
  const both = `{${short}${takes === 'no value' ? '' : '+'},${long}}`;
  return `${quoted(`(${short} ${flag})`)}${both}${quoted(`${told}${valueSpec}`)}`;
}

function actionOf(offer: Offer): string {
  switch (offer.kind) {
    case 'words':
      return `(${offer.words.join(' ')})`;
    case 'files':
      return '_files';
    case 'folders':
      return '_files -/';
    case 'contexts':
    case 'namespaces':
      return `_leader-run_ask ${offer.kind}`;
    case 'nothing':
      // It is told what goes there.
      return ' ';
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
