const { Script } = require('node:vm');
const { default: Runtime } = require('jest-runtime');

/** What this worker has compiled, by file. */
const compiled = new Map();

function scriptOf(source, file, parameters) {
  const known = compiled.get(file);
  if (known?.source === source) return known.script;
  const head = `(function (${parameters}) {`;
  const script = new Script(`${head}${source}\n})`, { filename: file, columnOffset: -head.length });
  compiled.set(file, { source, script });
  return script;
}

/**
 * Compiles a module once in a worker. Jest compiles it again for each test file, which took a tenth of the time of the small
 * files. Each test file still runs the module anew, in its own context.
 */
module.exports = class CompilesOnce extends Runtime {
  constructor(...given) {
    super(...given);
    const { executor, _environment: environment } = this;
    const compile = executor.compile.bind(executor);
    executor.compile = (source, file) => {
      const context = environment.getVmContext();
      // A module that imports dynamically belongs to the test file whose loader it asks.
      if (!context || /\bimport\s*\(/.test(source)) return compile(source, file);
      return scriptOf(source, file, executor.injectedModuleParameters).runInContext(context);
    };
  }
};
