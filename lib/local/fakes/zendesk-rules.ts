import * as z from 'zod';
import { jsonOf, type Reply, reply } from './reply';

const ticketSchema = z.object({
  external_id: z.string().optional(),
  subject: z.string().max(150, 'is too long (maximum is 150 characters)').optional(),
  comment: z.object({
    body: z.string().trim().min(1, 'cannot be blank').max(65_536, 'is too long (maximum is 65536 characters)'),
    uploads: z.array(z.string()).optional(),
  }),
  requester: z.object({ name: z.string().trim().min(1, 'is too short (minimum is 1 character)'), email: z.string() }),
  tags: z.array(z.string()).optional(),
  priority: z.enum(['urgent', 'high', 'normal', 'low']).optional(),
  type: z.enum(['problem', 'incident', 'question', 'task']).optional(),
  custom_fields: z.array(z.object({ id: z.number(), value: z.unknown() })).optional(),
});
export type TicketInput = z.infer<typeof ticketSchema>;

/** The parsed ticket, or Zendesk's refusal. */
export function parseTicket(body: string): TicketInput | Reply {
  const json = jsonOf(body);
  if (json === undefined) return reply(400, { error: { title: 'Invalid JSON', message: 'Unparseable JSON' } });
  const parsed = z.object({ ticket: ticketSchema }).safeParse(json);
  if (parsed.success) return parsed.data.ticket;
  const [issue] = parsed.error.issues;
  const [, field = 'base'] = issue?.path ?? [];
  return invalid(String(field), `${String(field)}: ${issue?.message ?? 'is invalid'}`);
}

/** Zendesk's 422. It quotes the request, addresses included. */
export const invalid = (field: string, description: string): Reply =>
  reply(422, {
    error: 'RecordInvalid',
    description: 'Record validation errors',
    details: { [field]: [{ description, error: 'InvalidValue' }] },
  });
