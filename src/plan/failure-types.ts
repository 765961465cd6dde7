/** The types of failure that activities throw (`ApplicationFailure.type`). */
export const FailureType = {
  factsChanged: 'FactsChanged',
  hostUnreachable: 'HostUnreachable',
  sshRefused: 'SshRefused',
  lockHeld: 'LockHeld',
  hookFailed: 'HookFailed',
  hookOutcomeUnknown: 'HookOutcomeUnknown',
  secretsUnresolved: 'SecretsUnresolved',
  configurationMissing: 'ConfigurationMissing',
  imageMissing: 'ImageMissing',
  registryRefused: 'RegistryRefused',
  registryUnavailable: 'RegistryUnavailable',
  appUnhealthy: 'AppUnhealthy',
  accessoryUnhealthy: 'AccessoryUnhealthy',
  holdExpired: 'HoldExpired',
  overlapEnded: 'OverlapEnded',
  placesUnreachable: 'PlacesUnreachable',
  answersDiffer: 'AnswersDiffer',
  cutoverFailed: 'CutoverFailed',
  verifyFailed: 'VerifyFailed',
  requestsLost: 'RequestsLost',
  putBackFailed: 'PutBackFailed',
  fenced: 'Fenced',
  stepFailed: 'StepFailed',
} as const;

/** Failures after which a person's answer lets the run go on; nothing was changed by the attempt itself. */
export const NEEDS_A_PERSON: readonly string[] = [
  FailureType.hookOutcomeUnknown,
  FailureType.secretsUnresolved,
  FailureType.configurationMissing,
];
