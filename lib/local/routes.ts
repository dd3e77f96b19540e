import type { Express } from 'express';

/** What this reads of an Express application. Its types leave out the routers inside. */
interface Layer {
  route?: { path: string; stack: { method?: string }[] };
  handle?: { stack?: Layer[] };
}

/** The paths of an API by method, such as `POST` → `/feedback`, in the order in which they were declared. */
export function routesOf({ router }: Pick<Express, 'router'>): Map<string, string[]> {
  const paths = new Map<string, Set<string>>();
  for (const { path, method } of routesIn((router as unknown as { stack: Layer[] }).stack))
    paths.set(method, (paths.get(method) ?? new Set()).add(path.replace(/[:*](\w+)/g, '{$1}')));
  return new Map([...paths].map(([method, all]) => [method, [...all]]));
}

function routesIn(stack: Layer[]): { path: string; method: string }[] {
  return stack.flatMap(({ route, handle }) =>
    route
      ? // `all` answers that a method is not allowed.
        route.stack.flatMap(({ method }) => (method ? [{ path: route.path, method: method.toUpperCase() }] : []))
      : routesIn(handle?.stack ?? []),
  );
}
