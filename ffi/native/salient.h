/*
 * The C interface of Salient's native libraries: buffers, integer handles, sizes, and an int status.
 *
 * Nothing else crosses the boundary: no pointer is returned, no function is called back, so a caller that
 * may open this library and nothing more can use all of it.
 *
 * - A handle (uint32_t) names a tensor, a mapped file, a packed weight, a factor or a step. 0 is never a handle. A handle
 *   carries a generation, so one that was released is refused instead of naming something else.
 * - Every function returns 0, or a status from which salient_error gives one line of text. A status belongs
 *   to the one call that returned it, so calls on several threads never mix their texts.
 * - No function aborts or throws. Every handle, element type, shape and length is checked.
 * - A call holds what it works on: a handle may be released while another thread's call uses it.
 * - `shape` has `rank` (0 to 8) sizes. Matrices are row-major; [rows, columns]. T tokens, K inputs and N
 *   outputs of a linear, G = K / group.
 * - `out` receives handles of new objects, which the caller releases.
 * - `reals` are doubles in a buffer, in the order given.
 */
#ifndef SALIENT_H
#define SALIENT_H

#include <stdint.h>

#define SALIENT_ABI_VERSION 3

#if defined(_WIN32)
#define SALIENT_API __declspec(dllexport)
#else
#define SALIENT_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Low eight bits of a status. */
enum { SALIENT_OK = 0, SALIENT_INVALID = 1, SALIENT_MEMORY = 2, SALIENT_FILE = 3, SALIENT_INTERNAL = 4 };

/* Element types, as numbers: F64 0, F32 1, F16 2, BF16 3, F8_E4M3 4, I64 5, I32 6, I8 7, U8 8, BOOL 9. */

/* ---- The library ---------------------------------------------------------------------------------- */

/* SALIENT_ABI_VERSION of the library. */
SALIENT_API uint32_t salient_abi_version(void);
/* Takes the text of a status, UTF-8, at most `length` bytes; returns how many were written. */
SALIENT_API uint32_t salient_error(int32_t status, uint8_t* text, uint32_t length);
/* Version, instruction set and threads, for people; returns how many bytes were written. */
SALIENT_API uint32_t salient_describe(uint8_t* text, uint32_t length);
/* Threads that work, for the whole process; 0 for one on each core. */
SALIENT_API int32_t salient_set_threads(uint32_t count);
/* Instruction set: 0 scalar, 1 AVX2, 2 AVX-512, 3 AVX-512 BF16; on AArch64 4 NEON, 5 NEON with integer dot
   products, 6 with those and bf16 dot products. Refused where the processor lacks it. */
SALIENT_API int32_t salient_force_isa(uint32_t level);
/* Says what a device is. text: its name, UTF-8, at most `length` bytes. reals[8]: devices there are (0 for the CPU
   library), major and minor compute capability, bytes of memory, bytes free, versions of the driver and of the
   runtime (1000 major + 10 minor), bytes of the name. */
SALIENT_API int32_t salient_device(uint32_t index, uint8_t* text, uint32_t length, double* reals);
/* Chooses the device for the whole process; refused where another one is in use. Without it the first call that
   needs a device chooses device 0. */
SALIENT_API int32_t salient_choose_device(uint32_t index);
/* reals[4], all of this process: bytes of living tensors and packed weights, highest resident set so far,
   bytes kept for reuse, most bytes taken of a device so far. */
SALIENT_API int32_t salient_memory(double* reals);
/* reals[1]: bytes that these handles keep allocated. Memory that several share counts once, files do not. */
SALIENT_API int32_t salient_allocated(const uint32_t* handles, uint32_t count, double* reals);
/* Gives memory kept for reuse back to the system. */
SALIENT_API int32_t salient_trim(void);
/* Ends a handle. */
SALIENT_API int32_t salient_release(uint32_t handle);

/* ---- Files ---------------------------------------------------------------------------------------- */

/* Maps a file for reading; reals[1] receives its length in bytes. `path` is UTF-8, not terminated. */
SALIENT_API int32_t salient_map(const uint8_t* path, uint32_t length, uint32_t* out, double* reals);
/* A view from byte `offset`; a copy where the offset does not suit the element type. */
SALIENT_API int32_t salient_file_tensor(uint32_t file, uint64_t offset, uint32_t dtype, const uint32_t* shape,
                                        uint32_t rank, uint32_t* out);
/* Lets the system drop the pages of a range; views stay valid. */
SALIENT_API int32_t salient_file_release(uint32_t file, uint64_t offset, uint64_t length);

/* ---- Tensors -------------------------------------------------------------------------------------- */

SALIENT_API int32_t salient_zeros(uint32_t dtype, const uint32_t* shape, uint32_t rank, uint32_t* out);
/* `bytes` must be exactly the tensor's. */
SALIENT_API int32_t salient_upload(const uint8_t* data, uint64_t bytes, uint32_t dtype, const uint32_t* shape,
                                   uint32_t rank, uint32_t* out);
/* The values as fp32; `count` must be the number of elements. */
SALIENT_API int32_t salient_download(uint32_t tensor, float* data, uint64_t count);
SALIENT_API int32_t salient_download_bytes(uint32_t tensor, uint8_t* data, uint64_t bytes);
SALIENT_API int32_t salient_rows(uint32_t tensor, uint32_t start, uint32_t count, uint32_t* out);
SALIENT_API int32_t salient_reshape(uint32_t tensor, const uint32_t* shape, uint32_t rank, uint32_t* out);
/* To F32, F16 or BF16, half to even. */
SALIENT_API int32_t salient_cast(uint32_t tensor, uint32_t dtype, uint32_t* out);
SALIENT_API int32_t salient_copy_rows(uint32_t source, uint32_t target, uint32_t row);

/* ---- Layers --------------------------------------------------------------------------------------- */

/* x [T, K], weight [N, K] (a tensor or a packed weight), bias [N] or 0; bf16: 1 rounds x and weight. */
SALIENT_API int32_t salient_linear(uint32_t x, uint32_t weight, uint32_t bias, uint32_t bf16, uint32_t* out);
/* The same with x rounded to whole numbers of `bits` bits first; reals: their scale, or 0 for one of each row. */
SALIENT_API int32_t salient_linear_rounded(uint32_t x, uint32_t weight, uint32_t bias, uint32_t bits,
                                           const double* reals, uint32_t* out);
SALIENT_API int32_t salient_embed(uint32_t table, const int32_t* ids, uint32_t count, uint32_t* out);
/* reals: eps, offset. */
SALIENT_API int32_t salient_rms_norm(uint32_t x, uint32_t weight, const double* reals, uint32_t* out);
/* weight [K] and bias [K] of any float type, or 0 for 1 and 0. reals[1]: eps. */
SALIENT_API int32_t salient_layer_norm(uint32_t x, uint32_t weight, uint32_t bias, const double* reals, uint32_t* out);
/* numbers[5]: heads, head channels, sequences, start, 1 where pairs are neighbours. In place. */
SALIENT_API int32_t salient_rope(uint32_t x, uint32_t table, const uint32_t* numbers);
/* numbers[7]: heads, kv heads, head channels, sequences, window, query start, key length (0: all rows).
   reals[2]: scale, softcap (0: none). slopes[slope_count]: one for each head, or slope_count 0 for none. */
SALIENT_API int32_t salient_attention(uint32_t q, uint32_t k, uint32_t v, const uint32_t* numbers,
                                      const double* reals, const float* slopes, uint32_t slope_count, uint32_t* out);
/* activation: 0 silu, 1 gelu, 2 gelu with tanh, 3 relu, 4 its square, 5 quick gelu. */
SALIENT_API int32_t salient_gated_activation(uint32_t gate, uint32_t up, uint32_t activation, uint32_t* out);
/* The same of x, in place. */
SALIENT_API int32_t salient_activate(uint32_t x, uint32_t activation);
/* x = cap tanh(x / cap), in place. reals[1]: cap. */
SALIENT_API int32_t salient_softcap(uint32_t x, const double* reals);
/* columns[count] of x [T, K], each -1 (zeros) to K - 1. */
SALIENT_API int32_t salient_select_columns(uint32_t x, const int32_t* columns, uint32_t count, uint32_t* out);
/* target[rows[i]] += weights[i] * source[i], in the order of i; count is the rows of source. */
SALIENT_API int32_t salient_add_rows(uint32_t target, uint32_t source, const int32_t* rows, const float* weights,
                                     uint32_t count);
SALIENT_API int32_t salient_add_in_place(uint32_t x, uint32_t y);
/* targets[T], -1 to skip; losses[T]. */
SALIENT_API int32_t salient_negative_log_likelihood(uint32_t logits, const int32_t* targets, uint32_t count,
                                                    double* losses);
/* Of each row of logits a token (see core/choose_token.ts), or -1. top_k: 0 for all. reals: temperature, top-p.
   random[count] in [0, 1) and tokens[count], one for each row. */
SALIENT_API int32_t salient_choose_tokens(uint32_t logits, uint32_t top_k, const double* reals, const double* random,
                                          uint32_t count, int32_t* tokens);

/* ---- Recorded steps ------------------------------------------------------------------------------- */
/*
 * A step of decoding, of one token of one sequence, whose calls are recorded while they run, and run again by one call.
 * What moves with the step: the id of the first embed is the token; the ids of those that follow, the start of rope and
 * the row of copy_rows keep their distance to the position; attention takes the keys up to it. All else is fixed. What the
 * recorded calls made is made anew in the same tensors. The CPU library records nothing.
 */

/* Begins one, at that token and position. out[1]: step. */
SALIENT_API int32_t salient_record(uint32_t id, uint32_t position, uint32_t* out);
/* The calls of this thread that follow are part of that step; 0: of none. */
SALIENT_API int32_t salient_recording(uint32_t step);
/* Ends it; refused, with the reason, where something cannot be recorded (reading values back, uploading).
   numbers[3]: first position that it serves, the one after the last, rows of the table that tokens come from. */
SALIENT_API int32_t salient_recorded(uint32_t step, uint32_t* numbers);
SALIENT_API int32_t salient_replay(uint32_t step, uint32_t id, uint32_t position);

/* ---- Statistics ----------------------------------------------------------------------------------- */

SALIENT_API int32_t salient_accumulate_abs(uint32_t x, uint32_t sum, uint32_t max);
SALIENT_API int32_t salient_accumulate_gram(uint32_t x, uint32_t gram);
/* factors[count]: one for each column (row); the result is F32. */
SALIENT_API int32_t salient_scale_columns(uint32_t w, const float* factors, uint32_t count, uint32_t* out);
SALIENT_API int32_t salient_scale_rows(uint32_t w, const float* factors, uint32_t count, uint32_t* out);
SALIENT_API int32_t salient_scale_gram(uint32_t gram, const float* factors, uint32_t count);
/* reals[3]: elements not finite, largest finite absolute value, columns of zeros. */
SALIENT_API int32_t salient_summarize(uint32_t tensor, double* reals);

/* ---- Quantized weights ---------------------------------------------------------------------------- */
/*
 * grid[5]: bits, group, symmetric, element type of the scales, 1 where the range is widened to hold 0.
 * moment_kind: 0 the Gram [K, K], 1 sampled rows [n, K] whose squared errors are multiplied by a weight.
 */

/* bounds [N, G] or 0; out[3]: codes, scales, zeros. */
SALIENT_API int32_t salient_quantize(uint32_t w, const uint32_t* grid, uint32_t bounds, uint32_t* out);
SALIENT_API int32_t salient_dequantize(uint32_t codes, uint32_t scales, uint32_t zeros, const uint32_t* grid,
                                       uint32_t* out);
/* s[count], or count 0 for none. */
SALIENT_API int32_t salient_fake_quantize(uint32_t w, const uint32_t* grid, const float* s, uint32_t count,
                                          uint32_t* out);
/* reals: weight of the moment. losses[count], count being the rows of candidates [C, K]. */
SALIENT_API int32_t salient_scale_losses(uint32_t w, uint32_t moment, uint32_t moment_kind, const double* reals,
                                         const uint32_t* grid, uint32_t candidates, double* losses,
                                         uint32_t count);
/* reals: weight of the moment. s[count] and gradient[count], count being K: d loss / d log s. losses[1]. */
SALIENT_API int32_t salient_scale_gradient(uint32_t w, uint32_t moment, uint32_t moment_kind, const double* reals,
                                           const uint32_t* grid, const float* s, double* gradient, uint32_t count,
                                           double* losses);
/* reals: weight of the moment. losses[1]. */
SALIENT_API int32_t salient_quantization_loss(uint32_t w, uint32_t moment, uint32_t moment_kind,
                                              const double* reals, const uint32_t* grid, uint32_t codes,
                                              uint32_t scales, uint32_t zeros, double* losses);
/* reals: weight of the moment. losses[1]. */
SALIENT_API int32_t salient_output_energy(uint32_t w, uint32_t moment, uint32_t moment_kind, const double* reals,
                                          double* losses);
/* means[count], count being K. */
SALIENT_API int32_t salient_relative_magnitude(uint32_t w, uint32_t group, float* means, uint32_t count);
/* reals: weight of the moment, largest shrink. out[1]: bounds; clipped[1]: groups that are clipped. */
SALIENT_API int32_t salient_clip_search(uint32_t w, uint32_t moment, uint32_t moment_kind, const double* reals,
                                        const uint32_t* grid, uint32_t steps, uint32_t* out, double* clipped);
/* reals: weight of the moment, largest shrink. out[3]: codes, scales, zeros; clipped[1]: groups that are clipped. */
SALIENT_API int32_t salient_search_ranges(uint32_t w, uint32_t moment, uint32_t moment_kind, const double* reals,
                                          const uint32_t* grid, uint32_t steps, uint32_t sweeps, uint32_t* out,
                                          double* clipped);
/* channel_of[count] and s[count], count being K; s is changed. losses[2]: before, after. */
SALIENT_API int32_t salient_refine_scales(const uint32_t* weights, uint32_t weight_count, uint32_t gram,
                                          const uint32_t* grid, const float* factors, uint32_t factor_count,
                                          const uint32_t* channel_of, float* s, uint32_t count, double* losses);
/* numbers[3]: order (0 as they are, 1 largest inputs first, 2 the same within whole groups), group of order 2, tries.
   reals[2]: the damping, as a part of the diagonal's mean; receives what was needed, and the bytes of the factor.
   out[1]: factor, or 0 where the Gram is not positive definite after all tries. */
SALIENT_API int32_t salient_factor_gram(uint32_t gram, const uint32_t* numbers, double* reals, uint32_t* out);
/* dynamic: 1 to fit each group when it is reached; scales and zeros [N, G] to use instead of fitting, or 0.
   out[3]: codes, scales, zeros; losses[1]: squared error of the output. */
SALIENT_API int32_t salient_compensate(uint32_t w, uint32_t factor, const uint32_t* grid, uint32_t dynamic,
                                       uint32_t scales, uint32_t zeros, uint32_t* out, double* losses);
/* order[8]; along_out: 1 for words [K, N/8], 0 for [N, K/8]. */
SALIENT_API int32_t salient_pack_int4(uint32_t codes, uint32_t along_out, const uint8_t* order, uint32_t* out);
SALIENT_API int32_t salient_unpack_int4(uint32_t words, uint32_t along_out, const uint8_t* order, uint32_t* out);
/* out[1]: packed weight; reals[1]: the bytes it takes. */
SALIENT_API int32_t salient_pack(uint32_t codes, uint32_t scales, uint32_t zeros, const uint32_t* grid,
                                 uint32_t* out, double* reals);

#ifdef __cplusplus
}
#endif
#endif
