import { createMetricStore, type MetricStore } from '../../alarms/judge/metric-store';
import type { Invocation } from '../lambda/environment';
import type { Declared } from '../template/declared';
import type { OnEvent } from '../triggers';
import { takeDeleted, takeInvocation } from './sources';

/** Measures the service as AWS would, into a store that the alarms read. */
export function measure({ functions, mappings }: Declared): {
  store: MetricStore;
  invocation: (invocation: Invocation) => void;
  event: OnEvent;
} {
  const store = createMetricStore();
  const names = new Map(functions.map(({ key, name }) => [key, name]));
  const functionOf = new Map(mappings.map(({ queue, functionKey }) => [queue, names.get(functionKey) ?? functionKey]));
  return {
    store,
    invocation: (invocation) => {
      const functionName = names.get(invocation.function) ?? invocation.function;
      takeInvocation(store, invocation, { functionName, now: Date.now() });
    },
    event: (event, queue) => {
      const now = Date.now();
      if (event.kind === 'ended') takeDeleted(store, { queue, count: event.deleted.length, now });
      if (event.kind !== 'throttled') return;
      const dimensions = { FunctionName: functionOf.get(queue) ?? queue };
      store.put({ namespace: 'AWS/Lambda', name: 'Throttles', dimensions }, 1, now);
    },
  };
}
