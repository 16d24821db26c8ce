// The completion script for bash 3.2 and newer, with and without the package bash-completion. Decides the text alone;
// what is offered is places.ts's.
// bash cuts the line at = : and @ as well as at blanks, and replaces what stands behind the last of them, so the script
// puts the pieces together first and offers what is left of each word.
// Invariant: no option of the user's shell (set -u, -e, -f, posix, IFS) makes the script fail or print, and it runs
// leader-run for contexts and namespaces alone.

import type { Offer, OfferedOption, Places } from './places.ts';

export function bashScript({ run, verbs, options }: Places): string {
  const named = [run, ...verbs];
  const valued = options.filter(({ takes }) => takes === 'a value').flatMap(spellings);
  return `# Completion of leader-run for bash.

_leader_run_lists() {
  case $1 in
${named.map((place) => `    ${quoted(place.verb)}) ${listsOf(place)} ;;`).join('\n')}
  esac
}

_leader_run_takes_value() {
  case $1 in ${valued.join(' | ')}) return 0 ;; esac
  return 1
}

_leader_run_value() {
  case $1 in
${options.flatMap((option) => branchOf(option)).join('\n')}
    *) _leader_run_offer "$2" "$3" '' ;;
  esac
}

_leader_run_verbs=${quoted(verbs.map(({ verb }) => verb).join('\n'))}
${machinery}`;

  function listsOf({ options: its, words, hasCommand }: (typeof named)[number]): string {
    const flags = its.flatMap(spellings).join('\n');
    return `flags=${quoted(flags)} own=${quoted(words.join('\n'))} command=${hasCommand ? '1' : ''}`;
  }
}

function spellings({ flag, short }: OfferedOption): string[] {
  return short === undefined ? [flag] : [short, flag];
}

function branchOf(option: OfferedOption): string[] {
  if (option.offer.kind === 'nothing') return [];
  return [`    ${spellings(option).join(' | ')}) ${deedOf(option.offer)} ;;`];
}

function deedOf(offer: Offer): string {
  switch (offer.kind) {
    case 'words':
      return `_leader_run_offer "$2" "$3" ${quoted(offer.words.join('\n'))}`;
    case 'files':
      return ':';
    case 'folders':
      return 'compopt -o dirnames +o default +o bashdefault 2> /dev/null || :';
    case 'contexts':
    case 'namespaces':
      return `_leader_run_offer "$2" "$3" "$(_leader_run_ask ${offer.kind})"`;
    case 'nothing':
      return '';
  }
}

/** As bash reads it; $'...' keeps a list in one line. */
function quoted(text: string): string {
  return `$'${text.replaceAll(/['\\]/g, '\\$&').replaceAll('\n', '\\n')}'`;
}

const machinery = `
# Offers those lines of $3 that begin with what is typed, $1. Before that the word has $2, as in --log-level=
_leader_run_offer() {
  local typed=$1 stem=$2 quote='' kept='' breaks='' each
  compopt +o default +o bashdefault 2> /dev/null || :
  case $typed in
    \\'* | \\"*) quote=\${typed:0:1} typed=\${typed:1} kept=$stem ;;
    *)
      for each in = : @; do
        case \${COMP_WORDBREAKS-} in *"$each"*) breaks=$breaks$each ;; esac
      done
      if [[ -n $breaks ]]; then kept=$stem$typed kept=\${kept%"\${kept##*[$breaks]}"}; fi
      ;;
  esac
  while IFS= read -r each; do
    if [[ -z $each || $each != "$typed"* ]]; then continue; fi
    each=$stem$each
    each=\${each#"$kept"}
    if [[ -z $quote ]]; then printf -v each %q "$each"; fi
    COMPREPLY+=("$each")
  done <<< "$3"
}

# Sets plain to $1 without its quotes. What the shell would have to compute is not computed.
_leader_run_unquote() {
  local quote='' i each
  plain=''
  for ((i = 0; i < \${#1}; i++)); do
    each=\${1:i:1}
    case $quote$each in
      \\'\\' | \\"\\") quote='' ;;
      \\' | \\") quote=$each ;;
      \\\\ | \\"\\\\)
        i=$((i + 1))
        plain=$plain\${1:i:1}
        ;;
      *) plain=$plain$each ;;
    esac
  done
}

# What the kubeconfig says.
_leader_run_ask() {
  local file='' plain i
  for ((i = 1; i < last; i++)); do
    case \${words[i]} in
      --kubeconfig) file=\${words[i + 1]} ;;
      --kubeconfig=*) file=\${words[i]#*=} ;;
    esac
  done
  case $file in '~/'*) file=\${HOME-}\${file:1} ;; esac
  _leader_run_unquote "$file"
  # An empty one would be a fault, and the user's own is in the environment.
  if [[ -n $plain ]]; then local -x LEADER_RUN_KUBECONFIG=$plain; fi
  command leader-run completion "$1" < /dev/null 2> /dev/null
}

# Completes what leader-run runs, as if it stood alone: from piece $1 of the line on, at character $2.
_leader_run_command() {
  local rest=\${COMP_LINE-} spec='' name each
  rest=\${rest:$2}
  local -a pieces=("\${COMP_WORDS[@]:$1}")
  local -a COMP_WORDS=("\${pieces[@]}")
  local COMP_CWORD=$((COMP_CWORD - $1)) COMP_POINT=$((\${COMP_POINT:-0} - $2)) COMP_LINE=$rest
  compopt +o default +o bashdefault 2> /dev/null || :
  # At 0 both mean the same by an offset, the words of the line and the pieces that bash makes of it.
  for each in _comp_command_offset _command_offset; do
    if declare -F "$each" > /dev/null; then
      "$each" 0 || :
      return
    fi
  done
  name=\${COMP_WORDS[0]}
  if ((COMP_CWORD == 0)); then
    case $name in
      */*) compopt -o default 2> /dev/null || : ;;
      *) _leader_run_offer "$name" '' "$(compgen -c -- "$name" | sort -u)" ;;
    esac
    return
  fi
  spec=$(complete -p -- "$name" 2> /dev/null || complete -p -- "\${name##*/}" 2> /dev/null) || spec=''
  case $spec in
    *' -F '*)
      for each in default bashdefault dirnames filenames nospace; do
        case $spec in *" -o $each "*) compopt -o "$each" 2> /dev/null || : ;; esac
      done
      spec=\${spec##* -F }
      "\${spec%% *}" "$name" "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}" || :
      ;;
    *) compopt -o default -o bashdefault 2> /dev/null || : ;;
  esac
}

_leader_run() {
  local IFS=$' \\t\\n' line=\${COMP_LINE-} size i piece last=-1 at=1 flag='' verb='' given=0 typed
  local flags='' own='' command='' is_ended=''
  local -a words firsts starts
  COMPREPLY=()

  # The words up to the cursor, and where each of them begins.
  line=\${line:0:\${COMP_POINT:-\${#line}}}
  size=\${#line}
  for ((i = 0; i <= COMP_CWORD; i++)); do
    piece=\${COMP_WORDS[i]-}
    if [[ $last -lt 0 || $size -eq 0 || $line == [[:space:]]* ]]; then
      line=\${line#"\${line%%[![:space:]]*}"}
      last=$((last + 1))
      words[last]='' firsts[last]=$i starts[last]=$((size - \${#line}))
    fi
    if [[ $i -eq $COMP_CWORD && $size -gt 0 ]]; then piece=$line; fi
    words[last]=\${words[last]}$piece
    line=\${line#"$piece"}
  done
  typed=\${words[last]}

  if [[ $last -gt 1 && $'\\n'$_leader_run_verbs$'\\n' == *$'\\n'"\${words[1]}"$'\\n'* ]]; then
    verb=\${words[1]} at=2
  fi
  _leader_run_lists "$verb"
  for (( ; at < last; at++)); do
    case \${words[at]} in
      --)
        if [[ -n $command ]]; then
          _leader_run_command "\${firsts[at + 1]}" "\${starts[at + 1]}"
          return
        fi
        is_ended=1
        ;;
      -?*)
        # The word behind an option that is not finished may be another one.
        if [[ -z $is_ended && \${words[at + 1]} != --* ]] && _leader_run_takes_value "\${words[at]}"; then
          flag=\${words[at]}
          at=$((at + 1))
        fi
        ;;
      *)
        if [[ -n $command ]]; then
          _leader_run_command "\${firsts[at]}" "\${starts[at]}"
          return
        fi
        given=$((given + 1))
        ;;
    esac
    if ((at < last)); then flag=''; fi
  done

  if [[ -n $flag ]]; then
    _leader_run_value "$flag" "$typed" ''
  elif [[ -z $is_ended && $typed == --*=* ]]; then
    _leader_run_value "\${typed%%=*}" "\${typed#*=}" "\${typed%%=*}="
  elif [[ -z $is_ended && $typed == -* ]]; then
    _leader_run_offer "$typed" '' "$flags"
  elif ((last == 1)); then
    _leader_run_offer "$typed" '' "$_leader_run_verbs"
    if [[ \${#COMPREPLY[@]} -eq 0 ]]; then _leader_run_command "\${firsts[1]}" "\${starts[1]}"; fi
  elif [[ -n $command ]]; then
    _leader_run_command "\${firsts[last]}" "\${starts[last]}"
  elif ((given == 0)); then
    _leader_run_offer "$typed" '' "$own"
  else
    _leader_run_offer "$typed" '' ''
  fi
}

complete -o bashdefault -o default -F _leader_run leader-run
`;
