/**
 * Salient quantizes large language models from TypeScript: a Hugging Face checkpoint in, a 4-bit checkpoint out that
 * inference engines load, with its perplexity and its time measured.
 *
 * ```ts
 * import { loadCalibration, loadTokenizer, openBackend, openModel, quantize } from "@salient/quant";
 * import { awq } from "@salient/quant/plugins/awq";
 *
 * using backend = await openBackend("auto");
 * using model = await openModel("models/salient-tiny", backend);
 * const tokenizer = await loadTokenizer("models/salient-tiny");
 * const calibration = await loadCalibration({ source: "default", tokenizer, samples: 4, seqLen: 128 });
 * const plugins = [awq({ bits: 4, groupSize: 32 })];
 * const out = `${await Deno.makeTempDir()}/salient-tiny-awq`;
 * await quantize({ model, backend, plugins, calibration, out });
 * ```
 *
 * @module
 */

export type {
  Activation,
  AffineGrid,
  AttentionShape,
  Backend,
  ClipResult,
  InputMoment,
  Int4Layout,
  MappedFile,
  Ops,
  PackedWeight,
  QuantizedWeight,
  RangedWeight,
  RecordedStep,
  RecordStep,
  RopeShape,
  StepPlace,
  StepRecording,
  TensorSummary,
  Weight,
} from "./core/backend.ts";
export { type CalibrationOptions, loadCalibration } from "./core/calibration/load_calibration.ts";
export { type NamedText, readText } from "./core/calibration/read_text.ts";
export type { CalibrationSet } from "./core/calibration/types.ts";
export {
  type CheckpointWriterOptions,
  createCheckpointWriter,
} from "./core/checkpoint/create_checkpoint_writer.ts";
export type { CreateFile, RawFile } from "./core/checkpoint/output_file.ts";
export { openCheckpoint } from "./core/checkpoint/open_checkpoint.ts";
export type {
  Checkpoint,
  CheckpointWriter,
  Json,
  JsonObject,
  TensorEntry,
} from "./core/checkpoint/types.ts";
export {
  convertModel,
  type ConvertOptions,
  type ConvertReport,
} from "./core/convert/convert_model.ts";
export { type ErrorCode, type ErrorPlace, SalientError } from "./core/errors.ts";
export { withRoundedHead } from "./core/model/with_rounded_head.ts";
export { generate, type GenerateOptions, type GenerateResult } from "./core/eval/generate.ts";
export {
  perplexity,
  type PerplexityOptions,
  type PerplexityProgress,
  type PerplexityResult,
} from "./core/eval/perplexity.ts";
export type { SamplerOptions } from "./core/eval/sampler.ts";
export { sampleTokens, type SampleTokensOptions } from "./core/eval/sample_tokens.ts";
export { exportFormats, findFormat } from "./core/export/formats.ts";
export type {
  ExportedLinear,
  ExportFormat,
  LinearFormat,
  ReadFormat,
  StoredTensor,
  StoredWeight,
} from "./core/export/types.ts";
export type { GridHelpers, GridOptions } from "./core/grid_helpers.ts";
export { checkPush, type PushOptions } from "./core/hub/check_push.ts";
export { type FetchedModel, fetchModel, type FetchModelOptions } from "./core/hub/fetch_model.ts";
export { type HubModel, parseHubModel } from "./core/hub/hub_model.ts";
export { type HubSettings, hubSettings } from "./core/hub/hub_settings.ts";
export {
  type CardLicense,
  type MeasuredPerplexity,
  type ModelCard,
  modelCard,
} from "./core/hub/model_card.ts";
export { modelLicense } from "./core/hub/model_license.ts";
export { type HubProbe, probeHub } from "./core/hub/probe_hub.ts";
export { pushModel, type PushModelOptions, type PushReport } from "./core/hub/push_model.ts";
export type { RequestOptions } from "./core/hub/request_options.ts";
export { type ResolvedModel, resolveModel } from "./core/hub/resolve_model.ts";
export type { DownloadProgress } from "./core/hub/snapshot_download.ts";
export {
  type InspectedLinear,
  type Inspection,
  inspectModel,
} from "./core/inspect/inspect_model.ts";
export type { ChannelChoice } from "./core/inspect/channel_choice.ts";
export type { InputMagnitudesOptions } from "./core/inspect/input_magnitudes.ts";
export type { StepGrowth } from "./core/inspect/rounded_models.ts";
export { salienceChart, type SalienceChartRow } from "./core/inspect/salience_chart.ts";
export {
  type LinearSalience,
  type SalientChannel,
  salientChannels,
  type SalientChannelsOptions,
} from "./core/inspect/salient_channels.ts";
export {
  type KeptChannels,
  type SalienceProgress,
  type SalienceStudy,
  type SalienceStudyOptions,
  type ScaledChannels,
  studySalience,
} from "./core/inspect/study_salience.ts";
export { type LintFinding, lintModel, type LintReport } from "./core/inspect/lint_model.ts";
export type { ParallelFit } from "./core/inspect/lint_parallel.ts";
export type { LintTarget } from "./core/inspect/lint_target.ts";
export type { ModelConfig, RopeConfig } from "./core/model/config.ts";
export type { Architecture, EndsLayout } from "./core/model/architecture.ts";
export type { Family } from "./core/model/family.ts";
export type {
  AttentionLayout,
  BlockLayout,
  LinearSpec,
  MlpLayout,
  NormSpec,
  ProjectionLayout,
  ResidualSpec,
  RouterLayout,
  ScaleSetSpec,
} from "./core/model/layout.ts";
export type { KvCache } from "./core/model/kv_cache.ts";
export type {
  Block,
  BlockLinear,
  BlockNorm,
  BlockRun,
  EmbeddedRows,
  ExpertChoices,
  Model,
  StoredLinear,
  StoredQuantization,
  WeightOverrides,
} from "./core/model/model.ts";
export { llamaLike } from "./core/model/families/llama_like.ts";
export type {
  ConfigKey,
  ConfigScalar,
  ConfigSwitch,
  ConfigTerm,
  LlamaLike,
  ModelPlace,
  NormsDescription,
  RopeDescription,
  WindowsDescription,
} from "./core/model/families/llama_like_description.ts";
export { loadFamily } from "./core/model/families/load_family.ts";
export { openModel, type OpenModelOptions } from "./core/model/open_model.ts";
export type {
  BlockEvent,
  EventListener,
  ForwardEvent,
  LinearEvent,
  LogEvent,
  NoteEvent,
  PipelineEvent,
  PlanEvent,
  ResumeEvent,
  Stage,
  StageEvent,
} from "./core/pipeline/events.ts";
export type { MemoryParts, MemoryPlan } from "./core/pipeline/memory_plan.ts";
export { quantize, type QuantizeOptions } from "./core/pipeline/quantize.ts";
export { type QuantizedInMemory, quantizeInMemory } from "./core/pipeline/quantize_in_memory.ts";
export type { ExpertReport } from "./core/pipeline/expert_tally.ts";
export type { QuantizeReport } from "./core/pipeline/report.ts";
export type { RunOptions } from "./core/pipeline/run_options.ts";
export { findOutput, outputNames } from "./core/output/find_output.ts";
export type {
  ModelOutput,
  OutputFormat,
  OutputOptions,
  OutputSummary,
  StreamedTensor,
} from "./core/output/model_output.ts";
export * from "./core/plugin.ts";
export type { LayerRule, RuleReport } from "./core/rules/layer_rule.ts";
export type { BitPlan, PlannedLinear } from "./core/planning/bit_plan.ts";
export { planBits, type PlanOptions } from "./core/planning/plan_bits.ts";
export type { TargetBits } from "./core/planning/target_bits.ts";
export { loadRules } from "./core/rules/load_rules.ts";
export { parseRules } from "./core/rules/parse_rules.ts";
export type { DType, Tensor } from "./core/tensor.ts";
export { loadTokenizer } from "./core/tokenizer/load_tokenizer.ts";
export type { ChatMessage, Tokenizer } from "./core/tokenizer/types.ts";
export { type BackendName, openBackend, type OpenBackendOptions } from "./ffi/open_backend.ts";
export { type BackendProbe, probeBackends } from "./ffi/probe_backends.ts";
export type { CudaDevice } from "./ffi/cuda/cuda_device.ts";
export { probeDevices } from "./ffi/probe_devices.ts";
export { createReferenceBackend } from "./ffi/reference/reference_backend.ts";
export { awq, type AwqOptions, type ClipOptions } from "./plugins/awq/mod.ts";
export { gptq, type GptqOptions, type RangeOptions } from "./plugins/gptq/mod.ts";
export {
  type SmoothedSet,
  smoothquant,
  type SmoothQuantOptions,
} from "./plugins/smoothquant/mod.ts";
export { rtn } from "./plugins/rtn/mod.ts";
