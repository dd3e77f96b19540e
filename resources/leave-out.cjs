/** Leaves out what an instance does not have. `condition:` of a function would not reach its role and its events. */
module.exports = class LeaveOut {
  constructor({ service }) {
    this.hooks = {
      // All variables are resolved, and nothing is compiled.
      initialize: () => {
        const { queues, functions, resources } = service.custom.instance.without;
        const isOfQueue = (entry) => queues.some((queue) => textOf(entry).split(/[#/]/).includes(queue));
        service.provider.environment = cleaned(service.provider.environment);
        service.functions = cleaned(others(service.functions, functions), isOfQueue);
        for (const each of Object.values(service.functions))
          each.iamRoleStatements = (each.iamRoleStatements ?? []).filter(({ Resource }) => Resource.length !== 0);
        service.resources.Resources = cleaned(others(service.resources.Resources, resources));
      },
    };
  }
};

const others = (all, ids) => Object.fromEntries(Object.entries(all).filter(([id]) => !ids.includes(id)));
const textOf = (entry) => String(entry?.['Fn::Sub'] ?? entry);

/** Without nulls, and without the entries of lists that `isLeftOut` names. */
function cleaned(value, isLeftOut = () => false) {
  if (Array.isArray(value))
    return value.filter((entry) => entry !== null && !isLeftOut(entry)).map((entry) => cleaned(entry, isLeftOut));
  if (typeof value !== 'object' || value === null) return value;
  const some = Object.entries(value).filter(([, entry]) => entry !== null);
  return Object.fromEntries(some.map(([key, entry]) => [key, cleaned(entry, isLeftOut)]));
}
