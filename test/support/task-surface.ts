// What a task's code really reads and sets, taken from the code itself, so that task.json can be held against it.
import { join } from 'node:path';
import { build } from 'esbuild';
import ts from 'typescript';
import { Inputs } from '../../lib/agent/inputs.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const READERS = Object.getOwnPropertyNames(Inputs.prototype).filter((name) => name !== 'constructor');
const READ = new RegExp(String.raw`\binputs\d*\.(?:${READERS.join('|')})\(\s*["']([A-Za-z0-9]+)["']`, 'g');

function sourceOf(task: string): string {
  return join(ROOT, 'tasks', task, 'index.ts');
}

/**
 * Names of the inputs that a task reads. The task is bundled without its packages, so that functions of lib that it
 * does not reach are shaken off and count for nothing.
 */
export async function inputsReadBy(task: string): Promise<ReadonlySet<string>> {
  const { outputFiles } = await build({
    entryPoints: [sourceOf(task)],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    legalComments: 'none',
    logLevel: 'silent',
  });
  return new Set(outputFiles.flatMap(({ text }) => [...text.matchAll(READ)].map(([, name = '']) => name)));
}

/**
 * Names of the output variables that each task sets: the properties of what its index.ts passes to `setOutputs`, as
 * the compiler knows them. The values may come from anywhere; their names must be known types.
 */
export function outputsSetBy(tasks: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const program = ts.createProgram(tasks.map(sourceOf), compilerOptions());
  const checker = program.getTypeChecker();
  return new Map(
    tasks.map((task) => {
      const source = program.getSourceFile(sourceOf(task));
      if (source === undefined) throw new Error(`There is no ${sourceOf(task)}.`);
      return [task, new Set(setOutputsCalls(source).flatMap((call) => namesIn(call, checker)))];
    }),
  );
}

function compilerOptions(): ts.CompilerOptions {
  const file = join(ROOT, 'tsconfig.json');
  const { config } = ts.readConfigFile(file, (path) => ts.sys.readFile(path)) as { config: object };
  return ts.parseJsonConfigFileContent(config, ts.sys, ROOT).options;
}

function setOutputsCalls(node: ts.Node): readonly ts.CallExpression[] {
  const own =
    ts.isCallExpression(node) &&
    ts.isPropertyAccessExpression(node.expression) &&
    node.expression.name.text === 'setOutputs'
      ? [node]
      : [];
  const nested: ts.CallExpression[] = [];
  ts.forEachChild(node, (child) => {
    nested.push(...setOutputsCalls(child));
  });
  return [...own, ...nested];
}

function namesIn(call: ts.CallExpression, checker: ts.TypeChecker): readonly string[] {
  const [outputs] = call.arguments;
  if (outputs === undefined) return [];
  const type = checker.getTypeAtLocation(outputs);
  const parts = type.isUnion() ? type.types : [type];
  return parts.flatMap((part) => part.getProperties().map(({ name }) => name));
}
