import { fromEnv } from '@aws-sdk/credential-provider-env';

/**
 * Replaces `@aws-sdk/credential-provider-node` by an alias in the bundles. Lambda gives a function's credentials in the
 * environment, so the sources for other machines (SSO, profiles, containers) only make the bundles larger.
 */
export const defaultProvider = fromEnv;
