import * as z from 'zod';
import { jsonOf, type Reply, reply } from './reply';

/** JSON:API's linkage to a resource of one type. */
const linkage = <T extends string>(type: T) => z.object({ type: z.literal(type), id: z.string().min(1) });

const testerSchema = z.object({
  data: z.object({
    type: z.literal('betaTesters'),
    attributes: z.object({
      email: z.string().regex(/^[^\s@]+@[^\s@]+\.[^\s@]+$/),
      firstName: z.string().min(1).max(255).nullish(),
      lastName: z.string().min(1).max(255).nullish(),
    }),
    relationships: z.object({ betaGroups: z.object({ data: z.array(linkage('betaGroups')) }) }),
  }),
});
const testersSchema = z.object({ data: z.array(linkage('betaTesters')).min(1) });
const invitationSchema = z.object({
  data: z.object({
    type: z.literal('betaTesterInvitations'),
    relationships: z.object({
      app: z.object({ data: linkage('apps') }),
      betaTester: z.object({ data: linkage('betaTesters') }),
    }),
  }),
});
const notificationSchema = z.object({
  data: z.object({
    type: z.literal('buildBetaNotifications'),
    relationships: z.object({ build: z.object({ data: linkage('builds') }) }),
  }),
});

/** The schema of each request body. */
export const BODIES = {
  tester: testerSchema,
  testers: testersSchema,
  invitation: invitationSchema,
  notification: notificationSchema,
};

/** The parsed body, or Apple's refusal. */
export function bodyOf<T>(schema: z.ZodType<T>, text: string): T | Reply {
  const json = jsonOf(text);
  if (json === undefined) return refused(400, 'PARAMETER_ERROR.INVALID', { detail: 'the body is not JSON' });
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const pointer = `/${issue?.path.map(String).join('/') ?? ''}`;
  const kind = pointer.includes('/attributes/') ? 'ATTRIBUTE' : 'RELATIONSHIP';
  return refused(409, `ENTITY_ERROR.${kind}.INVALID`, { pointer, detail: `${text} is not valid` });
}

export const isRefusal = (body: object): body is Reply => 'status' in body;

/** Apple's form of an error. Like Apple's own, the detail may quote the request. */
export const refused = (
  status: number,
  code: string,
  { detail = '', pointer }: { detail?: string; pointer?: string } = {},
): Reply => {
  const source = pointer && { source: { pointer } };
  return reply(status, { errors: [{ id: 'error', status: String(status), code, title: code, detail, ...source }] });
};
