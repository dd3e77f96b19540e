import { fromEnv } from '@aws-sdk/credential-provider-env';

/** Replaces `@aws-sdk/credential-provider-node` in the bundles: Lambda gives credentials in the environment. */
export const defaultProvider = fromEnv;
