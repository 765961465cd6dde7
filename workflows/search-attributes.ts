import { defineSearchAttributeKey } from '@temporalio/common';

/**
 * By what a list of runs can be filtered, in Temporal's UI and by us. Search attributes are never encrypted: only names go in here.
 */
export const searchAttributes = {
  /** Kamal's service name. */
  service: defineSearchAttributeKey('BactrianService', 'KEYWORD'),
  /** Kamal's destination; absent without one. */
  destination: defineSearchAttributeKey('BactrianDestination', 'KEYWORD'),
  /** Where the run stands, in a word: `probing`, `waiting for approval`, `done`, … */
  phase: defineSearchAttributeKey('BactrianPhase', 'KEYWORD'),
  /** The host of a host's workflow. */
  host: defineSearchAttributeKey('BactrianHost', 'KEYWORD'),
  /** `upgrade` or `downgrade`. */
  direction: defineSearchAttributeKey('BactrianDirection', 'KEYWORD'),
  /** How the host runs the deployment now: `kamal1`, `kamal2`, `mixed`, `empty`. */
  generation: defineSearchAttributeKey('BactrianGeneration', 'KEYWORD'),
} as const;
