import type { Instance } from '../lib/instances/instance';

/** What every generator needs: the instance, its stage, and where its data goes. */
export interface Context extends Pick<Instance, 'stage' | 'bucket' | 'prefix' | 'hashKey' | 'retain'> {
  service: string;
  /** The instance's name. */
  instance: string;
  /** The client's name for people, if the file has one. */
  brand?: string | undefined;
  /** Who may take the role of the API. Without it there is no such role. */
  api?: string[] | undefined;
  /** ARN of the customer key that encrypts the secrets. */
  secretsKey?: string | undefined;
  /** The AWS organisation of senders in other accounts. */
  organization?: string | undefined;
  /** `own`, the name or ARN of a bus, or nothing: where the ends of jobs are published. */
  eventBus?: string | undefined;
}

export const contextOf = (
  { name, stage, bucket, prefix, hashKey, retain, settings }: Instance,
  service: string,
): Context => ({
  ...{ service, stage, bucket, prefix, hashKey, retain },
  instance: name,
  brand: settings.brand,
  eventBus: settings.events?.bus,
  secretsKey: settings.secretsKey,
  ...settings.access,
});
