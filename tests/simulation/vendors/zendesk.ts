import { translate } from '../../../lib/platform/http';
import { type Zendesk, zendesk } from '../../../lib/queues/feedback/zendesk';
import type { Reply } from '../../../packages/local/fakes/server';
import type { Process } from '../world/calls';
import { notOk } from '../world/course';
import type { World } from '../world/types';
import { FORBIDDEN_SUBJECT, isOk } from './vendors';

interface Asked {
  method: string;
  timeoutMs: number;
  repeatable?: boolean;
}

/** Zendesk for one process: the model's answers pass through the real translation. */
export function zendeskOf(world: World, process: Process): Zendesk {
  const { call, watch, vendors } = world;
  const now = () => world.kernel.now() + process.skew;
  const ask = <T>({ method, timeoutMs, repeatable = true }: Asked, reply: () => Reply): Promise<T> => {
    const answered = () => {
      const answer = reply();
      if (!isOk(answer)) throw notOk(answer, answer.json);
      return answer.json as T;
    };
    return call({ process, target: 'zendesk', method, timeoutMs, effect: answered }).catch((error: unknown) => {
      throw translate(error, { dialect: zendesk, effect: repeatable ? 'repeatable' : 'once', now: now() });
    });
  };

  return {
    createTicket: async (ticket, { idempotencyKey, timeoutMs }) => {
      const asked = { method: 'createTicket', timeoutMs, repeatable: false };
      const { ticket: made } = await ask<{ ticket: { id: number } }>(asked, () => {
        if (ticket.subject.includes(FORBIDDEN_SUBJECT))
          return { status: 403, headers: {}, json: { error: 'Forbidden' } };
        const before = vendors.zendesk.tickets.length;
        const answer = vendors.zendesk.createTicket(JSON.stringify({ ticket }), idempotencyKey);
        if (vendors.zendesk.tickets.length > before) watch.effect('ticket', ticket.external_id, true);
        return answer;
      });
      return { id: String(made.id) };
    },
    findTicket: async (externalId, { timeoutMs }) => {
      const listed = () => vendors.zendesk.listTickets(externalId);
      const { tickets } = await ask<{ tickets: { id: number }[] }>({ method: 'findTicket', timeoutMs }, listed);
      return tickets[0] && { id: String(tickets[0].id) };
    },
    probe: ({ timeoutMs }) => ask({ method: 'probe', timeoutMs }, () => ({ status: 200, headers: {} })),
    upload: async ({ name }, { timeoutMs }) => {
      const uploaded = () => vendors.zendesk.upload(name);
      const { upload } = await ask<{ upload: { token: string } }>({ method: 'upload', timeoutMs }, uploaded);
      return { token: upload.token };
    },
  };
}
