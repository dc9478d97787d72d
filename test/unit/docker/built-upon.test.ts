import assert from 'node:assert/strict';
import { builtUpon } from '../../../lib/docker/built-upon.ts';

const upon = (
  dockerfile: string,
  { target, args = {} }: { readonly target?: string; readonly args?: Readonly<Record<string, string>> } = {},
): string | undefined => builtUpon(dockerfile, { target, arguments: args });

describe('what a Dockerfile builds upon', () => {
  it('is the image of its last stage, or of the stage to stop at', () => {
    const file = 'FROM node:24 AS web\nRUN npm ci\nFROM --platform=linux/amd64 python:3.12-slim\nCOPY --from=web /a /a';
    assert.equal(upon(file), 'python:3.12-slim');
    assert.equal(upon(file, { target: 'web' }), 'node:24');
    assert.equal(upon(file, { target: '0' }), 'node:24');
    assert.equal(upon(file, { target: 'other' }), undefined);
  });

  it('is found through stages', () => {
    const file = 'FROM python:3.12 AS Base\nFROM base as deps\nFROM deps\nCMD ["a"]';
    assert.equal(upon(file), 'python:3.12');
  });

  it('takes arguments before the first FROM, with their defaults', () => {
    const file = '# syntax=docker/dockerfile:1\nARG TAG="3.12"\nARG NAME=python:$TAG\nFROM ${NAME}-slim';
    assert.equal(upon(file), 'python:3.12-slim');
    assert.equal(upon(file, { args: { TAG: '3.13' } }), 'python:3.13-slim');
    assert.equal(upon('ARG A\nFROM ${A:-debian}'), 'debian');
    assert.equal(upon('ARG A\nFROM ${A:-debian}', { args: { A: 'alpine' } }), 'alpine');
  });

  it('reads lines that go on, comments between them, and other cases', () => {
    assert.equal(upon('from \\\n# why\n  debian:12 \\\n  as x\r\n'), 'debian:12');
    assert.equal(upon('# escape=`\nFROM `\ndebian'), 'debian');
  });

  it('is not guessed', () => {
    assert.equal(upon('FROM scratch\nCOPY a /'), undefined);
    assert.equal(upon('ARG A\nFROM $A'), undefined);
    assert.equal(upon(''), undefined);
    assert.equal(upon('RUN a'), undefined);
  });
});
