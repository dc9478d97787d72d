import type { ManifestText } from './manifest-text.ts';
import { render } from './rendering-program.ts';
import type { RenderingContext } from './rendering-program.ts';

/**
 * Renders a folder of kustomize with the kubectl of this machine.
 *
 * @param folder an absolute path
 * @param name as messages show it
 * @throws DeliveryError `RENDERING_PROGRAM_MISSING`, `RENDERING_FAILED`
 */
export async function renderKustomization(
  folder: string,
  name: string,
  context: RenderingContext,
): Promise<ManifestText> {
  const subject = `the kustomization ${name}`;
  const text = await render({ program: 'kubectl', args: ['kustomize', folder], subject }, context);
  return { name: `${name} (rendered)`, text, own: false };
}
