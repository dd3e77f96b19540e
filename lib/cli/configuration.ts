import { environmentSchemas } from '../config/functions';
import type { Instance } from '../instances/instance';
import { linesOf, type Problem } from '../instances/problems';

/** The reasons why an instance cannot be deployed, a line each. Empty: it can be deployed. Asks nothing of AWS. */
export function deploymentProblems(instance: Instance, functions: string[]): string[] {
  if (instance.stage === 'local')
    return ['stage local is the service on this machine (npm start): deploy with --stage staging or prod'];
  return [
    ...linesOf(instance.file, placeholders(instance)),
    ...linesOf(instance.file, plainEndpoints(instance)),
    ...functions
      .filter((key) => !(key in environmentSchemas))
      .map((key) => `functions.${key}: its environment has no schema (lib/config/functions.ts)`),
  ];
}

/** Endpoints without TLS. A vendor's key would travel in the clear. */
const plainEndpoints = ({ settings }: Instance): Problem[] =>
  (['zendesk', 'sendgrid', 'appStoreConnect'] as const)
    .filter((vendor) => /^http:/i.test(settings[vendor]?.endpoint ?? ''))
    .map((vendor) => ({ path: `${vendor}.endpoint`, rule: 'must begin with https://' }));

/** Values of the examples under instances/. None of them can work. */
const EXAMPLE = [
  /^0{12}$/,
  /^0{8}-0000-4000-8000-0{11}[01]$/,
  /^ABCDE12345$/,
  /^team-bucket(-staging)?$/,
  /\bexample\b/,
  /^MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/,
];

const placeholders = ({ settings }: Instance): Problem[] =>
  texts(settings)
    .filter(({ text }) => EXAMPLE.some((pattern) => pattern.test(text)))
    .map(({ path }) => ({ path, rule: 'still holds the value of the example' }));

function texts(value: unknown, path = ''): { path: string; text: string }[] {
  if (typeof value === 'string') return [{ path, text: value }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => texts(child, path === '' ? key : `${path}.${key}`));
}
