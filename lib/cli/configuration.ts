import type { z } from 'zod';
import {
  alarmsEnv,
  analyticsEnv,
  ConfigError,
  compactionEnv,
  emailEventsEnv,
  emailsEnv,
  feedbackEnv,
  parseEnv,
  reconcilerEnv,
  testflightEnv,
} from '../config';
import type { Environment, Serverless } from './serverless';

/** The schema of each function's environment. A function that is missing here cannot be deployed. */
export const environmentSchemas: Record<string, z.ZodType> = {
  feedback: feedbackEnv,
  emails: emailsEnv,
  emailEvents: emailEventsEnv,
  testflight: testflightEnv,
  analytics: analyticsEnv,
  compaction: compactionEnv,
  reconciler: reconcilerEnv,
  alarms: alarmsEnv,
};

const SECRETS = ['ZENDESK_TOKEN', 'SENDGRID_API_KEY', 'APP_STORE_CONNECT_PRIVATE_KEY', 'DISCORD_WEBHOOK_URL'];
const REFERENCE = /^(ssm:\/[A-Za-z0-9_./-]+|secretsmanager:[A-Za-z0-9/_+=.@-]+)$/;

type Service = Pick<Serverless['service'], 'functions'> & { provider: { environment?: Environment } };

/** The reasons why this stage cannot be deployed, a line per variable or function. Empty: it can be deployed. */
export function deploymentProblems(stage: string, service: Service): string[] {
  if (stage === 'local')
    return ['stage local is the service on this machine (npm start): deploy with --stage staging or prod'];
  const problems = environments(service).flatMap(([name, environment]) => {
    const schema = environmentSchemas[name];
    return schema
      ? environmentProblems(schema, environment)
      : [`functions.${name}: its environment has no schema (lib/cli/configuration.ts)`];
  });
  return [...new Set([...problems, ...plainSecrets(stage, service)])];
}

/** Secrets that are not references. They would appear in the template. */
export function plainSecrets(stage: string, service: Service): string[] {
  if (stage === 'local') return [];
  const given = environments(service).flatMap(([, environment]) =>
    SECRETS.filter((name) => environment[name] && !REFERENCE.test(environment[name])),
  );
  return [...new Set(given)].map(
    (name) => `${name}: must be a reference in stage ${stage}, ssm:/path or secretsmanager:name, not the secret itself`,
  );
}

const environments = ({ functions, provider }: Service): [string, Environment][] =>
  Object.entries(functions).map(([name, block]) => [name, { ...provider.environment, ...block.environment }]);

function environmentProblems(schema: z.ZodType, environment: Environment): string[] {
  try {
    parseEnv(schema, environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.message.replace(/^configuration: /, '').split('; ');
    throw error;
  }
}
