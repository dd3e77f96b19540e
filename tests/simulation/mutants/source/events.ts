import { aPlan } from '../../draw/plan';
import type { SourceMutant } from '../source-mutant';

const { jobs } = aPlan();

export const EVENT_MUTANTS: Record<string, SourceMutant> = {
  'end-marked-without-its-event': {
    changes: [
      {
        file: 'lib/worker/close.ts',
        find: 'await deps.events?.publish(completionOf(row));',
        replace: 'await deps.events?.publish(completionOf(row)).catch(() => {});',
      },
    ],
    breaks: /^nothing lost: the end .* is not published/,
    by: { plan: { jobs, events: true, calls: [{ kind: 'events.publish', nth: 1, fault: 'refused' }] } },
  },
};
