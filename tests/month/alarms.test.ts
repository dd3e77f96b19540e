import { readInstance } from '../../resources/instances/read';
import { MINUTE_MS } from './calendar';
import { createCloudwatch } from './cloudwatch';

const QUARTER_MS = 15 * MINUTE_MS;

test.each([
  ['of a thousand events five percent are rejected', 950, 50, ['ALARM', 'OK']],
  ['less than five percent are rejected', 1_000, 50, []],
  ['one phone sends all rejected events of a quiet hour', 100, 60, []],
])('an alarm goes off, and is over, only if %s', (_what, accepted, rejected, expected) => {
  const instance = readInstance('mht-api');
  const cloudwatch = createCloudwatch(instance);
  const begin = Date.UTC(2026, 4, 1);
  const states: string[] = [];
  const evaluate = (from: number) => {
    for (let at = from + MINUTE_MS; at <= from + QUARTER_MS; at += MINUTE_MS)
      for (const { name, to } of cloudwatch.evaluate(at)) if (name.endsWith('events-rejected')) states.push(to);
  };

  cloudwatch.add(instance.name, 'EventsAccepted', {}, 10_000, begin - MINUTE_MS);
  cloudwatch.add(instance.name, 'EventsRejected', {}, 0, begin - MINUTE_MS);
  evaluate(begin);
  states.length = 0;
  cloudwatch.add(instance.name, 'EventsAccepted', {}, accepted, begin + QUARTER_MS);
  cloudwatch.add(instance.name, 'EventsRejected', {}, rejected, begin + QUARTER_MS);
  evaluate(begin + QUARTER_MS);
  for (let n = 2; n < 6; n++) evaluate(begin + n * QUARTER_MS);

  expect(states).toEqual(expected);
});

test.each([
  ['no alarm reports a minute', 1, []],
  ['an alarm reports four minutes', 4, ['ALARM', 'OK']],
])('%s in which functions are throttled', (_what, minutes, expected) => {
  const instance = readInstance('mht-api');
  const cloudwatch = createCloudwatch(instance);
  const begin = Date.UTC(2026, 4, 1);
  const states: string[] = [];

  for (let minute = 0; minute < 60; minute++) {
    const at = begin + minute * MINUTE_MS;
    // A poll each ten seconds, from the middle of a minute on.
    for (let n = 0; minute >= 10 && minute <= 10 + minutes && n < 6; n++) {
      const of = { FunctionName: 'mht-api-feedback' };
      const isNow = minute === 10 ? n >= 3 : minute < 10 + minutes || n < 3;
      if (isNow) cloudwatch.add('AWS/Lambda', 'Throttles', of, 1, at + n * 10_000);
    }
    for (const { name, to } of cloudwatch.evaluate(at + MINUTE_MS))
      if (minute > 0 && name.endsWith('function-throttles')) states.push(to);
  }

  expect(states).toEqual(expected);
});
