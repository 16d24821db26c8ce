// A person who types half a word into a shell and presses TAB: the line as it stands then, or all that is offered.
// Each shell runs on a terminal, in the arena's folder, with what its own users have: bash with and without the package
// bash-completion, zsh with the script sourced or in fpath, fish with the script sourced or as a file of completions.
// Knows neither leader-run's words nor what should be offered.
// To check: a key of the test writes the line to a file, so nothing is read off the screen.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Arena } from '../helpers/arena.ts';
import { textOf } from '../helpers/procfs.ts';
import { Terminal } from './on-a-terminal.ts';

const [tab, everything, done] = ['\t', '\x0f', '\x14'];
const prompt = 'your turn> ';

export interface Way {
  readonly name: string;
  readonly shell: 'bash' | 'zsh' | 'fish';
  /** What its user's start file says. `script`: leader-run's words for this shell, in a file; `folder`: the arena's. */
  readonly start: (script: string, folder: string) => string;
  /** The script lies here, within the folder. */
  readonly script: string;
  /** A file that this way needs. */
  readonly needs?: string;
}

/** `tool` completes --flag, in each shell's own words. */
const bashTool = `_tool() { COMPREPLY=($(compgen -W '--flag --other' -- "$2")); }; complete -F _tool tool`;
const zshTool = `_tool() { _arguments --flag --other }; compdef _tool tool`;
const fishTool = 'complete -c tool -f; complete -c tool -l flag; complete -c tool -l other';
const package_ = '/usr/share/bash-completion/bash_completion';

export const ways: readonly Way[] = [
  {
    ...{ name: 'bash', shell: 'bash', script: 'script.bash' },
    start: (script) => `set -eu; shopt -s failglob; IFS=:; source ${script}; ${bashTool}`,
  },
  {
    ...{ name: 'bash in its POSIX mode', shell: 'bash', script: 'script.bash' },
    start: (script) => `set -o posix; set -u; . ${script}; ${bashTool}`,
  },
  {
    ...{ name: 'bash with bash-completion', shell: 'bash', script: 'script.bash', needs: package_ },
    start: (script) => `source ${package_}; source ${script}; ${bashTool}; set -u`,
  },
  {
    ...{ name: 'bash, whose package finds the script', shell: 'bash', needs: package_ },
    script: '.local/share/bash-completion/completions/leader-run',
    start: () => `source ${package_}; ${bashTool}`,
  },
  {
    ...{ name: 'zsh', shell: 'zsh', script: 'script.zsh' },
    start: (script) => `autoload -Uz compinit; compinit -u -D; setopt nounset sh_word_split; source ${script}; ${zshTool}`,
  },
  {
    ...{ name: 'zsh, which finds the script in fpath', shell: 'zsh', script: 'functions/_leader-run' },
    start: (_, folder) => `fpath=(${folder}/functions $fpath); autoload -Uz compinit; compinit -u -D; ${zshTool}`,
  },
  {
    ...{ name: 'fish', shell: 'fish', script: 'script.fish' },
    start: (script) => `source ${script}; ${fishTool}`,
  },
  {
    ...{ name: 'fish, which finds the script', shell: 'fish', script: '.config/fish/completions/leader-run.fish' },
    start: () => fishTool,
  },
];

/** The keys, and a prompt to wait for. `$LINES_OF_TEST` is the file. */
const keys: Readonly<Record<Way['shell'], string>> = {
  bash: `
    PS1='${prompt}'
    bind 'set bell-style none' 'set completion-query-items 0' 'set page-completions off'
    bind '"\\C-o": insert-completions'
    write_line() { printf '%s\\n' "$READLINE_LINE" >> "$LINES_OF_TEST"; READLINE_LINE=; }
    bind -x '"\\C-t": write_line'
  `,
  zsh: `
    PS1='${prompt}'
    write_line() { print -r -- "$BUFFER" >> "$LINES_OF_TEST"; BUFFER= }
    zle -N write_line
    bindkey '^T' write_line
    # zsh's own _generic does not get on with nounset.
    unnerved() { setopt localoptions unset; _generic }
    zle -C everything complete-word unnerved
    bindkey '^O' everything
    zstyle ':completion:everything:*' completer _all_matches _complete
    zstyle ':completion:everything:*' insert true
    unsetopt beep
  `,
  fish: `
    function fish_prompt; echo -n '${prompt}'; end
    function fish_greeting; end
    bind \\ct 'commandline >> $LINES_OF_TEST; commandline ""'
    function offer_all; set -l line (commandline); complete "-C$line" | string replace -r '\\t.*' '' | read -z all
      commandline (string replace -r '[^ ]*$' '' -- $line)(string join ' ' -- (string split \\n -- $all)); end
    bind \\co offer_all
  `,
};

const commandFor = (shell: Way['shell'], folder: string): string[] => {
  switch (shell) {
    case 'bash':
      return ['bash', '--noprofile', '--rcfile', join(folder, 'start'), '-i'];
    case 'zsh':
      return ['zsh', '-d', '-i'];
    case 'fish':
      return ['fish', '-i', '-C', `source ${join(folder, 'start')}`];
  }
};

export class Typing {
  readonly #arena: Arena;
  readonly #terminal: Terminal;
  readonly #file: string;
  #written = 0;

  constructor(arena: Arena, way: Way, script: string) {
    const { folder } = arena;
    this.#arena = arena;
    this.#file = join(folder, 'lines');
    const at = join(folder, way.script);
    mkdirSync(join(at, '..'), { recursive: true });
    writeFileSync(at, script);
    const start = `${way.start(at, folder)}\n${keys[way.shell]}`;
    for (const name of ['start', '.zshrc']) writeFileSync(join(folder, name), start);
    const env = {
      ...{ HOME: folder, ZDOTDIR: folder, LINES_OF_TEST: this.#file, TERM: 'vt100', HISTFILE: undefined },
      ...{ XDG_CONFIG_HOME: undefined, XDG_DATA_HOME: undefined, KUBECONFIG: join(folder, 'kubeconfig') },
      PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
    };
    this.#terminal = new Terminal(arena, ['env', '-C', folder, ...commandFor(way.shell, folder)], { env });
  }

  async isReady(): Promise<void> {
    await this.#arena.until('the prompt', () => this.#terminal.screen.includes(prompt));
  }

  /** The line after TAB. */
  async after(line: string): Promise<string> {
    return await this.#press(line, tab);
  }

  /** All that would be offered for the last word; each option once, without what zsh hangs on. */
  async offers(line: string): Promise<string[]> {
    const full = await this.#press(line, everything);
    const words = full.slice(line.lastIndexOf(' ') + 1).trim();
    return [...new Set(words.split(' ').map((word) => word.replace(/=$/, '')))].sort();
  }

  /** What the shell has shown since it began, for a failure. */
  get screen(): string {
    return this.#terminal.screen;
  }

  async #press(line: string, key: string): Promise<string> {
    this.#terminal.type(`${line}${key}${done}`);
    this.#written += 1;
    return await this.#arena.until(`the line behind ${line}`, () => {
      const lines = textOf(this.#file).split('\n');
      return lines.length > this.#written ? (lines[this.#written - 1] ?? '') || ' ' : undefined;
    });
  }
}
