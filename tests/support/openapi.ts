import { readFileSync } from 'node:fs';
import Ajv from 'ajv/dist/2020';

interface Answer {
  headers?: Record<string, unknown>;
  content?: Record<string, { schema: object }>;
  $ref?: string;
}
interface Operation {
  responses: Record<string, Answer>;
  requestBody?: { content: Record<string, { schema: object }> };
}
interface Openapi {
  paths: Record<string, Record<string, Operation>>;
  components: { responses: Record<string, Answer> };
}

const FILE = 'examples/express-api/openapi.json';
export const openapi = JSON.parse(readFileSync(FILE, 'utf8')) as Openapi;

const ajv = new Ajv({ strict: false, validateFormats: false });
ajv.addSchema(openapi, 'openapi');
function fits(schema: object, value: unknown): boolean {
  const absolute = JSON.stringify(schema).replaceAll('"#/components', '"openapi#/components');
  return ajv.validate(JSON.parse(absolute) as object, value);
}

/** Every operation of the document, e.g. `POST /feedback`. */
export const operations = (): string[] =>
  Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );

interface Asked {
  method: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
}

/** Sends a request and holds the answer to the document. A text is the body as it is. */
export async function askByDocument(url: string, asked: Asked) {
  const { method, path, body, headers } = asked;
  const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
  const sent = { 'content-type': 'application/json', ...headers };
  const answer = await fetch(url + path, { method, headers: sent, body: text ?? null });
  const said = await answer.text();
  const json = JSON.parse(said) as Record<string, unknown>;
  const given = { status: answer.status, headers: answer.headers, json };
  expect(disagreement(asked, given)).toBeUndefined();
  return { ...given, said };
}

/**
 * What is wrong with an answer by the document, or `undefined`. Paths and methods that the document does not have must
 * be refused.
 */
function disagreement(
  { method, path: target, body }: Asked,
  answer: { status: number; headers: Headers; json: unknown },
): string | undefined {
  const [path = ''] = target.split('?');
  const template = Object.keys(openapi.paths).find((known) =>
    new RegExp(`^${known.replace(/\{\w+\}/g, '[^/]+')}$`).test(path),
  );
  const operation = template === undefined ? undefined : openapi.paths[template]?.[method.toLowerCase()];
  const what = `${method} ${path} answered ${answer.status}`;
  if (!operation) return [404, 405].includes(answer.status) ? undefined : `${what}, which is not in the document`;
  const named = operation.responses[String(answer.status)];
  const response = named?.$ref ? openapi.components.responses[named.$ref.split('/').at(-1) ?? ''] : named;
  if (!response) return `${what}, which is not in the document`;
  const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
  const content = response.content?.[type];
  if (!content) return `${what} as ${type}`;
  if (!fits(content.schema, answer.json)) return `${what} with a body that breaks the schema`;
  const request = operation.requestBody?.content['application/json'];
  if (request && answer.status === 202 && !fits(request.schema, body))
    return `${what} to a body that breaks the schema`;
  return undefined;
}
