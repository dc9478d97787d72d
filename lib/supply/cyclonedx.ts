// The part of a CycloneDX 1.6 document that is written here (cyclonedx.org/docs/1.6/json). Its own library would bring
// its serialisers for XML and its list of licences into a task that needs neither; the tests hold what comes out
// against its schema.

export interface CycloneDx {
  readonly $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json';
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: '1.6';
  /** `urn:uuid:…` */
  readonly serialNumber: string;
  readonly version: 1;
  readonly metadata: {
    readonly timestamp: string;
    readonly tools: { readonly components: readonly Component[] };
    readonly component: Component;
  };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
  readonly compositions: readonly {
    readonly aggregate: 'complete' | 'incomplete' | 'unknown';
    readonly assemblies: readonly string[];
  }[];
}

export interface Component {
  readonly type: 'application' | 'container' | 'library' | 'machine-learning-model';
  readonly 'bom-ref'?: string;
  readonly authors?: readonly { readonly name: string }[];
  /** The scope of an npm package. */
  readonly group?: string;
  readonly name: string;
  readonly version?: string;
  readonly scope?: 'required' | 'optional' | 'excluded';
  readonly hashes?: readonly Hash[];
  readonly purl?: string;
  readonly externalReferences?: readonly ExternalReference[];
  readonly modelCard?: ModelCard;
  readonly properties?: readonly Property[];
}

export interface Hash {
  readonly alg: 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512';
  readonly content: string;
}

export interface ExternalReference {
  readonly type: 'distribution' | 'vcs' | 'build-system' | 'website';
  readonly url: string;
  readonly comment?: string;
}

export interface ModelCard {
  readonly quantitativeAnalysis?: {
    readonly performanceMetrics: readonly { readonly type: string; readonly value: string }[];
  };
  readonly properties?: readonly Property[];
}

export interface Property {
  readonly name: string;
  readonly value: string;
}
