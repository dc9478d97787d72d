import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, extname } from 'node:path';
import { DeliveryError, messageOf } from '../../errors/delivery-error.ts';
import { CaseFileFault } from './case-file-fault.ts';
import { csvCases } from './csv-cases.ts';
import { checkFiles } from './embedded-files.ts';
import { jsonCases, jsonLinesCases } from './json-cases.ts';
import type { CaseDefaults, ScoreCase } from './score-case.ts';

/** The cases of a file. */
export interface CaseFile {
  readonly path: string;
  /** Paths within cases begin here. */
  readonly folder: string;
  readonly cases: readonly ScoreCase[];
}

/** In bytes: cases are read whole; large inputs are files that cases name. */
const LARGEST = 256 * 1024 * 1024;

/**
 * Reads a file of score cases: JSON, JSON lines (`.jsonl`, `.ndjson`) or CSV.
 *
 * @param path absolute
 * @throws DeliveryError `CASES_NOT_FOUND`, `CASES_INVALID` with line and column, `CASE_FILE_MISSING`
 */
export async function readCaseFile(path: string, defaults: CaseDefaults): Promise<CaseFile> {
  const text = await readText(path);
  const cases = await parse(path, text, defaults);
  if (cases.length === 0) throw invalid(path, 'has no cases');
  const folder = dirname(path);
  await checkFiles(cases, folder, path);
  return { path, folder, cases };
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > LARGEST) throw invalid(path, `has ${size} bytes, more than the ${LARGEST} that a case file may have`);
    return (await readFile(path, 'utf8')).replace(/^\uFEFF/, '');
  } catch (cause) {
    if (cause instanceof DeliveryError) throw cause;
    throw new DeliveryError('CASES_NOT_FOUND', {
      message: `The case file ${path} cannot be read: ${messageOf(cause)}.`,
      remedy:
        'Check its path, which begins at the default working directory, and that the step before has checked it out or made it.',
      cause,
    });
  }
}

async function parse(path: string, text: string, defaults: CaseDefaults): Promise<readonly ScoreCase[]> {
  const ending = extname(path).toLowerCase();
  try {
    if (ending === '.csv') return [...csvCases(text, defaults)];
    if (ending === '.jsonl' || ending === '.ndjson') return await jsonLinesCases(text, defaults);
    if (ending === '.json') return await jsonCases(text, defaults);
  } catch (error) {
    if (!(error instanceof CaseFileFault)) throw error;
    const { line, column } = error.place;
    throw invalid(path, `cannot be read in line ${line}, column ${column}: ${error.message}`);
  }
  throw invalid(path, `is called ${basename(path)}, which does not tell its format`);
}

function invalid(path: string, problem: string): DeliveryError {
  return new DeliveryError('CASES_INVALID', {
    message: `The case file ${path} ${problem}.`,
    remedy: 'Correct it; the page of the task shows what .json, .jsonl and .csv files of cases look like.',
  });
}
