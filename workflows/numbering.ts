/*
 * A step's number is the middle part of the token that fences a host: on each host numbers only grow. So each part of a
 * run has a range of its own, in the order in which the parts come.
 */

/** The deploy lock on the primary host, before any host's steps; one number an attempt while it is waited for. */
export const LOCK_STEP = 10;
export const LAST_LOCK_STEP = 99;

/**
 * Accessories, after the apps. A host that is finished holds requests for the accessories of later ones, so each group of
 * a rolling run has ten thousand numbers, shared by all hosts.
 */
export const firstAccessoryStep = (group: number): number => 1_000_000 + group * 10_000;

/** A host's own steps; a thousand numbers for each time it is begun. @param round 1 the first time, 2 after a retry … */
export const firstHostStep = (round: number): number => round * 1000;

/** The lock's release, after everything else. */
export const UNLOCK_STEP = 2_000_000_000;
