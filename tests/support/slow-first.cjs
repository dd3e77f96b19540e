const { default: Sequencer } = require('@jest/test-sequencer');

/** The files that take longest. Jest guesses by size in a fresh clone, and these are small. */
const SLOWEST = [
  'simulation/scale/scale.long',
  'simulation/runs/random.long',
  'integration/local/commands.long',
  'integration/local/accept.long',
  'integration/express-api/example.long',
  'integration/permissions/recorded',
  'integration/local/service',
  'integration/express-api/example',
  'browser/incident',
  'integration/local/commands',
  'unit/resources/compiled-template',
  'simulation/scenarios/one-fault',
  'integration/local/queues.long',
  'integration/package/package',
  'integration/ops/commands',
  'simulation/runs/random',
  'month/day',
  'browser/pages',
  'unit/queues/analytics/parquet',
  'integration/analytics/duckdb',
  'integration/ops/verify',
  'unit/engine/worker/vendors',
  'docs/snippets',
  'unit/fuzz/entries',
  'unit/fuzz/commands',
];

const rankOf = ({ path }) => {
  const rank = SLOWEST.findIndex((file) => path.endsWith(`/tests/${file}.test.ts`));
  return rank === -1 ? SLOWEST.length : rank;
};

/** Begins with the slowest files, so that no worker is idle while the last one runs. */
module.exports = class SlowFirst extends Sequencer {
  async sort(tests) {
    return [...(await super.sort(tests))].sort((a, b) => rankOf(a) - rankOf(b));
  }
};
