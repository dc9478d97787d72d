// What a place in a pipeline knows: values for its template expressions, and where the templates lie that it names.
import type { TemplateFile, TemplateFiles } from './template-files.ts';
import type { KnownValues } from './template-text.ts';

export interface TemplateContext extends KnownValues {
  /** Variables from outside; they win over those of the files. */
  readonly given: Readonly<Record<string, string>>;
  /** The file in which the place is. */
  readonly file: TemplateFile;
  readonly files: TemplateFiles;
  /** How many templates stand around it. */
  readonly depth: number;
}
