import { translate } from '../../../lib/vendors/http';
import { ticketBody, type Zendesk, zendesk } from '../../../lib/vendors/zendesk';
import type { Reply } from '../../../packages/local/fakes/server';
import type { Process } from '../world/calls';
import { notOk } from '../world/course';
import type { World } from '../world/types';
import { FORBIDDEN_SUBJECT, isOk } from './vendors';

/** Zendesk for one process: the model's answers pass through the real translation. */
export function zendeskOf(world: World, process: Process): Zendesk {
  const { call, watch, vendors } = world;
  const now = () => world.kernel.now() + process.skew;
  const ask = <T>(
    method: string,
    { timeoutMs, effect, reply }: { timeoutMs: number; effect: 'once' | 'repeatable'; reply: () => Reply },
  ): Promise<T> =>
    call({
      process,
      target: 'zendesk',
      method,
      timeoutMs,
      effect: () => {
        const answer = reply();
        if (!isOk(answer)) throw notOk(answer);
        return answer.json as T;
      },
    }).catch((error: unknown) => Promise.reject(translate(error, { dialect: zendesk, effect, now: now() })));

  return {
    createTicket: async (ticket, { idempotencyKey, timeoutMs }) => {
      const body = ticketBody(ticket);
      const { ticket: made } = await ask<{ ticket: { id: number } }>('createTicket', {
        timeoutMs,
        effect: 'once',
        reply: () => {
          if (ticket.subject.includes(FORBIDDEN_SUBJECT)) return { status: 403, headers: {} };
          const before = vendors.zendesk.tickets.length;
          const answer = vendors.zendesk.createTicket(body, idempotencyKey);
          if (vendors.zendesk.tickets.length > before) watch.effect('ticket', ticket.external_id, true);
          return answer;
        },
      });
      return { id: String(made.id) };
    },
    findTicket: async (externalId, { timeoutMs }) => {
      const { tickets } = await ask<{ tickets: { id: number }[] }>('findTicket', {
        timeoutMs,
        effect: 'repeatable',
        reply: () => vendors.zendesk.listTickets(externalId),
      });
      return tickets[0] && { id: String(tickets[0].id) };
    },
    upload: async ({ name }, { timeoutMs }) => {
      const { upload } = await ask<{ upload: { token: string } }>('upload', {
        timeoutMs,
        effect: 'repeatable',
        reply: () => vendors.zendesk.upload(name),
      });
      return { token: upload.token };
    },
  };
}
