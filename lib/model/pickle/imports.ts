// What pickles of models may import, and what none may. The allow-list decides: what is on neither list is suspicious,
// because lists of what is dangerous are never complete.

/** What is to be said of an import. */
export type Judgement = 'expected' | 'dangerous' | 'unknown';

/** Modules of which nothing belongs into a model, with all below them: they run programs, code or other pickles, or reach files and network. */
const DANGEROUS_MODULES = new Set(
  `os posix nt subprocess sys shutil socket _socket ssl http httplib urllib urllib2 urllib3 ftplib smtplib telnetlib requests aiohttp httpx
  asyncio ctypes _ctypes cffi importlib imp runpy pkgutil zipimport code codeop pdb bdb cProfile profile timeit trace doctest pydoc pty
  webbrowser commands popen2 multiprocessing concurrent threading _thread thread signal pickle _pickle cPickle pickletools marshal shelve
  dill cloudpickle jsonpickle operator _operator types inspect gc tempfile platform pip setuptools distutils pkg_resources venv ensurepip
  idlelib lib2to3 sqlite3 logging unittest builtins.__dict__ atexit faulthandler linecache site sysconfig test turtledemo tkinter ipykernel
  IPython nturl2path antigravity py_compile compileall zipapp zipfile tarfile paramiko fabric invoke sh plumbum pexpect
  numpy.f2py numpy.testing numpy.ctypeslib numpy.distutils numpy.core._internal torch.hub torch.jit torch._dynamo torch._inductor
  torch.fx torch.package torch.multiprocessing torch.distributed torch.utils.cpp_extension torch.utils.collect_env torch.utils.bottleneck
  torch.utils._config_module torch.utils.data sklearn.utils._testing sklearn.externals scipy._lib scipy.weave pandas.io
  pandas.core.computation joblib.memory joblib.parallel joblib.externals`.split(/\s+/),
);

/** Names of modules that are fine otherwise. */
const DANGEROUS_NAMES = new Map<string, ReadonlySet<string>>(
  Object.entries({
    builtins: `eval exec compile open __import__ getattr setattr delattr input breakpoint globals locals vars apply execfile file
      help exit quit memoryview type map filter super classmethod property`,
    io: 'open open_code FileIO',
    _io: 'open open_code FileIO',
    functools: 'partial partialmethod reduce singledispatch',
    itertools: 'starmap accumulate',
    joblib: 'load dump Memory',
    'joblib.numpy_pickle': 'load load_temporary_memmap NDArrayWrapper ZNDArrayWrapper',
    numpy:
      'load loadtxt save savetxt fromfile memmap genfromtxt fromregex apply_along_axis vectorize frompyfunc piecewise',
    torch: 'load save compile',
    'torch.serialization': 'load save _load _legacy_load',
    'torch.storage': '_load_from_bytes',
    pandas: 'read_pickle eval',
  }).map(([module, names]) => [module, new Set(names.split(/\s+/))]),
);

/** Exact names, by module. */
const EXPECTED_NAMES = new Map<string, ReadonlySet<string>>(
  Object.entries({
    builtins: 'set frozenset list dict tuple int float complex bool str bytes bytearray object slice range',
    copyreg: '_reconstructor __newobj__ __newobj_ex__',
    collections: 'OrderedDict defaultdict deque Counter',
    datetime: 'date datetime time timedelta timezone',
    decimal: 'Decimal',
    fractions: 'Fraction',
    uuid: 'UUID',
    pathlib: 'Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath',
    _codecs: 'encode',
    io: 'BytesIO',
    _io: 'BytesIO',
    argparse: 'Namespace',
    'joblib.numpy_pickle': 'NumpyArrayWrapper',
    'numpy.core.multiarray': '_reconstruct scalar',
    'numpy._core.multiarray': '_reconstruct scalar',
    'numpy.core.numeric': '_frombuffer',
    'numpy._core.numeric': '_frombuffer',
    'numpy.ma.core': '_mareconstruct MaskedArray',
    numpy: `ndarray dtype matrix bool_ bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 longdouble
      complex64 complex128 str_ bytes_ datetime64 timedelta64`,
    'numpy.random._pickle': '__randomstate_ctor __generator_ctor __bit_generator_ctor',
    'numpy.random.mtrand': 'RandomState',
    'scipy.sparse': 'csr_matrix csc_matrix coo_matrix dok_matrix lil_matrix dia_matrix bsr_matrix',
    'sklearn.neighbors._kd_tree': 'newObj',
    'sklearn.neighbors._ball_tree': 'newObj',
    'sklearn.metrics._dist_metrics': 'newObj',
    'pandas.core.frame': 'DataFrame',
    'pandas.core.series': 'Series',
    'pandas.core.indexes.base': '_new_Index Index',
    'pandas.core.indexes.datetimes': '_new_DatetimeIndex DatetimeIndex',
    'pandas.core.internals.managers': 'BlockManager SingleBlockManager',
    'pandas.core.internals.blocks': 'new_block',
    'pandas._libs.internals': '_unpickle_block',
    'pandas._libs.arrays': '__pyx_unpickle_NDArrayBacked',
    'pandas._libs.tslibs.timestamps': '_unpickle_timestamp',
    'xgboost.core': 'Booster',
    'lightgbm.basic': 'Booster',
    'catboost.core': 'CatBoost CatBoostClassifier CatBoostRegressor CatBoostRanker',
    torch: `Size Tensor device dtype float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 bool complex64 complex128 float half
      double long int short FloatStorage DoubleStorage HalfStorage BFloat16Storage LongStorage IntStorage ShortStorage CharStorage
      ByteStorage BoolStorage ComplexFloatStorage ComplexDoubleStorage QInt8Storage QUInt8Storage QInt32Storage QUInt4x2Storage
      QUInt2x4Storage`,
    'torch.storage': 'UntypedStorage TypedStorage',
    'torch._utils': `_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_parameter_with_state
      _rebuild_qtensor _rebuild_sparse_tensor _rebuild_sparse_csr_tensor _rebuild_meta_tensor_no_storage`,
    'torch._tensor': '_rebuild_from_type_v2',
    'torch.nn.parameter': 'Parameter Buffer',
    'torch.serialization': '_get_layout',
  }).map(([module, names]) => [module, new Set(names.split(/\s+/))]),
);

/** Families of classes: the module, then the name. Classes are made by their name alone; functions are listed above one by one. */
const EXPECTED_CLASSES: readonly (readonly [module: RegExp, name: RegExp])[] = [
  [
    /^sklearn\.(?:base|calibration|cluster|compose|covariance|cross_decomposition|decomposition|discriminant_analysis|dummy|ensemble|feature_extraction|feature_selection|gaussian_process|impute|isotonic|kernel_approximation|kernel_ridge|linear_model|manifold|mixture|model_selection|multiclass|multioutput|naive_bayes|neighbors|neural_network|pipeline|preprocessing|random_projection|semi_supervised|svm|tree|_loss|metrics\._dist_metrics|utils\._bunch|utils\._random|utils\.deprecation)(?:\.\w+)*$/,
    /^(?:_?[A-Z]\w*|__pyx_unpickle_\w+)$/,
  ],
  [/^scipy\.sparse\._(?:csr|csc|coo|dok|lil|dia|bsr)$/, /^\w+_(?:matrix|array)$/],
  [/^scipy\.stats\._(?:continuous_distns|discrete_distns|distn_infrastructure)$/, /^(?:\w+_gen|rv_\w*frozen)$/],
  [/^scipy\.(?:interpolate|spatial)\.\w+$/, /^[A-Z]\w*$|^cKDTree$/],
  [/^numpy\.dtypes$/, /^[A-Z]\w*DType$/],
  [/^numpy\.random\._(?:mt19937|pcg64|philox|sfc64|generator)$/, /^[A-Z]\w*$/],
  [/^pandas\.core\.(?:indexes|arrays|dtypes)(?:\.\w+)+$/, /^[A-Z]\w*$/],
  [/^xgboost\.sklearn$/, /^XGB\w+$/],
  [/^lightgbm\.sklearn$/, /^LGBM\w+$/],
  [/^torch\.nn\.modules\.\w+$/, /^[A-Z]\w*$/],
  [/^torch\.optim(?:\.\w+)?$/, /^[A-Z]\w*$/],
];

/** Python 2 called them so. */
const OLD_NAMES: Readonly<Record<string, string>> = { __builtin__: 'builtins', copy_reg: 'copyreg' };

/**
 * Judges an import.
 *
 * @param allowed names that this model may import as well, such as `mylib.Model` or `mylib.*`
 */
export function judgeImport(module: string, name: string, allowed: readonly string[]): Judgement {
  if (allowed.some((pattern) => covers(pattern, module, name))) return 'expected';
  const now = OLD_NAMES[module] ?? module;
  if (isDangerous(now, name)) return 'dangerous';
  if (EXPECTED_NAMES.get(now)?.has(name) === true) return 'expected';
  return EXPECTED_CLASSES.some(([of, names]) => of.test(now) && names.test(name)) ? 'expected' : 'unknown';
}

function isDangerous(module: string, name: string): boolean {
  const parts = module.split('.');
  if (parts.some((_, index) => DANGEROUS_MODULES.has(parts.slice(0, index + 1).join('.')))) return true;
  // `numpy` `core.sys.modules` and `numpy` `__builtins__` reach everything by way of something harmless.
  if (name.split('.').some((part, index) => index > 0 && DANGEROUS_MODULES.has(part))) return true;
  if (
    /(?:^|\.)__(?:builtins|globals|dict|class|bases|mro|subclasses|code|closure|import|loader|spec)__(?:\.|$)/.test(
      name,
    )
  ) {
    return true;
  }
  return DANGEROUS_NAMES.get(module)?.has(name.split('.')[0] ?? '') === true;
}

/** A star stands for everything below, never for a part of a name. */
function covers(pattern: string, module: string, name: string): boolean {
  return pattern.endsWith('.*')
    ? `${module}.`.startsWith(pattern.slice(0, -1)) && !name.includes('.')
    : pattern === `${module}.${name}`;
}
