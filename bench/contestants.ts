/**
 * Who takes part in a comparison, and how each is started.
 *
 * @module
 */

import type { ChildOptions } from "./child.ts";
import type { BenchOptions } from "./options.ts";
import type { OursForm } from "./ours.ts";

/** Arguments that let Deno run a file of this folder, with the peers' packages. */
export function denoRun(file: string, ...args: string[]): string[] {
  const path = new URL(file, import.meta.url).pathname;
  const peers = new URL("peers/peers.json", import.meta.url).pathname;
  const config = file.startsWith("peers/") ? ["--config", peers] : [];
  return ["run", "--no-check", ...config, "-A", path, ...args];
}

/** Ours, or ours with bf16 weights in place of 4-bit ones. */
export function ours({ threads }: BenchOptions, form: OursForm = "plain"): ChildOptions {
  return {
    name: form === "bf16" ? "salient bf16" : "salient",
    program: Deno.execPath(),
    args: denoRun("ours.ts", `${threads}`, form),
  };
}

/** torch, for products of fp32 and bf16 and for Gram matrices. */
export function torch({ threads, python }: BenchOptions): ChildOptions {
  const script = new URL("peers/torch_products.py", import.meta.url).pathname;
  return { name: "torch", program: python, args: [script, `${threads}`] };
}

/** The peers that have products with 4-bit weights. */
export function int4Peers({ threads }: BenchOptions): ChildOptions[] {
  const peer = (name: string, file: string, form: string): ChildOptions => {
    return {
      name,
      program: Deno.execPath(),
      args: denoRun(file, `${threads}`, form),
      // ggml's threads look for more work for a few tenths of a second.
      ...(name.startsWith("ggml") ? { settleMs: 500 } : {}),
    };
  };
  return [
    peer("onnxruntime level 4", "peers/onnxruntime.ts", "4"),
    peer("onnxruntime level 0", "peers/onnxruntime.ts", "0"),
    peer("ggml Q4_0", "peers/ggml.ts", "q4_0"),
    peer("ggml Q4_K", "peers/ggml.ts", "q4_K"),
  ];
}
