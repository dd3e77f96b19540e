import type { Instance } from '../lib/instances/instance';

/** What every generator needs: the instance, its stage, and where its data goes. */
export interface Context extends Pick<Instance, 'stage' | 'bucket' | 'prefix' | 'retain' | 'tags'> {
  service: string;
  /** The instance's name. */
  instance: string;
}

export const contextOf = ({ name, stage, bucket, prefix, retain, tags }: Instance, service: string): Context => ({
  ...{ service, stage, bucket, prefix, retain, tags },
  instance: name,
});
