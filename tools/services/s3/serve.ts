// node serve.ts PORT FOLDER: the emulator as a process of its own, which keeps what it holds in a folder.
import { startS3Emulator } from './emulator.ts';

const [port = '', folder = ''] = process.argv.slice(2);
await startS3Emulator({ port: Number(port), folder });
