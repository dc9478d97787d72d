import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * Which folders of the house a folder may import. Everything not named is refused, so an arrow
 * that points the wrong way is a lint error (see docs/architecture.md).
 */
const ARROWS = {
  'lib/errors': [],
  'lib/naming': [],
  'lib/http': ['errors'],
  'lib/packing': ['errors'],
  'lib/azure': ['errors', 'http'],
  'lib/model': ['errors', 'http', 'naming', 'packing'],
  'lib/oci': ['errors', 'http', 'naming', 'packing'],
  'lib/docker': ['errors'],
  'lib/supply': ['errors'],
  'lib/kube': ['errors', 'http'],
  'lib/probe': ['errors', 'http'],
  'lib/agent': ['errors', 'http', 'azure', 'model', 'oci', 'kube', 'probe'],
};
const ROOMS = Object.keys(ARROWS).map((folder) => folder.slice('lib/'.length));

/** Lint rules that keep the imports of one `lib` folder within its arrows. */
function arrowsOf(folder, allowed) {
  const own = folder.slice('lib/'.length);
  const refused = ROOMS.filter((room) => room !== own && !allowed.includes(room));
  return {
    files: [`${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^(\\.\\./)+(${refused.join('|')})/`,
              message: `${folder} may import only: ${allowed.join(', ') || 'nothing of lib'} (see docs/architecture.md).`,
            },
            { regex: '^(\\.\\./)+(tasks|tools|test)/', message: 'lib never imports tasks, tools or tests.' },
            ...(own === 'agent'
              ? []
              : [{ regex: '^azure-pipelines-task-lib', message: 'Only lib/agent speaks to the agent.' }]),
          ],
        },
      ],
    },
  };
}

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', 'node_modules/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ObjectExpression > SpreadElement > ObjectExpression',
          message: 'Write the properties themselves: in a spread, TypeScript does not notice one that is misspelt.',
        },
      ],
    },
  },
  ...Object.entries(ARROWS).map(([folder, allowed]) => arrowsOf(folder, allowed)),
  {
    files: ['tasks/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^azure-pipelines-task-lib', message: 'Tasks reach the agent through lib/agent.' }] },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-unused-expressions': 'off' },
  },
  { files: ['**/*.js', '**/*.mjs'], languageOptions: { globals: { console: 'readonly', process: 'readonly' } } },
);
