// Tests of a task run what we ship: the packed file from dist, as a process of its own, with the agent's environment.
export {
  runTaskProcess,
  type Connection,
  type NodeVersion,
  type TaskProcessOptions,
  type TaskProcessResult,
} from '../../tools/agent/task-process.ts';
