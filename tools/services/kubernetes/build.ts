// Builds Kubernetes from Debian's source package: the real one, on machines that reach no container registry.
import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { run } from '../commands.ts';
import { ensureDebianPackages } from '../debian-packages.ts';
import type { Progress } from '../stages.ts';
import { cachedFolder, cachePath, exists } from '../state-folder.ts';
import { findOpenApiPackages } from './openapi-packages.ts';

/** Upstream version of Debian's package; its own version number has a detour in it. */
export const KUBERNETES_VERSION = '1.20.2';
const PROGRAMS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'] as const;
const GO = '/usr/lib/go-1.19/bin/go';
const REPOSITORY = 'k8s.io/kubernetes';
const LOG = 'kubernetes-build';

/**
 * The folder with the programs of Kubernetes and `pause`, built on first use (about four minutes on two cores) and
 * cached from then on.
 */
export async function kubernetesPrograms(progress: Progress): Promise<string> {
  const key = `kubernetes-${KUBERNETES_VERSION}-${process.arch}-2`;
  if (await exists(cachePath(key))) return cachePath(key);
  await ensureDebianPackages(['golang-1.19-go', 'golang-github-modern-go-reflect2-dev', 'dpkg-dev'], progress);
  return await cachedFolder(key, async (folder) => {
    // Inside, so that what a killed build leaves goes with the next attempt.
    const workspace = join(folder, 'workspace');
    await mkdir(workspace);
    await buildAll(workspace, folder, progress);
    await rm(workspace, { recursive: true, force: true });
  });
}

async function buildAll(workspace: string, output: string, progress: Progress): Promise<void> {
  const goPath = join(workspace, 'go');
  const tree = join(goPath, 'src', REPOSITORY);
  const archive = await progress.stage(
    `Downloading the source of Kubernetes ${KUBERNETES_VERSION}`,
    async () => await downloadSource(workspace),
  );
  await mkdir(tree, { recursive: true });
  await run('tar', ['-xzf', archive, '--strip-components=1', '-C', tree], { log: LOG });
  await amendSource(tree);
  const go = goCommand(goPath, join(workspace, 'go-cache'), tree);
  await progress.stage('Generating its API description', async () => await generateOpenApi(go, goPath, tree));
  for (const [index, program] of PROGRAMS.entries()) {
    await progress.stage(`Building ${program} (${index + 1} of ${PROGRAMS.length})`, async () => {
      await go.build(`${REPOSITORY}/cmd/${program}`, join(output, program));
    });
  }
  await writeFile(join(workspace, 'pause.go'), PAUSE);
  await go.build(join(workspace, 'pause.go'), join(output, 'pause'));
}

/** Two amendments without which this release does not serve on today's Go and to today's clients. */
async function amendSource(tree: string): Promise<void> {
  // Its reflect2 reads Go's maps by their layout of before Go 1.18 and crashes; Debian's own copy is newer. The old
  // one goes as a whole, for files that the new one no longer has would be compiled as well.
  const reflect = 'github.com/modern-go/reflect2';
  await rm(join(tree, 'vendor', reflect), { recursive: true });
  await cp(join('/usr/share/gocode/src', reflect), join(tree, 'vendor', reflect), {
    recursive: true,
    dereference: true,
  });
  // Server-side apply of a Service needs a protocol for each port until 1.21, which brought this default.
  const types = join(tree, 'staging/src/k8s.io/api/core/v1/types.go');
  const source = await readFile(types, 'utf8');
  const field = /(\t\/\/ \+optional\n)(\tProtocol Protocol `json:"protocol,omitempty" protobuf:"bytes,2,)/g;
  const amended = source.replace(field, '$1\t// +default="TCP"\n$2');
  if (amended === source) throw sourceIsAnother(types);
  await writeFile(types, amended);
}

/** What holds a pod's namespaces: it waits until it is told to go. */
const PAUSE = `package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	<-stop
}
`;

/** Fetches the source package through a package index of its own, so that the machine's apt settings stay as they are. */
async function downloadSource(workspace: string): Promise<string> {
  const apt = join(workspace, 'apt');
  await mkdir(join(apt, 'lists', 'partial'), { recursive: true });
  await mkdir(join(apt, 'parts'));
  await writeFile(join(apt, 'parts', 'source.sources'), await sourceEntry());
  const options = [
    ...['-q', '-o', 'Acquire::Retries=3', '-o', 'Dir::Etc::SourceList=/dev/null', '-o', 'APT::Sandbox::User=root'],
    ...['-o', `Dir::Etc::SourceParts=${join(apt, 'parts')}`, '-o', `Dir::State::Lists=${join(apt, 'lists')}`],
  ];
  await run('apt-get', [...options, 'update'], { log: LOG });
  await run('apt-get', [...options, 'source', '--download-only', 'kubernetes'], { log: LOG, cwd: workspace });
  const archive = (await readdir(workspace)).find((name) => /^kubernetes_.*\.orig\.tar\.gz$/.test(name));
  if (archive?.includes(KUBERNETES_VERSION) !== true) {
    throw sourceIsAnother(archive ?? 'missing');
  }
  return join(workspace, archive);
}

function sourceIsAnother(what: string): DeliveryError {
  return new DeliveryError('SETUP_FAILED', {
    message: `Debian's source package is not the Kubernetes ${KUBERNETES_VERSION} that the recipe knows (${what}).`,
    remedy: 'Name a running cluster by MODEL_DELIVERY_KUBECONFIG instead.',
  });
}

/** The machine's own Debian mirror for bookworm, asked for sources; Debian's public one where it is not to be seen. */
async function sourceEntry(): Promise<string> {
  const installed = await readFile('/etc/apt/sources.list.d/debian.sources', 'utf8').catch(() => '');
  const mirror = /^URIs:\s*(\S+)/m.exec(installed)?.[1] ?? 'http://deb.debian.org/debian';
  const keyring = /^Signed-By:\s*(\/\S+)/m.exec(installed)?.[1] ?? '/usr/share/keyrings/debian-archive-keyring.gpg';
  return `Types: deb-src\nURIs: ${mirror}\nSuites: bookworm\nComponents: main\nSigned-By: ${keyring}\n`;
}

interface Go {
  build(target: string, output: string): Promise<void>;
}

function goCommand(goPath: string, cache: string, cwd: string): Go {
  const [major, minor] = KUBERNETES_VERSION.split('.');
  const versions = ['vendor/k8s.io/component-base/version', 'vendor/k8s.io/client-go/pkg/version'].flatMap((name) => {
    const variable = `-X ${REPOSITORY}/${name}`;
    return [
      `${variable}.gitVersion=v${KUBERNETES_VERSION}`,
      `${variable}.gitMajor=${major ?? ''}`,
      `${variable}.gitMinor=${minor ?? ''}`,
    ];
  });
  return {
    async build(target, output) {
      await run(GO, ['build', '-o', output, '-ldflags', ['-s -w', ...versions].join(' '), target], {
        log: LOG,
        cwd,
        // Module mode refuses the tree: its go.mod is older than this Go understands.
        env: { GO111MODULE: 'off', GOPATH: goPath, GOCACHE: cache, CGO_ENABLED: '0', GOFLAGS: '' },
      });
    },
  };
}

/** Makes the one generated file that the source package lacks, as upstream's Makefile does. */
async function generateOpenApi(go: Go, goPath: string, tree: string): Promise<void> {
  const generator = join(goPath, 'openapi-gen');
  const inputs = await findOpenApiPackages(tree);
  await go.build(`${REPOSITORY}/vendor/k8s.io/kube-openapi/cmd/openapi-gen`, generator);
  // The generator itself calls `go` to find packages.
  await mkdir(join(goPath, 'bin'), { recursive: true });
  await symlink(GO, join(goPath, 'bin', 'go'));
  await run(
    generator,
    [
      ...['-O', 'zz_generated.openapi', '--go-header-file', 'hack/boilerplate/boilerplate.generatego.txt'],
      ...['--output-base', join(goPath, 'src'), '--output-package', `${REPOSITORY}/pkg/generated/openapi`],
      ...['--report-filename', join(goPath, 'openapi-violations'), '--input-dirs', inputs.join(',')],
    ],
    {
      log: LOG,
      cwd: tree,
      env: { GO111MODULE: 'off', GOPATH: goPath, PATH: `${join(goPath, 'bin')}:${process.env.PATH ?? ''}` },
    },
  );
  const generated = join(tree, 'pkg/generated/openapi/zz_generated.openapi.go');
  const source = await readFile(generated, 'utf8');
  await writeFile(generated, source.replaceAll(`${REPOSITORY}/vendor/k8s.io/`, 'k8s.io/'));
}
