// The one kind of error of a configuration that cannot be used: refused at the start, before anything is locked. What
// may heal by itself is a CredentialsError (credentials.ts).
// Invariant: the message is one sentence for people, and quotes no file's content.

export class ConfigError extends Error {}
