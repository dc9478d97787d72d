// The steps of Microsoft's tutorial "DevOps for AI applications", by their numbers there; docs/from-the-tutorial.md has them in full.
import type { Step } from './narrator.ts';

export const DEVELOP: Step = { number: 1, title: 'A developer works on the app' };
export const COMMIT: Step = { number: 2, title: 'and commits it' };
export const TRAIN: Step = { number: 3, title: 'A data scientist works on a model' };
export const PUBLISH: Step = { number: 4, title: 'and publishes it' };
export const BUILD: Step = { number: 5, title: 'The commit starts a build, with unit tests' };
export const BUNDLE: Step = { number: 6, title: 'It fetches the latest model and makes the image' };
export const PUSH: Step = { number: 7, title: 'The tested image becomes the latest in the registry' };
export const SCHEDULE: Step = { number: 8, title: 'Each night a release starts, and finds that image' };
export const DEPLOY: Step = { number: 9, title: 'It is deployed, and waited for' };
export const REQUEST: Step = { number: 10, title: "A user's request comes to the app's address" };
export const ANSWER: Step = { number: 11, title: 'The load balancer passes it on, the answer goes back' };
