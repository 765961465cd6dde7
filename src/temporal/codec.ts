import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { Environment } from './environment.ts';
import { TemporalSetupError, messageOf } from './errors.ts';

const { Payload: PayloadMessage } = proto.temporal.api.common.v1;

const ENCODING = 'binary/encrypted';
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

const HOW_TO_MAKE_A_KEY = "Make one with: node -p \"crypto.randomBytes(32).toString('base64')\"";

/**
 * Encrypts whole payloads (inputs, results, signals, summaries, error
 * messages) with AES-256-GCM before they leave for Temporal. What it can't
 * cover: workflow ids, search attributes, the names of activities and signals.
 */
export class EncryptionCodec implements PayloadCodec {
  readonly #key: Buffer;
  /** Names the key without giving anything of it away; stored with every payload. */
  readonly keyId: string;

  /** @param key 32 bytes */
  constructor(key: Buffer) {
    if (key.length !== KEY_BYTES) throw new RangeError(`the key has ${key.length} bytes, not ${KEY_BYTES}`);
    this.#key = key;
    this.keyId = createHash('sha256').update('bactrian codec key').update(key).digest('hex').slice(0, 16);
  }

  async encode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => this.#encrypt(payload));
  }

  /** @throws TemporalSetupError for a payload that was encrypted with another key; Error for a damaged one */
  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => (textOf(payload.metadata?.encoding) === ENCODING ? this.#decrypt(payload) : payload));
  }

  #encrypt(payload: Payload): Payload {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES });
    const sealed = Buffer.concat([cipher.update(PayloadMessage.encode(payload).finish()), cipher.final()]);
    return {
      metadata: { encoding: Buffer.from(ENCODING), 'encryption-key-id': Buffer.from(this.keyId) },
      data: Buffer.concat([nonce, cipher.getAuthTag(), sealed]),
    };
  }

  #decrypt(payload: Payload): Payload {
    const usedKey = textOf(payload.metadata?.['encryption-key-id']);
    if (usedKey !== this.keyId) {
      throw new TemporalSetupError(
        `Something in Temporal was encrypted with the key ${usedKey}, but BACTRIAN_CODEC_KEY gives ${this.keyId}. ` +
          'Use the key with which this run was started.',
      );
    }
    const data = payload.data ?? new Uint8Array();
    const decipher = createDecipheriv(CIPHER, this.#key, data.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(data.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    const opened = Buffer.concat([decipher.update(data.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    return PayloadMessage.decode(opened);
  }
}

function textOf(bytes: Uint8Array | null | undefined): string | undefined {
  return bytes ? Buffer.from(bytes).toString('utf8') : undefined;
}

/**
 * The data converter that client and worker must share: encrypting when
 * `BACTRIAN_CODEC_KEY` (the key, base64 or hex) or `BACTRIAN_CODEC_KEY_FILE` (a
 * file with it) is set, else undefined, which is Temporal's own.
 * @throws TemporalSetupError when the key can't be read or isn't 32 bytes; the message never holds any of it
 */
export function dataConverterFrom(env: Environment = process.env): DataConverter | undefined {
  const key = codecKey(env);
  return key && { payloadCodecs: [new EncryptionCodec(key)], failureConverterPath: failureConverterPath() };
}

/** The failure converter beside this file, in the form in which we run: `.cts` from source, `.cjs` when compiled. */
export function failureConverterPath(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'cts' : 'cjs';
  return fileURLToPath(new URL(`failure-converter.${extension}`, import.meta.url));
}

function codecKey(env: Environment): Buffer | undefined {
  const { BACTRIAN_CODEC_KEY: value, BACTRIAN_CODEC_KEY_FILE: file } = env;
  if (value) return parseKey(value, 'BACTRIAN_CODEC_KEY');
  if (!file) return undefined;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new TemporalSetupError(
      `BACTRIAN_CODEC_KEY_FILE is ${file}, which can't be read: ${messageOf(error)}. ` +
        `It must hold 32 bytes as base64 or hex. ${HOW_TO_MAKE_A_KEY}`,
    );
  }
  return parseKey(text, `the file ${file} (BACTRIAN_CODEC_KEY_FILE)`);
}

function parseKey(text: string, source: string): Buffer {
  const trimmed = text.trim();
  const key = /^[0-9a-f]{64}$/i.test(trimmed)
    ? Buffer.from(trimmed, 'hex')
    : Buffer.from(/^[A-Za-z0-9+/_=-]+$/.test(trimmed) ? trimmed : '', 'base64');
  if (key.length !== KEY_BYTES) {
    throw new TemporalSetupError(
      `${source} holds no usable key: it must be 32 bytes as base64 (44 characters) or hex (64), ` +
        `and has ${trimmed.length} characters. ${HOW_TO_MAKE_A_KEY}`,
    );
  }
  return key;
}
