import type { Template } from './serverless';

/**
 * Removes the shared role from a compiled template. No function uses it, and it may poll every queue. The functions' own
 * roles are copies of it, so this runs after they are made. It also removes every DependsOn a role, which the reference
 * to that role already implies (cfn-lint W3005).
 */
export function dropSharedRole(template: Template, sharedRole: string): void {
  delete template.Resources[sharedRole];
  const isRole = (id: string) => template.Resources[id]?.Type === 'AWS::IAM::Role' || id === sharedRole;
  for (const resource of Object.values(template.Resources)) {
    if (resource.DependsOn === undefined) continue;
    const others = [resource.DependsOn].flat().filter((id) => !isRole(id));
    if (others.length > 0) resource.DependsOn = others;
    else delete resource.DependsOn;
  }
}
