import * as z from 'zod';
import type { FakeRequest, Reply } from './exchange';
import { type Failure, failureSchema } from './failures';

export interface Controls {
  fail(failure: Failure): void;
  recover(): Promise<void>;
  state(): Record<string, unknown>;
}

/** Controls a fake from another process: `POST` and `DELETE /_control/failures`, `GET /_control/state`. */
export async function command({ method, path, body }: FakeRequest, controls: Controls): Promise<Reply> {
  switch (`${method} ${path}`) {
    case 'GET /_control/state':
      return { status: 200, headers: {}, json: controls.state() };
    case 'DELETE /_control/failures':
      await controls.recover();
      return { status: 204, headers: {} };
    case 'POST /_control/failures': {
      const parsed = ordersSchema.safeParse(body);
      if (!parsed.success) return { status: 400, headers: {}, json: { error: z.prettifyError(parsed.error) } };
      for (const failure of parsed.data) controls.fail(failure);
      return { status: 204, headers: {} };
    }
    default:
      return { status: 404, headers: {} };
  }
}

/** One failure or a list of failures, as JSON. */
const ordersSchema = z
  .string()
  .transform((text, context) => {
    try {
      const json: unknown = JSON.parse(text);
      return Array.isArray(json) ? json : [json];
    } catch {
      context.addIssue({ code: 'custom', message: 'must be JSON' });
      return z.NEVER;
    }
  })
  .pipe(z.array(failureSchema));
