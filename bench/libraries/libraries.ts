/**
 * The libraries of products that are compared, and what each lacks for this project.
 *
 * @module
 */

/** A library. */
export interface Library {
  /** Name in the tables. */
  readonly name: string;
  /** Its program is made of this file. */
  readonly source: string;
  /** What that is linked with. */
  readonly link: readonly string[];
  /** Arguments after the number of threads. */
  readonly args: readonly string[];
  /** What is weighed: a product and the archives that have it, or a shared library. */
  readonly weight:
    | { readonly product: string; readonly link: readonly string[] }
    | { readonly shared: string };
  /** What it lacks. */
  readonly lacks: string;
}

const NO_INT4 = "no products with 4-bit weights";
const ONE_TYPE = "no bf16 weights with fp32 inputs unless one is converted to a copy";

const ONEDNN = {
  source: "onednn",
  link: ["-ldnnl"],
  weight: { shared: "libdnnl.so" },
  lacks: `${ONE_TYPE}; ${NO_INT4} in this version; no symmetric Gram; OpenMP's threads and libgomp`,
} as const;

/** Those that are measured. */
export const LIBRARIES: readonly Library[] = [
  { name: "oneDNN", args: ["plain"], ...ONEDNN },
  { name: "oneDNN rearranged", args: ["rearranged"], ...ONEDNN },
  {
    name: "OpenBLAS",
    source: "blas",
    link: ["-ldl"],
    args: ["openblas"],
    weight: { product: "sgemm_", link: ["-l:libopenblas.a", "-lm"] },
    lacks: `no bf16 as Debian builds it; ${NO_INT4}; a second pool of threads; has ssyrk`,
  },
  {
    name: "BLIS",
    source: "blas",
    link: ["-ldl"],
    args: ["blis"],
    weight: { product: "sgemm_", link: ["-l:libblis.a", "-lm"] },
    lacks:
      `no bf16; ${NO_INT4}; OpenMP's threads and libgomp; no AVX-512 on AMD's processors in 0.9; has ssyrk`,
  },
  {
    name: "libxsmm",
    source: "libxsmm",
    link: ["-lxsmm", "-lxsmmnoblas", "-ldl"],
    args: [],
    weight: {
      product: "libxsmm_bsmmdispatch_reducebatch_strd",
      link: ["-lxsmm", "-lxsmmnoblas", "-ldl", "-lm"],
    },
    lacks:
      `only kernels, blocks and threads are the caller's; ${ONE_TYPE}; ${NO_INT4}; makes code ` +
      "when run, x86-64 only; no symmetric Gram",
  },
];

/** Why Highway is not in the list. */
export const HIGHWAY =
  "Highway is not measured: it has no products, only one name for the instructions of many processors, and 1.0.3 has none " +
  "for those of bf16 pairs (AVX512-BF16)";
