import { StoreError } from '../../lib/platform/errors';

/** The fault of one call: none, refused before its effect, or its answer lost after the effect. */
export type Fault = 'none' | 'refused' | 'lost';

/** A port whose calls fail as `faultOf` says. It gets the method's name before each call. */
export function withFaults<T extends object>(port: T, faultOf: (method: keyof T) => Fault): T {
  const wrapped = Object.entries(port).map(([name, method]) => {
    const call = async (...parameters: unknown[]): Promise<unknown> => {
      const fault = faultOf(name as keyof T);
      if (fault === 'refused') throw new StoreError({ code: 'Refused', message: `${name} was refused` });
      const answer: unknown = await method(...parameters);
      if (fault === 'lost') throw new StoreError({ code: 'Lost', message: `the answer of ${name} was lost` });
      return answer;
    };
    return [name, call];
  });
  return Object.fromEntries(wrapped) as T;
}

/** Engine options with which every call of this name, or of this port, fails while `down`. `of`: only calls about it. */
export function outage(call: string, { down = true, of = '' } = {}) {
  const options = {
    down,
    before: (name: string, about: unknown) => {
      const key = typeof about === 'object' && about !== null && 'key' in about ? about.key : about;
      const isHit = (name === call || name.startsWith(`${call}.`)) && String(key).endsWith(of);
      if (options.down && isHit) throw new StoreError({ code: 'Down', message: `${name} is down` });
    },
  };
  return options;
}
