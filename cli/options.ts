/**
 * Options that several commands share.
 *
 * @module
 */

import { message, text as textTerm } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, option } from "@optique/core/primitives";
import { choice, fileSize, float, integer, string } from "@optique/core/valueparser";

/** The model: a directory, a file, or one of the hub. */
export const modelArgument = argument(string({ metavar: "MODEL" }), {
  description:
    message`Directory of a Hugging Face checkpoint (config.json and safetensors), a .gguf file, or a model of the Hugging Face hub: org/name[@revision], org/name:file.gguf (docs/hub.md)`,
});

/** A description of the model's family. */
export const familyFileOption = optional(
  option("--family-file", string({ metavar: "FILE" }), {
    description:
      message`JSON file that says how a model like Llama is made and what its tensors are called, for architectures that are not known (docs/families.md)`,
  }),
);

/** Options that every command takes. */
export const commonOptions = {
  json: option("--json", {
    description: message`Print one JSON object on standard output`,
  }),
  verbose: option("--verbose", {
    description: message`Show the stack trace of an error`,
  }),
} as const;

/** Options that choose who computes. */
export const backendOptions = {
  backend: withDefault(
    option("--backend", choice(["auto", "cpu", "cuda", "reference"], { metavar: "NAME" }), {
      description:
        message`Who computes; auto takes cpu, or reference where the library does not open`,
    }),
    "auto" as const,
  ),
  threads: optional(
    option("--threads", integer({ metavar: "N", min: 1, max: 1024 }), {
      description: message`Threads of the cpu backend; one on each core if not given`,
    }),
  ),
  device: optional(
    option("--device", integer({ metavar: "N", min: 0, max: 1023 }), {
      description: message`GPU of the cuda backend; doctor lists them (0)`,
    }),
  ),
} as const;

/** Options that describe the integers, for one run. */
export const gridOptions = {
  groupSize: optional(
    option("--group-size", integer({ metavar: "N", min: -1 }), {
      description: message`Inputs that share a scale, -1 for a whole row (128; for smoothquant -1)`,
    }),
  ),
  symmetric: option("--symmetric", {
    description: message`Fix the zero point in the middle of the range`,
  }),
} as const;

/** Options that choose calibration text. */
export const calibrationOptions = {
  calib: withDefault(
    option("--calib", string({ metavar: "SOURCE" }), {
      description:
        message`Calibration text: a .txt, .jsonl or .parquet file, an npm: package, self, or default (public domain text)`,
    }),
    "default",
  ),
  samples: withDefault(
    option("--samples", integer({ metavar: "N", min: 1 }), {
      description: message`Calibration windows`,
    }),
    128,
  ),
  seed: withDefault(
    option("--seed", integer({ metavar: "N", min: 0 }), {
      description: message`0 takes the first windows in order, another number picks them at random`,
    }),
    0,
  ),
} as const;

/** Tokens of a window; a command takes `usual`, or the model's longest sequence if that is shorter. */
export function seqLenOption(usual: number): Parser<"sync", number | undefined, unknown> {
  const text = `Tokens of a window (${usual}, or the model's longest if that is shorter)`;
  return optional(
    option("--seq-len", integer({ metavar: "N", min: 2 }), { description: [textTerm(text)] }),
  );
}

/** Options of the AWQ search. */
export const awqOptions = {
  objective: optional(
    option("--objective", choice(["gram", "module"], { metavar: "NAME" }), {
      description: message`awq: compare outputs of each linear (gram) or of the whole module`,
    }),
  ),
  search: optional(
    option("--search", choice(["grid", "channel", "gradient"], { metavar: "NAME" }), {
      description:
        message`awq: search one exponent (grid), then refine each channel in turn (channel) or all by gradient steps (gradient)`,
    }),
  ),
  noClip: option("--no-clip", {
    description: message`awq: leave out the clip search`,
  }),
} as const;

/** Bits of the head while a model runs. */
export const headBitsOption = optional(
  option("--head-bits", integer({ metavar: "N", min: 2, max: 8 }), {
    description:
      message`Round the head to N bits in memory, for speed (8 is next to exact; the checkpoint stays as it is)`,
  }),
);

/** Bytes such as 8GiB. */
export const memoryOption = optional(
  option("--memory", fileSize({ metavar: "SIZE" }), {
    description: message`Refuse, or spill to disk, rather than use more memory than this (8GiB)`,
  }),
);

/** Statistics of mixtures of experts. */
export const allExpertsOption = option("--all-experts", {
  description:
    message`Mixtures of experts: show every expert every calibration token (slow); else those it is sent`,
});

/** Plugins of third parties. */
export const pluginOption = multiple(
  option("--plugin", string({ metavar: "P" }), {
    description: message`A plugin's file or npm: package, run before the method; repeatable`,
  }),
);

/** Options of plugins. */
export const setOption = multiple(
  option("--set", string({ metavar: "NAME.OPTION=VALUE" }), {
    description:
      message`An option of a plugin by its name, as awq.gridPoints=40; the value is JSON or text; repeatable`,
  }),
);

/** How much of the text is measured. */
export const windowsOption = optional(
  option("--windows", integer({ metavar: "N", min: 1 }), {
    description: message`Measure the first N windows of the text only; all if not given`,
  }),
);

/** Grids of single linears. */
export const rulesOption = optional(
  option("--rules", string({ metavar: "FILE|JSON" }), {
    description:
      message`Grids for some linears, later rules win: a JSON file, or JSON as [{"match":"*.down_proj","bits":8},{"match":"o","skip":true}]`,
  }),
);

/** A budget of bits. */
export const targetBitsOption = optional(
  option("--target-bits", float({ metavar: "N", min: 2, max: 16 }), {
    description:
      message`Average bits of a weight, scales and zero points included, for example 3.5: each linear gets the bits that keep the error least (gptq, pack-quantized or another format that mixes them)`,
  }),
);

/** Limit of a hook. */
export const hookTimeoutOption = optional(
  option("--hook-timeout", float({ metavar: "SECONDS", min: 0.001, max: 2e6 }), {
    description:
      message`End the run if one call of a plugin's hook takes longer (no limit if not given)`,
  }),
);

/** The text that is measured. */
export const textOption = option("--text", string({ metavar: "FILE" }), {
  description: message`Text to measure perplexity on: a file or an npm: package`,
});
