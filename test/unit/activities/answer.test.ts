import { describe, expect, it } from 'vitest';
import { readAnswer } from '../../../activities/script/answer.ts';

describe('readAnswer', () => {
  it('tells notes, changes and the log apart', () => {
    const answer = readAnswer('pulling\n@note it is there already\n@changed created the network kamal\ndone\n');
    expect(answer).toEqual({ notes: ['it is there already', 'created the network kamal'], unchanged: false, fail: null, told: [], log: 'pulling\ndone' });
  });

  it('takes the first reason for the reason: the others follow from it', () => {
    expect(readAnswer('@fail AppUnhealthy it is exited\n@fail StepFailed something\n').fail).toEqual({ type: 'AppUnhealthy', text: 'it is exited' });
  });

  it.each([
    ['', { notes: [], unchanged: true, fail: null, log: '' }],
    ['@fail', { fail: { type: '', text: '' } }],
    ['@fail Fenced', { fail: { type: 'Fenced', text: '' } }],
    ['@notes are nothing special\n @note neither is this', { notes: [], log: '@notes are nothing special\n @note neither is this' }],
    ['@tell where\n@note so', { told: ['where'], notes: ['so'], log: '' }],
    ['@log last words of x\nboom\n@end', { notes: [], fail: null, log: '@log last words of x\nboom\n@end' }],
  ])('reads %j', (output, answer) => {
    expect(readAnswer(output)).toMatchObject(answer);
  });
});
