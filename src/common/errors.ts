// What an error of unknown make says: its message for people, its code for decisions. JavaScript throws anything, and
// the system's errors carry a code that the type Error does not know. Makes no text fit for a terminal (printable.ts).
// Invariant: neither function throws, whatever it is given.

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The name that the system or Node gives the error (ENOENT, ERR_TLS_CERT_ALTNAME_INVALID); undefined: it has none. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
