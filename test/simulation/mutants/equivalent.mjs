// Mutants that no test can notice.
export const equivalents = [];
