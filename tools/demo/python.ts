// The Python that trains the model and runs the app's unit tests.
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { ask } from '../services/commands.ts';
import { ensureDebianPackages } from '../services/debian-packages.ts';
import type { Progress } from '../services/stages.ts';

const MODULES = ['numpy', 'sklearn', 'flask', 'PIL', 'pytest'];
/** The one that Debian's packages are for; the first python3 on PATH may be another. */
const DEBIAN_PYTHON = '/usr/bin/python3';
// Finding a module is fast, importing scikit-learn takes a second.
const HAS_ALL = `import importlib.util as u, sys; sys.exit(0 if all(map(u.find_spec, ${JSON.stringify(MODULES)})) else 1)`;

async function hasModules(python: string): Promise<boolean> {
  return (await ask(python, ['-c', HAS_ALL])) !== undefined;
}

/** A Python that has all that the example needs: the machine's own, else Debian's with its packages installed. */
export async function ensurePython(progress: Progress): Promise<string> {
  for (const python of ['python3', DEBIAN_PYTHON]) if (await hasModules(python)) return python;
  const packages = ['python3', 'python3-numpy', 'python3-sklearn', 'python3-flask', 'python3-pil', 'python3-pytest'];
  await ensureDebianPackages(packages, progress);
  if (await hasModules(DEBIAN_PYTHON)) return DEBIAN_PYTHON;
  throw new DeliveryError('SETUP_FAILED', {
    message: `${DEBIAN_PYTHON} has no ${MODULES.join(', ')} although their packages are installed.`,
    remedy: 'Put a python3 that has them first on PATH, then run the demo again.',
  });
}
