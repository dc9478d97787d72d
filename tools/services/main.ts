// npm run services -- up|down|clear|status [blob|s3|registry|docker|cluster …]
import { DeliveryError, messageOf } from '../../lib/errors/delivery-error.ts';
import { clearServices, ensureServices, SERVICE_NAMES, type ServiceName, stopServices } from './services.ts';
import { formatStatus, statusOf } from './status.ts';

const USAGE = 'usage: npm run services -- up|down|clear|status [blob|s3|registry|docker|cluster …]';

async function status(names: readonly ServiceName[]): Promise<void> {
  console.log(formatStatus(await statusOf(names)));
}

async function up(names: readonly ServiceName[]): Promise<void> {
  await ensureServices(names);
  await status(names);
}

async function down(names: readonly ServiceName[]): Promise<void> {
  await stopServices(names, (name, wasRunning) => {
    console.log(`${name.padEnd(9)} ${wasRunning ? 'stopped' : 'was not started here'}`);
  });
}

async function clear(names: readonly ServiceName[]): Promise<void> {
  await clearServices(names, (name) => {
    console.log(`${name.padEnd(9)} cleared`);
  });
}

const ACTIONS = new Map(Object.entries({ up, down, clear, status }));
const [action = '', ...words] = process.argv.slice(2);
const names = SERVICE_NAMES.filter((name) => words.length === 0 || words.includes(name));
const unknown = words.filter((word) => !SERVICE_NAMES.some((name) => name === word));
const act = ACTIONS.get(action);
if (act === undefined || unknown.length > 0) {
  console.error(unknown.length > 0 ? `Unknown service: ${unknown.join(', ')}.\n${USAGE}` : USAGE);
  process.exit(2);
}
try {
  await act(names);
} catch (error) {
  console.error(error instanceof DeliveryError ? `${error.code}: ${error.message} ${error.remedy}` : messageOf(error));
  process.exit(1);
}
