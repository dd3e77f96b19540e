import { OperatorError } from '../ops/operator';
import { auditLook } from './audit';
import type { ConsoleDeps } from './deps';
import { BREAKS, type Break, type LocalTools } from './local-tools';
import { maskAddresses } from './mask';
import type { LocalPage } from './views';

/** What the fake vendors took. Addresses are masked until they are asked for, as on any deployment. */
export async function localPage(deps: ConsoleDeps, { unmask }: { unmask: boolean }): Promise<LocalPage> {
  const tools = toolsOf(deps);
  const page = { samples: [...tools.samples], breaks: [...BREAKS], masked: !unmask };
  if (unmask) {
    await auditLook(deps, { action: 'local.reveal', arguments: {} });
    return { ...page, vendors: tools.vendors() };
  }
  const vendors = tools.vendors().map((vendor) => ({
    ...vendor,
    tables: vendor.tables.map((table) => ({ ...table, rows: table.rows.map((row) => row.map(maskAddresses)) })),
  }));
  return { ...page, vendors };
}

/** The local service, or an error that says that there is none. */
export function toolsOf({ local, write }: ConsoleDeps, { acts = false } = {}): LocalTools {
  if (!local) throw new OperatorError('Only the service of npm start has fake vendors.');
  if (acts && !write) throw new OperatorError('This console only reads.');
  return local;
}

/** Whether a text names a way to break a vendor. */
export const isBreak = (how: string): how is Break => (BREAKS as readonly string[]).includes(how);
