// What somebody would fill in: the example of each task's page in docs/, in the editor's own words.

/** By task and input; an input that is not here shows its default. */
export const SAMPLE_VALUES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  PublishModel: {
    azureSubscription: 'my-azure',
    storageAccount: 'mymodels',
    container: 'models',
    model: 'digits',
    source: '$(Agent.TempDirectory)/digits',
    version: '$(Build.BuildNumber)',
  },
  FetchLatestModel: {
    azureSubscription: 'my-azure',
    storageAccount: 'mymodels',
    container: 'models',
    model: 'digits',
  },
  BundleModelImage: {
    registryConnection: 'my-registry',
    repository: 'digits',
    baseImage: 'myregistry.azurecr.io/python-flask:3.12',
    appFolder: 'app',
    modelFolder: '$(model.modelPath)',
    model: '$(model.modelName)',
    version: '$(model.modelVersion)',
    workingDirectory: '/app',
    command: 'python3 -m gunicorn --bind 0.0.0.0:8000 wsgi:app',
    ports: '8000',
  },
  TestModelImage: {
    image: '$(bundle.image)',
    registryConnection: 'my-registry',
    checks: '/ contains healthy\n/version $.model == $(model.modelVersion)',
    scoreCases: 'tests/digits.jsonl',
    answerPath: '$.result',
    minimumAccuracy: '0.95',
    latencyLimits: 'p95 <= 200 ms',
  },
  ResolveLatestImage: {
    registryConnection: 'my-registry',
    repository: 'digits',
  },
  RolloutToAKS: {
    connectionType: 'azureResourceManager',
    azureSubscription: 'my-azure',
    resourceGroup: 'shop',
    cluster: 'shop-aks',
    namespace: 'digits',
    manifests: 'manifests/*.yml',
    images: 'digits=$(resolve.image)',
  },
};
