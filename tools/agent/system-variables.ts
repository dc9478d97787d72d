// The variables that the agent itself sets, as far as a task or script on this machine can use them.
import { arch, hostname, platform, userInfo } from 'node:os';
import { basename, join } from 'node:path';
import type { Sources } from './checkout.ts';

/** Of an agent that has both Node handlers, Node24 and Node20_1. */
const AGENT_VERSION = '4.265.1';

const SYSTEMS: Readonly<Record<string, string>> = { linux: 'Linux', darwin: 'Darwin' };
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'X64', arm64: 'ARM64' };

/** Variables of a whole run. */
export function runVariables({
  file,
  number,
  started,
  sources,
}: {
  readonly file: string;
  readonly number: number;
  readonly started: Date;
  readonly sources: Sources;
}): Readonly<Record<string, string>> {
  const user = userInfo().username;
  return {
    'Agent.Name': hostname(),
    'Agent.OS': SYSTEMS[platform()] ?? platform(),
    'Agent.OSArchitecture': ARCHITECTURES[arch()] ?? arch(),
    'Agent.Version': AGENT_VERSION,
    'Build.BuildId': String(number),
    'Build.BuildNumber': `${started.toISOString().slice(0, 10).replaceAll('-', '')}.${number}`,
    'Build.DefinitionName': basename(file).replace(/\.ya?ml$/, ''),
    'Build.Reason': 'Manual',
    'Build.Repository.Name': basename(sources.folder ?? file),
    'Build.Repository.Provider': 'Git',
    'Build.Repository.Uri': sources.folder ?? '',
    'Build.RequestedFor': user,
    'Build.SourceBranch': sources.branch,
    'Build.SourceBranchName': sources.branch.split('/').at(-1) ?? sources.branch,
    'Build.SourceVersion': sources.commit,
    'Build.SourceVersionMessage': sources.message,
    'Build.SourceVersionAuthor': user,
    'System.HostType': 'build',
    'System.TeamProject': 'local',
    TF_BUILD: 'True',
  };
}

/** What names a job and its place on the disk. */
export interface JobPlace {
  readonly workspace: string;
  /** Folder of the sources within the workspace. */
  readonly sourcesPath: string;
  readonly stage: string;
  readonly job: string;
  readonly displayName: string;
  /** What a deployment job deploys to. */
  readonly environment: string | undefined;
}

/** Variables of one job. */
export function jobVariables({
  workspace,
  sourcesPath,
  stage,
  job,
  displayName,
  environment,
}: JobPlace): Readonly<Record<string, string>> {
  const sources = join(workspace, sourcesPath);
  const staging = join(workspace, 'a');
  return {
    'Agent.BuildDirectory': workspace,
    'Agent.HomeDirectory': workspace,
    'Agent.JobName': displayName,
    'Agent.TempDirectory': join(workspace, '_temp'),
    'Agent.ToolsDirectory': join(workspace, '_tool'),
    'Agent.WorkFolder': workspace,
    'Build.ArtifactStagingDirectory': staging,
    'Build.BinariesDirectory': join(workspace, 'b'),
    'Build.Repository.LocalPath': sources,
    'Build.SourcesDirectory': sources,
    'Build.StagingDirectory': staging,
    'Common.TestResultsDirectory': join(workspace, 'TestResults'),
    'Pipeline.Workspace': workspace,
    'System.ArtifactsDirectory': staging,
    'System.DefaultWorkingDirectory': sources,
    'System.JobAttempt': '1',
    'System.JobDisplayName': displayName,
    'System.JobName': job,
    'System.StageAttempt': '1',
    'System.StageName': stage,
    ...(environment === undefined ? {} : { 'Environment.Name': environment }),
  };
}

/** Folders that exist when a job begins. */
export function jobFolders({ workspace, sourcesPath }: JobPlace): readonly string[] {
  return [sourcesPath, 'a', 'b', '_temp', '_tool', 'TestResults'].map((name) => join(workspace, name));
}
