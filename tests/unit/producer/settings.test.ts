import { ConfigError } from '../../../lib/config/common';
import { connectionConfig, realProducer } from '../../../packages/producer/real-producer';

const where = { instance: 'my-api', region: 'us-east-1' };

test.each([
  [null, 'the options must be an object'],
  [{ region: '', settings: 'planted' }, 'region (AWS_REGION): must be a region of AWS, e.g. eu-central-1; settings'],
  [{ analytics: { shards: 0 } }, 'analytics.shards: must be a whole number from 1'],
  [{ analytics: { maxEvents: Number.NaN } }, 'analytics.maxEvents: must be a whole number from 1'],
  [{ analytics: { maxAgeMs: 0 } }, 'analytics.maxAgeMs: must be a whole number from 1'],
  [{ analytics: { maxBytes: '1' } }, 'analytics.maxBytes: must be a whole number from 1'],
  [{ analytics: { maxEvent: 1 } }, 'analytics.maxEvent: must be left out, because there is no such field'],
  [{ endpoints: { sqz: 'http://127.0.0.1:1' } }, 'endpoints.sqz: must be left out, because there is no such field'],
  [{ instnace: 'other' }, 'instnace: must be left out, because there is no such field'],
])('the wrong options %j are named', (options, problem) => {
  const make = () =>
    realProducer((typeof options === 'object' && options ? { ...where, ...options } : options) as never);

  expect(make).toThrow(ConfigError);
  expect(make).toThrow(`producer: ${problem}`);
});

test('options of analytics that are undefined are the defaults', () => {
  const { analytics } = connectionConfig({ ...where, analytics: { shards: undefined, maxEvents: 7 } as never }, {});

  expect(analytics).toEqual({ shards: 8, maxEvents: 7, maxBytes: 921_600, maxAgeMs: 2_000 });
});

test('settings in the environment that are no JSON are wrong settings, not missing ones', () => {
  for (const JOBS_SETTINGS of ['{"table":', 'null'])
    expect(() => connectionConfig(where, { JOBS_SETTINGS })).toThrow(
      'settings (JOBS_SETTINGS): must be an object, is a',
    );
});
