import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** Folders of Kubernetes' own libraries whose types the API description holds. */
const ROOTS = [
  'api',
  'apimachinery/pkg',
  'apiextensions-apiserver/pkg',
  'apiserver/pkg',
  'client-go/pkg',
  'cloud-provider/config',
  'controller-manager/config',
  'kube-aggregator/pkg',
  'kube-controller-manager/config',
  'kube-proxy/config',
  'kube-scheduler/config',
  'kubelet/config',
  'metrics/pkg',
];

/** The Go packages below a Kubernetes source tree that ask for a description of their types. */
export async function findOpenApiPackages(tree: string): Promise<readonly string[]> {
  const base = join(tree, 'staging', 'src');
  const folders = await Promise.all(ROOTS.map(async (root) => await taggedFolders(join(base, 'k8s.io', root))));
  return folders
    .flat()
    .filter((folder) => !/\/apis\/example2?\//.test(folder))
    .map((folder) => `k8s.io/kubernetes/vendor/${relative(base, folder)}`)
    .sort();
}

async function taggedFolders(root: string): Promise<readonly string[]> {
  const files = await readdir(root, { recursive: true, withFileTypes: true });
  const sources = files.filter((file) => file.isFile() && file.name.endsWith('.go') && !file.name.endsWith('_test.go'));
  const tagged = await Promise.all(
    sources.map(async (file) => {
      const text = await readFile(join(file.parentPath, file.name), 'utf8');
      return text.includes('+k8s:openapi-gen=') ? [file.parentPath] : [];
    }),
  );
  return [...new Set(tagged.flat())];
}
