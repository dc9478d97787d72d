import assert from 'node:assert/strict';
import { type Judgement, judgeImport } from '../../../lib/model/pickle/imports.ts';

const IMPORTS: Readonly<Record<Judgement, readonly (readonly [module: string, name: string])[]>> = {
  expected: [
    ['collections', 'OrderedDict'],
    ['copy_reg', '_reconstructor'],
    ['__builtin__', 'set'],
    ['numpy.core.multiarray', '_reconstruct'],
    ['numpy._core.multiarray', 'scalar'],
    ['sklearn.linear_model._logistic', 'LogisticRegression'],
    ['sklearn.ensemble._forest', 'RandomForestClassifier'],
    ['scipy.sparse._csr', 'csr_matrix'],
    ['torch._utils', '_rebuild_tensor_v2'],
    ['torch.nn.modules.linear', 'Linear'],
    ['xgboost.sklearn', 'XGBClassifier'],
  ],
  dangerous: [
    ['os', 'system'],
    ['posix', 'system'],
    ['nt', 'system'],
    ['builtins', 'eval'],
    ['__builtin__', 'getattr'],
    ['subprocess', 'Popen'],
    ['importlib', 'import_module'],
    ['operator', 'attrgetter'],
    ['pickle', 'loads'],
    ['_pickle', 'loads'],
    ['marshal', 'loads'],
    ['pkgutil', 'resolve_name'],
    ['functools', 'partial'],
    ['numpy', '__builtins__'],
    ['numpy', 'core._internal.sys.modules'],
    ['numpy.testing._private.utils', 'runstring'],
    ['torch.serialization', 'load'],
    ['torch.storage', '_load_from_bytes'],
    ['joblib', 'load'],
    ['sklearn.utils._testing', 'TempMemmap'],
    ['asyncio.unix_events', '_UnixSubprocessTransport'],
  ],
  unknown: [
    ['mylib', 'Model'],
    ['__main__', 'Net'],
    ['numpy', 'ndarray.a'],
    ['sklearn.linear_model._logistic', 'some_function'],
    ['sklearn_evil', 'LogisticRegression'],
    ['torch', 'ops'],
  ],
};

describe('an import of a pickle', () => {
  for (const [judgement, imports] of Object.entries(IMPORTS)) {
    it(`is ${judgement}`, () => {
      for (const [module, name] of imports) assert.equal(judgeImport(module, name, []), judgement, `${module}.${name}`);
    });
  }

  it('is expected when somebody says so, exactly', () => {
    assert.equal(judgeImport('mylib.nets', 'Net', ['mylib.*']), 'expected');
    assert.equal(judgeImport('mylibrary', 'Net', ['mylib.*']), 'unknown');
    assert.equal(judgeImport('mylib', 'Net.__init__', ['mylib.*']), 'unknown');
    assert.equal(judgeImport('os', 'system', ['mylib.*']), 'dangerous');
  });
});
