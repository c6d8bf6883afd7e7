import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** V of the deployment's SentencePiece model (`llama`). Throws where there is none, or it is no such model. */
export async function llamaVocab(tokenizersDir: string): Promise<number> {
  const vocab = piecesIn(await readFile(join(tokenizersDir, 'llama', 'tokenizer.model')));
  if (vocab === 0) throw new Error('the model of the llama tokenizer has no pieces');
  return vocab;
}

const piecesField = 1;
/** The kind of fields that say how long they are. */
const withLength = 2;

/** Fields of the message `ModelProto` (protobuf wire format; all have a length) that are pieces. Throws for bytes that are no such message. */
export function piecesIn(model: Uint8Array): number {
  let [pieces, at] = [0, 0];
  const varint = () => {
    for (let [value, scale] = [0, 1]; ; scale *= 128) {
      const byte = model[at];
      if (byte === undefined || scale > 2 ** 49) throw new Error(`the model breaks off or is none, at byte ${at}`);
      at += 1;
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < model.byteLength) {
    const tag = varint();
    if (tag % 8 !== withLength) throw new Error(`the model has a field of another kind at byte ${at}`);
    if (Math.floor(tag / 8) === piecesField) pieces += 1;
    const size = varint();
    at += size;
  }
  if (at > model.byteLength) throw new Error('the model breaks off');
  return pieces;
}
