// The texts of job options: what is taken, what is refused and with which sentence.
// To check: a refusal says what would be right, and where it offers a text, that text is taken (a test asks).
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openSchedule } from '../../src/job/tick.ts';
import { parseAttempts, parseCronLine, parseKey, type Parsed, parseZone } from '../../src/job/values.ts';

const keyForm = 'a key has at most 64 letters, digits and . _ : / @ + -';

describe('a key', () => {
  test.each(['v42', '2026-11-26T03:00:00Z', 'registry/app@sha256:0a1b', 'x'.repeat(64)])('is taken as it is: %s', (text) => {
    expect(parseKey(text)).toEqual({ value: text });
  });

  test.each([
    { text: '', fault: 'the key is empty; is the variable that it is made of set?' },
    { text: 'a b', fault: keyForm },
    { text: 'größe', fault: keyForm },
    { text: 'v42\n', fault: keyForm },
    { text: 'x'.repeat(65), fault: `${keyForm}, and not 65; take the text's sha256` },
  ])('is refused: $text', ({ text, fault }) => {
    expect(parseKey(text)).toEqual({ fault });
  });
});

describe('a number of attempts', () => {
  test('is a whole one from 1 on', () => {
    expect(['1', '3', '999999'].map(parseAttempts)).toEqual([{ value: 1 }, { value: 3 }, { value: 999_999 }]);
  });

  test.each(['0', '00'])('is not %s', (text) => {
    expect(parseAttempts(text)).toEqual({ fault: 'with 0 attempts the command never runs; 1 runs it at most once' });
  });

  test.each(['', '-1', '1.5', '1e3', 'once', '01', ' 1', '1000000'])('is not "%s"', (text) => {
    expect(parseAttempts(text)).toEqual({ fault: 'expected a number from 1 to 999999; 1 runs the command at most once' });
  });
});

describe('a time zone', () => {
  test.each(['UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'Etc/GMT+5', 'America/Argentina/Buenos_Aires'])('is %s', (text) => {
    expect(parseZone(text)).toEqual({ value: text });
  });

  test.each(['', ' ', '+02:00', '-05', '2'])('is named, and not "%s"', (text) => {
    expect(parseZone(text)).toEqual({ fault: 'expected a time zone by its name, such as UTC or Europe/Berlin' });
  });

  test.each(['Europe/Berln', 'local', 'Z', 'CET-1CEST', 'Europe/Berlin\n'])('is one that Node knows, and not %j', (text) => {
    const fault = 'expected a time zone by its name, such as UTC or Europe/Berlin; this Node knows none of this name';
    expect(parseZone(text)).toEqual({ fault });
  });
});

describe('a cron line', () => {
  test.each([
    { text: '0 3 * * *', line: '0 3 * * *' },
    { text: '  05\t03  *  * * ', line: '5 3 * * *' },
    { text: '*/15 8-18 * jan-mar,DEC mon-fri', line: '*/15 8-18 * 1-3,12 1-5' },
    { text: '0-59/20 0 1,15 * *', line: '0-59/20 0 1,15 * *' },
    { text: '0 0 * * 5-7', line: '0 0 * * 5-7' },
    { text: '0 0 1 * 1', line: '0 0 1 * 1' },
    { text: '0 0 */2 * *', line: '0 0 */2 * *' },
  ])('is read as a crontab means it: $text', ({ text, line }) => {
    expect(parseCronLine(text)).toEqual({ value: line });
  });

  const five = 'expected five fields (minute, hour, day of month, month, day of week), as in 0 3 * * *, and not';
  const line = 'expected the five fields of a cron line, as in 0 3 * * *';
  test.each([
    { text: '', fault: `${five} none` },
    { text: '0 3 * *', fault: `${five} 4` },
    { text: '0 0 3 * * *', fault: `${five} 6` },
    { text: '0 0 3 * * * 2027', fault: `${five} 7` },
    { text: '2026-11-26T03:00:00Z', fault: 'a date comes only once; expected the five fields of a cron line, as in 0 3 * * *' },
    { text: '2026-11-26 03:00', fault: 'a date comes only once; expected the five fields of a cron line, as in 0 3 * * *' },
    { text: '@daily', fault: 'write 0 0 * * *' },
    { text: '@Hourly', fault: 'write 0 * * * *' },
    { text: '@reboot', fault: line },
    { text: '@every 5m', fault: line },
    { text: '60 3 * * *', fault: 'minute 60: expected values from 0 to 59' },
    { text: '0 24 * * *', fault: 'hour 24: expected values from 0 to 23' },
    { text: '0 3 0 * *', fault: 'day of month 0: expected values from 1 to 31' },
    { text: '0 3 * 13 *', fault: 'month 13: expected values from 1 to 12' },
    { text: '0 3 * * 8', fault: 'day of week 8: expected values from 0 to 7' },
    { text: '0 3 * * JAN', fault: 'day of week JAN: expected values from 0 to 7' },
    { text: '0 22-2 * * *', fault: 'hour 22-2: a range goes upwards: write 22-23,0-2' },
    { text: '5/15 * * * *', fault: 'minute 5/15: a step follows * or a range: write 5-59/15' },
    { text: '*/0 * * * *', fault: 'minute */0: a step is from 1 to 60' },
    { text: '*/90 * * * *', fault: 'minute */90: a step is from 1 to 60' },
    { text: '*,5 * * * *', fault: 'minute *,5: * stands alone, and not in a list' },
    ...['L', '15W'].map((day) => ({ text: `0 3 ${day} * *`, fault: `day of month ${day}: expected values from 1 to 31` })),
    ...['?', '1,', '-1', '1-2-3', '1.5', '٣'].map((day) => {
      const wanted = 'expected *, values from 1 to 31, ranges such as 1-31, or steps such as */2';
      return { text: `0 3 ${day} * *`, fault: `day of month ${day === '1,' ? '' : day}: ${wanted}` };
    }),
    { text: '0 3 \u001b[31m * *', fault: 'day of month \\x1b[31M: expected *, values from 1 to 31, ranges such as 1-31, or steps such as */2' },
    {
      text: '0 3 */2 * 1',
      fault: 'day of month */2 with day of week 1 means different days to different crons: write * for one of them, or 1-31/2 for */2',
    },
    {
      text: '0 3 1 * */3',
      fault: 'day of month 1 with day of week */3 means different days to different crons: write * for one of them, or 0-6/3 for */3',
    },
  ])('is refused: $text', ({ text, fault }) => {
    expect(parseCronLine(text)).toEqual({ fault });
  });

  test('that a refusal offers is taken', () => {
    const offers = ['@daily', '@hourly', '@weekly', '@monthly', '@yearly'].map((text) => faultOf(parseCronLine(text)).slice('write '.length));
    const fields = ['0 22-23,0-2 * * *', '5-59/15 * * * *', '0 3 1-31/2 * 1', '0 3 1 * 0-6/3'];
    expect([...offers, ...fields].filter((text) => 'fault' in parseCronLine(text))).toEqual([]);
  });

  test('is taken, or refused with a sentence in one line, whatever it is', () => {
    const alike = [fc.stringMatching(/^[0-9*/,\-A-Z ]{0,20}$/), anyLine(/^[0-9*/,-]{1,4}$/)];
    const texts = fc.oneof(fc.string({ unit: 'grapheme' }), ...alike);
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = parseCronLine(text);
        if ('fault' in parsed) expect(parsed.fault).toMatch(/^[^\p{C}\p{Zl}\p{Zp}]{1,300}$/u);
        else expect(parseCronLine(parsed.value)).toEqual(parsed);
      }),
    );
  });

  test('that is taken is taken by croner, too, without a throw', () => {
    const value = fc.nat(70);
    const item = fc.oneof(
      value.map(String),
      fc.constantFrom('*', '*/2', '*/7'),
      fc.tuple(value, value).map(([from, to]) => `${from}-${to}`),
      fc.tuple(value, value, value).map(([from, to, step]) => `${from}-${to}/${step}`),
    );
    const field = fc.array(item, { minLength: 1, maxLength: 2 }).map((items) => items.join(','));
    const rest = [fc.oneof(field, fc.constant('*')), fc.constantFrom('*', '1-6', '2'), fc.constantFrom('*', '1', '1-5')];
    let taken = 0;
    fc.assert(
      fc.property(fc.tuple(field, field, ...rest), (fields) => {
        const text = fields.join(' ');
        if ('value' in parseCronLine(text)) taken += 1;
        expect(() => openSchedule(text, 'Europe/Berlin', 0)).not.toThrow();
      }),
      { numRuns: 500 },
    );
    expect(taken).toBeGreaterThan(0);
  });
});

function faultOf(parsed: Parsed<unknown>): string {
  return 'fault' in parsed ? parsed.fault : '';
}

function anyLine(field: RegExp): fc.Arbitrary<string> {
  return fc.array(fc.stringMatching(field), { minLength: 5, maxLength: 5 }).map((fields) => fields.join(' '));
}
