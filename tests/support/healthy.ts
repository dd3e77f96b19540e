import { canaryAlarm, queueAlarms } from '../../lib/alarms/specs/queue';
import { alarmDefinitions } from '../../lib/local/alarms/definitions';
import { takeDeleted, takeQueue } from '../../lib/local/alarms/sources';
import { resolver } from '../../lib/local/template/intrinsics';
import { alarm } from '../../resources/alarm';
import type { Context } from '../../resources/context';
import { TOPIC_ID } from '../../resources/logical-id';
import type { memoryEngine } from './engine';
import { ACCOUNT, REGION, watchedAlarms } from './local-alarms';
import { queueRow } from './queue-row';

const INSTANCE = 'my';
const MINUTE = 60_000;
/** The production value. */
const CANARY_MINUTES = 5;

/** The compiled alarms of one queue, with production's limits. */
function queueAlarmDefinitions(queue: string) {
  const row = queueRow(queue, { retention: 1_209_600 });
  const context: Context = {
    ...{ service: 'background-jobs', stage: 'prod', instance: INSTANCE, bucket: 'team-bucket' },
    ...{ prefix: 'jobs', retain: true, tags: {} },
  };
  const resources = Object.assign(
    { [TOPIC_ID]: { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'alarms' } } },
    ...[
      ...queueAlarms(row, { instance: INSTANCE, canaries: true }),
      canaryAlarm(row, { instance: INSTANCE, minutes: CANARY_MINUTES }),
    ].map((spec) => alarm(spec, { ...context, runbook: '' })),
  );
  const at = { resources, region: REGION, account: ACCOUNT, stack: 'my', sqsUrl: 'http://127.0.0.1:1' };
  return alarmDefinitions(resources, resolver(at));
}

/** Measures an in-memory engine and evaluates its alarms as CloudWatch would, on the engine's clock. */
export function watchedEngine(engine: ReturnType<typeof memoryEngine>, queue: string) {
  const { clock, deps, model } = engine;
  const watched = watchedAlarms(queueAlarmDefinitions(queue), clock.now());
  const { store } = watched;
  const canaries: boolean[] = [];
  deps.metrics = {
    add: (name, value, _unit, dimensions) => {
      store.put({ namespace: INSTANCE, name, dimensions }, value, clock.now());
      if (name === 'Canary') canaries.push(value === 1);
    },
    flush: async () => {},
  };
  const main = `${INSTANCE}-${queue}.fifo`;

  /** Ends each minute that has passed on the clock. */
  function look(): void {
    while (clock.now() >= watched.now() + MINUTE) {
      const now = watched.now() + MINUTE - 1;
      for (const name of [main, `${INSTANCE}-${queue}-dlq.fifo`]) takeQueue(store, model, { queue: name, now });
      watched.minute();
    }
  }

  return {
    /** For each canary, whether it ran in time. */
    canaries: () => canaries,
    rang: () => watched.rang().map((name) => name.slice(`${INSTANCE}-${queue}-`.length)),
    /** Delivers all receivable messages. */
    async work(): Promise<void> {
      for (let event = engine.receive(1); event.Records.length > 0; event = engine.receive(1)) {
        const { batchItemFailures } = await engine.handle(event);
        const count = event.Records.length - batchItemFailures.length;
        takeDeleted(store, { queue: main, count, now: clock.now() });
        look();
      }
    },
    async reconcile(): Promise<void> {
      await engine.reconcile({ canaryMs: (CANARY_MINUTES - 0.5) * MINUTE });
      look();
    },
    /** Lets time pass. */
    pass(ms: number): void {
      clock.advance(ms);
      look();
    },
  };
}
