import { keptMinutes } from '../../../lib/alarms/measurements';
import type { AlarmChange } from '../../../lib/alarms/notification';
import { alarmSpecs } from '../../../lib/alarms/specs/specs';
import { PermanentError, WaitError } from '../../../lib/errors';
import type { Incidents } from '../../../lib/jobs/incidents';
import { incidentsKey, tallyKey } from '../../../lib/jobs/keys';
import { createTally } from '../../../lib/jobs/tally';
import { leanMetrics } from '../../../lib/startup/metrics';
import { damagedItem } from '../../support/damage';
import { anEnvelope, INSTANCE, jobId, memoryEngine } from '../../support/engine';
import { queueRow } from '../../support/queue-row';
import { SAMPLE_QUEUE, sampleContract } from '../../support/sample-contract';

const MINUTE = 60_000;

/** A queue with lean monitoring. `effect` decides what the n-th job does. */
function leanQueue(effect: (n: number) => void = () => {}) {
  let done = 0;
  const { contract } = sampleContract(() => effect(++done));
  const engine = memoryEngine(() => contract);
  const { deps, clock } = engine;
  const metrics: { name: string; value: number }[] = [];
  const tally = createTally(deps, { name: 'f', keepMinutes: keptMinutes(5) });
  const log = { add: (name: string, value: number) => void metrics.push({ name, value }), flush: async () => {} };
  deps.metrics = leanMetrics({ log, tally });
  const published: AlarmChange[] = [];
  const rows = [{ ...queueRow('feedback'), name: SAMPLE_QUEUE }];
  const { judged } = alarmSpecs({ instance: INSTANCE, rows, functions: [], canaryMinutes: 5 }, 'lean');
  const publish = async (_topic: string, { text }: { text: string }) => void published.push(JSON.parse(text));
  const monitor = {
    ...{ instance: INSTANCE, account: '123456789012', region: 'us-east-1', topic: 't', runbook: '', judged },
    ...{ functions: ['f'], topics: { publish }, dlqAlarm: () => undefined },
  };
  deps.monitor = monitor;
  let sent = 0;
  return {
    engine,
    monitor,
    publish,
    metrics,
    told: () =>
      published.map(
        ({ AlarmName, NewStateValue }) => `${NewStateValue} ${AlarmName.slice(`${INSTANCE}-${SAMPLE_QUEUE}-`.length)}`,
      ),
    incidents: () => engine.table.item(incidentsKey) as Incidents | undefined,
    /** Some minutes with so many jobs each. `works`: whether the worker runs. */
    async minutes(count: number, { jobs = 0, works = true }: { jobs?: number; works?: boolean } = {}): Promise<void> {
      for (let minute = 0; minute < count; minute++) {
        for (let job = 0; job < jobs; job++) {
          const time = new Date(clock.now()).toISOString();
          engine.send(JSON.stringify(anEnvelope({ id: jobId(++sent), time })), { group: `g${sent}` });
        }
        while (works && engine.inQueue() > 0) {
          const event = engine.receive();
          if (event.Records.length === 0) break;
          await engine.handle(event);
        }
        await engine.reconcile({ canaryMs: 4.5 * MINUTE });
        clock.advance(MINUTE);
      }
    },
  };
}

test('an idle queue and a busy one, whose canaries and jobs are done, fire no alarm', async () => {
  const { minutes, told } = leanQueue();

  await minutes(60);
  await minutes(60, { jobs: 10 });
  await minutes(60);

  expect(told()).toEqual([]);
});

test('a dead job fires the DLQ alarm in the minute in which it died, and no other', async () => {
  const { minutes, told } = leanQueue((n) => {
    if (n === 5) throw new PermanentError({ code: 'Rejected', message: 'no', vendor: 'zendesk', status: 422 });
  });

  await minutes(1, { jobs: 10 });
  const after = told();
  await minutes(10, { jobs: 5 });

  expect(after).toEqual(['ALARM dlq-depth']);
  expect(told()).toEqual(['ALARM dlq-depth']);
});

test('one dead job of fifty fires the error rate alarm', async () => {
  const { minutes, told } = leanQueue((n) => {
    if (n % 50 === 0) throw new PermanentError({ code: 'Rejected', message: 'no', vendor: 'zendesk', status: 422 });
  });

  await minutes(15, { jobs: 20 });

  expect(told()).toContain('ALARM error-rate');
});

test('a queue whose worker stops fires `canary`, then `stalled`, and both clear when it works again', async () => {
  const { minutes, told } = leanQueue();
  await minutes(20, { jobs: 1 });

  await minutes(45, { jobs: 1, works: false });
  const meanwhile = told();
  await minutes(30, { jobs: 1 });

  expect(meanwhile).toEqual(expect.arrayContaining(['ALARM canary', 'ALARM stalled']));
  expect(told().filter((each) => each.startsWith('OK')).length).toBe(meanwhile.length);
});

test('a job that is held for long fires an alarm, and the table names the job, the reason and the code', async () => {
  const { minutes, told, incidents } = leanQueue(() => {
    throw new WaitError({ code: 'Throttled', message: '429', vendor: 'zendesk', status: 429, waitMs: 30 * MINUTE });
  });

  await minutes(1, { jobs: 1 });
  await minutes(70);

  expect(told()).toEqual(['ALARM held']);
  expect(incidents()?.behind[`${INSTANCE}-${SAMPLE_QUEUE}-held`]).toMatchObject({
    ...{ jobId: jobId(1), reason: 'throttled', code: 'Throttled' },
  });
});

test('what is behind an alarm is in the table before its message leaves, for the function that writes it to the chat', async () => {
  const { engine, minutes, monitor, publish, incidents } = leanQueue(() => {
    throw new Error('fails');
  });
  const behind: unknown[] = [];
  monitor.topics.publish = async (topic, message) => {
    await publish(topic, message);
    behind.push(incidents()?.behind[`${INSTANCE}-${SAMPLE_QUEUE}-expired`]);
  };
  await minutes(1, { jobs: 1 });

  engine.clock.advance(15 * 24 * 60 * MINUTE);
  await minutes(1, { works: false });

  expect(behind).toContainEqual({ jobId: jobId(1), reason: 'expired', at: engine.clock.now() - MINUTE });
});

test('a change that SNS does not take is counted as untold, and told by the next run', async () => {
  const { minutes, told, monitor, publish, metrics } = leanQueue(() => {
    throw new PermanentError({ code: 'Rejected', message: 'no', vendor: 'zendesk', status: 422 });
  });
  monitor.topics.publish = () => Promise.reject(new Error('down'));

  await minutes(2, { jobs: 1 });
  const untold = metrics.filter(({ name }) => name === 'IncidentsUntold').map(({ value }) => value);
  monitor.topics.publish = publish;
  await minutes(1);

  expect(untold).toEqual([1, 1]);
  expect(told()).toEqual(['ALARM dlq-depth']);
});

test('alarms are evaluated although the tally and the state of the alarms are damaged', async () => {
  const { engine, minutes, told } = leanQueue(() => {
    throw new PermanentError({ code: 'Rejected', message: 'no', vendor: 'zendesk', status: 422 });
  });
  await minutes(1);
  const damage = {
    series: { 'A{}': null },
    ringing: 'x',
    gauges: null,
    stuckSince: { x: 'x' },
    behind: { x: 1 },
    minute: 'x',
  };
  for (const key of [tallyKey('f'), incidentsKey])
    await damagedItem(engine.table, key, (item) => ({ ...item, ...damage }));

  await minutes(1, { jobs: 1 });

  expect(told()).toEqual(['ALARM dlq-depth']);
});
