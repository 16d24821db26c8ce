// What is read from an error, whatever was thrown.
import { expect, test } from 'vitest';
import { codeOf, messageOf } from '../../src/common/errors.ts';

test.each([
  { thrown: new Error('disk full'), message: 'disk full', code: undefined },
  { thrown: Object.assign(new Error('no such file'), { code: 'ENOENT' }), message: 'no such file', code: 'ENOENT' },
  { thrown: Object.assign(new Error('odd'), { code: 7 }), message: 'odd', code: undefined },
  { thrown: { code: 'ENOENT' }, message: '[object Object]', code: undefined },
  { thrown: 'a text', message: 'a text', code: undefined },
  { thrown: undefined, message: 'undefined', code: undefined },
])('an error has the message $message and the code $code', ({ thrown, message, code }) => {
  expect({ message: messageOf(thrown), code: codeOf(thrown) }).toEqual({ message, code });
});
