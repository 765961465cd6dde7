import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultPayloadConverter } from '@temporalio/common';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EncryptionCodec, dataConverterFrom } from '../../../src/temporal/codec.ts';

const key = randomBytes(32);
const codec = new EncryptionCodec(key);

describe('encryption codec', () => {
  it('gives back any payload as it was', async () => {
    await fc.assert(fc.asyncProperty(fc.jsonValue(), async (value) => {
      const payload = defaultPayloadConverter.toPayload(value);
      const [back] = await codec.decode(await codec.encode([payload]));
      // -0 has no place in JSON.
      expect(defaultPayloadConverter.fromPayload(back!)).toEqual(JSON.parse(JSON.stringify(value)));
    }));
  });

  it('shows nothing of a payload, not even its encoding, and never the same bytes twice', async () => {
    const payload = defaultPayloadConverter.toPayload({ host: 'very-visible-host' });
    const [one, two] = await codec.encode([payload, payload]);
    const text = Buffer.from(one!.data!).toString('latin1');
    expect(text).not.toContain('very-visible-host');
    expect(text).not.toContain('json/plain');
    expect(Buffer.from(one!.data!).equals(Buffer.from(two!.data!))).toBe(false);
  });

  it('leaves payloads alone that were never encrypted', async () => {
    const payload = defaultPayloadConverter.toPayload('from before the key');
    expect(await codec.decode([payload])).toEqual([payload]);
  });

  it('refuses a payload that was tampered with', async () => {
    const [payload] = await codec.encode([defaultPayloadConverter.toPayload('x')]);
    const data = Buffer.from(payload!.data!);
    data[data.length - 1]! ^= 1;
    await expect(codec.decode([{ ...payload, data }])).rejects.toThrow();
  });

  it('names both keys when it meets another one, without giving either away', async () => {
    const other = new EncryptionCodec(randomBytes(32));
    const payloads = await other.encode([defaultPayloadConverter.toPayload('x')]);
    await expect(codec.decode(payloads)).rejects.toThrow(new RegExp(`${other.keyId}.*${codec.keyId}`));
    expect(key.toString('hex')).not.toContain(codec.keyId);
  });
});

describe('codec key', () => {
  it('is optional', () => {
    expect(dataConverterFrom({})).toBeUndefined();
  });

  it('comes as base64 or hex, from the environment or a file', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'bactrian-codec-'));
    const file = join(dir, 'key');
    await writeFile(file, `${key.toString('base64')}\n`);
    const payloads = await codec.encode([defaultPayloadConverter.toPayload('x')]);
    for (const env of [
      { BACTRIAN_CODEC_KEY: key.toString('base64') },
      { BACTRIAN_CODEC_KEY: key.toString('hex') },
      { BACTRIAN_CODEC_KEY_FILE: file },
    ]) {
      const [decoded] = await dataConverterFrom(env)!.payloadCodecs![0]!.decode(payloads);
      expect(defaultPayloadConverter.fromPayload(decoded!)).toBe('x');
    }
    await rm(dir, { recursive: true });
  });

  it('is refused with a hint, and without being shown, when it is not 32 bytes', () => {
    for (const bad of ['hunter2hunter2', randomBytes(31).toString('base64'), 'ä'.repeat(44)]) {
      expect(() => dataConverterFrom({ BACTRIAN_CODEC_KEY: bad })).toThrow(/must be 32 bytes.*Make one with/);
      expect(() => dataConverterFrom({ BACTRIAN_CODEC_KEY: bad })).not.toThrow(bad);
    }
    expect(() => dataConverterFrom({ BACTRIAN_CODEC_KEY_FILE: '/no/such/key' })).toThrow(/\/no\/such\/key.*Make one with/);
  });
});
