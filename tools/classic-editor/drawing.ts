// Draws a form the way the classic editor of Azure Pipelines lays it out. SVG flows text by itself, so nothing is measured.
import type { Field, Form, Section } from './form.ts';

const WIDTH = 1280;
const LIST_WIDTH = 400;
const LEFT = LIST_WIDTH + 32;
const FIELD_WIDTH = WIDTH - LEFT - 40;
const BUTTON = 32;
const LINE = 20;
const FONT = "Inter, 'Segoe UI', 'DejaVu Sans', sans-serif";

const COLOURS = {
  text: '#201f1e',
  faint: '#605e5c',
  border: '#a19f9d',
  line: '#e1dfdd',
  paper: '#ffffff',
  desk: '#f3f2f1',
  chosen: '#deecf9',
  link: '#0078d4',
  required: '#a4262c',
} as const;

/** Something drawn, and how much height it takes. */
interface Piece {
  readonly height: number;
  /** @param top where it begins */
  readonly draw: (top: number) => string;
}

/** A form as an SVG picture; `icon` is the task's, a PNG. */
export function drawForm(form: Form, icon: Buffer): string {
  const pieces = [head(form), ...form.sections.flatMap(sectionPieces), ...foot(form)];
  const height = 24 + pieces.reduce((sum, piece) => sum + piece.height, 0);
  const tops = pieces.map((_, index) => 24 + pieces.slice(0, index).reduce((sum, piece) => sum + piece.height, 0));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="${FONT}" font-size="14" fill="${COLOURS.text}">`,
    box(0, 0, WIDTH, height, COLOURS.paper),
    taskList(form, icon, height),
    ...pieces.map((piece, index) => piece.draw(tops[index] ?? 0)),
    '</svg>',
    '',
  ].join('\n');
}

/** The column of the job with its steps, of which this task is the chosen one. */
function taskList({ displayName, friendlyName }: Form, icon: Buffer, height: number): string {
  const image = `data:image/png;base64,${icon.toString('base64')}`;
  return [
    box(0, 0, LIST_WIDTH, height, COLOURS.desk),
    text(24, 40, 'Pipeline', { weight: 600 }),
    text(24, 60, 'Build pipeline', { size: 12, colour: COLOURS.faint }),
    box(16, 84, LIST_WIDTH - 16, 56, COLOURS.paper),
    text(28, 108, 'Agent job 1', { weight: 600 }),
    text(28, 126, 'Run on agent', { size: 12, colour: COLOURS.faint }),
    text(LIST_WIDTH - 36, 118, '+', { size: 24, colour: COLOURS.link }),
    box(16, 141, LIST_WIDTH - 16, 60, COLOURS.chosen),
    `<image x="28" y="155" width="32" height="32" href="${image}"/>`,
    text(72, 168, clipped(displayName, 40)),
    text(72, 187, clipped(friendlyName, 48), { size: 12, colour: COLOURS.faint }),
  ].join('\n');
}

function head({ friendlyName, version, displayName }: Form): Piece {
  const name: Field = {
    kind: 'text',
    label: 'Display name',
    required: true,
    value: displayName,
    refreshes: false,
    lines: 1,
  };
  const fieldPiece = fieldOf(name);
  return {
    height: 92 + fieldPiece.height,
    draw: (top) =>
      [
        `<text x="${LEFT}" y="${top + 16}" font-size="18" font-weight="600">${escape(friendlyName)}${hint()}</text>`,
        text(WIDTH - 210, top + 16, 'View YAML', { colour: COLOURS.link }),
        text(WIDTH - 110, top + 16, 'Remove', { colour: COLOURS.link }),
        text(LEFT, top + 54, 'Task version', { weight: 600 }),
        frame(LEFT + 110, top + 34, 110, 30),
        text(LEFT + 122, top + 54, version),
        chevron(LEFT + 198, top + 49),
        fieldPiece.draw(top + 92),
      ].join('\n'),
  };
}

function foot({ outputs }: Form): readonly Piece[] {
  const list = outputs.join(', ');
  return [
    heading('Control Options', false),
    heading('Output Variables', true),
    {
      height: 88,
      draw: (top) =>
        [
          text(LEFT, top + 14, 'Reference name', { weight: 600 }),
          frame(LEFT, top + 24, FIELD_WIDTH, 30),
          text(LEFT, top + 74, clipped(`Variables list: ${list}`, 118), { size: 12, colour: COLOURS.faint }),
        ].join('\n'),
    },
  ];
}

function sectionPieces({ title, expanded, fields }: Section): readonly Piece[] {
  const shown = expanded ? fields.map(fieldOf) : [];
  return title === undefined ? shown : [heading(title, expanded), ...shown];
}

function heading(title: string, expanded: boolean): Piece {
  return {
    height: 48,
    draw: (top) =>
      [
        `<path d="M${LEFT} ${top + 0.5}H${WIDTH - 40}" stroke="${COLOURS.line}"/>`,
        `<text x="${LEFT}" y="${top + 28}" font-size="16" font-weight="600">${escape(title)}<tspan dx="8" font-size="13">${expanded ? '⌃' : '⌄'}</tspan></text>`,
      ].join('\n'),
  };
}

function fieldOf(field: Field): Piece {
  if (field.kind === 'checkbox') return checkbox(field);
  const height = 12 + LINE * field.lines;
  const width = field.refreshes ? FIELD_WIDTH - BUTTON - 8 : FIELD_WIDTH;
  return {
    height: 26 + height + 18,
    draw: (top) =>
      [
        labelOf(field, LEFT, top + 14),
        frame(LEFT, top + 26, width, height),
        ...field.value.split('\n').map((line, index) => text(LEFT + 12, top + 47 + index * LINE, clipped(line, 100))),
        field.kind === 'list' || field.kind === 'connection' ? chevron(LEFT + width - 24, top + 41) : '',
        field.refreshes ? refresh(LEFT + width + 8, top + 26) : '',
      ].join('\n'),
  };
}

function checkbox(field: Field): Piece {
  const checked = field.value === 'true';
  return {
    height: 38,
    draw: (top) =>
      [
        `<rect x="${LEFT + 0.5}" y="${top + 4.5}" width="17" height="17" rx="2" fill="${checked ? COLOURS.link : COLOURS.paper}" stroke="${checked ? COLOURS.link : COLOURS.border}"/>`,
        checked ? `<path d="M${LEFT + 4} ${top + 13}l3.5 3.5 6.5-7" stroke="#fff" stroke-width="2" fill="none"/>` : '',
        labelOf(field, LEFT + 28, top + 18),
      ].join('\n'),
  };
}

function labelOf({ label, required, kind }: Field, x: number, y: number): string {
  const star = required && kind !== 'checkbox' ? `<tspan dx="4" fill="${COLOURS.required}">*</tspan>` : '';
  const manage =
    kind === 'connection'
      ? `<tspan dx="10" font-weight="400" fill="${COLOURS.faint}">|</tspan><tspan dx="10" font-weight="400" fill="${COLOURS.link}">Manage ↗</tspan>`
      : '';
  const weight = kind === 'checkbox' ? 400 : 600;
  return `<text x="${x}" y="${y}" font-weight="${weight}">${escape(label)}${star}${hint()}${manage}</text>`;
}

/** The sign behind a label that shows the help text. */
function hint(): string {
  return `<tspan dx="6" font-family="DejaVu Sans" font-size="13" font-weight="400" fill="${COLOURS.faint}">ℹ</tspan>`;
}

function text(
  x: number,
  y: number,
  content: string,
  { size = 14, weight = 400, colour = COLOURS.text }: { size?: number; weight?: number; colour?: string } = {},
): string {
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" fill="${colour}">${escape(content)}</text>`;
}

function box(x: number, y: number, width: number, height: number, colour: string): string {
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${colour}"/>`;
}

function frame(x: number, y: number, width: number, height: number): string {
  return `<rect x="${x + 0.5}" y="${y + 0.5}" width="${width - 1}" height="${height - 1}" rx="2" fill="${COLOURS.paper}" stroke="${COLOURS.border}"/>`;
}

function chevron(x: number, y: number): string {
  return `<path d="M${x} ${y - 2}l5 5 5-5" stroke="${COLOURS.faint}" stroke-width="1.5" fill="none"/>`;
}

function refresh(x: number, y: number): string {
  const arrow = `<path d="M${x + 21} ${y + 12}a6.5 6.5 0 1 0 1.5 5M${x + 22} ${y + 8}v5h-5" stroke="${COLOURS.faint}" stroke-width="1.5" fill="none"/>`;
  return frame(x, y, BUTTON, BUTTON) + arrow;
}

function clipped(content: string, most: number): string {
  return content.length > most ? `${content.slice(0, most - 1)}…` : content;
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
