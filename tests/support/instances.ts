import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import type { Instance } from '../../resources/instances/instance';
import { InstanceProblems } from '../../resources/instances/problems';
import { valuesOf } from '../../resources/values';

/** The text of an instance's file with other settings. `undefined` removes one. */
export function changedFile(name: string, changes: Record<string, unknown>, root = '.'): string {
  const document = parseDocument(readFileSync(join(root, 'instances', `${name}.yml`), 'utf8'));
  for (const [path, value] of Object.entries(changes)) {
    if (value === undefined) document.deleteIn(path.split('.'));
    else document.setIn(path.split('.'), value);
  }
  return document.toString();
}

/** Sets settings of an instance's file in a copy of the project. */
export const changeInstance = (root: string, name: string, changes: Record<string, unknown>): void =>
  writeFileSync(join(root, 'instances', `${name}.yml`), changedFile(name, changes, root));

/** A folder with a copy of the instances' files, to change them. */
export function instanceFolder(): { root: string; remove: () => void } {
  const root = mkdtempSync(join(tmpdir(), 'instances-'));
  cpSync('instances', join(root, 'instances'), { recursive: true });
  return { root, remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** What every function of an instance reads, as commands get it from Serverless. */
export function environmentOf(instance: Instance): Record<string, string> {
  const { name, bucket, prefix } = instance;
  const { queueSettings, eventBus, keyName, sendingLimits } = valuesOf(instance);
  const optional = Object.entries({ EVENT_BUS: eventBus, KMS_KEY: keyName, SENDING_LIMITS: sendingLimits });
  return {
    ...{ INSTANCE: name, BUCKET: bucket, PREFIX: prefix, TABLE: `${name}-jobs`, QUEUES: queueSettings },
    ...Object.fromEntries(optional.flatMap(([variable, value]) => (value === null ? [] : [[variable, value]]))),
  };
}

/** Values with which the files of the project's instances can be deployed. None of them is real. */
export const FILLED_IN = {
  account: '123456789012',
  hashKey: 'ssm:/mht/hash-key',
  'sender.email': 'support@mht.test',
  'sender.domains': ['mht.test'],
  'zendesk.endpoint': 'https://mht.zendesk.com/api/v2',
  'zendesk.email': 'agent@mht.test',
  'zendesk.token': 'ssm:/mht/zendesk-token',
  'sendgrid.apiKey': 'secretsmanager:mht/sendgrid',
  'sendgrid.suppressionKey': 'ssm:/mht/suppression-key',
  'sendgrid.eventsKey': `${'A'.repeat(91)}=`,
  'notify.discord': 'ssm:/mht/discord-webhook-url',
};

export const WITH_APPLE = {
  ...FILLED_IN,
  'appStoreConnect.issuerId': '6d5a3bb8-8ab1-4d54-8c61-0c2d0b4c7f11',
  'appStoreConnect.keyId': 'MHTKEY0001',
  'appStoreConnect.privateKey': 'ssm:/mht/app-store-connect-key',
};

export function problemsOf(read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof InstanceProblems) return error.lines;
    throw error;
  }
  return [];
}

/** The parameters and secrets that these values name. */
export const NAMED_SECRETS = {
  parameters: ['hash-key', 'zendesk-token', 'suppression-key', 'discord-webhook-url', 'app-store-connect-key'].map(
    (name) => `/mht/${name}`,
  ),
  secrets: ['mht/sendgrid'],
};
