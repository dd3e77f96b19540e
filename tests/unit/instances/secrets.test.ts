import { functionsOf } from '../../../resources/instances/instance';
import { readInstance } from '../../../resources/instances/read';
import { secretsOf } from '../../../resources/instances/rules';
import { changeInstance, instanceFolder, problemsOf } from '../../support/instances';

const instance = readInstance('mht-api');

test.each(secretsOf(instance, functionsOf(instance)).map(({ path }) => path))(
  'the plain secret %s is refused',
  (path) => {
    const { root, remove } = instanceFolder();
    changeInstance(root, 'mht-api', { [path]: 'planted-secret' });

    expect(problemsOf(() => readInstance('mht-api', root))).toEqual([
      `instances/mht-api.yml: ${path}: must be a reference, ssm:/path or secretsmanager:name, not the secret itself`,
    ]);
    remove();
  },
);
