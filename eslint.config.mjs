// The lint rules: typescript-eslint's strict, type-checked set for everything that runs here, because an un-awaited
// promise in an elector is a split brain. Exceptions are few and each says why. Layout is prettier's.

import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  globalIgnores(['dist/', 'dist.new/', 'dist.old/', 'types/', '.cache/']),
  {
    files: ['**/*.{ts,mts,mjs,js}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      // The point of it all; in the strict set already, named here so that no update of the set can lose them.
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // A number in a message is as clear without String().
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      eqeqeq: 'error',
      // Modules speak through events; the boundary writes to streams by name.
      'no-console': 'error',
      // `typeof import('./late.ts')` is the type of what is loaded when it is needed.
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      // `return idle(turn, outcome)` in a function that returns nothing is the last thing it does, async or not, and
      // `return void faults.push(fault)` says beside it that a value is dropped.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      // Loops like for (;;) and while (true) are how waiting is written.
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: 'only-allowed-literals' }],
      // An environment variable that is empty counts as unset in some places, and || says so.
      '@typescript-eslint/prefer-nullish-coalescing': ['error', { ignorePrimitives: { string: true } }],
      // `const { unwanted: _, ...rest }` is how a copy without a field is made.
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }],
      // process.env['NAME']: what is looked up by name in a record is written as a lookup.
      '@typescript-eslint/dot-notation': 'off',
    },
  },
  {
    files: ['test/**', '**/*.mjs', 'scripts/**', 'bin/**'],
    rules: {
      // Scripts and helpers that start and measure things print for whoever called them.
      'no-console': 'off',
    },
  },
  {
    files: ['**/*.mjs', 'bin/**/*.js'],
    // Plain JavaScript has no annotations to infer from.
    extends: [tseslint.configs.disableTypeChecked],
  },
);
