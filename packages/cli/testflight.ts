import { InvalidJobError } from '../../lib/engine/submit/errors';
import { submit } from '../../lib/engine/submit/submit';
import { OperatorError } from '../../lib/operate/ops/operator';
import { kinds } from '../../lib/queues/kinds';
import { type Command, required } from './command';

/** The principal of these idempotency keys. It differs from those of all API clients. */
const PRINCIPAL = 'sls testflight invite';

export const testflight = {
  'testflight invite': {
    usage: 'Invite testers to an app. Safe to repeat',
    writes: true,
    options: {
      app: { usage: "Apple's id of the app (digits)", type: 'string', required: true },
      group: { usage: "Apple's ids of the testers' groups, separated by commas", type: 'string', required: true },
      email: { usage: 'Addresses of the testers, separated by commas', type: 'string', required: true },
    },
    run: async ({ options, out, connect, audited }) => {
      const groups = required(options, 'group').split(',').toSorted();
      const to = { app: required(options, 'app'), groups };
      const deps = { ...(await connect()), source: '/sls/testflight-invite' };
      const hashes = await deps.hashPeople();
      await audited();
      for (const [at, email] of required(options, 'email').toLowerCase().split(',').entries()) {
        const [key] = hashes(JSON.stringify([to.app, groups, email]));
        const job = await kinds
          .invite({ ...to, email }, { key, principal: PRINCIPAL }, deps)
          .catch((error: unknown) => {
            throw error instanceof InvalidJobError ? new OperatorError(`Tester ${at + 1}: ${error.message}.`) : error;
          });
        const { id, duplicate } = await submit(deps, job);
        out.line(`${id}: ${duplicate ? 'was queued before' : 'queued'}`);
      }
    },
  },
} satisfies Record<string, Command>;
