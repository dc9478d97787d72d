import { ensureDebianPackages } from '../../tools/services/debian-packages.ts';
import { printedProgress } from '../../tools/services/stages.ts';

/** Installs what looks at images from outside, where it is missing: skopeo and umoci, which others wrote. */
export async function ensureImageInspectors(): Promise<void> {
  await ensureDebianPackages(['skopeo', 'umoci'], printedProgress());
}
