import { realSecret } from '../aws/secrets';
import { realClock } from '../aws/system';
import type { SecretReference } from '../config/values';
import { type HashPeople, personHashes } from '../jobs/person-hash';

/** The hashes of people with the key that the reference names. `config`: how to reach AWS, if not as functions do. */
export const hashPeopleWith = (reference: SecretReference, config?: Parameters<typeof realSecret>[1]): HashPeople =>
  personHashes(realSecret(reference, config), realClock);
