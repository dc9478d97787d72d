import assert from 'node:assert/strict';
import type { AksCluster } from '../../tools/services/azure/cluster-front.ts';
import type { ManagedCluster } from '../../tools/services/azure/directory.ts';
import { TestAzure } from './azure.ts';
import { assertNotShown, secretsOf } from './not-shown.ts';
import { RolloutBench } from './rollout-bench.ts';

/** A cluster of Azure that an application reaches as its user, and a namespace in it for one file of tests. */
export class AksBench {
  readonly bench: RolloutBench;
  readonly azure: TestAzure;
  readonly aks: AksCluster;

  private constructor(bench: RolloutBench, azure: TestAzure, aks: AksCluster) {
    this.bench = bench;
    this.azure = azure;
    this.aks = aks;
  }

  static async open(): Promise<AksBench> {
    const [bench, azure] = await Promise.all([RolloutBench.open(), TestAzure.start()]);
    return new AksBench(bench, azure, await azure.standIn.startCluster(bench.kubeconfig));
  }

  async close(): Promise<void> {
    await Promise.all([this.bench.close(), this.azure.standIn.stop()]);
  }

  /** Everything as at the start. */
  reset(): void {
    this.azure.reset();
    this.clusterIs({});
    this.azure.grantOnCluster(this.aks.description, 'Azure Kubernetes Service Cluster User Role');
  }

  /** What is different about the cluster. */
  clusterIs(part: Partial<ManagedCluster>): void {
    this.azure.change({ managedClusters: [{ ...this.aks.description, ...part }] });
  }

  /** For a run with debug lines on, as somebody has it who looks for secrets in the log. */
  get variables(): Readonly<Record<string, string>> {
    const { environment, standIn } = this.azure;
    return { ...environment, NODE_EXTRA_CA_CERTS: standIn.caFile, 'System.Debug': 'true' };
  }

  /** That a log shows no secret of the cluster or of those who sign in to it. */
  assertDiscreet(log: string): void {
    assertNotShown(log, secretsOf(this.azure, this.aks));
  }

  /** That nothing was asked of Azure that the stand-in does not know. */
  assertKnownCalls(): void {
    assert.deepEqual(this.azure.standIn.unknownCalls, []);
  }
}
