/**
 * Takes from foreign text the power to command the agent. The agent acts on `##vso[` anywhere in a line and on
 * `##[` at its start, without regard to case, so a zero-width space is put between the two number signs: the text reads the same and
 * says nothing to the agent. Control characters that could rewrite the terminal's line are shown as `␛`-style
 * pictures; tabs and line ends stay.
 */
export function neutralise(text: string): string {
  return text.replace(/##(?=\s*(?:vso)?\s*\[)/gi, '#\u200b#').replace(CONTROL, pictureOf);
}

// Everything below space except tab and line feed, and delete. A carriage return counts: it starts a line anew.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

function pictureOf(control: string): string {
  const code = control.charCodeAt(0);
  return code === 0x7f ? '\u2421' : String.fromCharCode(0x2400 + code);
}
