import { StoreError } from '../../lib/errors';

/** What happens to one call: nothing, refused before it takes effect, or its answer lost after that. */
export type Fault = 'none' | 'refused' | 'lost';

type Port<T> = { [K in keyof T]: T[K] };
type Method = (...parameters: unknown[]) => Promise<unknown>;

/** A port whose calls fail as `faultOf` says, asked before each call with the method's name. */
export function withFaults<T extends object>(port: T, faultOf: (method: keyof T) => Fault): Port<T> {
  const wrapped = Object.entries(port).map(([name, method]) => {
    const call: Method = async (...parameters) => {
      const fault = faultOf(name as keyof T);
      if (fault === 'refused') throw new StoreError({ code: 'Refused', message: `${name} was refused` });
      const answer = await (method as Method)(...parameters);
      if (fault === 'lost') throw new StoreError({ code: 'Lost', message: `the answer of ${name} was lost` });
      return answer;
    };
    return [name, call] as const;
  });
  return Object.fromEntries(wrapped) as T;
}
